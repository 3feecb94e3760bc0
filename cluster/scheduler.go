package cluster

import (
	"cmp"
	"container/heap"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"
)

const (
	// mostFailures of different workers, or of one, and an item's error is the job's.
	mostFailures = 3
	// mostVotes without two that agree end the job.
	mostVotes = 5
	// slowerThan is by how much a worker must be slower than expected before its work is given to an idle one, too.
	slowerThan = 1.5
	// mostRepeats is how often it is given out more than once.
	mostRepeats = 2
)

// scheduler decides what is given out when, and which results count. It knows no broker and no clock: what
// happens is told with its time, so that a simulation drives the same code. It is not for concurrent use.
type scheduler struct {
	share   float64 // of the items that two workers make
	secret  string  // by which they are chosen, so that no worker knows which
	tasks   map[string]*task
	waiting taskHeap // those that want more copies than there are
	workers map[string]*worker
	banned  map[string]bool
	queued  int     // copies that nobody has begun
	copies  int     // given out so far, which numbers them
	left    float64 // the cost of what is not accepted
	// lost is how long nothing is heard of a worker before its work is given to others. The broker does that
	// earlier, when the lease ends, where it still knows of the work.
	lost      time.Duration
	cancelled []string // keys that nobody needs any more, for whoever is at them

	liar func(worker string) // is told of each once
}

// task is an item on its way.
type task struct {
	key      string
	cost     float64 // in bytes of the source
	wanted   int     // results that agree
	copies   []copyOf
	votes    []vote
	failures map[string]string // errors by worker
	failed   int
	accepted string // the sum; empty: not yet
	place    int    // in the heap, -1: not there
}

// copyOf is a task given out once.
type copyOf struct {
	id     int
	worker string // empty: nobody has begun
	since  time.Time
}

// vote is a worker's result.
type vote struct{ worker, sum string }

// worker is what is known of one.
type worker struct {
	heard time.Time
	at    string  // the task it is at
	speed float64 // bytes of the source a second, 0: not known
}

// order is a task to be given out, to anyone but some.
type order struct {
	key string
	id  int
	not []string
}

func newScheduler(share float64, liar func(worker string)) *scheduler {
	return &scheduler{share: share, secret: rand.Text(), tasks: map[string]*task{}, workers: map[string]*worker{}, banned: map[string]bool{}, lost: 4 * DefaultLease, liar: liar}
}

// add takes a task on.
func (s *scheduler) add(key string, cost float64) {
	if s.tasks[key] != nil {
		return
	}
	t := &task{key: key, cost: cost, wanted: 1, failures: map[string]string{}, place: -1}
	if s.isChecked(key) {
		t.wanted = 2
	}
	s.tasks[key] = t
	s.left += cost
	s.update(t)
}

// accept has a result count; none if the sum is empty.
func (s *scheduler) accept(t *task, sum string) {
	switch {
	case t.accepted == "" && sum != "":
		s.left -= t.cost
	case t.accepted != "" && sum == "":
		s.left += t.cost
	}
	t.accepted = sum
}

// isChecked tells the tasks of the share that is checked.
func (s *scheduler) isChecked(key string) bool {
	sum := sha256.Sum256([]byte(s.secret + key))
	return float64(binary.BigEndian.Uint32(sum[:])) < s.share*(1<<32)
}

// update puts the task where it belongs: among those that wait while it wants more copies.
func (s *scheduler) update(t *task) {
	waits := t.accepted == "" && t.missing() > 0
	switch {
	case waits && t.place < 0:
		heap.Push(&s.waiting, t)
	case !waits && t.place >= 0:
		heap.Remove(&s.waiting, t.place)
	}
}

// missing is how many more copies may bring the results that are wanted.
func (t *task) missing() int {
	_, most := t.leading()
	return t.wanted - most - len(t.copies)
}

// leading is the sum that most workers have, and how many those are.
func (t *task) leading() (sum string, most int) {
	count := map[string]int{}
	for _, v := range t.votes {
		if count[v.sum]++; count[v.sum] > most {
			sum, most = v.sum, count[v.sum]
		}
	}
	return sum, most
}

// disagree tells whether there are different results.
func (t *task) disagree() bool {
	return slices.ContainsFunc(t.votes, func(v vote) bool { return v.sum != t.votes[0].sum })
}

// knows returns a worker, who is heard of now.
func (s *scheduler) knows(name string, now time.Time) *worker {
	w := s.workers[name]
	if w == nil {
		w = &worker{}
		s.workers[name] = w
	}
	w.heard = now
	return w
}

// beat says that a worker is there, and at which copy of which task; none if the key is empty.
func (s *scheduler) beat(name, key string, id int, now time.Time) {
	t := s.tasks[key]
	if s.banned[name] {
		if t != nil { // what it has taken is lost
			s.drop(t, func(c *copyOf) bool { return c.id == id })
		}
		return
	}
	w := s.knows(name, now)
	w.at = key
	if t == nil {
		return
	}
	if t.accepted != "" {
		s.cancelled = append(s.cancelled, key)
		return
	}
	for i := range t.copies {
		c := &t.copies[i]
		if c.id != id || c.worker == name {
			continue
		}
		if c.worker == "" {
			s.queued--
		}
		c.worker, c.since = name, now // given again, where its lease had ended
	}
}

