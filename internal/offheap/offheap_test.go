package offheap_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/helix-substrate/helix-substrate/internal/offheap"
)

func TestAlloc(t *testing.T) {
	for _, n := range []int{0, 1, 4095, 4096, 4097, 1 << 20} {
		b, err := offheap.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != n || cap(b) != n {
			t.Fatalf("asked for %d, got %d of %d", n, len(b), cap(b))
		}
		if n > 0 && uintptr(unsafe.Pointer(&b[0]))%uintptr(os.Getpagesize()) != 0 {
			t.Errorf("%d bytes at %p", n, &b[0])
		}
		for i, v := range b {
			if v != 0 {
				t.Fatalf("byte %d is %d", i, v)
			}
			b[i] = 0xff
		}
		if err := offheap.Free(b); err != nil {
			t.Error(err)
		}
	}
}

// TestWhole: a buffer that is used whole is one like others.
func TestWhole(t *testing.T) {
	for _, n := range []int{0, 4096, 20<<20 + 5} {
		b, err := offheap.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		offheap.Whole(b)
		for i := 0; i < n; i += 4096 {
			if b[i] != 0 {
				t.Fatalf("byte %d is %d", i, b[i])
			}
			b[i] = 1
		}
		if err := offheap.Free(b); err != nil {
			t.Error(err)
		}
	}
}

func TestRefused(t *testing.T) {
	if _, err := offheap.Alloc(-1); !errors.Is(err, offheap.ErrSize) {
		t.Errorf("negative size: %v", err)
	}
	if _, err := offheap.Alloc(math.MaxInt - 1<<20); err == nil && runtime.GOOS != "js" {
		t.Error("the whole address space was granted")
	}
	if err := offheap.Free(nil); err != nil {
		t.Errorf("nil: %v", err)
	}
	b, err := offheap.Alloc(8192)
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string][]byte{"cut short": b[:4096], "cut in front": b[4096:], "cut and capped": b[:4096:4096]} {
		if err := offheap.Free(wrong); !errors.Is(err, offheap.ErrNotAllocated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := offheap.Free(make([]byte, 4096)); !errors.Is(err, offheap.ErrNotAllocated) {
		t.Errorf("heap memory: %v", err)
	}
	if err := offheap.Free(b); err != nil {
		t.Fatal(err)
	}
	if err := offheap.Free(b); !errors.Is(err, offheap.ErrNotAllocated) {
		t.Errorf("freed twice: %v", err)
	}
}

func TestFloat32s(t *testing.T) {
	b, err := offheap.Alloc(4*10 + 3)
	if err != nil {
		t.Fatal(err)
	}
	defer offheap.Free(b)
	x := offheap.Float32s(b)
	if len(x) != 10 {
		t.Fatalf("%d values", len(x))
	}
	x[9] = -1
	if b[39]|b[36] == 0 {
		t.Error("the values do not share the bytes")
	}
	if len(offheap.Float32s(b[:3])) != 0 || len(offheap.Float32s(nil)) != 0 {
		t.Error("values out of nothing")
	}
	defer func() {
		if recover() == nil {
			t.Error("a misaligned buffer was accepted")
		}
	}()
	offheap.Float32s(b[1:])
}

func TestConcurrent(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				b, err := offheap.Alloc(1 + i*1000 + j*100)
				if err != nil {
					t.Error(err)
					return
				}
				b[len(b)-1] = 1
				if err := offheap.Free(b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func Example() {
	b, err := offheap.Alloc(1 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer offheap.Free(b)
	x := offheap.Float32s(b)
	x[0] = 1.5
	fmt.Println(len(x), x[:2])
	// Output: 262144 [1.5 0]
}
