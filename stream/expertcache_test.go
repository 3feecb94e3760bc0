package stream

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/memory"
)

// choices draws rounds of k of n experts, each as often as its weight says, and returns where each one's choices end.
type choices struct {
	r       *rand.Rand
	weights []float64
	k       int
}

// zipf draws the expert of rank r as often as 1/r, of ranks in a random order.
func zipf(experts, k int, seed uint64) *choices {
	c := &choices{rand.New(rand.NewPCG(seed, 3)), make([]float64, experts), k}
	for rank, i := range c.r.Perm(experts) {
		c.weights[i] = 1 / float64(rank+1)
	}
	return c
}

func (c *choices) draw() (ends []int32) {
	n := len(c.weights)
	keys, order := make([]float64, n), make([]int, n)
	for i, w := range c.weights { // Gumbel's: the k largest are drawn without replacement
		keys[i], order[i] = math.Log(w)-math.Log(-math.Log(c.r.Float64())), i
	}
	slices.SortFunc(order, func(a, b int) int {
		if keys[a] > keys[b] {
			return -1
		}
		return 1
	})
	return endsOf(n, order[:c.k]...)
}

// endsOf returns where the choices of each expert end, chosen once each.
func endsOf(experts int, chosen ...int) []int32 {
	ends := make([]int32, experts)
	for _, i := range chosen {
		for j := i; j < experts; j++ {
			ends[j]++
		}
	}
	return ends
}

// chosenOf lists the experts that have choices.
func chosenOf(ends []int32) (list []int) {
	first := int32(0)
	for i, end := range ends {
		if end > first {
			list = append(list, i)
		}
		first = end
	}
	return list
}

// TestHolding: slots and experts agree whatever is chosen; what is wanted stays or is missing; as many are held as there is
// room for; and a slot is taken from one that is used no more often than all that stay and are not wanted.
func TestHolding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "experts")
		slots := rapid.IntRange(0, n).Draw(t, "slots")
		h := newHolding(n, slots)
		if rapid.Bool().Draw(t, "seeded") {
			shares := make([]float64, n)
			for i := range shares {
				shares[i] = float64(1 + i)
			}
			h.seed(shares)
			h.fill()
		}
		for range rapid.IntRange(1, 60).Draw(t, "rounds") {
			before := slices.Clone(h.slot)
			ends := make([]int32, n)
			sum := int32(0)
			for i := range ends {
				sum += int32(rapid.IntRange(0, 3).Draw(t, "uses") * rapid.IntRange(0, 1).Draw(t, "chosen"))
				ends[i] = sum
			}
			h.route(ends)
			held := 0
			chosen := chosenOf(ends)
			for i, s := range h.slot {
				if s == nowhere {
					continue
				}
				held++
				if h.expert[s] != int32(i) {
					t.Fatalf("expert %d is in slot %d, which has %d", i, s, h.expert[s])
				}
			}
			for _, i := range chosen {
				missed := slices.Contains(h.missing, int32(i))
				if missed != (before[i] == nowhere) {
					t.Fatalf("expert %d was in slot %d; missing %v", i, before[i], missed)
				}
				if !missed && h.slot[i] != before[i] {
					t.Fatalf("expert %d is wanted, and left slot %d", i, before[i])
				}
			}
			if held < min(slots, len(chosen)) || len(h.taken) > len(h.missing) {
				t.Fatalf("%d held of %d chosen in %d slots; %d taken for %d missing", held, len(chosen), slots, len(h.taken), len(h.missing))
			}
			for i, s := range before {
				if s == nowhere || h.slot[i] != nowhere {
					continue
				}
				for j := range h.slot { // i went
					if h.slot[j] != nowhere && before[j] != nowhere && !slices.Contains(chosen, j) && h.uses[j] < h.uses[i] {
						t.Fatalf("expert %d of %d uses went, %d of %d stayed", i, h.uses[i], j, h.uses[j])
					}
				}
			}
		}
	})
}

