package alias

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sample draws codes around a middle, a step at a time of one of the spreads, with a table for each.
func sample(seed uint64, steps int, spreads ...float64) (codes []byte, tables []Table, plan []byte) {
	r := rand.New(rand.NewPCG(seed, 1))
	counts := make([][256]uint64, len(spreads))
	for range steps {
		t := r.IntN(len(spreads))
		plan = append(plan, byte(t))
		for range Step {
			v := byte(max(0, min(255, math.Round(128+r.NormFloat64()*spreads[t]))))
			codes = append(codes, v)
			counts[t][v]++
		}
	}
	for t := range counts {
		counts[t][128]++
		tables = append(tables, NewTable(&counts[t]))
	}
	return codes, tables, plan
}

var manySpreads = []float64{0, 0.3, 1, 0.01, 40, 7, 500, 3, 14}

func TestRoundTrip(t *testing.T) {
	for steps := range 70 {
		codes, tables, plan := sample(uint64(steps), steps*steps%97, manySpreads...)
		packed := Encode([]byte("x"), codes, tables, plan)
		if packed[0] != 'x' {
			t.Fatal("not appended")
		}
		got := make([]byte, len(codes))
		if err := Decode(got, packed[1:], tables, plan); err != nil || !bytes.Equal(got, codes) {
			t.Fatalf("%d steps: %v", len(plan), err)
		}
	}
}

// Any codes at all, with tables made for others.
func TestAnyCodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, tables, plan := sample(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 30).Draw(t, "steps"), manySpreads...)
		codes := rapid.SliceOfN(rapid.Byte(), Step*len(plan), Step*len(plan)).Draw(t, "codes")
		got := make([]byte, len(codes))
		if err := Decode(got, Encode(nil, codes, tables, plan), tables, plan); err != nil || !bytes.Equal(got, codes) {
			t.Fatal(err)
		}
	})
}

// TestForm decodes by the form's description alone.
func TestForm(t *testing.T) {
	codes, tables, plan := sample(9, 203, 1, 3, 30)
	codes[1], codes[100], codes[5000] = 0, 255, 7
	packed := Encode(nil, codes, tables, plan)
	type slot struct{ code, f, j int }
	var described [][]slot
	var extras []int
	for i := range tables {
		b := tables[i].Append(nil)
		var symbol [256]int
		for s := range symbol {
			if symbol[s] = s / 16; s%16 >= int(b[2+s/16]>>4) {
				symbol[s] = int(b[2+s/16] & 15)
			}
		}
		list := make([]slot, 256)
		for s := range 16 {
			var own []int
			for pass := range 2 {
				for at, of := range symbol {
					if of == s && (at/16 == s) == (pass == 0) {
						own = append(own, at)
					}
				}
			}
			for j, at := range own {
				list[at] = slot{int(b[0]) + s<<b[1], len(own), j}
			}
		}
		described, extras = append(described, list), append(extras, int(b[1]))
	}
	le := func(b []byte) (v uint64) {
		for i := range b {
			v |= uint64(b[i]) << (8 * i)
		}
		return v
	}
	exceptions := packed[len(packed)-int(le(packed[:4])):]
	rest := packed[4 : len(packed)-len(exceptions)]
	raw := 0
	for _, table := range plan {
		raw += 4 * extras[table]
	}
	words, bits := rest[raw+256:], 0
	var x [64]uint64
	for i := range x {
		x[i] = le(rest[raw+4*i:][:4])
	}
	got := make([]byte, len(codes))
	for i, table := range plan {
		e := extras[table]
		for p := range 32 {
			state := &x[i%2*32+8*(p%16/4)+4*(p/16)+p%4]
			s := described[table][*state%256]
			value := 0
			for k := range e {
				at := bits + p*e + k
				value |= int(rest[at/8]>>(at%8)&1) << k
			}
			got[32*i+p] = byte(s.code + value)
			*state = uint64(s.f)*(*state/256) + uint64(s.j)
		}
		bits += 32 * e
		if i%4 == 3 || i == len(plan)-1 {
			for k := range x {
				if x[k] < 65536 {
					x[k] = x[k]<<16 | le(words[:2])
					words = words[2:]
				}
			}
		}
	}
	at := -1
	for len(exceptions) > 0 {
		step, shift := 0, 0
		for exceptions[0] >= 128 {
			step |= int(exceptions[0]&127) << shift
			shift += 7
			exceptions = exceptions[1:]
		}
		at += 1 + (step | int(exceptions[0])<<shift)
		got[at] = exceptions[1]
		exceptions = exceptions[2:]
	}
	if !bytes.Equal(got, codes) || len(words) != 0 {
		t.Errorf("other codes, or %d bytes of words left", len(words))
	}
}

