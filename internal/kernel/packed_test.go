package kernel

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

func randomIndices(r *rand.Rand, n, bits int) []byte {
	idx := make([]byte, n)
	for i := range idx {
		idx[i] = byte(r.Uint32()) & (1<<bits - 1)
	}
	return idx
}

// TestPackUnpack packs rows in pieces that cut strips and reads them back.
func TestPackUnpack(t *testing.T) {
	for _, bits := range []int{4, 6} {
		for i := range 200 {
			r := rand.New(rand.NewPCG(uint64(i), uint64(bits)))
			rows, cols := 1+r.IntN(13), 1+r.IntN(200)
			idx := randomIndices(r, rows*cols, bits)
			buf := randomIndices(r, PackedSize(rows, cols, bits), 8) // packing replaces what was there
			p, err := NewPacked(buf, rows, cols, bits)
			if err != nil {
				t.Fatal(err)
			}
			for first := 0; first < rows; {
				n := 1 + r.IntN(rows-first)
				if err := p.Pack(first, idx[first*cols:][:n*cols]); err != nil {
					t.Fatal(err)
				}
				first += n
			}
			got := make([]byte, len(idx))
			cut := r.IntN(rows) * cols
			p.Unpack(got[:cut], 0)
			p.Unpack(got[cut:], cut/cols)
			if !bytes.Equal(got, idx) {
				t.Fatalf("%d bits, %d × %d: indices changed", bits, rows, cols)
			}
		}
	}
}

func TestPackRefuses(t *testing.T) {
	p, err := NewPacked(make([]byte, PackedSize(2, 3, 4)), 2, 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Pack(0, []byte{1, 2, 3, 4, 5, 16}); !errors.Is(err, ErrIndex) {
		t.Errorf("an index of 16 in 4 bits: %v", err)
	}
	got := make([]byte, 6)
	p.Unpack(got, 0)
	if !bytes.Equal(got, []byte{1, 2, 3, 0, 0, 0}) {
		t.Errorf("after the refusal: %v", got)
	}
	for _, f := range []func() (*Packed, error){
		func() (*Packed, error) { return NewPacked(make([]byte, 255), 4, 64, 8) },
		func() (*Packed, error) { return NewPacked(make([]byte, 127), 4, 64, 4) },
		func() (*Packed, error) { return NewPacked(nil, -1, 64, 4) },
		func() (*Packed, error) { return NewPacked(nil, 1<<40, 1<<40, 4) },
	} {
		if p, err := f(); err == nil {
			t.Errorf("made %d × %d in %d bits", p.Rows(), p.Cols(), p.Bits())
		}
	}
}

// TestPackedLikeBytes: a packed matrix gives the bits that index bytes give.
func TestPackedLikeBytes(t *testing.T) {
	for _, form := range []string{"packed4-bf16", "packed6-f32"} {
		for i := range 50 {
			r := rand.New(rand.NewPCG(uint64(i), 9))
			rows, cols, batch := 1+r.IntN(9), 1+r.IntN(300), 1+r.IntN(7)
			o := newOperand(r, form, rows, cols, cols, i%2 == 0)
			var x Activations
			x.Pack(values(r, batch*cols, false), batch, cols)
			b := o
			b.form = "bytes-f32"
			wantBits(t, form, o.dot(Best(), &x, rows), b.dot(generic(t), &x, rows))
		}
	}
}
