package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/matrix"
)

func gaussian(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 3))
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(0.02 * r.NormFloat64())
	}
	return w
}

func slice(t testing.TB, w []float32, cols int) matrix.Slice {
	t.Helper()
	s, err := matrix.NewSlice(w, len(w)/cols, cols)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decode reads a file and its sidecar, if there is one, back to float32.
func decode(t *testing.T, target Target) []float32 {
	t.Helper()
	f, err := cdna.Open(target.File)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var s *cdna.Sidecar
	if _, err := os.Stat(target.Sidecar); err == nil {
		if s, err = cdna.OpenSidecar(target.Sidecar); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := Decode(t.Context(), &b, f, s); err != nil {
		t.Fatal(err)
	}
	r, err := npy.NewReader(context.Background(), bytes.NewReader(b.Bytes()), int64(b.Len()), "decoded")
	if err != nil {
		t.Fatal(err)
	}
	w := make([]float32, r.Len())
	if err := r.ReadFloat32(context.Background(), w, 0); err != nil {
		t.Fatal(err)
	}
	return w
}

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*math.Max(math.Abs(a), math.Abs(b))
}

// TestReportIsTrue compares what Matrix reports with what its files decode to.
func TestReportIsTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("designs codebooks for seconds")
	}
	w := gaussian(700*300, 1)
	for i := range 150 { // far outside: worth a sidecar
		w[i*1399] = float32(1-2*(i%2)) * (3 + float32(i)/100)
	}
	for _, o := range []Options{
		{}, {SNR: 50}, {SNR: 21}, {Bits: 4.5}, {Method: KMeans}, {Method: Uniform}, {Method: KMeans, Entries: 16, Codec: "brotli"},
		{FullPrecision: true, BlockRows: 13, Codec: "huff0"}, {NoSidecar: true, SNR: 30},
	} {
		for _, file := range []string{"w.cdna2.hxz", "w.cdna"} {
			t.Run(fmt.Sprintf("%+v %s", o, file), func(t *testing.T) {
				dir := t.TempDir()
				target := Target{Name: "w", File: filepath.Join(dir, file), Sidecar: filepath.Join(dir, "w.hxzo")}
				r, err := Matrix(t.Context(), slice(t, w, 300), target, o)
				if err != nil {
					t.Fatal(err)
				}
				got := codebook.Compare(w, decode(t, target))
				if !near(got.MSE, r.MSE, 1e-9) || !near(got.MaxError, r.MaxAbsError, 1e-9) || math.Abs(got.Cosine-r.Cosine) > 1e-9 || r.SNRdB == nil || math.Abs(got.SNR-*r.SNRdB) > 1e-6 {
					t.Errorf("files decode to %+v, the report says %+v, %v dB", got, r, *r.SNRdB)
				}
				without := codebook.Compare(w, decode(t, Target{File: target.File}))
				if math.Abs(without.Cosine-r.CosineNoSidecar) > 1e-9 {
					t.Errorf("without the sidecar: cosine %v, the report says %v", without.Cosine, r.CosineNoSidecar)
				}
				var bytes int64
				for _, p := range []string{target.File, target.Sidecar} {
					if info, err := os.Stat(p); err == nil {
						bytes += info.Size()
					}
				}
				if bytes != r.Bytes || !near(r.BitsPerWeight, float64(bytes)*8/float64(len(w)), 1e-12) {
					t.Errorf("files have %d bytes, the report says %d (%v bits)", bytes, r.Bytes, r.BitsPerWeight)
				}
				if wantSNR := o.SNR; wantSNR > 0 && *r.SNRdB < wantSNR {
					t.Errorf("%v dB, want at least %v", *r.SNRdB, wantSNR)
				}
				if o.Bits > 0 && file != "w.cdna" && (r.BitsPerWeight > o.Bits || r.BitsPerWeight < o.Bits-0.02) {
					t.Errorf("%v bits, want %v or a little less", r.BitsPerWeight, o.Bits)
				}
				if o.NoSidecar && r.Outliers > 0 {
					t.Errorf("%d outliers in a sidecar", r.Outliers)
				}
				if o.SNR == 50 && r.Outliers == 0 {
					t.Error("outliers of a hundred deviations were not worth a sidecar")
				}
				if file == "w.cdna2.hxz" {
					checkHeader(t, target.File, r)
				}
			})
		}
	}
}

func checkHeader(t *testing.T, path string, r *MatrixReport) {
	f, err := cdna.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := f.Header().Fidelity
	if s == nil || s.CosineNoSidecar == nil || *s.CosineNoSidecar != r.CosineNoSidecar {
		t.Fatalf("fidelity_stats %+v, report %+v", s, r)
	}
	if mse, ok := s.Number("mse"); !ok || mse != r.MSE {
		t.Errorf("header has mse %v, the report %v", mse, r.MSE)
	}
}

// TestBytesDoNotDependOnThreads includes a matrix of many chunks.
func TestBytesDoNotDependOnThreads(t *testing.T) {
	w := gaussian(1200*1000, 2)
	for i := range 40 {
		w[i*29989] = 5
	}
	for _, o := range []Options{{}, {Bits: 4, Codec: "brotli"}, {Method: KMeans}} {
		var want []byte
		for _, threads := range []int{1, 2, 5} {
			dir := t.TempDir()
			target := Target{Name: "w", File: filepath.Join(dir, "w.cdna2.hxz"), Sidecar: filepath.Join(dir, "w.hxzo")}
			o.Threads = threads
			if _, err := Matrix(t.Context(), slice(t, w, 1000), target, o); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(target.File)
			if err != nil {
				t.Fatal(err)
			}
			if s, err := os.ReadFile(target.Sidecar); err == nil {
				got = append(got, s...)
			}
			if want == nil {
				want = got
			} else if !bytes.Equal(got, want) {
				t.Errorf("%+v: %d threads give other bytes than one", o, threads)
			}
		}
	}
}

