package transformer

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// convertDemo converts the built-in model, whose head is tied to its embeddings.
func convertDemo(t *testing.T) string {
	t.Helper()
	src, dir := filepath.Join(t.TempDir(), "src"), filepath.Join(t.TempDir(), "model")
	if err := demo.Extract(src); err != nil {
		t.Fatal(err)
	}
	convertTo(t, src, dir, "block-rows=64")
	return dir
}

// planWith plans as Open does in a cgroup with a limit, 0 for none.
func planWith(t *testing.T, dir string, o Options, cgroup int64) (*Plan, error) {
	t.Helper()
	src, err := openSource(t.Context(), located(t, dir), "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	c, err := src.config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o, err = o.normalize(c); err != nil {
		t.Fatal(err)
	}
	limit := memory.Limit{Bytes: o.Memory, Source: memory.Flag}
	if o.Memory == 0 && cgroup > 0 {
		limit = memory.Limit{Bytes: cgroup / 10 * 9, Source: memory.Cgroup}
	} else if o.Memory == 0 {
		limit = memory.Limit{}
	}
	return planModel(t.Context(), c, src, matrices(c, src), limit, o, nil)
}

// TestPlanWindow: what a model far from here is read through counts, also for the smallest limit.
func TestPlanWindow(t *testing.T) {
	dir, o := convertDemo(t), Options{Context: 256, Threads: 2}
	near, err := planWith(t, dir, o, 0)
	if err != nil {
		t.Fatal(err)
	}
	o.window = 64 << 20
	o.Memory = near.least + o.window/2
	if _, err := planWith(t, dir, o, 0); !errors.Is(err, memory.ErrLimit) {
		t.Errorf("without room for the window: %v", err)
	}
	o.Memory = near.least + o.window + 16<<20
	p, err := planWith(t, dir, o, 0)
	if err != nil {
		t.Fatal(err)
	}
	if p.Window != o.window || p.Totals()["window"] != o.window || p.Total() > p.Limit || p.managed() != p.Limit-p.Program-o.window || p.Outside() < o.window {
		t.Errorf("%+v", p)
	}
}

func TestPlanLimits(t *testing.T) {
	dir := convertDemo(t)
	o := Options{Context: 256, Threads: 5000, Chunk: 9999}
	free, err := planWith(t, dir, o, 0)
	if err != nil {
		t.Fatal(err)
	}
	if free.Limit != 0 || free.LimitSource != memory.None || free.Streamed != 0 || free.Workers != 1024 || free.Chunk != 256 {
		t.Errorf("without a limit: %+v", free)
	}
	o.Threads, o.Chunk = 16, 0
	if free, err = planWith(t, dir, o, 0); err != nil {
		t.Fatal(err)
	}
	const differs = 1 << 20 // what Go holds, and the pages of the program that were used, from one plan to the next
	tight := free.least + differs
	for _, c := range []struct {
		memory, cgroup, limit int64
		source                memory.Source
	}{
		{0, 1 << 40, 0, memory.None},
		{0, 10 * free.Total() / 8, 0, memory.None},
		{0, free.Total(), free.Total() / 10 * 9, memory.Cgroup},
		{0, tight/9*10 + 10, tight/9*9 + 9, memory.Cgroup},
		{tight, 1 << 40, tight, memory.Flag},
		{1 << 30, free.Minimum, 1 << 30, memory.Flag}, // what is asked for holds
	} {
		o.Memory = c.memory
		p, err := planWith(t, dir, o, c.cgroup)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if p.LimitSource != c.source || p.Limit < c.limit-10 || p.Limit > c.limit+10 {
			t.Errorf("%+v: limit %d from %q", c, p.Limit, p.LimitSource)
		}
		if p.Limit > 0 && p.Total() > p.Limit {
			t.Errorf("%+v: %d bytes in all", c, p.Total())
		}
		if p.Minimum != free.Minimum && p.least-free.least > differs {
			t.Errorf("%+v: the minimum is %d, not %d", c, p.Minimum, free.Minimum)
		}
		if c.memory == tight && (p.Workers >= o.Threads || p.Chunk > 2*leastChunk) {
			t.Errorf("%+v: %d workers, chunks of %d", c, p.Workers, p.Chunk)
		}
	}
	o.Memory = 0
	if _, err := planWith(t, dir, o, free.Minimum); !errors.Is(err, ErrMemory) {
		t.Errorf("a cgroup that is too small: %v", err)
	}
}

