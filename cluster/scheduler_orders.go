package cluster

import (
	"cmp"
	"container/heap"
	"maps"
	"math"
	"slices"
	"time"
)

// What is given out next: a task of the whole that costs most, to whom it may go; and again where one worker is slow at the last.

// give says what is to be given out now. No more copies lie waiting at the broker than workers will soon take, so that the
// decision what is next is made late.
func (s *scheduler) give(now time.Time) []order {
	var orders []order
	room := len(s.workers) + 4 - s.queued
	free := s.idle - s.queued // workers that nothing waits for
	again := s.repeats(now, free > 0)
	var later []*task // whose only workers left are those that have made it, or whose last copy nobody has begun
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
	s.again = again
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
	s.given[t] = struct{}{}
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

// repeats is slow, which takes long where there are many workers: found anew if some have nothing to do, else once a second.
func (s *scheduler) repeats(now time.Time, free bool) []*task {
	if elapsed := now.Sub(s.looked); free || elapsed < 0 || elapsed >= time.Second {
		s.looked = now
		return s.slow(now)
	}
	return slices.DeleteFunc(s.again, func(t *task) bool { return t.accepted != "" || len(t.copies) == 0 || len(t.copies) > mostRepeats })
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
		if t == nil || t.accepted != "" || len(t.copies) == 0 || len(t.copies) > mostRepeats || t.copies[0].worker != name {
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

// taskHeap has the tasks first that decide about others, then those of what costs most.
type taskHeap []*task

func (h taskHeap) Len() int { return len(h) }
func (h taskHeap) Less(a, b int) bool {
	x, y := h[a], h[b]
	if x.decides != y.decides { // others come of it, for which somebody would wait in the end
		return x.decides
	}
	return cmp.Or(cmp.Compare(y.rank, x.rank), cmp.Compare(x.whole, y.whole), cmp.Compare(y.cost, x.cost), cmp.Compare(x.key, y.key)) < 0
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
