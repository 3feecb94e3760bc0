package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guarded copies s to memory of its own with pages around it that can't be
// touched: s ends right before the one behind or starts right after the one in
// front. An access out of bounds then is a fault.
func guarded[T any](t *testing.T, s []T, atEnd bool) []T {
	t.Helper()
	var zero T
	size := len(s) * int(unsafe.Sizeof(zero))
	page := unix.Getpagesize()
	inner := (size + page - 1) / page * page
	mem, err := unix.Mmap(-1, 0, inner+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	for _, guard := range [][]byte{mem[:page], mem[page+inner:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	at := page
	if atEnd {
		at += inner - size
	}
	// Even an empty slice gets an address at the guard.
	out := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem[at:]))), len(s))
	copy(out, s)
	return out
}

// guard moves all that a product reads behind or before guard pages.
func (o *operand) guard(t *testing.T, atEnd bool) {
	o.idx = guarded(t, o.idx, atEnd)
	o.f32 = guarded(t, o.f32, atEnd)
	o.bf16 = guarded(t, o.bf16, atEnd)
	if o.table != nil {
		o.table = &guarded(t, []Table{*o.table}, atEnd)[0]
	}
	if o.packed != nil {
		p := *o.packed
		p.data = guarded(t, p.data, atEnd)
		o.packed = &p
	}
}

func TestGuardPages(t *testing.T) {
	shapes := []shape{{5, 1, 1}, {4, 63, 2}, {6, 64, 3}, {7, 65, 4}, {9, 200, 5}, {8, 128, 6}, {11, 127, 13}, {1, 31, 1}, {17, 1100, 7}}
	for _, form := range weightForms {
		t.Run(form, func(t *testing.T) {
			for i, s := range shapes {
				for _, atEnd := range []bool{true, false} {
					r := rand.New(rand.NewPCG(uint64(i), 7))
					o := newOperand(r, form, s.rows, s.cols, s.cols, false)
					var a Activations
					a.Pack(values(r, s.batch*s.cols, false), s.batch, s.cols)
					x, y := values(r, s.batch*s.rows, false), values(r, s.batch*s.cols, false)
					wantDot := o.dot(generic(t), &a, s.rows)
					wantAcc := o.accumulate(generic(t), y, s.cols, x, s.rows, s.batch)

					o.guard(t, atEnd)
					a.data = guarded(t, a.data, atEnd)
					x, y = guarded(t, x, atEnd), guarded(t, y, atEnd)
					out := guarded(t, make([]float32, s.batch*s.rows), atEnd)
					for _, l := range Levels() {
						k, _ := ForLevel(l)
						clear(out)
						o.dotInto(out, k, &a, s.rows)
						wantBits(t, fmt.Sprint(l, s, " dot"), out, wantDot)
						sum := guarded(t, y, atEnd)
						o.accumulateInto(sum, k, s.cols, x, s.rows, s.batch)
						wantBits(t, fmt.Sprint(l, s, " accumulate"), sum, wantAcc)
					}
				}
			}
		})
	}
}

func TestGuardPagesSparse(t *testing.T) {
	for i := range 20 {
		for _, atEnd := range []bool{true, false} {
			r := rand.New(rand.NewPCG(uint64(i), 8))
			rows, cols, batch := 1+r.IntN(9), 1+r.IntN(50), 1+r.IntN(5)
			positions, delta := randomSparse(r, rows, cols, 3)
			s, err := NewSparse(rows, cols, positions, delta)
			if err != nil {
				t.Fatal(err)
			}
			s.start, s.col, s.delta = guarded(t, s.start, atEnd), guarded(t, s.col, atEnd), guarded(t, s.delta, atEnd)
			for _, l := range Levels() {
				k, _ := ForLevel(l)
				x, y := guarded(t, values(r, batch*cols, false), atEnd), guarded(t, values(r, batch*rows, false), atEnd)
				k.DotSparse(y, rows, x, cols, batch, s, 0, rows)
				k.AccumulateSparse(x, cols, y, rows, batch, s, 0, rows)
			}
		}
	}
}

