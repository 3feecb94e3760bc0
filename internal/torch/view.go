package torch

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// maxDims bounds the rank of a tensor. Models have 5 at most.
const maxDims = 16

// view shows a storage as a tensor.
type view struct {
	storage *storage
	shape   []int
	start   int64 // first element in the storage
	n       int   // elements
	dims    []dim // the shape with its strides, dimensions that continue each other merged
}

// dim is a dimension of n steps, each of stride elements in the storage.
type dim struct{ n, stride int64 }

// newView checks that every element lies in the storage, and that they are not more
// than those of the storage: a tensor that repeats elements (expand) would be
// larger than its file.
func newView(s *storage, start int64, shape, strides []int64) (*view, error) {
	v := &view{storage: s, start: start, shape: make([]int, len(shape))}
	if len(shape) != len(strides) || len(shape) > maxDims {
		return nil, fmt.Errorf("%w: %d dimensions with %d strides", ErrShape, len(shape), len(strides))
	}
	for i, n := range shape {
		if n < 0 || n > math.MaxInt || strides[i] < 0 {
			return nil, fmt.Errorf("%w: %v with strides %v", ErrShape, shape, strides)
		}
		v.shape[i] = int(n)
	}
	n, ok := dtype.Count(v.shape, s.dtype.Size())
	v.n = n
	if !ok || int64(n) > s.n || start < 0 || start > s.n {
		return nil, fmt.Errorf("%w: %v at element %d of a storage of %d", ErrShape, shape, start, s.n)
	}
	if n == 0 {
		return v, nil
	}
	room := s.n - 1 - start // for steps from the first element to the last
	for i, stride := range strides {
		steps := shape[i] - 1
		if steps > 0 && stride > room/steps {
			room = -1
			break
		}
		room -= steps * stride
	}
	if room < 0 {
		return nil, fmt.Errorf("%w: %v with strides %v from element %d ends beyond a storage of %d", ErrShape, shape, strides, start, s.n)
	}
	for i, n := range shape {
		last := len(v.dims) - 1
		switch {
		case n == 1:
		case last >= 0 && v.dims[last].stride == n*strides[i]:
			v.dims[last] = dim{v.dims[last].n * n, strides[i]}
		default:
			v.dims = append(v.dims, dim{n, strides[i]})
		}
	}
	return v, nil
}

// contiguous tells whether the elements follow one another.
func (v *view) contiguous() bool {
	return len(v.dims) == 0 || len(v.dims) == 1 && v.dims[0].stride == 1
}

// scratch holds a piece of a tensor between the file and the caller's slice.
type scratch struct {
	raw    [128 << 10]byte // elements as stored, with those between them
	values [32 << 10]float32
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// readFloat32 is Tensor.ReadFloat32 for a tensor that is not contiguous.
func (v *view) readFloat32(ctx context.Context, r io.ReaderAt, dst []float32, off int) error {
	if off < 0 || off > v.n || len(dst) > v.n-off {
		return fmt.Errorf("elements [%d, %d) of %d: %w", off, off+len(dst), v.n, dtype.ErrRange)
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	var refused error
	err := v.gather(ctx, r, s, off, off+len(dst), func(at, step int, elements []byte) {
		values := s.values[:len(elements)/v.storage.dtype.Size()]
		if i, err := dtype.Check(elements, v.storage.dtype); err != nil {
			refused = fmt.Errorf("stored element %d of a run: %w", i, err)
		}
		dtype.Decode(values, elements, v.storage.dtype)
		for _, x := range values {
			dst[at] = x
			at += step
		}
	})
	return cmp.Or(err, refused)
}

// readRaw is Tensor.ReadRaw for a tensor that is not contiguous or big-endian.
func (v *view) readRaw(ctx context.Context, r io.ReaderAt, dst []byte, off int64) error {
	size := v.storage.dtype.Size()
	total := int64(v.n) * int64(size)
	if off < 0 || off > total || int64(len(dst)) > total-off {
		return fmt.Errorf("bytes [%d, %d) of %d: %w", off, off+int64(len(dst)), total, dtype.ErrRange)
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	end := off + int64(len(dst))
	first := int(off / int64(size))
	skip := int(off % int64(size)) // of the first element
	return v.gather(ctx, r, s, first, int((end+int64(size)-1)/int64(size)), func(at, step int, elements []byte) {
		for ; len(elements) > 0; elements = elements[size:] {
			// The first element and the last may be wanted in part.
			to := at*size - skip
			copy(dst[max(to, 0):], elements[max(-to, 0):size])
			at += step
		}
	})
}

// gather calls emit with all elements [begin, end), row-major, in runs: elements
// packed, little-endian, of which the first is begin+at, the next begin+at+step, ….
// Runs go along the dimension with the smallest stride, so that a transposed
// matrix is read along its columns, in the order of the file.
func (v *view) gather(ctx context.Context, r io.ReaderAt, s *scratch, begin, end int, emit func(at, step int, elements []byte)) error {
	along := 0
	for i, d := range v.dims {
		if d.stride <= v.dims[along].stride {
			along = i
		}
	}
	// Elements one step apart along that dimension are step apart in the tensor,
	// and dimensions inside of it cover step elements.
	step := int64(1)
	stride := int64(0)
	period := int64(1) // elements of the tensor until that dimension begins anew
	if len(v.dims) > 0 {
		for _, d := range v.dims[along+1:] {
			step *= d.n
		}
		stride = v.dims[along].stride
		period = step * v.dims[along].n
	}
	for from, limit := int64(begin), int64(end); from < limit; {
		to := min(limit, from-from%period+period)
		for i := from; i < min(to, from+step); i++ {
			place := v.place(i)
			for at := i; at < to; {
				n, packed, err := v.readRun(ctx, r, s, place, stride, (to-at-1)/step+1)
				if err != nil {
					return err
				}
				emit(int(at)-begin, int(step), packed)
				at, place = at+n*step, place+n*stride
			}
		}
		from = to
	}
	return nil
}

// place returns where in the storage element i of the tensor lies.
func (v *view) place(i int64) int64 {
	place := v.start
	for d := len(v.dims) - 1; d >= 0; d-- {
		place += i % v.dims[d].n * v.dims[d].stride
		i /= v.dims[d].n
	}
	return place
}

// readRun reads at most count elements, stride apart, from place on, and returns
// how many it read, packed and little-endian. Near elements are read together with
// what lies between them, distant ones singly.
func (v *view) readRun(ctx context.Context, r io.ReaderAt, s *scratch, place, stride, count int64) (int64, []byte, error) {
	const near = 1 << 10 // bytes
	size := int64(v.storage.dtype.Size())
	n := int64(1)
	if stride*size <= near {
		n = min(count, int64(len(s.values)), (int64(len(s.raw))/size-1)/max(stride, 1)+1)
	}
	if err := readFull(ctx, r, s.raw[:((n-1)*stride+1)*size], v.storage.offset+place*size); err != nil {
		return 0, nil, err
	}
	packed := s.raw[:n*size]
	if stride != 1 {
		for i := range n {
			copy(packed[i*size:(i+1)*size], s.raw[i*stride*size:])
		}
	}
	if v.storage.swapped() {
		dtype.SwapBytes(packed, int(size))
	}
	return n, packed, nil
}
