package cluster

import (
	"maps"
	"slices"
	"time"
)

// Which results count: those that as many workers have as are wanted. Who has another is banned, and what only that worker has made is made
// again.

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
		s.isAt(w, "")
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
	s.forget(name)
	for _, key := range slices.Sorted(maps.Keys(s.tasks)) {
		t := s.tasks[key]
		s.drop(t, func(c *copyOf) bool { return c.worker == name })
		s.retract(t, name, now)
	}
	s.liar(name)
}

// retract takes a worker's result of a task back.
func (s *scheduler) retract(t *task, name string, now time.Time) {
	before := len(t.votes)
	if t.votes = slices.DeleteFunc(t.votes, func(v vote) bool { return v.worker == name }); len(t.votes) == before {
		return
	}
	if !slices.ContainsFunc(t.votes, func(v vote) bool { return v.sum == t.accepted }) {
		s.accept(t, "")
	}
	s.decide(t, now)
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
