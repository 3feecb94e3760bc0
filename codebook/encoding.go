package codebook

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// What one machine has designed or summed up, another goes on with, to the bit.

// ErrEncoding reports bytes that are no codebook's.
var ErrEncoding = errors.New("not a codebook")

// AppendBinary appends the codebook's numbers: little-endian float32, the clip range first.
func (c *Codebook) AppendBinary(b []byte) ([]byte, error) {
	for _, part := range [][]float32{{c.ClipMin, c.ClipMax}, c.Values, c.Bounds} {
		for _, v := range part {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b, nil
}

// MarshalBinary is AppendBinary of nothing.
func (c *Codebook) MarshalBinary() ([]byte, error) { return c.AppendBinary(nil) }

// UnmarshalBinary reads what AppendBinary has written. ErrEncoding reports what a Codebook cannot be.
func (c *Codebook) UnmarshalBinary(b []byte) error {
	n := len(b)/4 - 2 // values and bounds, one less
	if len(b)%4 != 0 || n < 1 || n%2 == 0 || n > 2*MaxEntries-1 {
		return fmt.Errorf("%w: %d bytes", ErrEncoding, len(b))
	}
	all := make([]float32, n+2)
	for i := range all {
		all[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	read := Codebook{ClipMin: all[0], ClipMax: all[1], Values: all[2 : 3+n/2], Bounds: all[3+n/2:]}
	if !ascending(read.Values) || !ascending(read.Bounds) || !(read.ClipMin <= read.ClipMax) {
		return fmt.Errorf("%w: values do not ascend", ErrEncoding)
	}
	*c = read
	return nil
}

// ascending tells numbers that are finite and never less than the one before.
func ascending(v []float32) bool {
	for i, x := range v {
		if !isFinite(x) || i > 0 && x < v[i-1] {
			return false
		}
	}
	return true
}

// sumsText is an ErrorSum as text, which has all bits of it.
type sumsText struct {
	Counts [4]uint64   `json:"counts"` // of inside, outliers and stored; of what is not finite
	Sums   [12]float64 `json:"sums"`   // sse, sww, scc and worst of each
}

// MarshalJSON writes e to the bit.
func (e ErrorSum) MarshalJSON() ([]byte, error) {
	var t sumsText
	for i, s := range []*sums{&e.inside, &e.outliers, &e.stored} {
		t.Counts[i] = s.count
		copy(t.Sums[4*i:], []float64{s.sse, s.sww, s.scc, s.worst})
	}
	t.Counts[3] = e.nonFinite
	return json.Marshal(t)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (e *ErrorSum) UnmarshalJSON(text []byte) error {
	var t sumsText
	if err := json.Unmarshal(text, &t); err != nil {
		return err
	}
	for i, s := range []*sums{&e.inside, &e.outliers, &e.stored} {
		v := t.Sums[4*i:]
		*s = sums{count: t.Counts[i], sse: v[0], sww: v[1], scc: v[2], worst: v[3]}
	}
	e.nonFinite = t.Counts[3]
	return nil
}
