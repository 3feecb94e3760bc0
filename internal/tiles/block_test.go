package tiles

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBlocks packs blocks by themselves, opens them, and puts them together to the matrix that packing all of it makes.
func TestBlocks(t *testing.T) {
	for i := range 200 {
		r := rand.New(rand.NewPCG(uint64(i), 3))
		s := Shape{1 + r.IntN(70), 1 + r.IntN(300), 0}
		s.BlockRows = 1 + r.IntN(s.Rows+5)
		codes := randomCodes(r, s.Rows, s.Cols)
		m := packed(t, r, s, codes)
		size := Size{m.usedLines.Load(), m.usedExceptions.Load()}
		n, _ := s.Bytes(size)
		whole, err := New(make([]byte, n), s, size)
		if err != nil {
			t.Fatal(err)
		}
		var block Matrix
		for _, k := range r.Perm(s.blocks()) {
			first := k * s.BlockRows
			rows := min(s.BlockRows, s.Rows-first)
			part := codes[first*s.Cols:][:rows*s.Cols]
			b := AppendBlock([]byte{1, 2}, part, s.Cols, Portable{})
			if most, err := (Shape{rows, s.Cols, rows}).MostOfBlock(); b[0] != 1 || b[1] != 2 || err != nil || int64(len(b)-2) > most {
				t.Fatalf("case %d: %d bytes of %d, %v", i, len(b)-2, most, err)
			}
			if err := block.Open(b[2:], rows, s.Cols); err != nil {
				t.Fatalf("case %d: %v", i, err)
			}
			got := make([]byte, len(part))
			if block.Unpack(got, 0); !bytes.Equal(got, part) {
				t.Fatalf("case %d: block %d changed", i, k)
			}
			row, place := r.IntN(rows), r.IntN(s.Cols)
			if code := block.Code(row, place); code != part[row*s.Cols+place] {
				t.Fatalf("case %d: code %d, want %d", i, code, part[row*s.Cols+place])
			}
			if err := whole.Put(first, &block); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, len(codes))
		if whole.Unpack(got, 0); !bytes.Equal(got, codes) {
			t.Fatalf("case %d: blocks put together are others", i)
		}
	}
}

// TestPutRefuses has less room than a block takes.
func TestPutRefuses(t *testing.T) {
	s := Shape{16, 64, 16}
	codes := bytes.Repeat([]byte{Zero - 1, Zero + 1, Zero, Zero + 3}, 256)
	codes[7] = 255
	size := Measure(codes, 64)
	var block Matrix
	if err := block.Open(AppendBlock(nil, codes, 64, Portable{}), 16, 64); err != nil {
		t.Fatal(err)
	}
	for _, less := range []Size{{0, 0}, {1, 0}, {0, 1}} {
		small := Size{size.Lines - less.Lines, size.Exceptions - less.Exceptions}
		n, err := s.Bytes(small)
		if err != nil {
			t.Fatal(err)
		}
		m, err := New(make([]byte, n), s, small)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Put(0, &block); (err == nil) != (less == Size{}) || err != nil && !errors.Is(err, ErrSize) {
			t.Errorf("%+v in room for %+v: %v", size, small, err)
		}
	}
}

// TestBlockDamage changes every byte of a block: it is refused, or can be read as something else.
func TestBlockDamage(t *testing.T) {
	const rows, cols = 21, 70
	r := rand.New(rand.NewPCG(1, 4))
	codes := randomCodes(r, rows, cols)
	good := AppendBlock(nil, codes, cols, Portable{})
	var m Matrix
	if err := m.Open(good, rows, cols); err != nil || len(m.exceptions) == 0 {
		t.Fatal(err)
	}
	tail := len(m.lines) + len(m.exceptions) + len(m.counts)
	refused := 0
	for i := range good {
		for _, flip := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 255} {
			b := bytes.Clone(good)
			b[i] ^= flip
			known := m.OpenKnown(b, rows, cols)
			if known == nil {
				m.Unpack(make([]byte, len(codes)), 0)
			}
			err := m.Open(b, rows, cols)
			if err == nil {
				if known != nil {
					t.Errorf("byte %d ^ %#x: known no more: %v", i, flip, known)
				}
				m.Unpack(make([]byte, len(codes)), 0)
				if at := i - tail - len(m.widths); i >= tail && (at < 0 || at%indexSize < 4) { // not where a list ends
					t.Errorf("byte %d ^ %#x of widths and lines: taken", i-tail, flip)
				}
				continue
			}
			refused++
			if !errors.Is(err, ErrForm) && !errors.Is(err, ErrSize) {
				t.Fatal(err)
			}
		}
	}
	if refused == 0 {
		t.Error("nothing refused")
	}
	for n := range good {
		if err := m.Open(good[:n], rows, cols); err == nil {
			t.Errorf("the first %d bytes: taken", n)
		}
	}
	for name, b := range map[string][]byte{
		"longer": append(bytes.Clone(good), 0), "another in front": append([]byte{0}, good...), "none": nil,
		"huge": append(bytes.Clone(good[:len(good)-8]), slices.Repeat([]byte{255}, 8)...),
	} {
		if err := m.Open(b, rows, cols); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, shape := range [][2]int{{rows, cols + 32}, {rows + 16, cols}, {0, cols}, {rows, 0}, {-1, -1}, {math.MaxInt, 2}, {1 << 31, 1 << 31}} {
		if err := m.Open(good, shape[0], shape[1]); err == nil {
			t.Errorf("%v: taken", shape)
		}
	}
}