// gone says that a worker has left: what it was at lies at the broker again, which gives it to another.
func (s *scheduler) gone(name string, now time.Time) {
	delete(s.workers, name)
	for _, t := range s.tasks {
		for i := range t.copies {
			if c := &t.copies[i]; c.worker == name {
				c.worker, c.since = "", now
				s.queued++
			}
		}
	}
}

// drop takes copies back that nobody will finish.
func (s *scheduler) drop(t *task, lost func(c *copyOf) bool) {
	if len(t.copies) == 0 {
		return
	}
	t.copies = slices.DeleteFunc(t.copies, func(c copyOf) bool {
		if !lost(&c) {
			return false
		}
		if c.worker == "" {
			s.queued--
		}
		return true
	})
	s.update(t)
}

// expire gives up workers of whom nothing is heard any more, and copies that the broker has lost: those whose worker has been at
// something else since, and those that nobody takes.
func (s *scheduler) expire(now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(s.workers)) {
		if now.Sub(s.workers[name].heard) > s.lost {
			s.gone(name, now)
		}
	}
	idle := s.idle() > 0
	for _, t := range s.tasks {
		s.drop(t, func(c *copyOf) bool {
			if now.Sub(c.since) <= s.lost {
				return false
			}
			w := s.workers[c.worker]
			return c.worker == "" && idle || w != nil && w.at != t.key
		})
	}
}

// result takes a worker's result. Where it ends the job, err says why.
func (s *scheduler) result(key, name, sum string, now time.Time) {
	t := s.tasks[key]
	if t == nil || s.banned[name] || slices.ContainsFunc(t.votes, func(v vote) bool { return v.worker == name }) {
		return
	}
	w := s.knows(name, now)
	for _, c := range t.copies {
		if seconds := now.Sub(c.since).Seconds(); c.worker == name && seconds > 0 {
			w.learn(t.cost / seconds)
		}
	}
	if w.at == key {
		w.at = ""
	}
	t.votes = append(t.votes, vote{name, sum})
	if t.disagree() {
		t.wanted = 2
		s.accept(t, "")
	}
	heard := slices.ContainsFunc(t.copies, func(c copyOf) bool { return c.worker == name })
	s.drop(t, func(c *copyOf) bool {
		unheard := !heard && c.worker == "" // its beginning was not heard of
		heard = heard || unheard
		return unheard || c.worker == name
	})
	s.decide(t, now)
}

// learn takes a speed that was seen.
func (w *worker) learn(speed float64) {
	if w.speed == 0 {
		w.speed = speed
	}
	w.speed += (speed - w.speed) / 4
}

// decide accepts what enough workers have, and bans those who have something else.
func (s *scheduler) decide(t *task, now time.Time) {
	sum, most := t.leading()
	if t.accepted == "" && most >= t.wanted {
		s.accept(t, sum)
		if len(t.copies) > 0 {
			s.cancelled = append(s.cancelled, t.key)
		}
		for _, c := range t.copies {
			if w := s.workers[c.worker]; w != nil { // no faster than that
				w.learn(min(t.cost/now.Sub(c.since).Seconds(), max(w.speed, s.usual())))
			}
		}
		s.drop(t, func(*copyOf) bool { return true })
		for _, v := range slices.Clone(t.votes) {
			if v.sum != sum {
				s.ban(v.worker, now)
			}
		}
	}
	s.update(t)
}

// ban does not count a worker's results any more; what nobody else has made is made again.
func (s *scheduler) ban(name string, now time.Time) {
	if s.banned[name] {
		return
	}
	s.banned[name] = true
	delete(s.workers, name)
	for _, key := range slices.Sorted(maps.Keys(s.tasks)) {
		t := s.tasks[key]
		s.drop(t, func(c *copyOf) bool { return c.worker == name })
		before := len(t.votes)
		if t.votes = slices.DeleteFunc(t.votes, func(v vote) bool { return v.worker == name }); len(t.votes) == before {
			continue
		}
		if !slices.ContainsFunc(t.votes, func(v vote) bool { return v.sum == t.accepted }) {
			s.accept(t, "")
		}
		s.decide(t, now)
	}
	s.liar(name)
}

// failure takes a worker's error; it returns true where it is the job's.
func (s *scheduler) failure(key, name, text string, now time.Time) bool {
	t := s.tasks[key]
	if t == nil || s.banned[name] || t.accepted != "" {
		return false
	}
	s.knows(name, now)
	t.failures[name] = text
	t.failed++
	s.drop(t, func(c *copyOf) bool { return c.worker == name })
	s.update(t)
	return t.failed >= mostFailures || len(t.failures) > 1
}

// done tells whether all tasks have results that count.
func (s *scheduler) done() bool {
	for _, t := range s.tasks {
		if t.accepted == "" {
			return false
		}
	}
	return true
}

