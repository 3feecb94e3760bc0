package cluster

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/convert"
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
	made    map[string]func() // what comes of a task
	turns   [designs]float64  // when each design after the other ends
	open    int               // those that are still to come
}

// simulated is a worker, which makes speed bytes a second.
type simulated struct {
	name  string
	speed float64
	at    string
	copy  int // of that
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
	w.at, w.copy = o.key, o.id
	w.turn++
	turn := w.turn
	m.s.beat(w.name, o.key, o.id, m.time())
	m.after(m.cost[o.key]/w.speed+latency, func() {
		if w.turn != turn {
			return
		}
		w.at = ""
		before := m.s.tasks[o.key].accepted
		m.s.result(o.key, w.name, "the same", m.time())
		if next := m.made[o.key]; next != nil && before == "" && m.s.tasks[o.key].accepted != "" {
			next()
		}
		m.free(w)
	})
}

func (m *simulation) free(w *simulated) {
	m.s.beat(w.name, "", 0, m.time())
	m.idle = append(m.idle, w)
}

// design is how many seconds the coordinator takes to design a codebook by what was counted, of which it does so many at once.
const (
	design  = 0.25
	designs = 16
)

// add has a tensor made: whole, or in parts of at most so many bytes, which are counted first if it gets a codebook.
func (m *simulation) add(name string, bytes, piece float64, codebook bool) (cost float64) {
	add := func(i int, part *convert.Part, size float64) float64 {
		item := convert.Item{Bytes: int64(size), Part: part}
		key := fmt.Sprintf("%s.%d", name, i)
		m.cost[key] = item.Cost()
		m.s.add(duty{key: key, cost: item.Cost(), rank: bytes, whole: name, decides: item.Decides()})
		return item.Cost()
	}
	if piece == 0 || bytes <= piece {
		return add(0, nil, bytes)
	}
	n := int(math.Ceil(bytes / piece))
	rows := func() {
		for i := range n {
			add(i, &convert.Part{}, bytes/float64(n))
		}
	}
	if !codebook {
		rows()
		return bytes
	}
	left := n
	for i := range n {
		cost += add(n+i, &convert.Part{Count: true}, bytes/float64(n))
		m.made[fmt.Sprintf("%s.%d", name, n+i)] = func() {
			if left--; left == 0 {
				k := slices.Index(m.turns[:], slices.Min(m.turns[:]))
				m.turns[k] = max(m.turns[k], m.now) + design
				m.after(m.turns[k]-m.now, func() { m.open--; rows() })
			}
		}
	}
	m.open++
	return cost + bytes
}

// run simulates until all is done, and returns which share of what the workers could have done counts. Of the tasks, a share is
// made twice.
func run(t *testing.T, tensors []float64, piece, share float64, codebooks bool, speeds []float64) float64 {
	t.Helper()
	m := &simulation{cost: map[string]float64{}, made: map[string]func(){}}
	m.s = newScheduler(share, func(string) { t.Error("nobody lies") })
	m.s.secret = "" // the same each time
	total, power := 0.0, 0.0
	for i, bytes := range tensors {
		total += m.add(fmt.Sprintf("%08x", i*2654435761%(1<<32)), bytes, piece, codebooks)
	}
	for i, speed := range speeds {
		w := &simulated{name: fmt.Sprintf("w%d", i), speed: speed}
		m.workers = append(m.workers, w)
		power += speed
		m.free(w)
	}
	var tick func() // of a second, as coordinators have it, and workers renew their leases
	tick = func() {
		for _, w := range m.workers {
			m.s.beat(w.name, w.at, w.copy, m.time())
		}
		m.s.expire(m.time())
		m.after(1, tick)
	}
	tick()
	m.pump()
	for m.s.open+m.open > 0 {
		if m.now > 1e5 {
			t.Fatal("it does not end")
		}
		h := heap.Pop(&m.future).(happening)
		m.now = h.at
		h.do()
		m.pump()
	}
	twice := 0.0
	for _, task := range m.s.tasks {
		if task.wanted > 1 {
			twice += task.cost
		}
	}
	return (total + twice) / power / m.now
}

// TestSimulation: with 400 GB in 800 tensors of the sizes that models have, workers are busy nearly all of the time, a hundred
// of them as a thousand, though some are slow, and some of the work is checked, with codebooks as without.
func TestSimulation(t *testing.T) {
	t.Parallel()
	const bytes = 400e9
	for _, c := range []struct {
		workers, tensors    int
		piece, share, least float64
		codebooks, long     bool
	}{
		{100, 800, 16 << 20, 0, 0.95, false, false},
		{100, 800, 16 << 20, 0, 0.95, true, true},
		{1000, 800, 16 << 20, 0, 0.95, false, true},
		{1000, 800, 16 << 20, 0.05, 0.93, false, true},
		{1000, 800, 16 << 20, 0, 0.95, true, true},
		{1000, 800, 16 << 20, 0.05, 0.9, true, true},
		{100, 800, 0, 0, 0.95, false, false},
	} {
		if c.long && testing.Short() {
			continue
		}
		random := rand.New(rand.NewPCG(1, 2))
		var tensors []float64
		sum := 0.0
		for i := range c.tensors { // of a layer: four of attention, three of the perceptron, some of these larger
			size := []float64{1, 0.25, 0.25, 1, 2.7, 2.7, 2.7, 0.01}[i%8]
			tensors = append(tensors, size)
			sum += size
		}
		for i := range tensors {
			tensors[i] *= bytes / sum
		}
		var speeds []float64
		for i := range c.workers {
			speed := 20e6 * (0.9 + 0.2*random.Float64())
			if i%20 == 7 { // a straggler
				speed /= 4
			}
			speeds = append(speeds, speed)
		}
		busy := run(t, tensors, c.piece, c.share, c.codebooks, speeds)
		t.Logf("%d workers, %d tensors in pieces of %.0f, codebooks %v, %.0f%% checked: %.3f", c.workers, c.tensors, c.piece, c.codebooks, 100*c.share, busy)
		if busy < c.least {
			t.Errorf("%d workers, %d tensors in pieces of %.0f, codebooks %v, %.0f%% checked: busy %.3f of the time", c.workers, c.tensors, c.piece, c.codebooks, 100*c.share, busy)
		}
	}
}
