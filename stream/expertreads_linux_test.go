package stream

import (
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/memory"
)

// TestExpertReads: what a cache misses comes past the page cache, all of it, and is checked once as long as it stays; where a file ends too early the
// ordinary read tells; what was chosen and is not used leaves nothing under way.
func TestExpertReads(t *testing.T) {
	const experts, rows, cols = 6, 16, 40
	path := writeLattice(t, latticeMatrix(experts*rows, cols, 6), cdna.LatticeOptions{BlockRows: 8, Codec: cdna.PackedCodec})
	e, err := NewEngine(EngineOptions{Threads: 2, Budget: memory.NewLedger(1 << 22)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	m, err := e.OpenIndexed(t.Context(), path, MatrixOptions{Verify: cdna.Always})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c, err := e.NewExpertCache(experts, 3, nil, m)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	part := c.parts[0]
	if part.direct == nil {
		t.Skip("no direct reading here")
	}
	x, y := vectors(1, cols, 3).Data, make([]float32, rows)
	use := func(i int) (Stats, error) { return m.RowsDot(t.Context(), y, x, i*rows, (i+1)*rows) }
	c.Route(endsOf(experts, 1, 4))
	if n := len(e.reads.list); n != 2 || len(e.upcoming.runs) != 0 {
		t.Errorf("%d reads, %d runs for the page cache", n, len(e.upcoming.runs))
	}
	for _, want := range []int{2, 0} { // blocks that are compared with their hashes
		if s, err := use(4); err != nil || s.BlocksVerified != want {
			t.Errorf("%d blocks checked, want %d; %v", s.BlocksVerified, want, err)
		}
	}
	if got, want := c.Stats().Read, part.packed(1)+part.packed(4); got > want || got < part.packed(4) {
		t.Errorf("%d bytes read, of %d", got, want)
	}
	c.Route(endsOf(experts, 0, 2, 3)) // before anybody has used expert 1, which goes with 4
	c.Route(endsOf(experts, 0))
	if e.reads.running > 0 || c.holding.slot[1] != nowhere {
		t.Errorf("%d reads under way; expert 1 in slot %d", e.reads.running, c.holding.slot[1])
	}
	if _, err := use(0); err != nil {
		t.Error(err)
	}
	if err := os.Truncate(path, part.file.Block(part.per*5).Offset+1); err != nil {
		t.Fatal(err)
	}
	c.Route(endsOf(experts, 5))
	if _, err := use(5); !errors.Is(err, cdna.ErrTruncated) {
		t.Errorf("a file that ends: %v", err)
	}
}

// TestExpertReadsOfTwoCaches: a second cache, with more experts, does not lose the first one's reads that are under way.
func TestExpertReadsOfTwoCaches(t *testing.T) {
	const rows, cols = 16, 40
	e := newTestEngine(t, 2)
	cache := func(experts int) (Matrix, *ExpertCache) {
		m := openAny(t, e, writeLattice(t, latticeMatrix(experts*rows, cols, 6), cdna.LatticeOptions{BlockRows: 8, Codec: cdna.PackedCodec}))
		c, err := e.NewExpertCache(experts, 3, nil, m)
		if err != nil {
			t.Fatal(err)
		}
		return m, c
	}
	m, c := cache(4)
	c.Route(endsOf(4, 1, 2))
	n, d := cache(100)
	if _, err := m.RowsDot(t.Context(), make([]float32, rows), vectors(1, cols, 3).Data, rows, 2*rows); err != nil {
		t.Error(err)
	}
	for range 2 { // closing again does nothing
		if err := errors.Join(c.Close(), d.Close()); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(m.Close(), n.Close(), e.Close(), e.Close()); err != nil {
		t.Error(err)
	}
}

// TestExpertReadsWithoutQueue: where reads cannot be waited for any more, what was chosen is read in the ordinary way, to the same result, and closing tells.
func TestExpertReadsWithoutQueue(t *testing.T) {
	const experts, rows, cols = 6, 16, 40
	e := newTestEngine(t, 2)
	m := openAny(t, e, writeLattice(t, latticeMatrix(experts*rows, cols, 6), cdna.LatticeOptions{BlockRows: 8, Codec: cdna.PackedCodec}))
	x, want, y := vectors(1, cols, 3).Data, make([]float32, rows), make([]float32, rows)
	if _, err := m.RowsDot(t.Context(), want, x, 4*rows, 5*rows); err != nil {
		t.Fatal(err)
	}
	c, err := e.NewExpertCache(experts, 3, nil, m)
	if err != nil {
		t.Fatal(err)
	}
	if c.parts[0].direct == nil {
		t.Skip("no direct reading here")
	}
	c.Route(endsOf(experts, 1, 4))
	if err := e.reads.queue.Close(); err != nil { // waiting for it fails
		t.Fatal(err)
	}
	for _, next := range []int{2, 3} {
		if _, err := m.RowsDot(t.Context(), y, x, 4*rows, 5*rows); err != nil || !slices.Equal(y, want) {
			t.Errorf("got %v, want %v; %v", y, want, err)
		}
		c.Route(endsOf(experts, 4, next))
	}
	var kept int
	for i := range c.parts[0].state {
		if c.parts[0].state[i].Load() == lost {
			kept++
		}
	}
	if kept != 2*c.parts[0].per { // of the two reads that could not be waited for
		t.Errorf("%d blocks are lost", kept)
	}
	if err := c.Fill(t.Context()); err != nil {
		t.Error(err)
	}
	if err := errors.Join(c.Close(), m.Close()); err != nil {
		t.Error(err)
	}
	if err := e.Close(); !errors.Is(err, unix.EINVAL) {
		t.Errorf("close: %v", err)
	}
}