// Every change of packed bytes is an error or other codes: there are no two forms of one run of codes, and nothing that says
// nothing.
func TestEveryBitCounts(t *testing.T) {
	codes, tables, plan := sample(2, 23, 0.5, 3, 30)
	codes[17], codes[230] = 0, 255
	packed := Encode(nil, codes, tables, plan)
	got := make([]byte, len(codes))
	for i := range packed {
		for bit := range 8 {
			packed[i] ^= 1 << bit
			if err := Decode(got, packed, tables, plan); err == nil && bytes.Equal(got, codes) {
				t.Fatalf("byte %d, bit %d says nothing", i, bit)
			} else if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			packed[i] ^= 1 << bit
		}
	}
	for n := range packed {
		if err := Decode(got, packed[:n], tables, plan); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d of %d bytes: %v", n, len(packed), err)
		}
	}
	list := len(packed) - int(binary.LittleEndian.Uint32(packed))
	longer := append(slices.Clone(packed[:list]), packed[list]|0x80, 0)
	longer = append(longer, packed[list+1:]...)
	binary.LittleEndian.PutUint32(longer, uint32(len(longer)-list))
	for name, b := range map[string][]byte{
		"two bytes more":      append(slices.Clone(packed), 0, 0),
		"a word more":         slices.Insert(slices.Clone(packed), list, 0, 0),
		"a distance too long": longer,
	} {
		if err := Decode(got, b, tables, plan); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The bytes are those of every machine, and of the days before.
func TestBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var counts [2][256]uint64
	codes, plan := make([]byte, 61*Step), make([]byte, 61)
	for i := range codes {
		t := r.IntN(2)
		if i%Step > 0 {
			t = int(plan[i/Step])
		}
		plan[i/Step] = byte(t)
		codes[i] = byte(128 + r.IntN(6+30*t) + r.IntN(6+30*t) - r.IntN(6+30*t) - r.IntN(6+30*t))
		counts[t][codes[i]]++
	}
	tables := []Table{NewTable(&counts[0]), NewTable(&counts[1])}
	sum := sha256.New()
	for i := range tables {
		sum.Write(tables[i].Append(nil))
	}
	sum.Write(Encode(nil, codes, tables, plan))
	if got := hex.EncodeToString(sum.Sum(nil)); got != "c72710bac9bf1ace27c9834eb5221242d4b198c2cf2813a987a715bba4ec7ca0" {
		t.Errorf("SHA-256 %s", got)
	}
}

func entropy(codes []byte) (h float64) {
	var counts [256]float64
	for _, v := range codes {
		counts[v]++
	}
	for _, c := range counts {
		if c > 0 {
			h -= c * math.Log2(c/float64(len(codes)))
		}
	}
	return h / 8
}

func TestNearTheEntropy(t *testing.T) {
	for _, spread := range []float64{0.3, 0.7, 1, 2, 3, 4, 6, 8, 12, 16, 24} {
		codes, tables, plan := sample(3, 1<<13, spread)
		packed := Encode(nil, codes, tables, plan)
		h := entropy(codes)
		t.Logf("spread %v: entropy %.3f bits, +%.3f %%, extra %d", spread, h*8/float64(len(codes)), 100*(float64(len(packed))/h-1), tables[0].extra)
		if float64(len(packed)) > 1.01*h+200 {
			t.Errorf("spread %v: %d bytes, entropy %.0f", spread, len(packed), h)
		}
	}
}

