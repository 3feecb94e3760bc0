package npy_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/npy"
)

func TestRounded(t *testing.T) {
	words := func(w ...uint64) (b []byte) {
		for _, w := range w {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		return b
	}
	bits := math.Float64bits
	for _, c := range []struct {
		descr string
		data  []byte
		n     int
		want  int
	}{
		{"<f8", words(bits(0.1), bits(0.5), bits(math.Inf(1)), bits(math.NaN()), bits(1e-300)), 5, 2},
		{"<i8", words(1<<24+1, 1<<24, 1<<62, ^uint64(1<<24), 1<<63), 5, 2},
		{"<u8", words(math.MaxUint64, 3<<60), 2, 1},
		{">i8", []byte{0, 0, 0, 0, 1, 0, 0, 1}, 1, 1},
		{"<i4", []byte{1, 0, 0, 0x81, 1, 0, 0, 0}, 2, 1},
		{"<f4", make([]byte, 8), 2, 0},
	} {
		r, err := open(file(1, dict(c.descr, "False", fmt.Sprintf("(%d,)", c.n)), c.data))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Rounded(t.Context()); err != nil || got != c.want {
			t.Errorf("%s: %d, %v, want %d", c.descr, got, err, c.want)
		}
	}
	r, err := open(file(1, dict("<f8", "False", "(1,)"), words(bits(1e300))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Rounded(t.Context()); !errors.Is(err, npy.ErrDType) {
		t.Errorf("1e300: %v", err)
	}
}
