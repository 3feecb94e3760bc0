package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var kvFormNames = [kvForms]string{"f32", "f16", "int8"}

// sequence is a key/value head's positions, with queries that see them.
type sequence struct {
	Attention
	length       int
	keys, values []float32 // [position][dim]
	queries      []float32 // [position][group][dim]
}

// newSequence draws one; some of its values are special ones if odd is set.
func newSequence(r *rand.Rand, a Attention, length int, odd bool) *sequence {
	s := &sequence{Attention: a, length: length}
	s.keys, s.values, s.queries = values(r, length*a.Dim, odd), values(r, length*a.Dim, odd), values(r, length*a.Group*a.Dim, odd)
	return s
}

// tiles puts the first n positions into tiles; what lies behind them is what a longer sequence left.
func (s *sequence) tiles(n int) []byte {
	size := s.Form.TileBytes(s.Dim)
	b := bytesOf(make([]float32, (s.length+AttentionTile-1)/AttentionTile*size/4))
	left := slices.Repeat([]float32{float32(math.NaN())}, s.Dim)
	for p := range len(b) / size * AttentionTile {
		key, value := left, left
		if p < n {
			key, value = s.keys[p*s.Dim:][:s.Dim], s.values[p*s.Dim:][:s.Dim]
		}
		s.Form.Put(b[p/AttentionTile*size:][:size], p%AttentionTile, key, value)
	}
	return b
}

// pages are pages of a tile each, with something before and behind it.
func pages(form KVForm, dim int, tiles []byte) Tiles {
	size := form.TileBytes(dim)
	t := Tiles{At: size}
	for at := 0; at < len(tiles); at += size {
		page := make([]float32, 3*size/4)
		for i := range page {
			page[i] = float32(math.NaN())
		}
		copy(bytesOf(page)[size:], tiles[at:][:size])
		t.Pages = append(t.Pages, bytesOf(page))
	}
	return t
}

// attend takes the queries of some positions, in calls of at most so many.
func (s *sequence) attend(k *Kernels, from, to, together int) []float32 {
	width := s.Group * s.Dim
	out := make([]float32, (to-from)*width)
	m := NewAttentionMemory(make([]float32, AttentionFloats(together*s.Group, s.Dim)), together*s.Group, s.Dim)
	tiles := pages(s.Form, s.Dim, s.tiles(max(to, s.Length)))
	for p := from; p < to; p += together {
		n := min(together, to-p)
		k.Attend(&s.Attention, out[(p-from)*width:], s.queries[p*width:], width, tiles, p, n, m)
	}
	return out
}

// plainly is attention in float64, of what the tiles hold.
func (s *sequence) plainly(position int) []float64 {
	out := make([]float64, s.Group*s.Dim)
	tiles, size := s.tiles(s.length), s.Form.TileBytes(s.Dim)
	held := func(p, d int) (key, value float64) {
		t := s.Form.tile(tiles[p/AttentionTile*size:][:size], s.Dim)
		p %= AttentionTile
		key, value = float64(s.Form.at(t.keys, d*AttentionTile+p)), float64(s.Form.at(t.values, p*paddedDim(s.Dim)+d))
		if t.keyScales != nil {
			key, value = key*float64(t.keyScales[p]), value*float64(t.valueScales[p])
		}
		return key, value
	}
	for g := range s.Group {
		sum := 0.0
		for p := s.first(position); p <= s.last(position); p++ {
			score := 0.0
			for d := range s.Dim {
				key, _ := held(p, d)
				score += float64(s.queries[(position*s.Group+g)*s.Dim+d]) * key
			}
			score *= float64(s.Scale)
			if s.Softcap > 0 {
				score = float64(s.Softcap) * math.Tanh(score/float64(s.Softcap))
			}
			weight := math.Exp(score)
			sum += weight
			for d := range s.Dim {
				_, value := held(p, d)
				out[g*s.Dim+d] += weight * value
			}
		}
		if s.Sinks != nil {
			sum += math.Exp(float64(s.Sinks[g]))
		}
		for d := range s.Dim {
			out[g*s.Dim+d] /= sum
		}
	}
	return out
}