func TestGuardPagesRead(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 4096, 9000} {
		for _, atEnd := range []bool{true, false} {
			p := guarded(t, make([]byte, n), atEnd)
			for _, l := range Levels() {
				k, _ := ForLevel(l)
				if k.Read(p) != 0 {
					t.Errorf("%s: zeros read as something", l)
				}
				if n > 0 {
					p[n-1] = 1
					if k.Read(p) == 0 && n%512 != 0 {
						t.Errorf("%s: the last byte of %d was not read", l, n)
					}
					p[n-1] = 0
				}
			}
		}
	}
}

func TestGuardPagesOfTiles(t *testing.T) {
	testTiles(t, func(b []byte, atEnd bool) []byte { return guarded(t, b, atEnd) })
	testTileCoders(t, func(b []byte, atEnd bool) []byte { return guarded(t, b, atEnd) })
}

func TestGuardPagesRound64(t *testing.T) {
	for _, count := range []int{1, 16, 33} {
		for _, atEnd := range []bool{true, false} {
			r := rand.New(rand.NewPCG(uint64(count), 10))
			g, rows := &guarded(t, []Rounding{*newRounding(r)}, atEnd)[0], newRoundRows(r, count, RoundColumns)
			rows.Y, rows.W, rows.Lost = guarded(t, rows.Y, atEnd), guarded(t, rows.W, atEnd), guarded(t, rows.Lost, atEnd)
			rows.Codes, rows.Integers, rows.Outside = guarded(t, rows.Codes, atEnd), guarded(t, rows.Integers, atEnd), guarded(t, rows.Outside, atEnd)
			for _, l := range Levels() {
				k, _ := ForLevel(l)
				k.Round64(g, rows, RoundColumns)
			}
		}
	}
}

func TestGuardPagesTile64(t *testing.T) {
	eachTile64(func(_ string, k *Kernels, rows, columns int) {
		for _, steps := range []int{1, 2, 8, 31} {
			for _, atEnd := range []bool{true, false} {
				r := rand.New(rand.NewPCG(uint64(steps), 9))
				c := guarded(t, values64(r, rows*columns), atEnd)
				a, b := guarded(t, values64(r, steps*rows), atEnd), guarded(t, values64(r, steps*columns), atEnd)
				k.MulTile64(c, columns, columns, a, steps, 1, b, steps)
				k.MulTile64(c, columns, columns, a, 1, rows, b, steps)
				k.Solve64(guarded(t, values64(r, rows*rows*steps), atEnd), rows, guarded(t, values64(r, rows*rows), atEnd), rows, steps)
				panel := guarded(t, b, atEnd)
				k.Pack64(panel, columns, b, columns, steps)
				k.Widen64(panel, columns, guarded(t, make([]float32, len(b)), atEnd), columns, steps)
			}
		}
	})
}

func TestGuardPagesElementwise(t *testing.T) {
	for n := range 40 {
		for _, atEnd := range []bool{true, false} {
			x, u := guarded(t, make([]float32, n), atEnd), guarded(t, make([]float32, n), atEnd)
			for _, f := range elementwiseMethods {
				for _, l := range Levels() {
					k, _ := ForLevel(l)
					f(k, x, u, 1)
				}
			}
		}
	}
}

func TestGuardPagesAttention(t *testing.T) {
	for form := range kvForms {
		for _, dim := range []int{1, 16, 20, 64, 70} {
			for _, atEnd := range []bool{true, false} {
				s := newSequence(rand.New(rand.NewPCG(uint64(dim), 35)), Attention{Form: form, Dim: dim, Group: 7, Scale: 1}, 2*AttentionTile, false)
				tiles := guarded(t, s.tiles(s.length), atEnd)
				size := form.TileBytes(dim)
				paged := Tiles{Pages: [][]byte{tiles[:size], tiles[size:]}}
				queries, out := guarded(t, s.queries[:2*7*dim], atEnd), guarded(t, make([]float32, 2*7*dim), atEnd)
				rows := guarded(t, make([]float32, AttentionFloats(14, dim)), atEnd)
				for _, l := range Levels() {
					k, _ := ForLevel(l)
					k.Attend(&s.Attention, out, queries, 7*dim, paged, s.length-2, 2, NewAttentionMemory(rows, 14, dim))
					form.Put(tiles[size:], AttentionTile-1, out[:dim], out[dim:2*dim])
				}
			}
		}
	}
}
