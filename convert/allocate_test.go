package convert

import (
	"errors"
	"math"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// unequal is a checkpoint whose matrices differ in size and in scale.
func unequal(t *testing.T) string {
	src := filepath.Join(t.TempDir(), "m.safetensors")
	scaled := func(name string, rows, cols int, scale float32) safetensors.Entry {
		w := gaussian(rows*cols, uint64(rows))
		for i := range w {
			w[i] *= scale
		}
		return safetensors.Float32(name, []int{rows, cols}, w)
	}
	create(t, src, scaled("small", 100, 200, 1), scaled("large", 700, 200, 1), scaled("strong", 300, 200, 8), scaled("weak", 301, 200, 0.1),
		safetensors.Float32("norm", []int{200}, gaussian(200, 9)))
	return src
}

func TestSize(t *testing.T) {
	if testing.Short() {
		t.Skip("surveys and converts five times")
	}
	src := unequal(t)
	squares := map[Allocation]float64{}
	for _, allocation := range []Allocation{EqualRate, EqualSNR, LeastError} {
		sizes := []int64{160_000}
		if allocation == LeastError {
			sizes = []int64{100_000, 160_000, 230_000}
		}
		for _, size := range sizes {
			var last int64
			r := convertAll(t, Job{
				Source: src, Output: filepath.Join(t.TempDir(), "out"), Size: size, Allocate: allocation,
				Progress: func(done, total int64, _ string) {
					if done > total {
						t.Errorf("%d of %d bytes done", done, total)
					}
					last = total - done
				},
			})
			var bytes int64
			var sum, low, high float64 = 0, math.Inf(1), 0
			for _, tensor := range r.Tensors {
				bytes += tensor.Bytes
				if m := tensor.Matrix; m != nil {
					sum += m.MSE * float64(m.Rows*m.Cols)
					low, high = min(low, *m.SNRdB), max(high, *m.SNRdB)
				}
			}
			if bytes > size || float64(bytes) < 0.93*float64(size) {
				t.Errorf("%s, %d bytes: %d", allocation, size, bytes)
			}
			if allocation == EqualSNR && high-low > 0.5 {
				t.Errorf("%s, %d bytes: ratios from %.2f to %.2f dB", allocation, size, low, high)
			}
			if size == 160_000 {
				squares[allocation] = sum
			}
			if last != 0 {
				t.Errorf("%s: %d bytes are not accounted for at the end", allocation, last)
			}
		}
	}
	if squares[LeastError] >= squares[EqualSNR] || squares[LeastError] >= squares[EqualRate] {
		t.Errorf("sums of squared errors %v: that of %s is not the least", squares, LeastError)
	}
}

// TestLeastErrorByHand checks the allocation against trying everything.
func TestLeastErrorByHand(t *testing.T) {
	choices := [][]choice{
		{{10, 10, 8}, {20, 20, 3}, {30, 30, 1}},
		{{10, 5, 40}, {20, 12, 12}, {30, 18, 4}},
		{{10, 7, 2}, {20, 15, 1}, {30, 22, 0.5}},
	}
	for budget := 22.0; budget <= 75; budget++ {
		picked, _ := leastError(choices, budget)
		if picked == nil {
			t.Fatalf("budget %v: nothing fits", budget)
		}
		var bytes, sum float64
		for i, snr := range picked {
			for _, c := range choices[i] {
				if c.snr == snr {
					bytes, sum = bytes+c.bytes, sum+c.error
				}
			}
		}
		// On the lower hull nothing of at most these bytes has less error.
		for _, a := range choices[0] {
			for _, b := range choices[1] {
				for _, c := range choices[2] {
					if a.bytes+b.bytes+c.bytes <= bytes && a.error+b.error+c.error < sum-1e-9 {
						t.Errorf("budget %v: %v has error %v; %v, %v, %v has less", budget, picked, sum, a, b, c)
					}
				}
			}
		}
		if bytes > budget {
			t.Errorf("budget %v: %v takes %v", budget, picked, bytes)
		}
	}
	if picked, least := leastError(choices, 21); picked != nil || least != 22 {
		t.Errorf("budget 21: %v, %v; the least is 22", picked, least)
	}
}

func TestSizeRefused(t *testing.T) {
	src := unequal(t)
	for _, c := range []struct {
		job  Job
		want error
	}{
		{Job{Size: 1000}, ErrSize},
		{Job{Size: 20_000, Allocate: LeastError}, ErrSize},
		{Job{Size: 20_000, Allocate: EqualRate}, ErrSize},
		{Job{Size: -1}, ErrOption},
		{Job{Size: 100_000, Options: Options{Bits: 4}}, ErrOption},
		{Job{Size: 100_000, Options: Options{Method: "kmeans"}}, ErrOption},
		{Job{Size: 100_000, Allocate: "fair"}, ErrOption},
	} {
		c.job.Source, c.job.Output = src, filepath.Join(t.TempDir(), "out")
		if _, err := Directory(t.Context(), c.job); !errors.Is(err, c.want) {
			t.Errorf("size %d, %s: %v, want %v", c.job.Size, c.job.Allocate, err, c.want)
		}
	}
}

// TestSizeWithFixedTensors: what overrides fix is subtracted from the budget.
func TestSizeWithFixedTensors(t *testing.T) {
	r := convertAll(t, Job{
		Source: unequal(t), Output: filepath.Join(t.TempDir(), "out"), Size: 220_000, Allocate: EqualSNR,
		Overrides: []Override{override(t, "small=exact"), override(t, "strong=snr=40")},
	})
	var bytes int64
	for _, tensor := range r.Tensors {
		bytes += tensor.Bytes
	}
	if bytes > 220_000 || bytes < 200_000 {
		t.Errorf("%d bytes", bytes)
	}
	if m := byName(t, r, "strong").Matrix; *m.SNRdB < 40 {
		t.Errorf("%v dB, the override wants 40", *m.SNRdB)
	}
}

// TestAllocationGivenUp: where nothing is calibrated, a size is spread as without calibrations.
func TestAllocationGivenUp(t *testing.T) {
	for size, want := range map[int64]Allocation{0: "", 1 << 20: DefaultAllocation} {
		j := Job{Source: "model", Output: "out", Size: size}
		if _, err := j.normalize(); err != nil || j.Allocate != LeastDivergence {
			t.Fatal(j.Allocate, err)
		}
		if j.dropUsual(); j.Allocate != want {
			t.Errorf("size %d: %q, want %q", size, j.Allocate, want)
		}
		j.Allocate = LeastDivergence // asked for
		if j.dropUsual(); j.Allocate != LeastDivergence {
			t.Errorf("size %d: %q", size, j.Allocate)
		}
	}
}
