package codec

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// latticeBlock draws codes [rows, starts[len-1]]: columns of class k have the spread 2^(k-1), rows
// one of three.
func latticeBlock(seed uint64, rows int, starts []int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	width := starts[len(starts)-1]
	b := make([]byte, rows*width)
	for i := range b {
		k := 0
		for i%width >= starts[k+1] {
			k++
		}
		z := math.Round(r.NormFloat64() * math.Exp2(float64(k-1+i/width%3)))
		b[i] = byte(128 + max(-128, min(127, z)))
	}
	return b
}

var latticeCodecs = []string{"rans", "alias"}

// modelOf counts a block of rows and makes the model of it for a codec, with at most n classes of rows.
func modelOf(name string, block []byte, starts []int, n int) *LatticeModel {
	starts = LatticeStarts(name, starts)
	classes, width := len(starts)-1, starts[len(starts)-1]
	counts := LatticeCounts{Codec: name, Starts: starts}
	rows := len(block) / width
	squares := make([][latticeClasses]int64, rows)
	var total [latticeClasses]int64
	for i, code := range block {
		k := 0
		for i%width >= starts[k+1] {
			k++
		}
		z := int64(code) - 128
		squares[i/width][k] += z * z
		total[k] += z * z
	}
	for k := range classes {
		counts.Columns = append(counts.Columns, Spread(float64(total[k])/float64(rows*max(1, starts[k+1]-starts[k]))))
	}
	slices.Sort(counts.Columns)
	spreads := make([]int, rows)
	for i := range spreads {
		spreads[i] = RowSpread(&squares[i], counts.Columns, width)
	}
	of, means := Classes(spreads, n)
	counts.Rows = means
	for range means {
		counts.Codes = append(counts.Codes, make([][256]uint64, classes))
	}
	for i, code := range block {
		k := 0
		for i%width >= starts[k+1] {
			k++
		}
		counts.Codes[of[i/width]][k][code]++
	}
	return counts.Model()
}

func TestLatticeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		starts := []int{0}
		for range rapid.IntRange(1, 16).Draw(t, "classes") {
			starts = append(starts, starts[len(starts)-1]+rapid.IntRange(1, 40).Draw(t, "columns"))
		}
		rows := rapid.IntRange(1, 40).Draw(t, "rows")
		block := latticeBlock(rapid.Uint64().Draw(t, "seed"), rows, starts)
		name := rapid.SampledFrom(latticeCodecs).Draw(t, "codec")
		m := modelOf(name, block, starts, rapid.IntRange(1, 16).Draw(t, "row classes"))
		text := m.Append(nil)
		read, err := ParseLatticeModel(name, text, starts)
		if err != nil || !bytes.Equal(read.Append(nil), text) {
			t.Fatalf("the model is read back as %v, %v", read, err)
		}
		packed, err := NewLattice(m).Encode([]byte("x"), block)
		if err != nil || packed[0] != 'x' || len(packed) > 1+len(block) {
			t.Fatal(err)
		}
		got := make([]byte, len(block))
		if err := NewLattice(read).Decode(got, packed[1:]); err != nil || !bytes.Equal(got, block) {
			t.Fatalf("%d bytes packed to %d: %v", len(block), len(packed)-1, err)
		}
	})
}