// expertFiles writes matrices of experts in files of every kind: rows of each of them, and blocks of them.
func expertFiles(t testing.TB, experts, rows, cols, blockRows int) map[string]string {
	files := map[string]string{}
	m := newMatrix(experts*rows, cols, 0, 5)
	for _, codec := range []string{"none", "zstd"} {
		files["indices "+codec] = m.write(t, codec, blockRows)
	}
	z := latticeMatrix(experts*rows, cols, 6)
	for _, codec := range []string{"rans", "packed", "none"} {
		files["lattice "+codec] = writeLattice(t, z, cdna.LatticeOptions{BlockRows: blockRows, Codec: codec})
	}
	files["lossless"], _ = losslessFile(t.(*testing.T), dtype.BF16, experts*rows, cols, blockRows, "huff0")
	files["lossless none"], _ = losslessFile(t.(*testing.T), dtype.F16, experts*rows, cols, blockRows, "none")
	return files
}

// openAny opens a matrix's file, of whichever kind.
func openAny(t testing.TB, e *Engine, path string) Matrix {
	t.Helper()
	kind, err := cdna.DetectFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m Matrix
	if kind == cdna.KindLossless {
		m, err = e.OpenLossless(path, "")
	} else {
		m, err = e.OpenIndexed(t.Context(), path, MatrixOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestExpertCache: products with experts have the same bits from a cache of any size as without one, in files of every kind; what is
// not held is read, and nothing else, several blocks at a time; the budget has all of it, and gets it back.
func TestExpertCache(t *testing.T) {
	const experts, rows, cols, block = 9, 24, 70, 8
	for name, path := range expertFiles(t, experts, rows, cols, block) {
		for _, slots := range []int{0, 1, 4, experts} {
			for _, threads := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s,%d,%d", name, slots, threads), func(t *testing.T) {
					budget := memory.NewLedger(1 << 22)
					e, err := NewEngine(EngineOptions{Threads: threads, Budget: budget})
					if err != nil {
						t.Fatal(err)
					}
					plain, m := openAny(t, e, path), openAny(t, e, path)
					file := e.blocksOf(m).file
					x := vectors(2, cols, 3).Data
					want, got := make([]float32, 2*experts*rows), make([]float32, 2*rows)
					if _, err := plain.RowsDot(t.Context(), want, x, 0, experts*rows); err != nil {
						t.Fatal(err)
					}
					used := budget.Used()
					c, err := e.NewExpertCache(experts, slots, nil, m)
					if err != nil {
						t.Fatal(err)
					}
					if n := int64(slots) * ExpertBytes(file, experts); budget.Used()-used != n || c.Bytes() != n {
						t.Errorf("%d bytes reserved, %d held, want %d", budget.Used()-used, c.Bytes(), n)
					}
					r := zipf(experts, 3, 4)
					read, hits, misses := int64(0), int64(0), int64(0)
					for range 20 {
						ends := r.draw()
						held := slices.Clone(c.holding.slot)
						c.Route(ends)
						for _, i := range chosenOf(ends) {
							if held[i] == nowhere {
								misses++
								for b := range experts * rows / block {
									if b*block/rows == i {
										read += int64(file.Block(b).CompLen)
									}
								}
							} else {
								hits++
							}
							if _, err := m.RowsDot(t.Context(), got, x, i*rows, (i+1)*rows); err != nil {
								t.Fatal(err)
							}
							for v := range 2 {
								sameBits(t, fmt.Sprint("expert ", i), got[v*rows:][:rows], want[v*experts*rows+i*rows:][:rows])
							}
						}
					}
					if s := c.Stats(); s != (ExpertStats{hits, misses, read}) {
						t.Errorf("%+v, want %d, %d, %d", s, hits, misses, read)
					}
					if err := errors.Join(c.Close(), m.Close(), plain.Close(), e.Close()); err != nil || budget.Used() != 0 {
						t.Errorf("%v, %d bytes in use", err, budget.Used())
					}
				})
			}
		}
	}
}