// TestRateOfLargeMatrix: where the rate is measured on a sample, the file still has
// no more bits than asked for.
func TestRateOfLargeMatrix(t *testing.T) {
	if testing.Short() {
		t.Skip("designs codebooks for seconds")
	}
	w := gaussian(5<<20, 7)
	for i := range w[4<<20:] { // not like the sample's average
		w[4<<20+i] *= 3
	}
	for _, bits := range []float64{3, 4.5} {
		target := Target{Name: "w", File: filepath.Join(t.TempDir(), "w.cdna2.hxz")}
		r, err := Matrix(t.Context(), slice(t, w, 1024), target, Options{Bits: bits})
		if err != nil {
			t.Fatal(err)
		}
		if r.BitsPerWeight > bits || r.BitsPerWeight < bits-0.05 {
			t.Errorf("%v bits, want %v or a little less", r.BitsPerWeight, bits)
		}
	}
}

func TestNonFinite(t *testing.T) {
	w := gaussian(300*2000, 3)
	w[123*2000+45], w[200*2000+7], w[299*2000+1999] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))
	dir := t.TempDir()
	target := Target{Name: "layer", File: filepath.Join(dir, "w.cdna2.hxz"), Sidecar: filepath.Join(dir, "w.hxzo")}
	for _, threads := range []int{1, 4} {
		_, err := Matrix(t.Context(), slice(t, w, 2000), target, Options{Threads: threads})
		if !errors.Is(err, codebook.ErrNonFinite) || !strings.Contains(err.Error(), `"layer": NaN at row 123, column 45`) {
			t.Errorf("%v, want the first place by name", err)
		}
	}
	nothingIn(t, dir)
	r, err := Matrix(t.Context(), slice(t, w, 2000), target, Options{NonFinite: true})
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, target)
	if r.Outliers < 3 || got[123*2000+45] == got[123*2000+45] || got[200*2000+7] != w[200*2000+7] || got[len(got)-1] != w[len(w)-1] {
		t.Errorf("%d outliers; decoded %v %v %v", r.Outliers, got[123*2000+45], got[200*2000+7], got[len(got)-1])
	}
}

func nothingIn(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s was left behind", e.Name())
	}
}

func TestEdgeMatrices(t *testing.T) {
	for name, c := range map[string]struct {
		w    []float32
		cols int
	}{
		"one weight": {[]float32{0.5}, 1},
		"all zero":   {make([]float32, 600), 30},
		"all equal":  {[]float32{3, 3, 3, 3, 3, 3}, 2},
		"one column": {gaussian(500, 4), 1},
		"one row":    {gaussian(500, 5), 500},
		"two values": {[]float32{1, -1, 1, 1, -1, -1}, 3},
		"denormals":  {[]float32{1e-45, -1e-45, 3e-44, 0}, 2},
		"largest":    {[]float32{math.MaxFloat32, -math.MaxFloat32, 0, 1}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			for _, o := range []Options{{}, {Bits: 6}, {Method: KMeans}, {Method: Uniform}} {
				target := Target{Name: "w", File: filepath.Join(t.TempDir(), "w.cdna2.hxz")}
				r, err := Matrix(t.Context(), slice(t, c.w, c.cols), target, o)
				if errors.Is(err, codebook.ErrUnreachable) && o.Bits > 0 {
					continue // the file's own overhead is more
				}
				if err != nil {
					t.Fatalf("%+v: %v", o, err)
				}
				if got := codebook.Compare(c.w, decode(t, target)); !near(got.MSE, r.MSE, 1e-9) {
					t.Errorf("%+v: mse %v, reported %v", o, got.MSE, r.MSE)
				}
			}
		})
	}
}

// failing is a source whose rows from a certain one on cannot be read.
type failing struct {
	matrix.Slice
	from int
	err  error
}

func (f failing) ReadRows(_ context.Context, dst []float32, a, b int) error {
	if b > f.from {
		return f.err
	}
	return f.Slice.ReadRows(context.Background(), dst, a, b)
}

func TestFailuresLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	target := Target{Name: "w", File: filepath.Join(dir, "w.cdna2.hxz"), Sidecar: filepath.Join(dir, "w.hxzo")}
	w := slice(t, gaussian(2000*1000, 6), 1000)
	broken := errors.New("disk on fire")
	if _, err := Matrix(t.Context(), failing{w, 1500, broken}, target, Options{Threads: 3}); !errors.Is(err, broken) {
		t.Errorf("failing source: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Matrix(ctx, w, target, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, o := range []Options{
		{SNR: -1}, {Bits: math.NaN()}, {Bits: 4, SNR: 30}, {Method: KMeans, Bits: 4}, {Entries: 257}, {Method: "magic"},
		{BlockRows: -1}, {Threads: -1}, {Codec: "rar"}, {Codec: "none", Level: 9}, {NonFinite: true, NoSidecar: true}, {Bits: 20}, {SNR: 500},
	} {
		if _, err := Matrix(t.Context(), w, target, o); err == nil {
			t.Errorf("options %+v were accepted", o)
		}
	}
	if _, err := matrix.NewSlice(make([]float32, 7), 3, 2); !errors.Is(err, matrix.ErrShape) {
		t.Errorf("ragged slice: %v", err)
	}
	nothingIn(t, dir)
}
