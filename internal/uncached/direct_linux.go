package uncached

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Direct is an open file whose bytes go from the disk straight to where they are wanted. It is safe for concurrent use.
type Direct struct{ file *os.File }

// OpenDirect opens an open file once more, to be read by a [Queue]. Close it after use. It is ErrUnsupported where the file's system has no such reading.
func OpenDirect(f *os.File) (*Direct, error) {
	direct, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", f.Name(), ErrUnsupported, err)
	}
	return &Direct{direct}, nil
}

// Close closes the file, of which no read may be under way.
func (d *Direct) Close() error { return d.file.Close() }

// Queue has reads under way, as many as it was made for, while nobody waits for them: the kernel's asynchronous input (io_submit), which takes neither a
// goroutine nor a thread for a read. It is one goroutine's at a time. No call allocates memory.
type Queue struct {
	context uintptr
	request request
	calls   [1]*request
	event   event
}

// request and event are struct iocb and io_event of linux/aio_abi.h.
type request struct {
	tag             uint64
	_, _            uint32
	_, _            uint16 // the operation: 0 is a read
	file            uint32
	address, length uint64
	offset          int64
	_               uint64
	_, _            uint32
}

type event struct {
	tag, request   uint64
	result, second int64
}

// NewQueue returns a queue of so many reads. It is ErrUnsupported where the system has none.
func NewQueue(depth int) (*Queue, error) {
	q := new(Queue)
	if _, _, errno := unix.Syscall(unix.SYS_IO_SETUP, uintptr(depth), uintptr(unsafe.Pointer(&q.context)), 0); errno != 0 {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, errno)
	}
	// Where a sandbox forbids waiting alone, it is better known before anything is to be waited for.
	if _, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, q.context, 0, 1, uintptr(unsafe.Pointer(&q.event)), 0, 0); errno != 0 {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrUnsupported, errno), q.Close())
	}
	return q, nil
}

// Read begins to read to p, which lies outside the Go heap and is the queue's until [Queue.Wait] returns the tag. Offset, length and address
// are multiples of [Unit]. After an error nothing has begun.
func (q *Queue) Read(d *Direct, p []byte, off int64, tag uint64) error {
	q.request = request{
		tag: tag, file: uint32(d.file.Fd()), address: uint64(uintptr(unsafe.Pointer(&p[0]))), length: uint64(len(p)), offset: off,
	}
	q.calls[0] = &q.request
	for {
		_, _, errno := unix.Syscall(unix.SYS_IO_SUBMIT, q.context, 1, uintptr(unsafe.Pointer(&q.calls)))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return &os.PathError{Op: "read", Path: d.file.Name(), Err: errno}
		}
	}
}

// Wait waits for a read that is under way, of which there must be one, and returns it.
func (q *Queue) Wait() (Done, error) {
	for {
		_, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, q.context, 1, 1, uintptr(unsafe.Pointer(&q.event)), 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return Done{}, fmt.Errorf("wait for reading: %w", errno)
		case q.event.result < 0:
			return Done{Tag: q.event.tag, Err: unix.Errno(-q.event.result)}, nil
		default:
			return Done{Tag: q.event.tag, N: int(q.event.result)}, nil
		}
	}
}

// Close ends the queue, and waits for what is under way.
func (q *Queue) Close() error {
	if _, _, errno := unix.Syscall(unix.SYS_IO_DESTROY, q.context, 0, 0); errno != 0 {
		return fmt.Errorf("end of reading: %w", errno)
	}
	return nil
}
