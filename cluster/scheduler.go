package cluster

import (
	"container/heap"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"maps"
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
	// mostBegun is how often a task is begun without an end, such as by workers that die of it, until it is the job's error.
	mostBegun = 20
)

// scheduler decides what is given out when, and which results count. It knows no broker and no clock: what
// happens is told with its time, so that a simulation drives the same code. It is not for concurrent use.
type scheduler struct {
	share   float64 // of the items that two workers make
	secret  string  // by which they are chosen, so that no worker knows which
	tasks   map[string]*task
	waiting taskHeap           // those that want more copies than there are
	given   map[*task]struct{} // those of which there are copies
	workers map[string]*worker
	idle    int // workers that are at nothing
	banned  map[string]bool
	queued  int       // copies that nobody has begun
	copies  int       // given out so far, which numbers them
	left    float64   // the cost of what is not accepted
	open    int       // tasks that are not accepted
	again   []*task   // what is to be given out once more,
	looked  time.Time // as found then
	// lost is how long nothing is heard of a worker before its work is given to others. The broker does that
	// earlier, when the lease ends, where it still knows of the work.
	lost      time.Duration
	cancelled []string // keys that nobody needs any more, for whoever is at them

	liar func(worker string) // is told of each once
}

// duty is what a task is given out for.
type duty struct {
	key  string
	cost float64 // in bytes of the source
	// rank is the cost of the whole of which it may be a part: what is of more comes first, the parts of one whole after
	// another's.
	rank  float64
	whole string
	// decides says that other tasks come of its result, which counts where two workers have it if any are checked.
	decides bool
}

// task is an item on its way.
type task struct {
	duty
	wanted   int // results that agree
	begun    int // how often
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
	return &scheduler{share: share, secret: rand.Text(), tasks: map[string]*task{}, given: map[*task]struct{}{}, workers: map[string]*worker{}, banned: map[string]bool{}, lost: 4 * DefaultLease, liar: liar}
}

// add takes a task on.
func (s *scheduler) add(d duty) {
	if s.tasks[d.key] != nil {
		return
	}
	t := &task{duty: d, wanted: 1, failures: map[string]string{}, place: -1}
	if s.isChecked(d.key) || d.decides && s.share > 0 {
		t.wanted = 2
	}
	s.tasks[d.key] = t
	s.left += d.cost
	s.open++
	s.update(t)
}

// accept has a result count; none if the sum is empty.
func (s *scheduler) accept(t *task, sum string) {
	switch {
	case t.accepted == "" && sum != "":
		s.left -= t.cost
		s.open--
	case t.accepted != "" && sum == "":
		s.left += t.cost
		s.open++
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

// knows returns a worker, who is heard of now.
func (s *scheduler) knows(name string, now time.Time) *worker {
	w := s.workers[name]
	if w == nil {
		w = &worker{}
		s.workers[name] = w
		s.idle++
	}
	w.heard = now
	return w
}

// isAt says at which task a worker is; none if the key is empty.
func (s *scheduler) isAt(w *worker, key string) {
	if w.at == "" {
		s.idle--
	}
	if w.at = key; key == "" {
		s.idle++
	}
}

// forget has no worker of that name.
func (s *scheduler) forget(name string) {
	if w := s.workers[name]; w != nil {
		s.isAt(w, "-")
		delete(s.workers, name)
	}
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
	s.isAt(s.knows(name, now), key)
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
		t.begun++
	}
}

// gone says that a worker has left: what it was at lies at the broker again, which gives it to another.
func (s *scheduler) gone(name string, now time.Time) {
	s.forget(name)
	for t := range s.given {
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
	if len(t.copies) == 0 {
		delete(s.given, t)
	}
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
	idle := s.idle > 0
	for t := range s.given {
		s.drop(t, func(c *copyOf) bool {
			if now.Sub(c.since) <= s.lost {
				return false
			}
			w := s.workers[c.worker]
			return c.worker == "" && idle || w != nil && w.at != t.key
		})
	}
}

// done tells whether all tasks have results that count.
func (s *scheduler) done() bool { return s.open == 0 }
