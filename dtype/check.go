package dtype

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrValue reports an element that no float32 stands for: a finite float64 beyond its
// range, or a boolean that is neither 0 nor 1.
var ErrValue = errors.New("no float32 stands for this value")

// Check looks for elements that Decode would turn into something else than their nearest
// float32, and returns the first's index with an ErrValue.
func Check(src []byte, t Type) (at int, err error) {
	switch t {
	case F64:
		for i := 0; i+8 <= len(src); i += 8 {
			v := math.Float64frombits(binary.LittleEndian.Uint64(src[i:]))
			if math.IsInf(float64(float32(v)), 0) && !math.IsInf(v, 0) {
				return i / 8, fmt.Errorf("%v is beyond float32: %w", v, ErrValue)
			}
		}
	case Bool:
		for i, b := range src {
			if b > 1 {
				return i, fmt.Errorf("%d as a boolean: %w", b, ErrValue)
			}
		}
	}
	return 0, nil
}
