package dtype

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

// TestCheck: a window with a value that float32 has no room for is an error, another is not.
func TestCheck(t *testing.T) {
	var doubles []byte
	for _, v := range []float64{0.1, math.Inf(-1), math.NaN(), math.MaxFloat32, -1e39} {
		doubles = binary.LittleEndian.AppendUint64(doubles, math.Float64bits(v))
	}
	for _, c := range []struct {
		data []byte
		kind Type
		n    int // elements; the last is refused
	}{{doubles, F64, 5}, {[]byte{0, 1, 2}, Bool, 3}} {
		a := Array{File: bytes.NewReader(c.data), Len: c.n, Type: c.kind}
		if err := a.ReadFloat32(context.Background(), make([]float32, c.n-1), 0); err != nil {
			t.Errorf("%s: %v", c.kind, err)
		}
		if err := a.ReadFloat32(context.Background(), make([]float32, 2), c.n-2); !errors.Is(err, ErrValue) {
			t.Errorf("%s: %v", c.kind, err)
		}
	}
}
