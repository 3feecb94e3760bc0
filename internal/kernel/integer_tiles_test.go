package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// TestIntegerTiles: products with packed tiles have the bits of those with index bytes.
func TestIntegerTiles(t *testing.T) {
	testIntegerTiles(t, func(b []byte, _ bool) []byte { return b })
}

// testIntegerTiles has place put what is read somewhere, at an end or a beginning.
func testIntegerTiles(t *testing.T, place func(b []byte, atEnd bool) []byte) {
	oracle := generic(t)
	test := func(t *testing.T, k *Kernels) {
		for i := range 150 {
			r := rand.New(rand.NewPCG(uint64(i), 39))
			shape := tiles.Shape{Rows: 1 + r.IntN(70), Cols: 1 + r.IntN(300), BlockRows: 1 + r.IntN(40)}
			if i%10 == 0 {
				shape.Cols = chunkColumns + r.IntN(chunkColumns)
			}
			atEnd := i%2 == 0
			m := newTilesCase(t, r, shape, func(b []byte) []byte { return place(b, atEnd) })
			batch := 1 + r.IntN(60)
			if i%3 > 0 { // as many as go straight from tiles, or a few more
				batch = 1 + r.IntN(integerStripWidth+1)
			}
			c := newIntegerCase(r, shape.Rows, shape.Cols, batch)
			first := r.IntN(c.rows)
			rows := r.IntN(c.rows - first + 1)
			ldy := rows + i%3
			got, want := sentinels(c.batch*ldy), sentinels(c.batch*ldy)
			k.DotIntegersTiles(got, ldy, c.quantized(k), m.m, first, rows)
			oracle.DotIntegers(want, ldy, c.quantized(oracle), m.idx[first*c.cols:][:rows*c.cols], rows)
			wantBits(t, fmt.Sprintf("case %d: rows %d … %d of %v, %d vectors", i, first, first+rows, shape, c.batch), got, want)
		}
	}
	t.Run("generic", func(t *testing.T) { test(t, oracle) })
	eachLevel(t, test)
}

// eachTileSet runs a test with each level's routines, and those for integers that no level takes here with the best one's others.
func eachTileSet(t *testing.T, f func(t *testing.T, k *Kernels)) {
	eachLevel(t, f)
	best := Best()
	eachIntegerSet(t, func(t *testing.T, k *Kernels) {
		if k.integer.features == best.integer.features {
			t.Skip("the best level's")
		}
		k.asm = best.asm
		f(t, k)
	})
}

// TestIntegerTileWidths has tiles of each pair of widths side by side, filled with all codes that they hold and some that are
// exceptions: a few, or many in one row.
func TestIntegerTileWidths(t *testing.T) {
	widths := []int{0, 2, 3, 4, 5, 6, 7, 8}
	oracle := generic(t)
	eachTileSet(t, func(t *testing.T, k *Kernels) {
		for i := range 3 * len(widths) * len(widths) {
			r := rand.New(rand.NewPCG(uint64(i), 43))
			m := tilesCase{Shape: tiles.Shape{Rows: 32, Cols: 160 + r.IntN(32), BlockRows: 32}}
			m.idx = make([]byte, m.Rows*m.Cols)
			far := r.IntN(3 * m.Rows)
			for at := range m.idx {
				row, column := at/m.Cols, at%m.Cols
				width := widths[i/3/[]int{len(widths), 1}[column/tiles.Columns%2]%len(widths)]
				z := r.IntN(1<<width) - 1<<width>>1
				switch {
				case row == far && i%2 == 0:
					z *= 2
				case r.IntN(40) == 0:
					z += (r.IntN(3) - 1) << width
				}
				m.idx[at] = byte(max(-128, min(z, 127)) + tiles.Zero)
			}
			m.pack(t, func(b []byte) []byte { return b })
			c := newIntegerCase(r, m.Rows, m.Cols, 1+i%integerStripWidth)
			got, want := make([]float32, c.batch*m.Rows), make([]float32, c.batch*m.Rows)
			k.DotIntegersTiles(got, m.Rows, c.quantized(k), m.m, 0, m.Rows)
			oracle.DotIntegers(want, m.Rows, c.quantized(oracle), m.idx, m.Rows)
			wantBits(t, fmt.Sprint("case ", i), got, want)
		}
	})
}

// TestIntegerTileExtremes has the largest sums that each width allows, of both signs, which an addition of 16 bits must not cut.
func TestIntegerTileExtremes(t *testing.T) {
	const cols = 128
	c := integerCase{columns: NewColumns(make([]uint32, cols), slices.Repeat([]float32{1}, cols)), x: []float32{1}}
	eachTileSet(t, func(t *testing.T, k *Kernels) {
		for width := 1; width <= 8; width++ {
			for _, z := range []int{-1 << width >> 1, 1<<width>>1 - 1} {
				m := tilesCase{Shape: tiles.Shape{Rows: 16, Cols: cols, BlockRows: 16}, idx: bytes.Repeat([]byte{byte(z + tiles.Zero)}, 16*cols)}
				m.pack(t, func(b []byte) []byte { return b })
				for batch := 1; batch <= integerStripWidth+1; batch++ {
					for _, sign := range []float32{1, -1} {
						c.batch, c.cols, c.x = batch, cols, slices.Repeat([]float32{sign}, batch*cols)
						y := make([]float32, batch*16)
						k.DotIntegersTiles(y, 16, c.quantized(k), m.m, 0, 16)
						group := float32(z*127*RoundGroup) * sign
						want := FMA32(group, float32(1)/127, FMA32(group, float32(1)/127, 0))
						for _, y := range y {
							if y != want {
								t.Fatalf("%d vectors: code %d times %g: %g, want %g", batch, z, sign, y, want)
							}
						}
					}
				}
			}
		}
	})
}

func TestIntegerTilesNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool allocate")
	}
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		r := rand.New(rand.NewPCG(1, 40))
		m := newTilesCase(t, r, tiles.Shape{Rows: 37, Cols: 133, BlockRows: 20}, func(b []byte) []byte { return b })
		c := newIntegerCase(r, 37, 133, 7)
		q, y := c.quantized(k), make([]float32, 7*37)
		if n := testing.AllocsPerRun(50, func() { k.DotIntegersTiles(y, 37, q, m.m, 0, 37) }); n >= 1 {
			t.Errorf("%s: %v allocations", l, n)
		}
	}
}

// benchTiles packs codes that have about so many bits of entropy, and returns the memory that they take too.
func benchTiles(b *testing.B, rows, cols int, bits float64) (m tilesCase, buf []byte) {
	r := rand.New(rand.NewPCG(1, 41))
	m = tilesCase{Shape: tiles.Shape{Rows: rows, Cols: cols, BlockRows: 64}, idx: make([]byte, rows*cols)}
	spread := math.Exp2(bits) / 4.13
	some := m.idx[:min(len(m.idx), 1<<20)]
	for i := range some {
		some[i] = byte(max(-128, min(int(math.RoundToEven(r.NormFloat64()*spread)), 127)) + tiles.Zero)
	}
	for at := len(some); at < len(m.idx); {
		at += copy(m.idx[at:], some)
	}
	m.pack(b, func(memory []byte) []byte {
		buf = memory
		return buf
	})
	return m, buf
}

// BenchmarkIntegerTiles multiplies by packed tiles, beside plain reading of as many bytes: from the cache and from memory.
// Weights/s times the batch are multiply-adds per second.
func BenchmarkIntegerTiles(b *testing.B) {
	for _, bits := range []float64{3, 4, 5, 6, 7.4} {
		for _, s := range []struct {
			name    string
			rows    int
			batches []int
		}{{"cache", 64, []int{1, 2, 4, 5, 8}}, {"memory", 1 << 16, []int{1, 2, 4, 5, 8}}, {"L3", 1024, []int{120}}} {
			b.Run(fmt.Sprintf("entropy=%g/%s", bits, s.name), func(b *testing.B) {
				m, buf := benchTiles(b, s.rows, 4096, bits)
				for _, batch := range s.batches {
					for cores := 1; cores <= runtime.NumCPU(); cores++ {
						name := fmt.Sprintf("bits=%.2f/batch=%d/cores=%d", float64(8*len(buf))/float64(len(m.idx)), batch, cores)
						benchIntegerTiles(b, name, m, buf, batch, cores)
					}
				}
			})
		}
	}
}

func benchIntegerTiles(b *testing.B, name string, m tilesCase, buf []byte, batch, cores int) {
	weights := m.Rows * m.Cols
	b.Run(name+"/read", func(b *testing.B) {
		perWeight(b, len(buf), weights*batch, func() {
			split(cores, len(buf)/4096, func(first, pages int) { Best().Read(buf[first*4096:][:pages*4096]) })
		})
	})
	for _, set := range integerSets() {
		k := newKernels(Generic)
		k.integer, k.asm = set, Best().asm
		b.Run(name+"/"+set.features, func(b *testing.B) {
			q, y := benchQuantized(k, batch, m.Cols), make([]float32, batch*m.Rows)
			perWeight(b, len(buf), weights*batch, func() {
				split(cores, m.Rows/tiles.Rows, func(first, strips int) {
					k.DotIntegersTiles(y[tiles.Rows*first:], m.Rows, q, m.m, tiles.Rows*first, tiles.Rows*strips)
				})
			})
		})
	}
}

// TestIntegerBlocks: of vectors so many and so long that they go in several parts, each gives what it gives alone.
func TestIntegerBlocks(t *testing.T) {
	const rows, cols, batch = 18, 16500, 100
	eachLevel(t, func(t *testing.T, k *Kernels) {
		r := rand.New(rand.NewPCG(1, 42))
		m := newTilesCase(t, r, tiles.Shape{Rows: rows, Cols: cols, BlockRows: 17}, func(b []byte) []byte { return b })
		c := integerCaseOf(r, 0, rows, cols, batch)
		all, tiled := make([]float32, batch*rows), make([]float32, batch*rows)
		k.DotIntegers(all, rows, c.quantized(k), m.idx, rows)
		k.DotIntegersTiles(tiled, rows, c.quantized(k), m.m, 0, rows)
		for b := 0; b < batch; b += 9 {
			one := *c
			one.batch, one.x = 1, c.x[b*cols:][:cols]
			want := make([]float32, rows)
			k.DotIntegers(want, rows, one.quantized(k), m.idx, rows)
			wantBits(t, fmt.Sprint("vector ", b), all[b*rows:][:rows], want)
			wantBits(t, fmt.Sprint("vector ", b, ", tiles"), tiled[b*rows:][:rows], want)
		}
	})
}