// attentions are shapes and lengths of all kinds.
func attentions(f func(a Attention, length int)) {
	for form := range kvForms {
		for _, c := range []struct{ dim, group, window, length int }{
			{64, 1, 0, 1}, {64, 4, 0, 70}, {1, 1, 0, 65}, {2, 3, 5, 64}, {10, 2, 0, 130}, {16, 7, 64, 200}, {70, 5, 100, 140},
			{80, 6, 1, 66}, {96, 8, 63, 129}, {128, 2, 65, 150}, {256, 1, 128, 257}, {33, 13, 0, 67}, {18, 2, 300, 1100},
		} {
			a := Attention{Form: form, Dim: c.dim, Group: c.group, Window: c.window, Scale: float32(1 / math.Sqrt(float64(c.dim)))}
			if c.length%3 == 0 {
				a.Softcap = 2
			}
			if c.length%2 == 0 {
				a.Sinks = make([]float32, c.group)
				for i := range a.Sinks {
					a.Sinks[i] = float32(i*i) - 4 // below and above the other scores
				}
			}
			if c.length%10 == 0 && c.length > 100 {
				a.First = c.length / 3
			}
			f(a, c.length)
			if form == KVF32 || c.dim < 20 {
				a.Length = c.length
				f(a, c.length)
			}
		}
	}
}

func (s *sequence) String() string {
	return fmt.Sprintf("%s, %d of %+v", kvFormNames[s.Form], s.length, s.Attention)
}

// TestAttentionPlainly compares with the formula in float64.
func TestAttentionPlainly(t *testing.T) {
	attentions(func(a Attention, length int) {
		s := newSequence(rand.New(rand.NewPCG(uint64(a.Dim), 30)), a, length, false)
		for _, position := range []int{length - 1, length / 3} {
			want := s.plainly(position)
			eachLevel(t, func(t *testing.T, k *Kernels) {
				for i, v := range s.attend(k, position, position+1, 1) {
					if math.Abs(float64(v)-want[i]) > 3e-6 {
						t.Fatalf("%v: element %d of position %d is %v, want %v", s, i, position, v, want[i])
					}
				}
			})
		}
	})
}

// TestAttentionLevels: every level has the portable code's bits, for whatever queries go together, and whatever lies where
// positions are not seen.
func TestAttentionLevels(t *testing.T) {
	cases := 0
	attentions(func(a Attention, length int) {
		cases++
		for _, odd := range []bool{false, true} {
			if testing.Short() && odd == (cases%2 == 0) {
				continue // an emulated processor takes a minute; each shape and form comes, and what is odd with half of them
			}
			r := rand.New(rand.NewPCG(uint64(a.Dim), 31))
			s := newSequence(r, a, length, odd)
			from := max(0, length-70)
			want := s.attend(generic(t), from, length, 70)
			width := a.Group * a.Dim
			for at := from; at < length; at += 23 {
				wantBits(t, fmt.Sprint(s, " alone"), s.attend(generic(t), at, at+1, 1), want[(at-from)*width:][:width])
			}
			eachLevel(t, func(t *testing.T, k *Kernels) {
				ways := []int{1, 5, 64, 70}
				if k.attention() == nil {
					ways = ways[1:2] // slow, and all but what goes together is the same
				}
				for _, together := range ways {
					wantBits(t, fmt.Sprint(s, " by ", together), s.attend(k, from, length, together), want)
				}
			})
		}
	})
}

// TestAttentionSegments: a sequence of several segments, in which each is the other's exception for some queries.
func TestAttentionSegments(t *testing.T) {
	const length = 2*AttentionSegment + 40
	for _, a := range []Attention{{}, {Window: 1000}, {Length: length}, {Window: 1000, Length: length}, {Window: 30, Length: length}} {
		window := a.Window
		a.Form, a.Dim, a.Group, a.Scale = KVF32, 4, 2, 1
		s := newSequence(rand.New(rand.NewPCG(3, 32)), a, length, false)
		from := s.length - 80
		want := s.attend(generic(t), from, s.length, 80)
		last := s.plainly(s.length - 1)
		for i, v := range want[79*8:] {
			if math.Abs(float64(v)-last[i]) > 3e-6 {
				t.Errorf("window %d: element %d is %v, want %v", window, i, v, last[i])
			}
		}
		eachLevel(t, func(t *testing.T, k *Kernels) {
			for _, together := range []int{1, 11, 80} {
				wantBits(t, fmt.Sprint("window ", window, " by ", together), s.attend(k, from, s.length, together), want)
			}
		})
	}
}

