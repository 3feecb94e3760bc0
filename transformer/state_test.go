package transformer

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// newRecurrence returns one whose state is the number of tokens that it stands for.
func newRecurrence(snapshots int) recurrence {
	l := cacheLayout{states: []int{0}, state: 1}
	return newStates(l, make([]float32, 1+snapshots), snapshots)
}

// read reads n tokens from a position on.
func (s *recurrence) read(position, n int) {
	s.begin(position, n)
	s.live[0] = float32(position + n)
	s.done(position + n)
}

// TestRecurrence: whatever is read, cut or broken off, a sequence goes on from a state that is one of its own.
func TestRecurrence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, mostSnapshots).Draw(t, "snapshots")
		s, tokens := newRecurrence(most), 0
		for range rapid.IntRange(1, 60).Draw(t, "passes") {
			first := s.rewind(tokens)
			if first > tokens || first > 0 && s.live[0] != float32(first) {
				t.Fatalf("after %d tokens it goes on from %d, a state of %v", tokens, first, s.live[0])
			}
			n := tokens - first + rapid.IntRange(1, 40).Draw(t, "tokens")
			if rapid.IntRange(0, 5).Draw(t, "fails") == 0 {
				s.begin(first, n)
				s.live[0] = -1
				continue
			}
			s.read(first, n)
			tokens = first + n
			if rapid.IntRange(0, 2).Draw(t, "cut") == 0 {
				tokens = rapid.IntRange(0, tokens).Draw(t, "to")
				s.forget(tokens)
			}
			if len(s.saved)+len(s.free) != most {
				t.Fatalf("%d copies and room for %d of %d", len(s.saved), len(s.free), most)
			}
			for i, c := range s.saved {
				if c.state[0] != float32(c.position) || c.position > tokens || i > 0 && c.position <= s.saved[i-1].position {
					t.Fatalf("copies %v after %d tokens", s.saved, tokens)
				}
			}
		}
	})
}

// TestSnapshotsStandDenserBehind: who cuts a text of many tokens reads the fewer of them again, the nearer the cut is to its end.
func TestSnapshotsStandDenserBehind(t *testing.T) {
	s := newRecurrence(mostSnapshots)
	s.read(0, 100)
	for tokens := 100; tokens < 1500; tokens++ {
		s.read(tokens, 1)
	}
	for back := range 1500 {
		from := 0
		for _, c := range s.saved {
			if c.position <= 1500-back {
				from = c.position
			}
		}
		if again := 1500 - back - from; again > max(2*snapshotEvery, 2*back) {
			t.Errorf("%d tokens are read again to go back by %d", again, back)
		}
	}
}

// TestCutSession: a session that is cut reads little again, and goes on with the bits of one that never had more.
func TestCutSession(t *testing.T) {
	m := openModel(t, fixtures+"/lfm2", Options{Context: 64})
	var ids []int
	for i := range 64 {
		ids = append(ids, (i*i+3*i+1)%m.Config.Vocab)
	}
	want := allLogits(t, m, ids, len(ids))
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	forward := func(from, to int) {
		t.Helper()
		var got []float32
		err := s.Forward(t.Context(), ids[from:to], 0, func(_ int, x []float32) error { got = append(got, x...); return nil })
		if v := m.Config.Vocab; err != nil || !slices.Equal(got, want[from*v:to*v]) {
			t.Fatalf("tokens %d to %d have other logits: %v", from, to, err)
		}
	}
	forward(0, 20)
	for i := 20; i < 50; i++ {
		forward(i, i+1)
	}
	for _, cut := range []int{48, 47, 25, 21, 20, 7, 0} {
		s.Reset(cut)
		behind := cut - s.cache.rewind(cut)
		if cut >= 20 && behind > snapshotEvery {
			t.Errorf("cut at %d, %d tokens are read again", cut, behind)
		}
		forward(cut, cut+3)
	}
}

// TestPlanOfStates: layers without attention have no keys and values, states and copies of them are in the plan, and no more than one where
// memory is short.
func TestPlanOfStates(t *testing.T) {
	dir := fixtures + "/lfm2"
	p, err := PlanFor(t.Context(), dir, Options{Context: 64, Sequences: 3})
	if err != nil {
		t.Fatal(err)
	}
	c := openFixture(t, "lfm2").config
	one := cacheLayout{config: c, turns: true}
	state := 4 * int64(3*(c.Mixers.Taps-1)*c.Hidden)
	if want := 3 * (one.keys(64, CacheF32) + (2+mostSnapshots)*state); p.Cache != want || p.Snapshots != mostSnapshots {
		t.Errorf("caches of %d with %d copies, want %d", p.Cache, p.Snapshots, want)
	}
	m := openModel(t, dir, Options{Context: 64, Sequences: 3, Memory: p.Minimum})
	if m.Plan.Snapshots < 1 || m.Plan.Cache < 3*(one.keys(64, CacheF32)+3*state) {
		t.Errorf("at the smallest limit %d copies, caches of %d", m.Plan.Snapshots, m.Plan.Cache)
	}
	var sessions []*Session
	for range 3 {
		s, err := m.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	if used := m.budget.Used(); used > m.Plan.managed() {
		t.Errorf("%d bytes used of %d", used, m.Plan.managed())
	}
	for _, s := range sessions {
		s.Close()
	}
	short := &Plan{Sequences: 2}
	l := cacheLayout{state: 1 << 20}
	if more := short.snapshots(&l, 3*snapshotShare*8<<20, mostSnapshots); short.Snapshots != 4 || more != 3*8<<20 {
		t.Errorf("%d copies in %d", short.Snapshots, more)
	}
	if (&Plan{Sequences: 1}).snapshots(&cacheLayout{}, 1<<40, 8) != 0 {
		t.Error("copies of nothing")
	}
}
