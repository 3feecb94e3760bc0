package convert

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/model"
)

// TestKLD: the least rate that holds a divergence is found, as the certificate says and measuring
// again confirms; the same comes out after an end in the middle, and by verify --rebuild; what no rate
// holds is refused with what is reached.
func TestKLD(t *testing.T) {
	if testing.Short() {
		t.Skip("converts a model at many rates")
	}
	dir, src := t.TempDir(), halfCheckpoint(t)
	statistics := Calibration{Statistics: halfStatistics(t)}
	job := Job{Source: src, Output: filepath.Join(dir, "out"), KLD: 0.05, Calibration: statistics}
	r := convertAll(t, job)
	m, err := model.Open(job.Output)
	if err != nil {
		t.Fatal(err)
	}
	c := m.Manifest.Certificate
	if c == nil || *c != *r.Certificate || c.MeanKLD > job.KLD || c.MeanKLD < 0.8*job.KLD || c.P99KLD < c.MeanKLD || c.P999KLD < c.P99KLD || c.Tokens != 255 || c.Context != 512 {
		t.Fatalf("certificate %+v, report %+v", c, r.Certificate)
	}
	if n := len(r.Rates); n < 1 || n > mostTries {
		t.Errorf("%d rates", n)
	}
	if d := divergence(t, src, job.Output, heldOut(t, statistics.Statistics)); d != c.MeanKLD {
		t.Errorf("measured again %v, the certificate says %v", d, c.MeanKLD)
	}
	checks, err := Rebuild(t.Context(), job.Output, Job{Source: src, Calibration: statistics})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if c.Err != nil {
			t.Errorf("rebuilt: %s: %v", c.Name, c.Err)
		}
	}

	page := filepath.Join(dir, "report.html")
	if err := WriteHTML(page, r); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "<circle"); n != 15 || !strings.Contains(string(b), fmt.Sprintf("%.5f nats", c.MeanKLD)) || !strings.Contains(string(b), "<line") {
		t.Errorf("the page has %d matrices, or no certificate: %s", n, b)
	}

	again := job
	again.Output = filepath.Join(dir, "again")
	ctx, stop := context.WithCancel(t.Context())
	calls := 0
	again.Progress = func(done, total int64, what string) {
		if strings.HasPrefix(what, "try 1") {
			if calls++; calls == 5 { // of 20 tensors
				stop()
			}
		}
	}
	if _, err := Directory(ctx, again); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	told := map[string]bool{}
	again.Progress = func(_, _ int64, what string) {
		if _, what, ok := strings.Cut(what, ": measuring the divergence, "); ok {
			layer, _, _ := strings.Cut(what, ", ") // the time to come
			told[layer] = true
		}
	}
	if got := convertAll(t, again); got.Root != r.Root {
		t.Errorf("root %s after an end in the middle, %s without", got.Root, r.Root)
	}
	if len(told) != 2 || !told["layer 1 of 2"] || !told["layer 2 of 2"] {
		t.Errorf("while a divergence is measured, %v are told of", told)
	}

	far := job
	far.Output, far.KLD = filepath.Join(dir, "far"), 1e-9
	if _, err := Directory(t.Context(), far); !errors.Is(err, ErrKLD) {
		t.Errorf("a divergence of 1e-9: %v", err)
	}
	few := job
	few.Output, few.Calibration = filepath.Join(dir, "few"), Calibration{Tokens: 1024}
	if _, err := Directory(t.Context(), few); !errors.Is(err, calibrate.ErrText) {
		t.Errorf("no window held out: %v", err)
	}
	for _, bad := range []Job{
		{KLD: -1}, {KLD: math.NaN()}, {KLD: 0.1, Size: 1e6}, {KLD: 0.1, Options: Options{Bits: 4}}, {KLD: 0.1, Options: Options{SNR: 30}},
		{KLD: 0.1, Options: Options{Method: Entropy}}, {KLD: 0.1, Calibration: Calibration{Off: true}},
	} {
		if err := bad.Check(); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// heldOut are the windows that statistics left out.
func heldOut(t *testing.T, statistics string) [][]int {
	t.Helper()
	_, held := windows(t, statistics)
	return held
}

// windows are those that statistics were summed over and those that they left out.
func windows(t *testing.T, statistics string) (summed, held [][]int) {
	t.Helper()
	s, err := calibrate.Open(t.Context(), statistics)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if summed, held, err = s.Tokens(t.Context()); err != nil {
		t.Fatal(err)
	}
	return summed, held
}

// divergence measures how far a model directory is from its source on windows of tokens.
func divergence(t *testing.T, src, dir string, windows [][]int) float64 {
	t.Helper()
	find := func(path string) checkpoint.Location {
		at, err := checkpoint.Find(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	reference, err := calibrate.NewReference(t.Context(), find(src), windows, calibrate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := reference.Divergence(t.Context(), find(dir))
	if err != nil {
		t.Fatal(err)
	}
	return d.MeanKLD
}

// TestSearch: of any curve that falls with the rate, the search finds a rate that holds what is
// wanted where there is one, and a small one.
func TestSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.Float64Range(-2, 6).Draw(t, "scale")
		slope := rapid.Float64Range(-3, -1).Draw(t, "slope")
		floor := rapid.SampledFrom([]float64{0, 1e-6, 1e-4, 1e-2}).Draw(t, "floor")
		curve := func(rate float64) float64 { return math.Exp2(scale+slope*rate) + floor }
		s := searched(curve, math.Exp2(rapid.Float64Range(-16, 2).Draw(t, "wanted")))
		switch {
		case s.best == nil && curve(mostRate) < 0.9*s.wanted:
			t.Fatalf("nothing found for %v, at %v bits it is %v", s.wanted, mostRate, curve(mostRate))
		case s.best == nil:
		case s.best.Certificate.MeanKLD > s.wanted:
			t.Fatalf("%v is found for %v", s.best.Certificate.MeanKLD, s.wanted)
		case floor < s.wanted/4 && s.best.Rate > leastRate+0.75 && curve(s.best.Rate-0.75) < s.wanted:
			t.Fatalf("%v bits found for %v, three quarters of a bit less would do: %v", s.best.Rate, s.wanted, curve(s.best.Rate-0.75))
		}
	})
}

// searched looks for a divergence on a curve.
func searched(curve func(rate float64) float64, wanted float64) *search {
	s := &search{wanted: wanted, low: point{log: math.Inf(1)}, high: point{rate: math.Inf(1), log: math.Inf(-1)}}
	rate := firstRate(wanted)
	for range mostTries {
		if s.take(rate, RatePoint{Rate: rate, Certificate: model.Certificate{MeanKLD: curve(rate)}}) {
			break
		}
		if rate = s.next(); rate == 0 {
			break
		}
	}
	return s
}

// TestSearchAboveAFloor: a divergence that falls slowly, as what no rate takes away is most of it, is found all the same.
func TestSearchAboveAFloor(t *testing.T) {
	curve := func(rate float64) float64 { return math.Exp2(-0.25-1.0625*rate) + 0.01 }
	if s := searched(curve, 0.0263); s.best == nil || s.best.Rate > 7 {
		t.Errorf("%+v", s.best)
	}
}

// TestSpread: bits go where they change the predictions most, at the same size, and what comes out is the
// same after an end in the middle, and by verify --rebuild.
func TestSpread(t *testing.T) {
	if testing.Short() {
		t.Skip("converts a model at many rates")
	}
	dir, src := t.TempDir(), halfCheckpoint(t)
	statistics := Calibration{Statistics: halfStatistics(t)}
	equal := Job{Source: src, Output: filepath.Join(dir, "equal"), Options: Options{Bits: 4}, Calibration: statistics, Allocate: EqualRate}
	spread := equal
	spread.Output, spread.Allocate = filepath.Join(dir, "spread"), "" // the default
	e, s := convertAll(t, equal), convertAll(t, spread)
	if math.Abs(s.BitsPerWeight-e.BitsPerWeight) > 0.02 || len(s.Probes) == 0 {
		t.Errorf("%v bits a weight at equal rates, %v spread, by %d probes", e.BitsPerWeight, s.BitsPerWeight, len(s.Probes))
	}
	all := slices.Concat(windows(t, statistics.Statistics)) // one alone is no measure
	a, b := divergence(t, src, equal.Output, all), divergence(t, src, spread.Output, all)
	t.Logf("divergence %v at equal rates, %v spread", a, b)
	if b > 0.85*a {
		t.Errorf("divergence %v at equal rates, %v spread", a, b)
	}
	checks, err := Rebuild(t.Context(), spread.Output, Job{Source: src, Calibration: statistics})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if c.Err != nil {
			t.Errorf("rebuilt: %s: %v", c.Name, c.Err)
		}
	}
	again := spread
	again.Output = filepath.Join(dir, "again")
	ctx, stop := context.WithCancel(t.Context())
	calls := 0
	again.Progress = func(int64, int64, string) {
		if calls++; calls > 25 { // when bits are spread
			stop()
		}
	}
	if _, err := Directory(ctx, again); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	again.Progress = nil
	if got := convertAll(t, again); got.Root != s.Root {
		t.Errorf("root %s after an end in the middle, %s without", got.Root, s.Root)
	}
	sized := equal
	sized.Options, sized.Output, sized.Allocate, sized.Size = Options{}, filepath.Join(dir, "sized"), LeastDivergence, e.Stats.CompressedBytes
	if got := convertAll(t, sized); got.Stats.CompressedBytes > sized.Size || got.Stats.CompressedBytes < sized.Size*98/100 {
		t.Errorf("%d bytes for a size of %d", got.Stats.CompressedBytes, sized.Size)
	}
}

