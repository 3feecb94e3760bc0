// Package offheap allocates big buffers outside Go's heap, straight from the
// system's virtual memory.
//
// Weights, blocks and caches live here: the garbage collector neither scans nor
// doubles them, and Free gives the memory back at once. Buffers are zeroed and
// page-aligned and must not hold Go pointers; a page costs physical memory only
// once it is touched. Use after Free is a fault: exactly one owner frees, when
// nobody reads any more. Where the system offers no mapping that Go can reach,
// buffers come from the heap.
package offheap

import (
	"errors"
	"fmt"
	"unsafe"
)

var (
	// ErrSize reports a negative size.
	ErrSize = errors.New("negative size")
	// ErrNotAllocated reports a Free of anything but exactly what Alloc returned.
	ErrNotAllocated = errors.New("not a buffer from Alloc")
)

// Alloc returns n zeroed bytes with capacity n, page-aligned. It is safe for
// concurrent use. For n = 0 it returns an empty slice that needs no Free.
func Alloc(n int) ([]byte, error) {
	if n < 0 {
		return nil, fmt.Errorf("allocate %d bytes: %w", n, ErrSize)
	}
	if n == 0 {
		return []byte{}, nil
	}
	b, err := alloc(n)
	if err != nil {
		return nil, fmt.Errorf("allocate %d bytes: %w", n, err)
	}
	return b, nil
}

// Whole tells the system that all of a buffer from Alloc is going to be used: where that has large pages for it, its pages
// are there with fewer faults, and found with fewer steps. It changes neither what the buffer holds nor how long.
func Whole(b []byte) { whole(b) }

// Free gives back a buffer, which must be the slice that Alloc returned, neither
// cut nor grown. It is safe for concurrent use.
func Free(b []byte) error {
	if cap(b) == 0 {
		return nil
	}
	return free(b)
}

// Float32s returns b seen as float32 in the machine's own byte order, len(b)/4 of
// them; they share b's memory and live as long as b does. It panics if b does not
// begin at a multiple of 4, which a buffer from Alloc does.
func Float32s(b []byte) []float32 { return view[float32](b) }

// Float64s returns b seen as float64, as Float32s does.
func Float64s(b []byte) []float64 { return view[float64](b) }

// Uint16s returns b seen as uint16, as Float32s does.
func Uint16s(b []byte) []uint16 { return view[uint16](b) }

func view[T float32 | float64 | uint16](b []byte) []T {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if len(b) < size {
		return nil
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)%unsafe.Alignof(zero) != 0 {
		panic("offheap: view of a misaligned buffer")
	}
	return unsafe.Slice((*T)(p), len(b)/size)
}
