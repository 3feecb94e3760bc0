package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// tilesCase is a random matrix of codes, and packed.
type tilesCase struct {
	tiles.Shape
	idx []byte
	m   *tiles.Matrix
}

func newTilesCase(t testing.TB, r *rand.Rand, shape tiles.Shape, place func(b []byte) []byte) tilesCase {
	t.Helper()
	c := tilesCase{Shape: shape, idx: make([]byte, shape.Rows*shape.Cols)}
	spread, far := 0.0, r.IntN(3*c.Rows) // a row of many exceptions, if there is such a row
	for j := range c.Cols {
		if j%48 == 0 { // another one
			spread = float64(1+r.IntN(60)) * r.Float64()
		}
		for i := range c.Rows {
			z := r.NormFloat64() * spread
			if i == far {
				z *= 10
			}
			c.idx[i*c.Cols+j] = byte(max(-128, min(int(z), 127)) + tiles.Zero)
		}
	}
	c.pack(t, place)
	return c
}

func (c *tilesCase) pack(t testing.TB, place func(b []byte) []byte) {
	t.Helper()
	var size tiles.Size
	block := func(first int) []byte { return c.idx[first*c.Cols : min(first+c.BlockRows, c.Rows)*c.Cols] }
	for first := 0; first < c.Rows; first += c.BlockRows {
		for rows := block(first); len(rows) > 0; {
			n := min(tiles.Rows*c.Cols, len(rows))
			size.Add(tiles.Measure(rows[:n], c.Cols))
			rows = rows[n:]
		}
	}
	n, err := c.Bytes(size)
	if err == nil {
		c.m, err = tiles.New(place(make([]byte, n)), c.Shape, size)
	}
	if err != nil {
		t.Fatal(err)
	}
	for first := 0; first < c.Rows; first += c.BlockRows {
		if err := c.m.Pack(first, block(first), tiles.Portable{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTiles reads strips, rows and columns of random matrices, and multiplies by them, on every level.
func TestTiles(t *testing.T) {
	testTiles(t, func(b []byte, _ bool) []byte { return b })
}

// testTiles has place put what is read and written somewhere, at an end or a beginning.
func testTiles(t *testing.T, place func(b []byte, atEnd bool) []byte) {
	eachLevel(t, func(t *testing.T, k *Kernels) {
		for i := range 150 {
			r := rand.New(rand.NewPCG(uint64(i), 77))
			shape := tiles.Shape{Rows: 1 + r.IntN(60), Cols: 1 + r.IntN(500)}
			shape.BlockRows = 1 + r.IntN(shape.Rows+3)
			atEnd := i%2 == 0
			at := func(b []byte) []byte { return place(b, atEnd) }
			c := newTilesCase(t, r, shape, at)
			name := fmt.Sprintf("case %d: %+v", i, shape)
			first := r.IntN(c.Rows)
			rows := 1 + r.IntN(c.Rows-first)

			n, _ := c.m.Place(first)
			strip, want := c.m.Strip(n), c.m.Strip(n)
			for len(strip.Widths) > 0 {
				some := 1 + r.IntN(len(strip.Widths))
				if some < len(strip.Widths) {
					some += some % tiles.GroupTiles
				}
				got, wanted := at(make([]byte, some*tiles.Bytes)), make([]byte, some*tiles.Bytes)
				k.unpackStrip(got, &strip, some)
				want.Unpack(wanted, some)
				if !bytes.Equal(got, wanted) || len(strip.Counts) != len(want.Counts) || len(strip.Exceptions) != len(want.Exceptions) || len(strip.Lines) != len(want.Lines) {
					t.Fatalf("%s: %d tiles are others", name, some)
				}
				ld := some*tiles.Columns + r.IntN(9)
				out, rowMajor := at(make([]byte, 15*ld+some*tiles.Columns)), make([]byte, 15*ld+some*tiles.Columns)
				k.deinterleave(out, ld, got)
				tiles.Deinterleave(rowMajor, ld, got, some*tiles.Columns)
				if !bytes.Equal(out, rowMajor) {
					t.Fatalf("%s: %d tiles are other rows", name, some)
				}
			}

			table, batch := NewTable(values(r, 256, false)), 1+r.IntN(9)
			x := values(r, batch*c.Cols, true)
			var packed Activations
			packed.Pack(x, batch, c.Cols)
			y, wanted := make([]float32, batch*rows), make([]float32, batch*rows)
			k.DotRowsTiles(y, rows, &packed, table, c.m, first, rows)
			k.DotRows(wanted, rows, &packed, table, c.idx[first*c.Cols:][:rows*c.Cols], rows)
			wantBits(t, name, y, wanted)

			column := r.IntN(c.Cols)
			cols := 1 + r.IntN(c.Cols-column)
			x = values(r, batch*rows, false)
			y, wanted = make([]float32, batch*cols), make([]float32, batch*cols)
			k.AccumulateColumnsTiles(y, cols, x, rows, batch, table, c.m, first, rows, column, cols)
			k.AccumulateRows(wanted, cols, x, rows, batch, table, c.idx[first*c.Cols+column:], c.Cols, rows, cols)
			wantBits(t, name, y, wanted)
		}
	})
}

// BenchmarkTiles unpacks codes of several spreads, and multiplies by them.
func BenchmarkTiles(b *testing.B) {
	const rows, cols = 256, 2048
	for _, spread := range []float64{0.8, 1.2, 1.6, 2.5, 4, 6, 9} {
		r := rand.New(rand.NewPCG(1, 2))
		c := tilesCase{Shape: tiles.Shape{Rows: rows, Cols: cols, BlockRows: rows}, idx: make([]byte, rows*cols)}
		for i := range c.idx {
			c.idx[i] = byte(max(-128, min(int(math.RoundToEven(r.NormFloat64()*spread)), 127)) + tiles.Zero)
		}
		c.pack(b, func(b []byte) []byte { return b })
		var size tiles.Size
		for i := range rows / tiles.Rows {
			s := c.m.Strip(i)
			size.Add(tiles.Size{Lines: int64(len(s.Lines) / tiles.Line), Exceptions: int64(len(s.Exceptions))})
		}
		bytes, err := c.Bytes(size)
		if err != nil {
			b.Fatal(err)
		}
		name := fmt.Sprintf("%.2f+%.2f bits", float64(size.Lines*tiles.Line*8)/(rows*cols), float64(size.Exceptions*8)/(rows*cols))
		var values [256]float32
		for i := range values {
			values[i] = float32(i - tiles.Zero)
		}
		table := NewTable(values[:])
		for _, level := range []Level{Generic, AVX2, VBMI} {
			k, err := ForLevel(level)
			if err != nil {
				continue
			}
			panel := make([]byte, panelTiles*tiles.Bytes)
			b.Run(fmt.Sprintf("%s/%s/unpack", level, name), func(b *testing.B) {
				perWeight(b, int(bytes), rows*cols, func() {
					for i := range rows / tiles.Rows {
						for s := c.m.Strip(i); len(s.Widths) > 0; {
							k.unpackStrip(panel, &s, panelTiles)
						}
					}
				})
			})
			if level == Generic {
				continue
			}
			for _, batch := range []int{1, 64} {
				var x Activations
				x.Pack(benchInput(batch*cols), batch, cols)
				y := make([]float32, batch*rows)
				b.Run(fmt.Sprintf("%s/%s/batch=%d", level, name, batch), func(b *testing.B) {
					perWeight(b, int(bytes), rows*cols*batch, func() { k.DotRowsTiles(y, rows, &x, table, c.m, 0, rows) })
				})
			}
		}
	}
}

// TestTileCoders: every level packs as the portable one does.
func TestTileCoders(t *testing.T) { testTileCoders(t, func(b []byte, _ bool) []byte { return b }) }

func testTileCoders(t *testing.T, place func(b []byte, atEnd bool) []byte) {
	eachLevel(t, func(t *testing.T, k *Kernels) {
		by, portable := k.TileCoder(), tiles.Portable{}
		for i := range 400 {
			r := rand.New(rand.NewPCG(uint64(i), 78))
			atEnd, ld := i%2 == 0, tiles.Columns+r.IntN(9)
			rows := place(make([]byte, 15*ld+tiles.Columns), atEnd)
			spread := 50 * r.Float64() * r.Float64()
			for j := range rows {
				switch rows[j] = byte(max(-128, min(int(r.NormFloat64()*spread), 127)) + tiles.Zero); {
				case i < 4:
					rows[j] = []byte{0, 255, tiles.Zero, 127}[i] // all of a kind
				case r.IntN(1+i/4) == 0:
					rows[j] = byte(r.Uint32())
				}
			}
			tile, want := (*[tiles.Bytes]byte)(place(make([]byte, tiles.Bytes), atEnd)), new([tiles.Bytes]byte)
			by.Interleave(tile, rows, ld)
			portable.Interleave(want, rows, ld)
			if *tile != *want {
				t.Fatalf("case %d: another tile", i)
			}
			if got, want := by.Entries(tile), portable.Entries(want); got != want {
				t.Fatalf("case %d: %x entries, want %x", i, got, want)
			}
			for _, width := range []int{0, 2, 3, 4, 5, 6, 7, 8} {
				var got, wanted [tiles.Bytes / tiles.Line]uint64
				if width < 8 {
					by.Outside(&got, tile, width)
					portable.Outside(&wanted, want, width)
				}
				lines, wantLines := place(make([]byte, width*tiles.Line), atEnd), make([]byte, width*tiles.Line)
				by.Pack(lines, tile, width)
				portable.Pack(wantLines, want, width)
				if got != wanted || !bytes.Equal(lines, wantLines) {
					t.Fatalf("case %d: %d bits are others", i, width)
				}
			}
		}
	})
}
