package torch_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/torch"
)

// one opens an archive with one tensor over a storage of random bytes.
func one(t interface{ Fatal(...any) }, order, class string, elements, offset int64, shape, strides []int64) (*torch.Tensor, []byte) {
	sizes := map[string]int64{"ByteStorage": 1, "HalfStorage": 2, "FloatStorage": 4, "DoubleStorage": 8}
	data := make([]byte, elements*sizes[class])
	rand.NewChaCha8([32]byte{1}).Read(data)
	if class == "DoubleStorage" { // within float32's range
		for i := range data {
			if top := i % 8; top == 0 && order == "big" || top == 7 && order != "big" {
				data[i] = data[i]&0x8f | 0x30
			}
		}
	}
	pickle := save(str("w"), view(storage("0", class, elements), offset, nums(shape...), nums(strides...)))
	f, err := openBytes(pack(file{"m/data.pkl", pickle}, file{"m/byteorder", order}, file{"m/data/0", string(data)}))
	if err != nil {
		t.Fatal(err)
	}
	return f.Tensors()[0], data
}

// Any view of any storage reads as one gathered element by element.
func TestViews(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.SampledFrom([]string{"little", "big"}).Draw(t, "order")
		class := rapid.SampledFrom([]string{"ByteStorage", "HalfStorage", "FloatStorage", "DoubleStorage"}).Draw(t, "class")
		const elements = 1500
		shape := rapid.SliceOfN(rapid.Int64Range(0, 6), 0, 4).Draw(t, "shape")
		offset := rapid.Int64Range(0, 100).Draw(t, "offset")
		// Strides that stay within the storage; now and then those of a permutation
		// of a contiguous tensor.
		strides := make([]int64, len(shape))
		if rapid.Bool().Draw(t, "permuted") {
			step := int64(1)
			order := make([]int, len(shape))
			for i := range order {
				order[i] = i
			}
			for _, i := range rapid.Permutation(order).Draw(t, "permutation") {
				strides[i] = step
				step *= max(shape[i], 1)
			}
		} else {
			for i, n := range shape {
				strides[i] = rapid.Int64Range(0, 1400/4/max(n, 1)).Draw(t, "stride")
			}
		}
		tensor, data := one(t, order, class, elements, offset, shape, strides)
		size := tensor.DType.Size()
		// The oracle: every index of the shape in turn.
		raw := []byte{}
		for i := range tensor.Len() {
			place := offset
			for d := len(shape) - 1; d >= 0; d-- {
				place += int64(i) % shape[d] * strides[d]
				i /= int(shape[d])
			}
			element := bytes.Clone(data[place*int64(size):][:size])
			if order == "big" {
				slices.Reverse(element)
			}
			raw = append(raw, element...)
		}
		values := make([]float32, tensor.Len())
		dtype.Decode(values, raw, tensor.DType)
		off := rapid.IntRange(0, len(values)).Draw(t, "off")
		got := make([]float32, rapid.IntRange(0, len(values)-off).Draw(t, "n"))
		if err := tensor.ReadFloat32(context.Background(), got, off); err != nil || !same(got, values[off:off+len(got)]) {
			t.Fatalf("%v %v from %d: %v, want %v", err, shape, off, got, values[off:off+len(got)])
		}
		at := rapid.IntRange(0, len(raw)).Draw(t, "at")
		part := make([]byte, rapid.IntRange(0, len(raw)-at).Draw(t, "bytes"))
		if err := tensor.ReadRaw(context.Background(), part, int64(at)); err != nil || !bytes.Equal(part, raw[at:at+len(part)]) {
			t.Fatalf("%v %v bytes from %d: %x, want %x", err, shape, at, part, raw[at:at+len(part)])
		}
	})
}

// A matrix larger than all buffers, transposed or with gaps, read by several at once.
func TestLargeViews(t *testing.T) {
	const rows, columns = 300, 2000
	for name, c := range map[string]struct{ shape, strides []int64 }{
		"transposed": {[]int64{columns, rows}, []int64{1, columns}},
		"every 2nd":  {[]int64{rows, columns / 2}, []int64{columns, 2}},
		"tall":       {[]int64{rows * columns / 3}, []int64{3}},
		"distant":    {[]int64{2, rows}, []int64{1, columns}},
		"whole":      {[]int64{rows, columns}, []int64{columns, 1}},
	} {
		for _, class := range []string{"FloatStorage", "DoubleStorage"} {
			tensor, data := one(t, "little", class, rows*columns, 0, c.shape, c.strides)
			stored := make([]float32, rows*columns)
			dtype.Decode(stored, data, tensor.DType)
			want := make([]float32, tensor.Len())
			for i := range want {
				if len(c.shape) == 1 {
					want[i] = stored[i*3]
				} else {
					n := int(c.shape[1])
					want[i] = stored[i/n*int(c.strides[0])+i%n*int(c.strides[1])]
				}
			}
			var wg sync.WaitGroup
			for i := range 3 {
				wg.Go(func() {
					window := make([]float32, len(want)/(1+2*i)+i)
					for off := 0; off < len(want); off += len(window) {
						part := window[:min(len(window), len(want)-off)]
						if err := tensor.ReadFloat32(context.Background(), part, off); err != nil || !same(part, want[off:off+len(part)]) {
							t.Errorf("%s %s: window at %d: %v", name, class, off, err)
							return
						}
					}
				})
			}
			wg.Wait()
		}
	}
}