// A packed byte never stands for many more than 1024 codes.
func TestConstant(t *testing.T) {
	for _, code := range []byte{0, 1, 128, 254, 255} {
		var counts [256]uint64
		counts[code] = 1
		codes, tables := bytes.Repeat([]byte{code}, 1<<20), []Table{NewTable(&counts)}
		packed := Encode(nil, codes, tables, make([]byte, len(codes)/Step))
		if len(packed) < len(codes)/1024 || len(packed) > len(codes)/500 {
			t.Errorf("code %d: %d bytes for %d", code, len(packed), len(codes))
		}
		got := make([]byte, len(codes))
		if err := Decode(got, packed, tables, make([]byte, len(codes)/Step)); err != nil || !bytes.Equal(got, codes) {
			t.Errorf("code %d: %v", code, err)
		}
	}
}

func TestTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var counts [256]uint64
		top := rapid.SampledFrom([]uint64{1, 2, 30, 1000, 1 << 20, 1 << 50}).Draw(t, "top")
		for range rapid.IntRange(0, 256).Draw(t, "codes") {
			counts[rapid.Byte().Draw(t, "code")] = rapid.Uint64Range(0, top).Draw(t, "count")
		}
		counts[rapid.Byte().Draw(t, "one")] = rapid.Uint64Range(1, top).Draw(t, "count")
		table := NewTable(&counts)
		var n [symbols]uint8
		for slot := range slots {
			s, j := table.lookup(uint8(slot))
			if n[s]++; j >= table.frequency[s] {
				t.Fatalf("slot %d is number %d of %d", slot, j, table.frequency[s])
			}
		}
		if n != table.frequency {
			t.Fatalf("%v slots, not %v", n, table.frequency)
		}
		text := table.Append([]byte("x"))
		again, rest, err := Parse(append(text[1:], "rest"...))
		if err != nil || again != table || string(rest) != "rest" || len(text) != 1+TableLen {
			t.Fatalf("read back as %v, %q, %v", again, rest, err)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	var counts [256]uint64
	for s := 100; s < 150; s++ {
		counts[s] = uint64(s * s)
	}
	table := NewTable(&counts)
	good := table.Append(nil)
	for n := range good {
		if _, _, err := Parse(good[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d of %d bytes: %v", n, len(good), err)
		}
	}
	whole := []byte{128, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	if _, _, err := Parse(whole); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(b []byte){
		"extra bits":              func(b []byte) { b[1] = 5 },
		"codes above 255":         func(b []byte) { b[0] = 241 },
		"divider of a whole cell": func(b []byte) { b[5] |= 0x10 },
		"one symbol": func(b []byte) {
			for c := range b[2:] {
				b[2+c] = 3
			}
		},
	} {
		b := bytes.Clone(whole)
		change(b)
		if _, _, err := Parse(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	_, tables, _ := sample(1, 300, 0, 1, 30)
	for i := range tables {
		f.Add(tables[i].Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		table, rest, err := Parse(b)
		if err == nil && (!bytes.Equal(table.Append(nil), b[:TableLen]) || len(rest) != len(b)-TableLen) {
			t.Fatalf("another form of the same table")
		}
	})
}

func FuzzDecode(f *testing.F) {
	codes, tables, plan := sample(4, 30, 0.5, 4, 30)
	f.Add(Encode(nil, codes, tables, plan))
	codes[4], codes[77] = 0, 255
	f.Add(Encode(nil, codes, tables, plan))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := make([]byte, len(codes))
		if err := Decode(got, b, tables, plan); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(Encode(nil, got, tables, plan), b) {
			t.Fatal("another form of the same codes")
		}
	})
}

func TestAllocations(t *testing.T) {
	codes, tables, plan := sample(3, 100, 2, 9)
	packed := Encode(nil, codes, tables, plan)
	if n := testing.AllocsPerRun(5, func() {
		if err := Decode(codes, packed, tables, plan); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	codes, tables, plan := sample(3, 1<<13, 4)
	packed := Encode(nil, codes, tables, plan)
	got := make([]byte, len(codes))
	b.SetBytes(int64(len(codes)))
	for b.Loop() {
		if err := Decode(got, packed, tables, plan); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	codes, tables, plan := sample(3, 1<<13, 4)
	var packed []byte
	b.SetBytes(int64(len(codes)))
	for b.Loop() {
		packed = Encode(packed[:0], codes, tables, plan)
	}
}
