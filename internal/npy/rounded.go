package npy

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// Rounded counts the elements that ReadFloat32 rounds, because float32 does not hold them
// exactly: float64 and integers of 32 and 64 bits may have such. A finite value beyond
// float32's range, which would become infinite, is ErrDType. It holds 256 KiB.
func (r *Reader) Rounded(ctx context.Context) (rounded int, err error) {
	t := r.Type()
	switch t {
	case dtype.F64, dtype.I64, dtype.U64, dtype.I32, dtype.U32:
	default:
		return 0, nil
	}
	size := t.Size()
	buf := make([]byte, 1<<18)
	for at, end := int64(0), int64(r.Len())*int64(size); at < end; at += int64(len(buf)) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		buf = buf[:min(int64(len(buf)), end-at)]
		if err := r.ReadRaw(context.Background(), buf, at); err != nil {
			return 0, err
		}
		if r.array.BigEndian {
			dtype.SwapBytes(buf, size)
		}
		for i := 0; i < len(buf); i += size {
			exact := true
			switch t {
			case dtype.F64:
				v := math.Float64frombits(binary.LittleEndian.Uint64(buf[i:]))
				if f := float32(v); math.IsInf(float64(f), 0) && !math.IsInf(v, 0) {
					return 0, fmt.Errorf("%s: %v is beyond float32: %w", r.name, v, ErrDType)
				} else {
					exact = float64(f) == v || math.IsNaN(v)
				}
			case dtype.I64:
				exact = exactInteger(magnitude(int64(binary.LittleEndian.Uint64(buf[i:]))))
			case dtype.U64:
				exact = exactInteger(binary.LittleEndian.Uint64(buf[i:]))
			case dtype.I32:
				exact = exactInteger(magnitude(int64(int32(binary.LittleEndian.Uint32(buf[i:])))))
			case dtype.U32:
				exact = exactInteger(uint64(binary.LittleEndian.Uint32(buf[i:])))
			}
			if !exact {
				rounded++
			}
		}
	}
	return rounded, nil
}

// Rounding warns of elements that ReadFloat32 rounds, in a line for people; "" if there are
// none. One beyond float32 is ErrDType, as of Rounded.
func (r *Reader) Rounding(ctx context.Context) (string, error) {
	n, err := r.Rounded(ctx)
	if n == 0 || err != nil {
		return "", err
	}
	return fmt.Sprintf("warning: %s: %d of %d values are rounded to float32", r.name, n, r.Len()), nil
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// exactInteger tells whether float32's 24 bits hold v.
func exactInteger(v uint64) bool {
	for v >= 1<<24 && v&1 == 0 {
		v >>= 1
	}
	return v < 1<<24
}