// TestOffsets: the mean over all weights is that of equal rates, and what does most for a weight gets most.
func TestOffsets(t *testing.T) {
	probes := []calibrate.Probe{{Tensors: []string{"a", "b"}, KLD: 0.01}, {Tensors: []string{"c"}, KLD: 0.04}, {Tensors: []string{"d"}, KLD: 0}}
	weights := map[string]float64{"a": 100, "b": 100, "c": 100, "d": 1}
	list := offsets(probes, weights)
	sum := 0.0
	for name, n := range weights {
		sum += n * list[name]
	}
	if list["a"] != list["b"] || list["c"] <= list["a"] || list["d"] != -mostSpread || math.Abs(sum) > 0.1*301 {
		t.Errorf("%v, sum %v", list, sum)
	}
	if d := list["c"] - list["a"]; math.Abs(d-spreadStrength*1.5) > 2.0/256 { // eight times as much a weight
		t.Errorf("%v bits apart", d)
	}
}

// TestSpreadWithoutLattice: bits are not spread by divergence where no matrix is a lattice one.
func TestSpreadWithoutLattice(t *testing.T) {
	model, exact := demoCheckpoint(t), override(t, ".=exact")
	array := filepath.Join(t.TempDir(), "w.npy")
	if err := npy.Create(array, []int{8, 8}, make([]float32, 64)); err != nil {
		t.Fatal(err)
	}
	for name, job := range map[string]Job{
		"no calibration": {Source: model, Calibration: Calibration{Off: true}},
		"codebooks":      {Source: model, Options: Options{SNR: 30}},
		"all exact":      {Source: model, Overrides: []Override{exact}},
		"cannot run":     {Source: array},
	} {
		job.Output, job.Allocate = filepath.Join(t.TempDir(), "out"), LeastDivergence
		if _, err := Directory(t.Context(), job); err == nil {
			t.Errorf("%s: no error", name)
		} else if name != "cannot run" && !errors.Is(err, ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