// TestExpertCacheShared: products of one group that want the same block at a time have their bits, and the cache is whole.
func TestExpertCacheShared(t *testing.T) {
	const experts, rows, cols = 4, 24, 70 // gates and up projections, 12 rows each, of which the middle block has both
	path := writeLattice(t, latticeMatrix(experts*rows, cols, 6), cdna.LatticeOptions{BlockRows: 8, Codec: cdna.PackedCodec})
	e := newTestEngine(t, 3)
	m := openAny(t, e, path)
	defer m.Close()
	x, want := vectors(1, cols, 3).Data, make([]float32, experts*rows)
	if _, err := m.RowsDot(t.Context(), want, x, 0, experts*rows); err != nil {
		t.Fatal(err)
	}
	c, err := e.NewExpertCache(experts, 2, nil, m)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := make([]float32, rows)
	for i := range 200 {
		at := i % experts
		c.Route(endsOf(experts, at))
		err := e.DotAll(t.Context(), x, Product{W: m, A: at * rows, B: at*rows + 12, Y: got[:12]}, Product{W: m, A: at*rows + 12, B: (at + 1) * rows, Y: got[12:]})
		if err != nil {
			t.Fatal(err)
		}
		sameBits(t, "both", got, want[at*rows:][:rows])
	}
}

// TestExpertCacheFilled: what is chosen most often is there at once, and a seed's uses are outweighed by others.
func TestExpertCacheFilled(t *testing.T) {
	const experts, rows, cols = 6, 8, 40
	path := writeLattice(t, latticeMatrix(experts*rows, cols, 6), cdna.LatticeOptions{BlockRows: 8})
	e := newTestEngine(t, 2)
	m := openAny(t, e, path)
	defer m.Close()
	c, err := e.NewExpertCache(experts, 3, []float64{0.1, 0.9, 0.3, 0.0, 0.8, 0.2}, m)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, true, false, true, false} {
		if s := int(c.holding.slot[i]); (s != nowhere && c.parts[0].all(s, full)) != want {
			t.Errorf("expert %d is held: %v", i, !want)
		}
	}
	if s := c.Stats(); s != (ExpertStats{}) {
		t.Errorf("%+v before anything was chosen", s)
	}
	for range 200 {
		c.Route(endsOf(experts, 0, 3, 5))
	}
	if h := c.holding; h.slot[0] == nowhere || h.slot[3] == nowhere || h.slot[5] == nowhere || c.Stats().Misses != 3 {
		t.Errorf("%v after 200 rounds, %+v", h.slot, c.Stats())
	}
}

// TestExpertCacheDamage: damage is found in a cache as without one, each time; an interrupted read leaves nothing behind.
func TestExpertCacheDamage(t *testing.T) {
	const experts, rows, cols = 4, 8, 40
	path := writeLattice(t, latticeMatrix(experts*rows, cols, 6), cdna.LatticeOptions{BlockRows: 8, Codec: cdna.PackedCodec})
	e := newTestEngine(t, 1)
	m := openAny(t, e, path)
	defer m.Close()
	file := e.blocksOf(m).file
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[file.Block(2).Offset+3] ^= 1
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := e.NewExpertCache(experts, 2, nil, m)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	x, y := vectors(1, cols, 3).Data, make([]float32, rows)
	for i := range experts {
		c.Route(endsOf(experts, i))
		for range 2 {
			if _, err := m.RowsDot(t.Context(), y, x, i*rows, (i+1)*rows); (err != nil) != (i == 2) || err != nil && !errors.Is(err, cdna.ErrChecksum) {
				t.Errorf("expert %d: %v", i, err)
			}
		}
	}
}

