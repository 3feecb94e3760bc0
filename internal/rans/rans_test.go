package rans

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// sample draws n symbols around 128, in a run for each spread.
func sample(seed uint64, n int, spreads ...float64) (src []byte, runs []Run) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i, spread := range spreads {
		var counts [256]uint64
		start := len(src)
		for len(src) < n*(i+1)/len(spreads) {
			v := byte(max(0, min(255, math.Round(128+r.NormFloat64()*spread))))
			src = append(src, v)
			counts[v]++
		}
		if len(src) == start {
			counts[7] = 1
		}
		f := NewFrequencies(&counts)
		runs = append(runs, Run{&f, len(src) - start})
	}
	return src, runs
}

var manySpreads = []float64{0, 0.3, 1, 0.01, 40, 7, 500}

func pack(t testing.TB, src []byte, runs []Run) []byte {
	t.Helper()
	packed, ok := Encode(nil, src, runs)
	if !ok {
		t.Fatal("a symbol has no frequency")
	}
	return packed
}

func TestRoundTrip(t *testing.T) {
	var d Decoder
	for seed, n := range []int{0, 1, 31, 32, 33, 63, 64, 1000, 4096, 100_000} {
		src, runs := sample(uint64(seed), n, manySpreads...)
		packed, ok := Encode([]byte("x"), src, runs)
		if !ok || packed[0] != 'x' {
			t.Fatal("not appended")
		}
		got := make([]byte, n)
		if err := d.Decode(got, packed[1:], runs); err != nil || !bytes.Equal(got, src) {
			t.Fatalf("%d symbols: %v", n, err)
		}
	}
}

// TestForm decodes by the form's description alone.
func TestForm(t *testing.T) {
	src, runs := sample(9, 5000, 1, 3, 30)
	packed := pack(t, src, runs)
	var x [32]uint64
	for i := range x {
		for k := range 4 {
			x[i] |= uint64(packed[4*i+k]) << (8 * k)
		}
	}
	words := packed[128:]
	at := 0
	for _, run := range runs {
		for range run.N {
			i := at % 32
			low, c := x[i]%4096, uint64(0)
			for s, f := range run.Frequencies {
				if low < c+uint64(f) {
					if byte(s) != src[at] {
						t.Fatalf("symbol %d is %d, want %d", at, s, src[at])
					}
					x[i] = uint64(f)*(x[i]/4096) + low - c
					break
				}
				c += uint64(f)
			}
			if x[i] < 65536 {
				x[i] = x[i]*65536 + uint64(words[0]) + 256*uint64(words[1])
				words = words[2:]
			}
			at++
		}
	}
	if len(words) != 0 {
		t.Errorf("%d bytes left", len(words))
	}
}

func TestNoFrequency(t *testing.T) {
	_, runs := sample(1, 100, 2)
	if packed, ok := Encode([]byte("x"), bytes.Repeat([]byte{1}, 100), runs); ok || string(packed) != "x" {
		t.Errorf("%q, %v", packed, ok)
	}
}

// Every change of packed bytes is an error or other symbols: there are no two forms of
// one run of symbols, and nothing that says nothing.
func TestEveryBitCounts(t *testing.T) {
	src, runs := sample(2, 700, 0.5, 3, 30)
	packed := pack(t, src, runs)
	var d Decoder
	got := make([]byte, len(src))
	for i := range packed {
		for bit := range 8 {
			packed[i] ^= 1 << bit
			if err := d.Decode(got, packed, runs); err == nil && bytes.Equal(got, src) {
				t.Fatalf("byte %d, bit %d says nothing", i, bit)
			} else if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			packed[i] ^= 1 << bit
		}
	}
	for n := range packed {
		if err := d.Decode(got, packed[:n], runs); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d of %d bytes: %v", n, len(packed), err)
		}
	}
	if err := d.Decode(got, append(packed, 0, 0), runs); !errors.Is(err, ErrCorrupt) {
		t.Errorf("two bytes more: %v", err)
	}
}

func entropy(src []byte) float64 {
	var counts [256]float64
	for _, v := range src {
		counts[v]++
	}
	h := 0.0
	for _, c := range counts {
		if c > 0 {
			h -= c * math.Log2(c/float64(len(src)))
		}
	}
	return h / 8
}

