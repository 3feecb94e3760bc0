package cluster

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// happening is something that will happen in a simulation.
type happening struct {
	at     float64 // seconds
	number int     // of those at the same time the earlier one first
	do     func()
}

// future is what will happen, by time.
type future []happening

func (f future) Len() int { return len(f) }
func (f future) Less(a, b int) bool {
	return f[a].at < f[b].at || f[a].at == f[b].at && f[a].number < f[b].number
}
func (f future) Swap(a, b int) { f[a], f[b] = f[b], f[a] }
func (f *future) Push(x any)   { *f = append(*f, x.(happening)) }
func (f *future) Pop() any {
	old := *f
	h := old[len(old)-1]
	*f = old[:len(old)-1]
	return h
}

// simulation drives a scheduler with workers in virtual time: a broker's queue, from which idle workers take what is not
// refused to them, and the time that messages take.
type simulation struct {
	s       *scheduler
	now     float64
	future  future
	numbers int
	queue   []order
	idle    []*simulated
	workers []*simulated
	cost    map[string]float64
}

// simulated is a worker, which makes speed bytes a second.
type simulated struct {
	name  string
	speed float64
	at    string
	turn  int // counts what it was at
}

const latency = 0.01 // seconds, of a message

func (m *simulation) time() time.Time { return time.Unix(0, 0).Add(time.Duration(m.now * 1e9)) }

func (m *simulation) after(seconds float64, do func()) {
	m.numbers++
	heap.Push(&m.future, happening{m.now + seconds, m.numbers, do})
}

// pump has the scheduler give out, and idle workers take.
func (m *simulation) pump() {
	m.queue = append(m.queue, m.s.give(m.time())...)
	for _, key := range m.s.cancelled {
		for _, w := range m.workers {
			if w.at == key {
				w.turn++ // what it was at will not happen
				w.at = ""
				m.after(latency, func() { m.free(w) })
			}
		}
	}
	m.s.cancelled = nil
	for i := 0; i < len(m.queue) && len(m.idle) > 0; {
		o := m.queue[i]
		k := -1
		for j, w := range m.idle {
			if !slices.Contains(o.not, w.name) {
				k = j
				break
			}
		}
		if k < 0 {
			i++
			continue
		}
		w := m.idle[k]
		m.idle = append(m.idle[:k], m.idle[k+1:]...)
		m.queue = append(m.queue[:i], m.queue[i+1:]...)
		m.take(w, o)
	}
}

// take has a worker make a task.
func (m *simulation) take(w *simulated, o order) {
	w.at = o.key
	w.turn++
	turn := w.turn
	m.s.beat(w.name, o.key, o.id, m.time())
	m.after(m.cost[o.key]/w.speed+latency, func() {
		if w.turn != turn {
			return
		}
		w.at = ""
		m.s.result(o.key, w.name, "the same", m.time())
		m.free(w)
	})
}

func (m *simulation) free(w *simulated) {
	m.s.beat(w.name, "", 0, m.time())
	m.idle = append(m.idle, w)
}

// run simulates until all is done, and returns which share of what the workers could have done counts.
func run(t *testing.T, costs []float64, speeds []float64) float64 {
	t.Helper()
	m := &simulation{cost: map[string]float64{}}
	m.s = newScheduler(0, func(string) { t.Error("nobody lies") })
	total, power := 0.0, 0.0
	for i, c := range costs {
		key := fmt.Sprintf("%08x", i*2654435761%(1<<32))
		m.cost[key] = c
		m.s.add(key, c)
		total += c
	}
	for i, speed := range speeds {
		w := &simulated{name: fmt.Sprintf("w%d", i), speed: speed}
		m.workers = append(m.workers, w)
		power += speed
		m.free(w)
	}
	var tick func() // of a second, as coordinators have it
	tick = func() { m.after(1, tick) }
	tick()
	m.pump()
	for m.s.left > 0.5 {
		if m.now > 1e5 {
			t.Fatal("it does not end")
		}
		h := heap.Pop(&m.future).(happening)
		m.now = h.at
		h.do()
		m.pump()
	}
	return total / power / m.now
}

// TestSimulation: with 400 GB in 800 tensors of the sizes that models have, a hundred workers are busy nearly all of the time, though
// some are slow. A thousand are more than there are tensors, and tensors are not cut: they wait for the largest.
func TestSimulation(t *testing.T) {
	t.Parallel()
	const bytes = 400e9
	for _, c := range []struct {
		workers, tensors int
		least            float64
	}{{100, 800, 0.95}, {1000, 6400, 0.85}, {1000, 800, 0.09}} {
		random := rand.New(rand.NewPCG(1, 2))
		var costs []float64
		sum := 0.0
		for i := range c.tensors { // of a layer: four of attention, three of the perceptron, some of these larger
			cost := []float64{1, 0.25, 0.25, 1, 2.7, 2.7, 2.7, 0.01}[i%8]
			costs = append(costs, cost)
			sum += cost
		}
		for i := range costs {
			costs[i] *= bytes / sum
		}
		var speeds []float64
		for i := range c.workers {
			speed := 20e6 * (0.9 + 0.2*random.Float64())
			if i%20 == 7 { // a straggler
				speed /= 4
			}
			speeds = append(speeds, speed)
		}
		busy := run(t, costs, speeds)
		t.Logf("%d workers, %d tensors: %.3f", c.workers, c.tensors, busy)
		if busy < c.least {
			t.Errorf("%d workers, %d tensors: busy %.3f of the time", c.workers, c.tensors, busy)
		}
	}
}