// With rans, a block with a code that has no frequency is stored.
func TestLatticeOtherCodes(t *testing.T) {
	starts := []int{0, 100, 200, 400}
	all := latticeBlock(1, 640, starts)
	c := NewLattice(modelOf("rans", all, starts, 8))
	for i := range 5 {
		block := bytes.Clone(all[i*61*400:][:61*400])
		if i == 4 {
			block[7] = 255
		}
		packed, err := c.Encode(nil, block)
		if err != nil || (len(packed) == len(block)) != (i == 4) {
			t.Errorf("%d bytes packed to %d: %v", len(block), len(packed), err)
		}
		got := make([]byte, len(block))
		if err := c.Decode(got, packed); err != nil || !bytes.Equal(got, block) {
			t.Error(err)
		}
	}
	if _, err := c.Encode(nil, make([]byte, 401)); !errors.Is(err, ErrLength) {
		t.Error(err)
	}
	if err := c.Decode(make([]byte, 401), make([]byte, 401)); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

func TestLatticeConstant(t *testing.T) {
	starts := []int{0, 1024}
	block := bytes.Repeat([]byte{128}, 256*1024)
	for _, name := range latticeCodecs {
		packed, err := NewLattice(modelOf(name, block, starts, 16)).Encode(nil, block)
		if err != nil || overpacked(len(packed), len(block)) || len(packed) > len(block)/300 {
			t.Errorf("%s: %d bytes packed to %d: %v", name, len(block), len(packed), err)
		}
	}
}

// Rows and columns of unlike spread cost what they would by themselves.
func TestLatticeKnowsSpreads(t *testing.T) {
	starts := []int{0, 64, 128, 192, 256}
	block := latticeBlock(3, 999, starts)
	ideal := 0.0 // the entropies of rows of one spread and columns of one class
	for r := range 3 {
		for k := range 4 {
			var counts [256]float64
			n := 0.0
			for i := r; i < 999; i += 3 {
				for _, code := range block[i*256+starts[k] : i*256+starts[k+1]] {
					counts[code]++
					n++
				}
			}
			for _, c := range counts {
				if c > 0 {
					ideal -= c * math.Log2(c/n) / 8
				}
			}
		}
	}
	for name, most := range map[string]float64{"rans": 1.006*ideal + 128 + 500, "alias": 1.012*ideal + 256 + 500} { // states, rows' classes
		packed, err := NewLattice(modelOf(name, block, starts, 16)).Encode(nil, block)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, ideal %.0f", name, len(packed), ideal)
		if float64(len(packed)) > most {
			t.Errorf("%s: %d bytes, ideal %.0f", name, len(packed), ideal)
		}
	}
}

func TestLatticeSurvivesDamage(t *testing.T) {
	for _, name := range latticeCodecs {
		t.Run(name, func(t *testing.T) { testLatticeDamage(t, name) })
	}
}

func testLatticeDamage(t *testing.T, name string) {
	starts := []int{0, 10, 11, 40}
	block := latticeBlock(5, 31, starts)
	m := modelOf(name, block, starts, 3)
	c := NewLattice(m)
	packed, _ := c.Encode(nil, block)
	got := make([]byte, len(block))
	for i := range packed {
		for _, flip := range []byte{1, 0x10, 0xff} {
			packed[i] ^= flip
			if err := c.Decode(got, packed); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			} else if err == nil && bytes.Equal(got, block) {
				t.Errorf("byte %d ^ %#x says nothing", i, flip)
			}
			packed[i] ^= flip
		}
	}
	for n := range packed {
		if err := c.Decode(got, packed[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d of %d bytes: %v", n, len(packed), err)
		}
	}
	text := m.Append(nil)
	for n := range text {
		if _, err := ParseLatticeModel(name, text[:n], starts); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d of %d bytes of the model: %v", n, len(text), err)
		}
	}
	for i := range text {
		for _, flip := range []byte{1, 0x40, 0xff} {
			text[i] ^= flip
			if m, err := ParseLatticeModel(name, text, starts); err == nil {
				if err := NewLattice(m).Decode(got, packed); err != nil && !errors.Is(err, ErrCorrupt) {
					t.Fatal(err)
				}
			} else if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			text[i] ^= flip
		}
	}
	if _, err := ParseLatticeModel(name, append(text, 0), starts); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte more: %v", err)
	}
}

func TestColumnsRoundTrip(t *testing.T) {
	for _, name := range Names() {
		for _, starts := range [][]int{{0, 1}, {0, 5, 5, 9}, {0, 0, 64}, {0, 100, 200, 300}} {
			inner, _ := New(name, 0)
			c := NewColumns(inner, starts)
			block := latticeBlock(2, 50, starts)
			packed, err := c.Encode([]byte("x"), block)
			if err != nil || packed[0] != 'x' {
				t.Fatal(err)
			}
			got := make([]byte, len(block))
			if err := c.Decode(got, packed[1:]); err != nil || !bytes.Equal(got, block) {
				t.Fatalf("%s, %v: %v", name, starts, err)
			}
			for n := range len(packed) - 1 {
				if err := c.Decode(got, packed[1:1+n]); !errors.Is(err, ErrCorrupt) {
					t.Fatalf("%s, %v: %d of %d bytes: %v", name, starts, n, len(packed)-1, err)
				}
			}
			if err := c.Decode(got, append(packed[1:], 0)); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s, %v: a byte more: %v", name, starts, err)
			}
		}
	}
}

func BenchmarkLatticeDecode(b *testing.B) {
	starts := []int{0, 200, 400, 700, 1024}
	block := latticeBlock(3, 256, starts)
	for _, name := range latticeCodecs {
		b.Run(name, func(b *testing.B) {
			c := NewLattice(modelOf(name, block, starts, 16))
			packed, _ := c.Encode(nil, block)
			got := make([]byte, len(block))
			b.SetBytes(int64(len(block)))
			for b.Loop() {
				if err := c.Decode(got, packed); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(8*float64(len(packed))/float64(len(block)), "bits/weight")
		})
	}
}
