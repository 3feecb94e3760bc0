package npy

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/internal/dtype"
)

// ReadFloat32 reads a whole file, row-major, as float32.
func ReadFloat32(path string) (data []float32, shape []int, err error) {
	r, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	data = make([]float32, r.Len())
	if err := r.ReadFloat32(data, 0); err != nil {
		return nil, nil, err
	}
	return data, r.Shape(), nil
}

// ReadFloat64 reads a whole file, row-major, without loss: float64, or anything
// that float32 holds exactly. 32- and 64-bit integers give ErrDType.
func ReadFloat64(path string) (data []float64, shape []int, err error) {
	r, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	data = make([]float64, r.Len())
	switch r.Type() {
	case dtype.F64:
		err = r.readWords(func(i int, w uint64) { data[i] = math.Float64frombits(w) })
	case dtype.I64, dtype.U64, dtype.I32, dtype.U32:
		err = fmt.Errorf("%s: descr %q as float64: %w", path, r.header.Descr, ErrDType)
	default:
		x := make([]float32, r.Len())
		err = r.ReadFloat32(x, 0)
		for i, v := range x {
			data[i] = float64(v)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return data, r.Shape(), nil
}

// ReadInt64 reads a whole file of integers or booleans, row-major. Values above
// the range of int64 give ErrDType, as do floats.
func ReadInt64(path string) (data []int64, shape []int, err error) {
	r, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	data = make([]int64, r.Len())
	switch t := r.Type(); t {
	case dtype.I64, dtype.I32, dtype.I16, dtype.I8, dtype.U64, dtype.U32, dtype.U16, dtype.U8, dtype.Bool:
		signed, unused := t[0] == 'I', 64-8*t.Size()
		var above bool
		err = r.readWords(func(i int, w uint64) {
			data[i] = int64(w)
			if signed {
				data[i] = int64(w<<unused) >> unused
			}
			above = above || !signed && data[i] < 0
		})
		if err == nil && above {
			err = fmt.Errorf("%s: a value above the range of int64: %w", path, ErrDType)
		}
	default:
		err = fmt.Errorf("%s: descr %q as integers: %w", path, r.header.Descr, ErrDType)
	}
	if err != nil {
		return nil, nil, err
	}
	return data, r.Shape(), nil
}

// readWords gives every element's bits, zero-extended, with its row-major index.
func (r *Reader) readWords(put func(i int, word uint64)) error {
	size := r.array.Type.Size()
	raw := make([]byte, r.array.Len*size)
	if err := r.array.ReadRaw(raw, 0); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	if r.array.BigEndian {
		dtype.SwapBytes(raw, size)
	}
	for stored := range r.array.Len {
		var word [8]byte
		copy(word[:], raw[stored*size:][:size])
		i := stored
		if r.header.Fortran {
			rows, cols := r.header.Shape[0], r.header.Shape[1]
			i = stored%rows*cols + stored/rows
		}
		put(i, binary.LittleEndian.Uint64(word[:]))
	}
	return nil
}