func TestNearTheEntropy(t *testing.T) {
	for _, spread := range []float64{0.3, 0.7, 1, 2, 4, 8, 16} {
		src, runs := sample(3, 1<<18, spread)
		packed := pack(t, src, runs)
		table := len(runs[0].Frequencies.Append(nil))
		h := entropy(src)
		t.Logf("entropy %.3f bits, +%.3f %%, table %d bytes", h*8/float64(len(src)), 100*(float64(len(packed))/h-1), table)
		if float64(len(packed)) > 1.002*h+80 || table > 60 {
			t.Errorf("spread %v: %d bytes, entropy %.0f; table %d", spread, len(packed), h, table)
		}
	}
}

// A packed byte never stands for many more than 1024 symbols.
func TestConstant(t *testing.T) {
	src, runs := sample(1, 1<<20, 0)
	if packed := pack(t, src, runs); len(packed) < len(src)/1024 {
		t.Errorf("%d bytes for %d", len(packed), len(src))
	}
}

func TestFrequencies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var counts [256]uint64
		top := rapid.SampledFrom([]uint64{1, 2, 30, 1000, 1 << 20, 1 << 50}).Draw(t, "top")
		n := rapid.IntRange(1, 256).Draw(t, "symbols")
		for range n {
			counts[rapid.Byte().Draw(t, "symbol")] = rapid.Uint64Range(0, top).Draw(t, "count")
		}
		counts[rapid.Byte().Draw(t, "one")] = rapid.Uint64Range(1, top).Draw(t, "count")
		f := NewFrequencies(&counts)
		sum := 0
		for s, v := range f {
			sum += int(v)
			if counts[s] > 0 && v == 0 || v > maxFrequency {
				t.Fatalf("symbol %d of count %d has frequency %d", s, counts[s], v)
			}
		}
		if sum != tableSize {
			t.Fatalf("they sum to %d", sum)
		}
		text := f.Append([]byte("x"))
		g, rest, err := Parse(append(text[1:], "rest"...))
		if err != nil || g != f || string(rest) != "rest" {
			t.Fatalf("read back as %v, %q, %v", g, rest, err)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	var counts [256]uint64
	for s := 100; s < 150; s++ {
		counts[s] = uint64(s * s)
	}
	f := NewFrequencies(&counts)
	good := f.Append(nil)
	for n := range good {
		if _, _, err := Parse(good[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d of %d bytes: %v", n, len(good), err)
		}
	}
	for name, b := range map[string][]byte{
		"first after last":    {5, 4, 5, 0xff},
		"implied outside":     {5, 6, 7, 0xff},
		"one symbol":          {5, 5, 5},
		"first absent":        {5, 7, 6, 0xff, 0xff},
		"length below 0":      {5, 7, 6, 2, 0xff},
		"length above 12":     {5, 7, 6, 0, 0, 0, 0x80, 0xff},
		"endless 0 bits":      make([]byte, 100),
		"implied too large":   {5, 6, 6, 4, 0}, // the other has 1
		"bits after the last": {5, 6, 6, 0, 4 | 0x80},
	} {
		if g, _, err := Parse(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, %v", name, err, g[5:8])
		}
	}
}

func FuzzParse(f *testing.F) {
	_, runs := sample(1, 10_000, 0, 1, 30)
	for _, run := range runs {
		f.Add(run.Frequencies.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, rest, err := Parse(b)
		if err != nil {
			return
		}
		sum := 0
		for _, v := range g {
			sum += int(v)
		}
		if sum != tableSize || len(rest) > len(b)-3 {
			t.Fatalf("sum %d, %d of %d bytes left", sum, len(rest), len(b))
		}
	})
}

func FuzzDecode(f *testing.F) {
	_, runs := sample(4, 300, 0.5, 4, 30)
	src, _ := sample(5, 300, 0.5, 0.5, 0.5)
	if packed, ok := Encode(nil, src, runs); ok {
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := make([]byte, 300)
		if err := new(Decoder).Decode(got, b, runs); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if again, ok := Encode(nil, got, runs); !ok || !bytes.Equal(again, b) {
			t.Fatal("another form of the same symbols")
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	src, runs := sample(3, 1<<18, 4)
	packed := pack(b, src, runs)
	got := make([]byte, len(src))
	var d Decoder
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if err := d.Decode(got, packed, runs); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	src, runs := sample(3, 1<<18, 4)
	var packed []byte
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		packed, _ = Encode(packed[:0], src, runs)
	}
}