// TestAttentionNotFinite: what is no number makes no number of what sees it, and of nothing else.
func TestAttentionNotFinite(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for form := range kvForms {
		for _, bad := range []float32{inf, -inf, nan} {
			s := newSequence(rand.New(rand.NewPCG(4, 33)), Attention{Form: form, Dim: 16, Group: 1, Scale: 1}, 80, false)
			s.values[70*16+3] = bad
			eachLevel(t, func(t *testing.T, k *Kernels) {
				out := s.attend(k, 60, 80, 20)
				for i, v := range out {
					position, d := 60+i/16, i%16
					finite := v-v == 0
					if seen := position >= 70 && (d == 3 || form == KVInt8); finite == seen || v != v && math.Float32bits(v) != 0x7FC00000 {
						t.Fatalf("%s: with %v, element %d at position %d is %v", kvFormNames[form], bad, d, position, v)
					}
				}
			})
		}
	}
}

// TestAttentionDense: products of dense matrices have attention's bits.
func TestAttentionDense(t *testing.T) {
	for form := range kvForms {
		for _, c := range []struct{ dim, rows, from, n int }{{1, 1, 0, 64}, {16, 3, 5, 1}, {33, 7, 0, 17}, {64, 8, 63, 1}, {80, 13, 2, 62}} {
			for _, odd := range []bool{false, true} {
				r := rand.New(rand.NewPCG(uint64(c.dim), 37))
				s := newSequence(r, Attention{Form: form, Dim: c.dim, Group: 1, Scale: 1}, AttentionTile, odd)
				held := form.tile(s.tiles(AttentionTile), c.dim)
				padded := paddedDim(c.dim)
				queries, weights, sums := values(r, c.rows*c.dim, odd), values(r, c.rows*AttentionTile, odd), values(r, c.rows*padded, odd)
				states := make([]softmaxState, c.rows)
				for i := range states {
					states[i].factor = float32(i) / 4
				}
				want, wantSums := make([]float32, c.rows*AttentionTile), slices.Clone(sums)
				at := held.values[c.from*padded*form.element():]
				scoresPortable(want, queries, &held)
				valuesPortable(wantSums, states, weights[c.from:], form, at, padded, c.n)
				canon := func(x []float32) []float32 {
					for i, v := range x {
						x[i] = canonical(v) // which NaN it is does not show in the end
					}
					return x
				}
				eachLevel(t, func(t *testing.T, k *Kernels) {
					got, gotSums := make([]float32, len(want)), slices.Clone(sums)
					k.scoresDense(got, queries, &held)
					k.valuesDense(gotSums, states, weights[c.from:], form, at, padded, c.n)
					wantBits(t, fmt.Sprint(s, " scores"), canon(got), canon(want))
					wantBits(t, fmt.Sprint(s, " sums"), canon(gotSums), canon(wantSums))
				})
			}
		}
	}
}

// TestExp32 compares with math.Exp and, bit by bit, the levels with each other.
func TestExp32(t *testing.T) {
	worst := 0.0
	var in []float32
	for bits := uint32(0); bits < math.Float32bits(100); bits += 20011 {
		in = append(in, -math.Float32frombits(bits))
	}
	for d := range 200 {
		in = append(in, -math.Float32frombits(math.Float32bits(87)+uint32(d)-100))
	}
	for _, x := range in {
		got, want := float64(exp32(x)), math.Exp(float64(x))
		if x < -87 {
			want = 0
		}
		if want == 0 && got != 0 {
			t.Fatalf("e^%v is %v", x, got)
		} else if want > 0 {
			worst = max(worst, math.Abs(got/want-1))
		}
	}
	if worst > 0x1p-22 {
		t.Errorf("the largest error is %v", worst)
	}
	in = append(in, float32(math.NaN()), float32(math.Inf(-1)), 0)
	for len(in)%(AttentionTile-1) != 0 {
		in = append(in, -1)
	}
	eachLevel(t, func(t *testing.T, k *Kernels) {
		for at := 0; at < len(in); at += AttentionTile - 1 {
			row := append([]float32{0}, in[at:at+AttentionTile-1]...) // 0 is the largest
			states, want := []softmaxState{{largest: in[at], sum: 1.5}}, []softmaxState{{largest: in[at], sum: 1.5}}
			wanted := slices.Clone(row)
			softmaxTilePortable(wanted, want, nil)
			k.softmaxTile(row, states, nil)
			wantBits(t, "exp32", row, wanted)
			wantBits(t, "state", []float32{states[0].sum, states[0].factor}, []float32{want[0].sum, want[0].factor})
		}
	})
}