// TestExpertCacheMended: what was read damaged is read again once its expert is chosen again, whether its hash or its head shows the damage.
func TestExpertCacheMended(t *testing.T) {
	const experts, rows, cols = 4, 24, 70
	x, y := vectors(1, cols, 3).Data, make([]float32, rows)
	for name, path := range expertFiles(t, experts, rows, cols, 8) {
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, part := range []int{0, 2, 1} { // of a block, but for the bytes that change nothing
			e := newTestEngine(t, 1)
			m := openAny(t, e, path)
			c, err := e.NewExpertCache(experts, experts, nil, m)
			if err != nil {
				t.Fatal(err)
			}
			block := e.blocksOf(m).file.Block(4) // of expert 1
			bad := slices.Clone(sound)
			bad[block.Offset+int64(part*(block.CompLen-1)/2)] ^= 1
			for _, content := range [][]byte{bad, sound} {
				if err := os.WriteFile(path, content, 0o666); err != nil {
					t.Fatal(err)
				}
				c.Route(endsOf(experts, 1))
				_, err := m.RowsDot(t.Context(), y, x, rows, 2*rows)
				switch {
				case err == nil:
				case &content[0] == &sound[0]:
					t.Errorf("%s: mended: %v", name, err)
				default:
					found++
				}
			}
			if err := errors.Join(c.Close(), m.Close()); err != nil {
				t.Error(err)
			}
		}
		if found < 2 {
			t.Errorf("%s: damage was found %d times", name, found)
		}
	}
}

// TestExpertCacheRefuses: matrices whose blocks several experts share are left as they are, others' matrices and those in memory refused.
func TestExpertCacheRefuses(t *testing.T) {
	const experts, rows, cols = 4, 12, 40
	path := writeLattice(t, latticeMatrix(experts*rows, cols, 6), cdna.LatticeOptions{BlockRows: 8})
	e, other := newTestEngine(t, 1), newTestEngine(t, 1)
	m := openAny(t, e, path)
	defer m.Close()
	if n := ExpertBytes(e.blocksOf(m).file, experts); n != 0 {
		t.Errorf("%d bytes of an expert that has no blocks of its own", n)
	}
	c, err := e.NewExpertCache(experts, 2, nil, m)
	if err != nil || c.Bytes() != 0 {
		t.Fatalf("%v, %d bytes", err, c.Bytes())
	}
	c.Route(endsOf(experts, 1))
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := other.NewExpertCache(experts, 2, nil, m); !errors.Is(err, ErrOption) {
		t.Errorf("another engine's: %v", err)
	}
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.NewExpertCache(experts, 2, nil, m); !errors.Is(err, ErrOption) {
		t.Errorf("in memory: %v", err)
	}
}

// TestExpertCacheZipf: with half of the experts in memory and choices of Zipf's law, at most 0.35 of what no cache reads is read.
func TestExpertCacheZipf(t *testing.T) {
	const experts, k, rows, cols = 128, 8, 8, 32
	path := writeLattice(t, latticeMatrix(experts*rows, cols, 6), cdna.LatticeOptions{BlockRows: 8, Codec: cdna.PackedCodec})
	e := newTestEngine(t, 1)
	m := openAny(t, e, path)
	defer m.Close()
	read := func(slots, rounds int) float64 {
		c, err := e.NewExpertCache(experts, slots, nil, m)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r := zipf(experts, k, 8)
		y, x := make([]float32, rows), vectors(1, cols, 3).Data
		for range rounds {
			ends := r.draw()
			c.Route(ends)
			for _, i := range chosenOf(ends) {
				if _, err := m.RowsDot(t.Context(), y, x, i*rows, (i+1)*rows); err != nil {
					t.Fatal(err)
				}
			}
		}
		return float64(c.Stats().Read)
	}
	none := read(0, 1000)
	for slots, most := range map[int]float64{experts / 4: 0.35, experts / 2: 0.2} {
		if got := read(slots, 1000) / none; got > most {
			t.Errorf("%d of %d experts in memory: %.3f of what no cache reads, want at most %v", slots, experts, got, most)
		} else {
			t.Logf("%d of %d experts in memory: %.3f of what no cache reads", slots, experts, got)
		}
	}
}