// TestPlanStreamed: tied embeddings are read whole for the output, and one block of
// them for a token.
func TestPlanStreamed(t *testing.T) {
	dir := convertDemo(t)
	src, err := openSource(t.Context(), located(t, dir), "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	c, err := src.config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w, err := survey(t.Context(), c, src, matrices(c, src))
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	o := Options{Context: 64, CacheType: CacheF32, Threads: leastWorkers, Chunk: leastChunk}
	p, err := w.plan(c, memory.Limit{}, o)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = w.plan(c, memory.Limit{Bytes: p.least, Source: memory.Flag}, o); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.OpenMatrix(context.Background(), m.Manifest.Tensors[p.Matrices[0].Name])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := int64(f.MaxCompLen())
	for _, place := range p.Matrices {
		if !place.Resident {
			want += place.Bytes
		}
	}
	if p.Matrices[0].Resident || p.Streamed != want {
		t.Errorf("%d bytes are streamed, want %d", p.Streamed, want)
	}
	layout := stream.QuantizedLayout(f)
	if got := streamed(&layout, true, false); got != int64(f.MaxCompLen()) {
		t.Errorf("of embeddings alone %d bytes are streamed, want a block of %d", got, f.MaxCompLen())
	}
}

// TestPlanAllStreamed: nothing is held where the options say so, whatever there is room for,
// and a worker each has its buffers.
func TestPlanAllStreamed(t *testing.T) {
	dir := convertDemo(t)
	for _, size := range []int64{0, 1 << 30} {
		p, err := planWith(t, dir, Options{Streamed: true, Memory: size, Threads: 3, Context: 64}, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range p.Matrices {
			if place.Resident {
				t.Errorf("%s is held within %d bytes", place.Name, size)
			}
		}
		if p.Workers != 3 || p.Chunk != 64 || p.Buffers == 0 {
			t.Errorf("%+v", p)
		}
	}
}

// TestPlanReadsWeights: embeddings that are only looked up are none.
func TestPlanReadsWeights(t *testing.T) {
	src, err := openSource(t.Context(), located(t, convertDemo(t)), "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	c, err := src.config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w, err := survey(t.Context(), c, src, matrices(c, src))
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.layouts[0].ResidentBytes = 1 << 40 // too large
	for _, tied := range []bool{true, false} {
		c.TiedHead = tied
		p, err := w.plan(c, memory.Limit{Bytes: 1 << 30, Source: memory.Flag}, Options{Context: 64, CacheType: CacheF32, Threads: 2, Sequences: 1})
		if err != nil {
			t.Fatal(err)
		}
		if p.Matrices[0].Resident || !p.Matrices[1].Resident || p.Streamed == 0 || p.ReadsWeights() != tied {
			t.Errorf("tied: %v; %d bytes are streamed, weights: %v", tied, p.Streamed, p.ReadsWeights())
		}
	}
}

// TestPlanLongChunks: prompts go in longer chunks where far more is streamed than these take, and nowhere else.
func TestPlanLongChunks(t *testing.T) {
	src, err := openSource(t.Context(), located(t, convertDemo(t)), "")
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	c, err := src.config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w, err := survey(t.Context(), c, src, matrices(c, src))
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for _, x := range []struct {
		context, sequences int
		resident, file     int64 // bytes of a matrix
		want               int
	}{
		{1024, 1, 1 << 20, 1 << 40, 128}, // resident
		{1024, 1, 1 << 40, 1 << 20, 128}, // too small a file
		{1024, 1, 1 << 40, 1 << 40, 512},
		{1024, 1, 1 << 40, 1 << 26, 256},
		{300, 1, 1 << 40, 1 << 40, 256},
		{100, 1, 1 << 40, 1 << 40, 100},
		{100, 3, 1 << 40, 1 << 40, 256},
	} {
		w.layouts[1].ResidentBytes, w.layouts[1].FileBytes = x.resident, x.file
		o := Options{Context: x.context, CacheType: CacheF32, Threads: 2, Sequences: x.sequences}
		p, err := w.plan(c, memory.Limit{Bytes: 1 << 30, Source: memory.Flag}, o)
		if err != nil {
			t.Fatal(err)
		}
		if p.Chunk != x.want || p.Total() > p.Limit || p.Scratch != p.extent().total(c) {
			t.Errorf("%+v: chunks of %d, %d bytes of scratch, %d in all", x, p.Chunk, p.Scratch, p.Total())
		}
	}
}