// TestPutInt8: rounded half to even, to multiples of the largest / 127.
func TestPutInt8(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		x     []float32
		want  []int8
		scale float32
	}{
		{[]float32{127, 0.5, 1.5, -2.5, -127}, []int8{127, 0, 2, -2, -127}, 1},
		{[]float32{0, 0}, []int8{0, 0}, 0},
		{[]float32{254, -3}, []int8{127, -2}, 2},
		{[]float32{150 * 0x1p-149, 0x1p-149}, []int8{127, 1}, 0x1p-149},
		{[]float32{1, inf}, []int8{0, 0}, float32(math.NaN())},
		{[]float32{float32(math.NaN()), 1}, []int8{0, 0}, float32(math.NaN())},
	} {
		got := make([]int8, 2*len(c.x))
		scale := putInt8(got, 2, c.x)
		if scale != c.scale && !(scale != scale && c.scale != c.scale) {
			t.Errorf("%v: the scale is %v, want %v", c.x, scale, c.scale)
		}
		for i, w := range c.want {
			if got[2*i] != w {
				t.Errorf("%v: integer %d is %d, want %d", c.x, i, got[2*i], w)
			}
		}
	}
}

func TestAttentionNoAllocations(t *testing.T) {
	s := newSequence(rand.New(rand.NewPCG(5, 34)), Attention{Form: KVF16, Dim: 20, Group: 2, Scale: 1, Softcap: 3}, AttentionSegment+9, false)
	tiles, out := s.tiles(s.length), make([]float32, 40*8)
	paged := pages(s.Form, s.Dim, tiles)
	m := NewAttentionMemory(make([]float32, AttentionFloats(16, 20)), 16, 20)
	eachLevel(t, func(t *testing.T, k *Kernels) {
		if raceEnabled {
			t.Skip("the race detector makes sync.Pool allocate")
		}
		if n := testing.AllocsPerRun(3, func() {
			k.Attend(&s.Attention, out, s.queries, 40, paged, AttentionSegment, 8, m)
			KVF16.Put(tiles[:KVF16.TileBytes(20)], 0, out[:20], out[:20])
		}); n >= 1 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestAttentionLengths(t *testing.T) {
	a := Attention{Form: KVF32, Dim: 4, Group: 2, Scale: 1}
	tiles := bytesOf(make([]float32, KVF32.TileBytes(4)/2))
	paged := pages(KVF32, 4, tiles)
	m := NewAttentionMemory(make([]float32, AttentionFloats(6, 4)), 6, 4)
	v := make([]float32, 64)
	k := Best()
	for name, f := range map[string]func(){
		"none":      func() { k.Attend(&a, v, v, 8, paged, 0, 0, m) },
		"before":    func() { k.Attend(&a, v, v, 8, paged, -1, 1, m) },
		"tiles":     func() { k.Attend(&a, v, v, 8, paged, 126, 3, m) },
		"at":        func() { k.Attend(&a, v, v, 8, Tiles{paged.Pages, -1}, 0, 2, m) },
		"memory":    func() { k.Attend(&a, v, v, 8, paged, 0, 4, m) },
		"out":       func() { k.Attend(&a, v[:15], v, 8, paged, 0, 2, m) },
		"queries":   func() { k.Attend(&a, v, v[:15], 8, paged, 0, 2, m) },
		"ld":        func() { k.Attend(&a, v, v, 7, paged, 0, 2, m) },
		"group":     func() { k.Attend(&Attention{Dim: 4}, v, v, 8, paged, 0, 2, m) },
		"window":    func() { k.Attend(&Attention{Dim: 4, Group: 1, Window: -1}, v, v, 8, paged, 0, 2, m) },
		"first":     func() { k.Attend(&Attention{Dim: 4, Group: 1, First: 1}, v, v, 8, paged, 0, 2, m) },
		"no dim":    func() { k.Attend(&Attention{Group: 1}, v, v, 8, paged, 0, 2, m) },
		"few":       func() { NewAttentionMemory(v, 6, 4) },
		"no rows":   func() { NewAttentionMemory(v, 0, 4) },
		"put":       func() { KVF32.Put(tiles, 0, v[:4], v[:4]) },
		"put value": func() { KVF32.Put(tiles[:len(tiles)/2], 0, v[:4], v[:3]) },
		"put where": func() { KVF32.Put(tiles[:len(tiles)/2], 64, v[:4], v[:4]) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("taken")
				}
			}()
			f()
		})
	}
}
