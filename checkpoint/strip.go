package checkpoint

import (
	"context"
	"sync"
)

// strip is a run of columns of a stored matrix, whose rows lie apart: layouts that
// pack along a weight's columns store the weight on its side, and a row of it is a column
// there.
type strip struct {
	from  *strips
	first int // the first row of the weight that it holds
	data  []byte
}

// strips cuts a stored matrix of bytes into strips.
type strips struct {
	data       Data
	offset     int64 // of the matrix in data
	rows, cols int   // of the stored matrix, in bytes
	weights    int   // rows of the weight in a strip
	recent     *sync.Pool
	// span tells which bytes of a stored row hold rows [a, b) of the weight.
	span func(a, b int) (from, to int)
}

// stripBytes bounds a strip, unless 32 rows of the weight are more.
const stripBytes = 1 << 20

// stripRows is how many rows of a weight, rows of them in all, make a strip where each takes
// a number of bits: a multiple of 32, which ends at a whole word in every packing.
func stripRows(rows, bits int) int {
	n := stripBytes * 8 / max(1, bits)
	return min(max(32, n/32*32), ceil(rows, 32)*32)
}

// recentCodes keeps the strips that were read last, about one a processor: neighbouring rows lie in the same.
var recentCodes = sync.Pool{New: func() any { return new(strip) }}

// read returns the strip that holds a row of the weight, which has total rows; it goes back
// to s.recent.
func (s *strips) read(ctx context.Context, row, total int) (*strip, error) {
	first := row / s.weights * s.weights
	p := s.recent.Get().(*strip)
	if p.from == s && p.first == first {
		return p, nil
	}
	p.from = nil
	from, to := s.span(first, min(first+s.weights, total))
	width := to - from
	if cap(p.data) < width*s.rows {
		p.data = make([]byte, width*s.rows)
	}
	p.data = p.data[:width*s.rows]
	if width == s.cols {
		if err := s.data.ReadRaw(ctx, p.data, s.offset); err != nil {
			return nil, err
		}
	} else {
		for r := range s.rows {
			if err := s.data.ReadRaw(ctx, p.data[r*width:(r+1)*width], s.offset+int64(r)*int64(s.cols)+int64(from)); err != nil {
				return nil, err
			}
		}
	}
	p.from, p.first = s, first
	return p, nil
}