// idle counts the workers that are at nothing.
func (s *scheduler) idle() (n int) {
	for _, w := range s.workers {
		if w.at == "" {
			n++
		}
	}
	return n
}

// give says what is to be given out now. No more copies lie waiting at the broker than workers will soon take, so that the
// decision what is next is made late.
func (s *scheduler) give(now time.Time) []order {
	var orders []order
	room := len(s.workers) + 4 - s.queued
	again := s.slow(now)
	free := s.idle() - s.queued // workers that nothing waits for
	var later []*task           // whose only workers left are those that have made it, or whose last copy nobody has begun
	for room > 0 && len(s.waiting)+len(again) > 0 {
		if len(again) > 0 && (len(s.waiting) == 0 || again[0].cost >= s.waiting[0].cost) {
			if len(s.waiting) > 0 || free > 0 {
				orders = append(orders, s.out(again[0], now))
				room--
				free--
			}
			again = again[1:]
			continue
		}
		t := s.waiting[0]
		unbegun := slices.ContainsFunc(t.copies, func(c copyOf) bool { return c.worker == "" }) // whom it is not for is not known yet
		if unbegun || len(t.votes) > 0 && !s.others(s.refused(t)) {
			heap.Pop(&s.waiting)
			later = append(later, t)
			continue
		}
		orders = append(orders, s.out(t, now))
		room--
		free--
	}
	for _, t := range later {
		heap.Push(&s.waiting, t)
	}
	return orders
}

// others tells whether there is a worker that is not among some.
func (s *scheduler) others(not []string) bool {
	for name := range s.workers {
		if !slices.Contains(not, name) {
			return true
		}
	}
	return false
}

// out gives a copy out.
func (s *scheduler) out(t *task, now time.Time) order {
	s.copies++
	o := order{t.key, s.copies, s.refused(t)}
	t.copies = append(t.copies, copyOf{id: s.copies, since: now})
	s.queued++
	s.update(t)
	return o
}

// refused are the workers that the next copy is not for.
func (s *scheduler) refused(t *task) []string {
	not := slices.Sorted(maps.Keys(s.banned))
	for _, v := range t.votes {
		not = append(not, v.worker)
	}
	for _, c := range t.copies {
		if c.worker != "" {
			not = append(not, c.worker)
		}
	}
	if len(s.workers) > len(t.failures) { // else those who have failed may try again
		not = append(not, slices.Sorted(maps.Keys(t.failures))...)
	}
	return not
}

// slow are the tasks that all would wait for in the end, as one worker is slow at them, and that another may be done with earlier; those
// first that cost most. The first result counts.
func (s *scheduler) slow(now time.Time) []*task {
	usual := s.usual()
	if usual == 0 {
		return nil
	}
	end := s.left / (usual * float64(len(s.workers))) // until all is done, if nobody waits
	var list []*task
	for name, w := range s.workers {
		t := s.tasks[w.at]
		if t == nil || t.accepted != "" || t.wanted > 1 || len(t.copies) == 0 || len(t.copies) > mostRepeats || t.copies[0].worker != name {
			continue
		}
		if s.remaining(t, usual, now) > max(slowerThan*t.cost/usual, end) {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b *task) int {
		return cmp.Or(cmp.Compare(b.cost, a.cost), cmp.Compare(a.key, b.key))
	})
	return list
}

// remaining is how many seconds are left until the first who is at a task will be done with it.
func (s *scheduler) remaining(t *task, usual float64, now time.Time) float64 {
	least := math.Inf(1)
	for _, c := range t.copies {
		expected, took := t.cost/usual, now.Sub(c.since).Seconds()
		if w := s.workers[c.worker]; w != nil && w.speed > 0 {
			expected = t.cost / w.speed
		}
		left := max(0, expected-took)
		switch {
		case c.worker == "": // soon begun
			left = expected
		case took > slowerThan*expected: // as long again, for all that is known
			left = took
		}
		least = min(least, left)
	}
	return least
}

// usual is the speed of the workers in the middle.
func (s *scheduler) usual() float64 {
	var speeds []float64
	for _, w := range s.workers {
		if w.speed > 0 {
			speeds = append(speeds, w.speed)
		}
	}
	if len(speeds) == 0 {
		return 0
	}
	slices.Sort(speeds)
	return speeds[len(speeds)/2]
}

// taskHeap has the task first that costs most.
type taskHeap []*task

func (h taskHeap) Len() int { return len(h) }
func (h taskHeap) Less(a, b int) bool {
	return h[a].cost > h[b].cost || h[a].cost == h[b].cost && h[a].key < h[b].key
}

func (h taskHeap) Swap(a, b int) {
	h[a], h[b] = h[b], h[a]
	h[a].place, h[b].place = a, b
}

func (h *taskHeap) Push(x any) {
	t := x.(*task)
	t.place = len(*h)
	*h = append(*h, t)
}

func (h *taskHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	t.place = -1
	*h = old[:len(old)-1]
	return t
}
