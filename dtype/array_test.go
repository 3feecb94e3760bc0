package dtype_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
)

func TestArrayWindows(t *testing.T) {
	const n = 300_000 // more than one buffer of the widest type
	raw := make([]byte, 3+8*n)
	rand.NewChaCha8([32]byte{}).Read(raw) // no period that could hide a wrong window
	for _, typ := range []dtype.Type{dtype.I64, dtype.F32, dtype.BF16, dtype.U8} {
		size := typ.Size()
		for _, big := range []bool{false, true} {
			little := append([]byte(nil), raw[3:3+n*size]...)
			if big {
				dtype.SwapBytes(little, size)
			}
			want := make([]float32, n)
			dtype.Decode(want, little, typ)
			a := &dtype.Array{File: bytes.NewReader(raw), Offset: 3, Len: n, Type: typ, BigEndian: big}
			var wg sync.WaitGroup
			for _, w := range [][2]int{{0, n}, {n, n}, {0, 1}, {7, 131_079}, {n - 5, n}} {
				wg.Go(func() {
					got := make([]float32, w[1]-w[0])
					if err := a.ReadFloat32(context.Background(), got, w[0]); err != nil {
						t.Errorf("%s %v: %v", typ, w, err)
					}
					for i, g := range got {
						if math.Float32bits(g) != math.Float32bits(want[w[0]+i]) {
							t.Errorf("%s %v, element %d: %v, want %v", typ, w, i, g, want[w[0]+i])
							break
						}
					}
				})
			}
			wg.Wait()
		}
	}
}

func TestArrayErrors(t *testing.T) {
	a := &dtype.Array{File: bytes.NewReader(make([]byte, 10)), Offset: 1, Len: 3, Type: dtype.F32}
	for _, w := range [][2]int{{-1, 1}, {0, 4}, {4, 0}, {3, 1}, {math.MaxInt, 1}} {
		if err := a.ReadFloat32(context.Background(), make([]float32, w[1]), w[0]); !errors.Is(err, dtype.ErrRange) {
			t.Errorf("window %v: %v", w, err)
		}
	}
	for _, w := range [][2]int64{{-1, 1}, {0, 13}, {math.MaxInt64, 1}} {
		if err := a.ReadRaw(context.Background(), make([]byte, w[1]), w[0]); !errors.Is(err, dtype.ErrRange) {
			t.Errorf("bytes %v: %v", w, err)
		}
	}
	if err := a.ReadFloat32(context.Background(), make([]float32, 3), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("file too short: %v", err)
	}
	if err := a.ReadFloat32(context.Background(), make([]float32, 2), 0); err != nil {
		t.Error(err)
	}
	if err := a.ReadRaw(context.Background(), make([]byte, 9), 0); err != nil {
		t.Error(err)
	}
}

func TestArrayAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector drops pooled buffers at random")
	}
	a := &dtype.Array{File: bytes.NewReader(make([]byte, 1<<20)), Len: 1 << 19, Type: dtype.F16}
	dst := make([]float32, a.Len)
	if n := testing.AllocsPerRun(50, func() {
		if err := a.ReadFloat32(context.Background(), dst, 0); err != nil {
			t.Fatal(err)
		}
	}); n >= 1 {
		t.Errorf("%v allocations a read", n)
	}
}