// TestExpertCacheAhead: the system is told of the blocks of all chosen experts that are not held as soon as they are chosen, as far as that
// goes at a time, and of no others.
func TestExpertCacheAhead(t *testing.T) {
	const experts, rows, cols = 8, 64, 256
	content, err := os.ReadFile(newMatrix(experts*rows, cols, 0, 1).write(t, "none", 8))
	if err != nil {
		t.Fatal(err)
	}
	file := &toldFile{Reader: bytes.NewReader(content), told: map[int64]bool{}}
	f, err := cdna.NewFile(t.Context(), file, int64(len(content)), "told")
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEngine(EngineOptions{Threads: 1, Budget: memory.NewLedger(1 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	m, err := e.New(f, MatrixOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c, err := e.NewExpertCache(experts, 2, nil, m)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	x, y := vectors(1, cols, 1).Data, make([]float32, rows)
	file.untold = 0                           // the head
	for round, told := range []int{3, 2, 3} { // experts, of which one is held in the second round
		ends := endsOf(experts, [][]int{{1, 4, 7}, {1, 2, 3}, {0, 5, 6}}[round]...)
		c.Route(ends)
		if n := len(file.told); n != told*rows*cols {
			t.Errorf("round %d: told of %d bytes, want %d experts of %d", round, n, told, rows*cols)
		}
		for _, i := range chosenOf(ends) {
			if _, err := m.RowsDot(t.Context(), y, x, i*rows, (i+1)*rows); err != nil {
				t.Fatal(err)
			}
		}
		if file.untold != 0 || len(file.told) != 0 {
			t.Errorf("round %d: %d blocks read that it was not told of, and %d bytes not read that it was", round, file.untold, len(file.told))
		}
	}
}

// TestUpcoming: no more is told of than upcomingBytes ahead of what is read, and a run's end.
func TestUpcoming(t *testing.T) {
	const rows, cols, blockRows = 64, 1 << 13, 16
	path := newMatrix(rows, cols, 0, 1).write(t, "none", blockRows)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := cdna.NewFile(t.Context(), bytes.NewReader(content), int64(len(content)), "told")
	if err != nil {
		t.Fatal(err)
	}
	var u upcoming
	for range 100 { // 50 MiB
		u.add(blockRun{&file.Blocks, 0, 4})
	}
	for range 100 {
		u.advance(0)
		if ahead := u.told - u.read; u.next < len(u.runs) && (ahead < upcomingBytes || ahead > upcomingBytes+aheadStep*blockRows*cols) {
			t.Fatalf("told of %d bytes ahead after %d", ahead, u.read)
		}
		u.advance(4 * blockRows * cols)
	}
	if u.next != len(u.runs) || u.told != u.read {
		t.Errorf("told of %d bytes, read %d", u.told, u.read)
	}
}

// TestPlanExperts: matrices of experts are resident all or none of them, and what they leave is for a cache.
func TestPlanExperts(t *testing.T) {
	layouts := []Layout{
		{Rows: 10, Cols: 10, ResidentBytes: 100, Used: 0.25, ExpertBytes: 9, UnpackedBuffer: 10},
		{Rows: 10, Cols: 10, ResidentBytes: 100, Used: 0.25, ExpertBytes: 9},
		{Rows: 5, Cols: 10, ResidentBytes: 50},
		{Rows: 1, Cols: 10, ResidentBytes: 10, Used: 0.25}, // whose blocks several experts share
	}
	for limit, want := range map[int64]Residency{
		270: {Resident: []bool{true, true, true, true}, ResidentBytes: 260, Left: 0},
		200: {Resident: []bool{false, false, true, true}, ResidentBytes: 60, Left: 130},
		30:  {Resident: []bool{false, false, false, true}, ResidentBytes: 10, Left: 10},
	} {
		r, err := PlanResidency(limit, 1, layouts)
		if err != nil || !slices.Equal(r.Resident, want.Resident) || r.ResidentBytes != want.ResidentBytes || r.Left != want.Left {
			t.Errorf("within %d: %+v, %v; want %+v", limit, r, err, want)
		}
	}
}