// TestTileWidths: every width that a tile may have is taken, and no other, where the lines are there.
func TestTileWidths(t *testing.T) {
	for width := range 12 {
		b := make([]byte, width*Line+CountsSize+1+2*indexSize)
		b[width*Line+CountsSize] = byte(width)
		b[len(b)-indexSize] = byte(width)
		var m Matrix
		if err := m.Open(b, 16, 32); (err == nil) != (width != 1 && width <= 8) {
			t.Errorf("%d bits: %v", width, err)
		}
	}
}

// TestExceptionsRefused: entries that lead beyond a byte, or are not in order, are refused, and those beside them taken.
func TestExceptionsRefused(t *testing.T) {
	const minus = negative
	for name, c := range map[string]struct {
		widths []byte
		bits   byte // of all lines
		rows   [Rows][]byte
		ok     bool
	}{
		"none":                  {[]byte{4, 4}, 0, [Rows][]byte{}, true},
		"one":                   {[]byte{4, 4}, 0, [Rows][]byte{3: {63}}, true},
		"of one tile":           {[]byte{4}, 0, [Rows][]byte{3: {31}}, true},
		"beyond one tile":       {[]byte{4}, 0, [Rows][]byte{3: {32}}, false},
		"ascending":             {[]byte{4, 4}, 0, [Rows][]byte{0: {1, 2, 2, minus | 9}}, true},
		"descending":            {[]byte{4, 4}, 0, [Rows][]byte{0: {2, 1}}, false},
		"there and back":        {[]byte{4, 4}, 0, [Rows][]byte{0: {2, minus | 2}}, false},
		"up from the lowest":    {[]byte{4, 4}, 0, [Rows][]byte{5: slices.Repeat([]byte{7}, 8)}, true},
		"up and over":           {[]byte{4, 4}, 0, [Rows][]byte{5: slices.Repeat([]byte{7}, 9)}, false},
		"up from the highest":   {[]byte{4, 4}, 255, [Rows][]byte{5: slices.Repeat([]byte{7}, 8)}, false},
		"down from the highest": {[]byte{4, 4}, 255, [Rows][]byte{5: slices.Repeat([]byte{minus | 7}, 8)}, true},
		"down from the lowest":  {[]byte{4, 4}, 0, [Rows][]byte{5: slices.Repeat([]byte{minus | 7}, 8)}, false},
		"127 of no bits":        {[]byte{0, 0}, 0, [Rows][]byte{15: slices.Repeat([]byte{7}, 127)}, true},
		"128 of no bits":        {[]byte{0, 0}, 0, [Rows][]byte{15: slices.Repeat([]byte{7}, 128)}, false},
		"-128 of no bits":       {[]byte{0, 0}, 0, [Rows][]byte{15: slices.Repeat([]byte{minus | 7}, 128)}, true},
		"-129 of no bits":       {[]byte{0, 0}, 0, [Rows][]byte{15: slices.Repeat([]byte{minus | 7}, 129)}, false},
		"of eight bits":         {[]byte{4, 8}, 0, [Rows][]byte{2: {33}}, false},
		"of seven bits":         {[]byte{4, 7}, 0, [Rows][]byte{2: {33}}, true},
		"of seven bits, over":   {[]byte{4, 7}, 255, [Rows][]byte{2: {33}}, false},
	} {
		lines := 0
		for _, width := range c.widths {
			lines += int(width)
		}
		g := groupList(c.rows)
		counts := make([]byte, CountsSize)
		list := g.put(counts, nil)
		b := append(bytes.Repeat([]byte{c.bits}, lines*Line), list...)
		b = append(append(append(b, counts...), c.widths...), make([]byte, 2*indexSize)...)
		putIndex(b[len(b)-indexSize:], Size{int64(lines), int64(len(list))})
		var m Matrix
		if err := m.Open(b, 16, len(c.widths)*Columns); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzOpen: whatever is opened can be read, by strips, rows and codes.
func FuzzOpen(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 5))
	for _, shape := range [][2]int{{1, 1}, {16, 32}, {20, 70}} {
		f.Add(AppendBlock(nil, randomCodes(r, shape[0], shape[1]), shape[1], Portable{}), shape[0], shape[1])
	}
	f.Fuzz(func(t *testing.T, b []byte, rows, cols int) {
		var m Matrix
		known := m.OpenKnown(b, rows, cols)
		if known == nil && cols <= 1<<20/rows {
			m.Unpack(make([]byte, rows*cols), 0)
		}
		if err := m.Open(b, rows, cols); err != nil {
			if !errors.Is(err, ErrForm) && !errors.Is(err, ErrSize) {
				t.Fatal(err)
			}
			return
		}
		if known != nil {
			t.Fatal("known no more:", known)
		}
		if cols > 1<<20/rows {
			return // true, but much work
		}
		codes := make([]byte, rows*cols)
		m.Unpack(codes, 0)
		if code := m.Code(rows-1, cols-1); code != codes[len(codes)-1] {
			t.Fatalf("%d and %d", code, codes[len(codes)-1])
		}
		size := getIndex(m.index[len(m.index)-indexSize:])
		whole, err := New(make([]byte, len(b)), m.shape, size)
		if err != nil {
			t.Fatal(err)
		}
		if err := whole.Put(0, &m); err != nil {
			t.Fatal(err)
		}
		again := make([]byte, len(codes))
		if whole.Unpack(again, 0); !bytes.Equal(again, codes) {
			t.Fatal("another matrix")
		}
	})
}
