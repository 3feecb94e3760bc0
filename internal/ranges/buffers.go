package ranges

import (
	"unsafe"

	"github.com/helix-substrate/helix-substrate/internal/offheap"
)

// buffers are a window's memory outside the Go heap. They are used under its lock, and freed when nobody has it any more.
type buffers struct {
	all map[*byte][]byte // by where they begin
}

// alloc returns a new buffer; where the system has none, from the Go heap.
func (b *buffers) alloc(bytes int64) []byte {
	buffer, err := offheap.Alloc(int(bytes))
	if err != nil {
		buffer = make([]byte, bytes)
	}
	b.all[unsafe.SliceData(buffer)] = buffer
	return buffer
}

// free gives a buffer back.
func (b *buffers) free(buffer []byte) {
	delete(b.all, unsafe.SliceData(buffer))
	_ = offheap.Free(buffer[:cap(buffer)]) // one of the Go heap is none of its own
}

func (b *buffers) freeAll() {
	for _, buffer := range b.all {
		b.free(buffer)
	}
}
