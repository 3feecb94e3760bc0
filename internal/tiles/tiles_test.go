package tiles

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// randomCodes returns rows of codes whose spread changes along them, from all 0 to any byte, with a few far ones, and
// sometimes a row of them.
func randomCodes(r *rand.Rand, rows, cols int) []byte {
	codes := make([]byte, rows*cols)
	spread, rare, farRow := r.IntN(140), r.IntN(200), r.IntN(4*rows)
	if r.IntN(3) == 0 {
		spread = r.IntN(8)
	}
	for j := range cols {
		if r.IntN(20) == 0 {
			spread = r.IntN(140)
		}
		for i := range rows {
			z := 0
			if spread > 0 {
				z = (r.IntN(2*spread)+r.IntN(2*spread))/2 - spread
			}
			if rare > 0 && r.IntN(rare) == 0 {
				z = r.IntN(256) - 128
			}
			if i == farRow {
				z *= 1 + r.IntN(9)
			}
			codes[i*cols+j] = byte(max(-128, min(z, 127)) + Zero)
		}
	}
	return codes
}

// packed packs codes, blocks in any order, and at once.
func packed(t testing.TB, r *rand.Rand, s Shape, codes []byte) *Matrix {
	t.Helper()
	var size Size
	for first := 0; first < s.Rows; first += s.BlockRows {
		end := min(first+s.BlockRows, s.Rows)
		for row := first; row < end; row += Rows {
			size.Add(Measure(codes[row*s.Cols:min(row+Rows, end)*s.Cols], s.Cols))
		}
	}
	n, err := s.Bytes(size)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, n)
	for i := range buf {
		buf[i] = byte(r.Uint32()) // packing replaces what was there
	}
	m, err := New(buf, s, size)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, block := range r.Perm(s.blocks()) {
		first := block * s.BlockRows
		all.Go(func() {
			if err := m.Pack(first, codes[first*s.Cols:min(first+s.BlockRows, s.Rows)*s.Cols], Portable{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if m.usedLines.Load() != size.Lines || m.usedExceptions.Load() != size.Exceptions {
		t.Fatalf("%d lines and %d exceptions used, measured %+v", m.usedLines.Load(), m.usedExceptions.Load(), size)
	}
	return m
}

// TestRoundTrip packs random matrices and unpacks rows and panels of strips.
func TestRoundTrip(t *testing.T) {
	for i := range 300 {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		s := Shape{1 + r.IntN(70), 1 + r.IntN(300), 0}
		s.BlockRows = 1 + r.IntN(s.Rows+5)
		codes := randomCodes(r, s.Rows, s.Cols)
		m := packed(t, r, s, codes)
		first := r.IntN(s.Rows)
		rows := 1 + r.IntN(s.Rows-first)
		got := make([]byte, rows*s.Cols)
		m.Unpack(got, first)
		if !bytes.Equal(got, codes[first*s.Cols:][:len(got)]) {
			t.Fatalf("case %d, %+v: rows %d..%d changed", i, s, first, first+rows)
		}
		want := make([]byte, s.tilesPerStrip()*Bytes)
		k, from := m.Place(first)
		end := min(first-from+Rows, first-first%s.BlockRows+s.BlockRows, s.Rows)
		for i := range want {
			want[i] = Zero
		}
		for i, code := range codes[(first-from)*s.Cols : end*s.Cols] {
			r, c := i/s.Cols, i%s.Cols
			want[c/4*Line+4*r+c%4] = code
		}
		if byDefinition := unpackByDefinition(m.Strip(k)); !bytes.Equal(byDefinition, want) {
			t.Fatalf("case %d, %+v: strip %d is another by definition", i, s, k)
		}
		strip, out := m.Strip(k), make([]byte, len(want))
		copy(out, want)
		for at := 0; at < len(out); {
			n := r.IntN(len(strip.Widths) + 1)
			if n < len(strip.Widths) {
				n -= n % GroupTiles
			}
			if r.IntN(2) == 0 {
				strip.Skip(n)
			} else {
				clear(out[at:][:n*Bytes])
				strip.Unpack(out[at:], n)
			}
			at += n * Bytes
		}
		if !bytes.Equal(out, want) || len(strip.Lines) != 0 || len(strip.Counts) != 0 || len(bytes.Trim(strip.Exceptions, "\x00")) != 0 {
			t.Fatalf("case %d, %+v: strip %d changed", i, s, k)
		}
	}
}

// unpackByDefinition is what the package's comment says, code by code.
func unpackByDefinition(s Strip) []byte {
	out := make([]byte, len(s.Widths)*Bytes)
	lines := s.Lines
	for k, width := range s.Widths {
		b := int(width)
		for i := range Bytes {
			quad, u, place, part := i/Line, 0, 0, lines
			for _, w := range []int{8, 4, 2, 1} {
				if b&w == 0 {
					continue
				}
				line := part[quad*w/8*Line:]
				u |= int(line[i%Line]) >> (quad * w % 8) & (1<<w - 1) << place
				place, part = place+w, part[w*Line:]
			}
			out[k*Bytes+i] = byte(u - 1<<b>>1 + Zero)
		}
		lines = lines[b*Line:]
	}
	list := s.Exceptions
	for g := 0; g < len(s.Counts); g += 8 {
		count := func(row int) int { return int(s.Counts[g+row/2]) >> (row % 2 * 4) & 15 }
		take := func(row int) (end bool) {
			e := list[0]
			list = list[1:]
			k, q := g/4+int(e&63)/32, int(e&31)/4
			step := 1 << s.Widths[k]
			if e > 127 {
				step = -step
			}
			out[k*Bytes+q*Line+4*row+int(e&3)] += byte(step)
			return e&64 != 0
		}
		for _, slots := range [][2]int{{0, 4}, {4, 8}, {8, 12}, {12, 14}} {
			for row := range Rows {
				for slot := slots[0]; slot < min(slots[1], count(row)); slot++ {
					take(row)
				}
			}
		}
		for row := range Rows {
			for ends := count(row) < 15; !ends; {
				ends = take(row)
			}
		}
	}
	return out
}

// TestWidths takes tiles whose width is known.
func TestWidths(t *testing.T) {
	for _, c := range []struct {
		name              string
		codes             func(i int) int
		lines, exceptions int64
	}{
		{"zeros", func(int) int { return 0 }, 0, 0},
		{"one far off", func(i int) int { return 40 * (i / 511) }, 0, 40 + 511/127},
		{"two bits", func(i int) int { return i%4 - 2 }, 2, 0},
		{"three bits", func(i int) int { return i%8 - 4 }, 3, 0},
		{"seven bits", func(i int) int { return i%128 - 64 }, 7, 0},
		{"any", func(i int) int { return i%256 - 128 }, 8, 0},
		{"least", func(int) int { return -128 }, 8, 0},
		{"a few beyond three bits", func(i int) int { return i%8 - 4 + i%64/63 }, 3, 8},
		{"a few twice beyond", func(i int) int { return i%8 - 4 + i%64/63*9 }, 3, 16},
	} {
		codes := make([]byte, Bytes)
		for i := range codes { // of a tile, put in rows
			codes[i/4%16*Columns+i/64*4+i%4] = byte(c.codes(i) + Zero)
		}
		if got := Measure(codes, Columns); got != (Size{c.lines, c.exceptions}) {
			t.Errorf("%s: %+v, want %d lines and %d exceptions", c.name, got, c.lines, c.exceptions)
		}
		s := Shape{Rows, Columns, Rows}
		got := make([]byte, Bytes)
		packed(t, rand.New(rand.NewPCG(1, 1)), s, codes).Unpack(got, 0)
		if !bytes.Equal(got, codes) {
			t.Errorf("%s: changed", c.name)
		}
	}
}

// TestCheapest compares the width of random tiles with the cheapest by trying all.
func TestCheapest(t *testing.T) {
	for i := range 2000 {
		r := rand.New(rand.NewPCG(uint64(i), 2))
		p := packer{by: Portable{}}
		p.load(randomCodes(r, Rows, Columns), Columns, 0)
		best, want, wantEntries := -1, 0, 0
		for width := maxWidth; width >= 0; width-- {
			n := 0
			for _, code := range p.tile {
				n += max(left(code, width), -left(code, width))
			}
			if price := width*linePrice + n*entryPrice; width != 1 && (best < 0 || price < best) {
				best, want, wantEntries = price, width, n
			}
		}
		if width, entries := cheapest(p.by.Entries(&p.tile)); width != want || entries != wantEntries {
			t.Fatalf("tile %d: %d bits and %d entries, %d bits and %d are cheaper", i, width, entries, want, wantEntries)
		}
	}
}

// TestLists: a group's list has the entries of each row in order, whatever their number.
func TestLists(t *testing.T) {
	for i := range 500 {
		r := rand.New(rand.NewPCG(uint64(i), 3))
		var g groupList
		want, entries := make([]byte, GroupTiles*Bytes), 0
		for row := range Rows {
			for n := r.IntN(1 + r.IntN(40)); n > 0; n-- {
				at, e := r.IntN(len(want)/Rows), 1+r.IntN(3)
				at = at/4*Line + 4*row + at%4
				entries += e
				if r.IntN(2) == 0 {
					e = -e
				}
				g.add(at, e)
				want[at] += byte(8 * e)
			}
		}
		counts := make([]byte, CountsSize)
		list := g.put(counts, nil)
		if len(list) != entries {
			t.Fatalf("case %d: %d bytes for %d entries", i, len(list), entries)
		}
		word, dst := binary.LittleEndian.Uint64(counts), make([]byte, len(want))
		list = append(list, 1, 2, 3)
		if rest := correctGroup(dst, []byte{3, 3}, word, list); len(rest) != 3 || !bytes.Equal(dst, want) {
			t.Fatalf("case %d: another group, %d bytes left", i, len(rest))
		}
		if rest := skipGroup(word, list); len(rest) != 3 {
			t.Fatalf("case %d: skipped all but %d bytes", i, len(rest))
		}
	}
}

// TestRefuse has less room than the codes take, and sizes of no matrix.
func TestRefuse(t *testing.T) {
	s := Shape{16, 64, 16}
	codes := bytes.Repeat([]byte{Zero - 1, Zero + 1, Zero, Zero + 3}, 256)
	codes[7] = 255
	size := Measure(codes, 64)
	for _, less := range []Size{{1, 0}, {0, 1}} {
		small := Size{size.Lines - less.Lines, size.Exceptions - less.Exceptions}
		n, err := s.Bytes(small)
		if err != nil {
			t.Fatal(err)
		}
		m, err := New(make([]byte, n), s, small)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Pack(0, codes, Portable{}); !errors.Is(err, ErrSize) {
			t.Errorf("%+v in room for %+v: %v", size, small, err)
		}
	}
	for _, c := range []struct {
		Shape
		Size
	}{
		{s, Size{-1, 0}}, {s, Size{0, -1}}, {s, Size{17, 0}}, {s, Size{0, 2000}}, {s, Size{8, 700}}, {s, Size{1 << 62, 0}},
		{Shape{0, 1, 1}, Size{}}, {Shape{1, 0, 1}, Size{}}, {Shape{1, 1, 0}, Size{}}, {Shape{1 << 40, 1 << 40, 1}, Size{}},
		{Shape{1 << 40, 1 << 10, 16}, Size{1 << 33, 0}}, {Shape{1 << 40, 1 << 10, 16}, Size{0, 1 << 33}},
	} {
		if n, err := c.Bytes(c.Size); !errors.Is(err, ErrSize) {
			t.Errorf("%+v: %d bytes, %v", c, n, err)
		}
	}
	if _, err := New(make([]byte, 10), s, size); !errors.Is(err, ErrSize) {
		t.Errorf("a short buffer: %v", err)
	}
}

func BenchmarkStrip(b *testing.B) {
	for _, spread := range []int{1, 2, 3, 5, 10, 30} {
		r := rand.New(rand.NewPCG(1, 2))
		s := Shape{64, 4096, 64}
		codes := make([]byte, s.Rows*s.Cols)
		for i := range codes {
			codes[i] = byte(max(-128, min(127, int(r.NormFloat64()*float64(spread)))) + Zero)
		}
		m := packed(b, r, s, codes)
		name := fmt.Sprintf("%.2f bits", 8*float64(m.usedLines.Load()*Line+m.usedExceptions.Load())/float64(len(codes)))
		run := func(what string, do func()) {
			b.Run(name+"/"+what, func(b *testing.B) {
				best := time.Duration(math.MaxInt64)
				for b.Loop() {
					start := time.Now()
					do()
					best = min(best, time.Since(start))
				}
				b.ReportMetric(float64(len(codes))/best.Seconds()/1e9, "best-Gcodes/s")
			})
		}
		dst := make([]byte, panelTiles*Bytes)
		run("unpack", func() {
			for i := range 4 {
				for strip := m.Strip(i); len(strip.Widths) > 0; {
					strip.Unpack(dst, panelTiles)
				}
			}
		})
		run("measure", func() {
			for row := 0; row < s.Rows; row += Rows {
				Measure(codes[row*s.Cols:][:Rows*s.Cols], s.Cols)
			}
		})
		run("pack", func() {
			m.usedLines.Store(0)
			m.usedExceptions.Store(0)
			if err := m.Pack(0, codes, Portable{}); err != nil {
				b.Fatal(err)
			}
		})
	}
}