func TestReadErrors(t *testing.T) {
	for _, strides := range [][]int64{{4, 1}, {1, 4}} {
		pickle := save(str("w"), view(storage("0", "FloatStorage", 16), 0, nums(4, 4), nums(strides...)))
		b := pack(file{"m/data.pkl", pickle}, file{"m/data/0", strings.Repeat("x", 64)})
		shrinking := &shrinkingReader{*bytes.NewReader(b), int64(len(b))}
		f, err := torch.NewFile(context.Background(), shrinking, int64(len(b)), "shrunk.pt")
		if err != nil {
			t.Fatal(err)
		}
		w := f.Tensors()[0]
		for _, c := range [][2]int{{-1, 1}, {0, 17}, {17, 0}} {
			if err := w.ReadFloat32(context.Background(), make([]float32, c[1]), c[0]); !errors.Is(err, dtype.ErrRange) {
				t.Errorf("elements %v: %v", c, err)
			}
			if err := w.ReadRaw(context.Background(), make([]byte, 4*c[1]), int64(4*c[0])); !errors.Is(err, dtype.ErrRange) {
				t.Errorf("bytes %v: %v", c, err)
			}
		}
		shrinking.limit = 100
		if err := w.ReadFloat32(context.Background(), make([]float32, 16), 0); !errors.Is(err, torch.ErrTruncated) || !strings.Contains(err.Error(), `shrunk.pt: tensor "w"`) {
			t.Errorf("shrunk: %v", err)
		}
		if err := w.ReadRaw(context.Background(), make([]byte, 64), 0); !errors.Is(err, torch.ErrTruncated) {
			t.Errorf("shrunk: %v", err)
		}
	}
}

// shrinkingReader ends at its limit.
type shrinkingReader struct {
	bytes.Reader
	limit int64
}

func (r *shrinkingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.Reader.ReadAt(p[:max(0, min(int64(len(p)), r.limit-off))], off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func TestReadAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector drops pooled buffers at random")
	}
	for _, strides := range [][]int64{{200, 1}, {1, 100}} {
		w, _ := one(t, "big", "FloatStorage", 20000, 0, []int64{100, 200}, strides)
		values, raw := make([]float32, w.Len()), make([]byte, w.Size())
		if n := testing.AllocsPerRun(50, func() {
			if err := errors.Join(w.ReadFloat32(context.Background(), values, 0), w.ReadRaw(context.Background(), raw, 0)); err != nil {
				t.Fatal(err)
			}
		}); n >= 1 {
			t.Errorf("%v allocations a read", n)
		}
	}
}

func BenchmarkReadFloat32(b *testing.B) {
	const rows, columns = 2048, 2048
	for name, strides := range map[string][]int64{"contiguous": {columns, 1}, "transposed": {1, rows}} {
		f, _ := one(b, "little", "FloatStorage", rows*columns, 0, []int64{rows, columns}, strides)
		for _, window := range []int{1, 64} {
			x := make([]float32, window*columns)
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					for off := 0; off < f.Len(); off += len(x) {
						if err := f.ReadFloat32(context.Background(), x, off); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.ReportMetric(float64(f.Len())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
			})
		}
	}
}

func TestBigEndian(t *testing.T) {
	tensor, data := one(t, "big", "DoubleStorage", 40000, 3, []int64{100, 300}, []int64{300, 1})
	dtype.SwapBytes(data, 8)
	want := make([]float32, tensor.Len())
	dtype.Decode(want, data[24:], dtype.F64)
	got := make([]float32, tensor.Len())
	if err := tensor.ReadFloat32(context.Background(), got, 0); err != nil || !same(got, want) {
		t.Error("values differ", err)
	}
	raw := make([]byte, tensor.Size()-5)
	if err := tensor.ReadRaw(context.Background(), raw, 5); err != nil || !bytes.Equal(raw, data[29:29+len(raw)]) {
		t.Error("bytes differ", err)
	}
}
