package convert

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// otherMachine makes items with a copy of the source, through their text, as another machine would.
type otherMachine struct {
	t          *testing.T
	source     string
	statistics string
	wrong      func(item *Item, made *Made, dir string) // what it does wrong

	expected int

	mu   sync.Mutex
	made int
}

func (m *otherMachine) Statistics(ctx context.Context, path, sum string) error {
	m.statistics = path
	return nil
}

func (m *otherMachine) Expect(items int) { m.expected += items }

func (m *otherMachine) Make(ctx context.Context, item Item, stage func(string) string) (*Made, error) {
	text, err := json.Marshal(item)
	if err != nil {
		return nil, err
	}
	var got Item
	if err := json.Unmarshal(text, &got); err != nil {
		return nil, err
	}
	w, err := OpenWorker(ctx, Job{Source: m.source})
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if w.Wants(got) {
		if err := w.Statistics(ctx, m.statistics); err != nil {
			return nil, err
		}
	}
	dir := m.t.TempDir()
	made, err := w.Make(ctx, got, dir)
	if err != nil {
		return nil, err
	}
	if m.wrong != nil {
		m.wrong(&got, made, dir)
	}
	for name := range made.Files() {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(stage(name), b, 0o666)
		}
		if err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	m.made++
	m.mu.Unlock()
	return made, nil
}

// TestElsewhere: what another machine makes of the items is what this one would have, rates that all tensors decide
// about included.
func TestElsewhere(t *testing.T) {
	source := halfCheckpoint(t)
	for name, job := range map[string]Job{
		"every method": shardJob(t, source, halfStatistics(t)),
		"divergence":   {Calibration: Calibration{Statistics: halfStatistics(t)}},
		"entropy":      {Calibration: Calibration{Off: true}, Entropy: true},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name == "divergence" {
				t.Skip("converts a model twice, twice")
			}
			job.Source, job.ModelID, job.Output = source, "m", filepath.Join(t.TempDir(), "here")
			here := convertAll(t, job)
			want := job.Output
			job.Output = filepath.Join(t.TempDir(), "there")
			copied := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(copied, os.DirFS(source)); err != nil {
				t.Fatal(err)
			}
			m := &otherMachine{t: t, source: copied}
			job.Maker = m
			there := convertAll(t, job)
			if m.made == 0 || m.made != m.expected || there.Root != here.Root {
				t.Errorf("%d tensors of %d made there: root %s, here %s", m.made, m.expected, there.Root, here.Root)
			}
			sameContents(t, job.Output, want)
		})
	}
}

// TestElsewhereWrong: what cannot have come of an item, or is of another source, is refused, and nothing is left of it.
func TestElsewhereWrong(t *testing.T) {
	source, another := halfCheckpoint(t), halfCheckpoint(t)
	path := filepath.Join(another, "model.safetensors")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-100] ^= 1
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*otherMachine{
		"source": {source: another},
		"bytes": {source: source, wrong: func(_ *Item, made *Made, dir string) {
			os.WriteFile(filepath.Join(dir, made.Entry.File), []byte("no matrix"), 0o666)
		}},
		"name": {source: source, wrong: func(_ *Item, made *Made, dir string) {
			os.Rename(filepath.Join(dir, made.Entry.File), filepath.Join(dir, "other.npy"))
			made.Entry.File = "other.npy"
		}},
		"key": {source: source, wrong: func(_ *Item, made *Made, _ string) { made.Key = "another" }},
	} {
		m.t = t
		job := Job{Source: source, Output: filepath.Join(t.TempDir(), "out"), Calibration: Calibration{Off: true}, Maker: m}
		_, err := Directory(t.Context(), job)
		if want := map[bool]error{true: ErrSource, false: ErrItem}[name == "source"]; !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		if isThere(job.Output) {
			t.Errorf("%s: an output", name)
		}
	}
	job := Job{Source: source, Output: filepath.Join(t.TempDir(), "out"), CorrectDrift: true, Maker: &otherMachine{t: t, source: source}}
	if _, err := Directory(t.Context(), job); !errors.Is(err, ErrOption) {
		t.Errorf("correct-drift: %v", err)
	}
}

// preparedWith prepares a conversion, and a worker for its source.
func preparedWith(t *testing.T, job Job) (*conversion, *Worker) {
	t.Helper()
	c, err := prepare(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.limited()
		c.src.Close()
	})
	w, err := OpenWorker(t.Context(), Job{Source: job.Source})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return c, w
}

// TestForgedItem: a worker does not make what its key does not fit, or what would be written elsewhere.
func TestForgedItem(t *testing.T) {
	source := halfCheckpoint(t)
	c, w := preparedWith(t, Job{Source: source, Output: filepath.Join(t.TempDir(), "out"), Calibration: Calibration{Off: true}})
	item, err := c.item(t.Context(), c.plan[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, forge := range map[string]func(*Item){
		"key":    func(i *Item) { i.Bytes++ },
		"tool":   func(i *Item) { i.Tool = "another"; i.Key, _ = i.Sum() },
		"out":    func(i *Item) { i.File = "../x.npy"; i.Key, _ = i.Sum() },
		"method": func(i *Item) { i.Options.Method = "none"; i.Key, _ = i.Sum() },
		"shape":  func(i *Item) { i.Shape = []int{1}; i.Key, _ = i.Sum() },
		"tensor": func(i *Item) { i.Tensor = "x"; i.Key, _ = i.Sum() },
	} {
		forged := item
		forge(&forged)
		dir := t.TempDir()
		if _, err := w.Make(t.Context(), forged, dir); !errors.Is(err, ErrItem) && !errors.Is(err, ErrSource) && !errors.Is(err, ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
		onlyIn(t, dir)
	}
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
