package convert

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// cutCheckpoint is a file of a matrix whose blocks and chunks begin at different rows, with outliers in most of them.
func cutCheckpoint(t *testing.T) string {
	t.Helper()
	const rows, cols = 900, 1000
	random := rand.New(rand.NewPCG(3, 4))
	var data []byte
	for i := range rows * cols {
		v := float32(random.NormFloat64() * 0.02)
		if i%5003 == 0 {
			v *= 300
		}
		data = binary.LittleEndian.AppendUint16(data, dtype.ToBF16(v))
	}
	path := filepath.Join(t.TempDir(), "wide.safetensors")
	e := safetensors.Entry{Name: "wide.weight", DType: "BF16", Shape: []int{rows, cols}, Data: data}
	if err := safetensors.Create(path, []safetensors.Entry{e}, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestParts: a matrix whose rows are made by themselves has the bytes of one that is made whole, its fidelity and its
// outliers included; where the first design misses, too.
func TestParts(t *testing.T) {
	source := cutCheckpoint(t)
	for name, o := range map[string]Options{
		"snr":            {Method: Entropy, SNR: 30},
		"bits":           {Method: Entropy, Bits: 3},
		"floor":          {Method: Entropy, Bits: 2, MinSNR: 20},
		"kmeans":         {Method: KMeans, Entries: 16},
		"uniform":        {Method: Uniform, Codec: "huff0", BlockRows: 100},
		"lossless":       {Method: Lossless},
		"short":          {Method: Entropy, BlockRows: 224}, // the last part is of fewer rows than a block
		"short as it is": {Method: Lossless, BlockRows: 224},
	} {
		t.Run(name, func(t *testing.T) {
			job := Job{Source: source, ModelID: "m", Options: o, Calibration: Calibration{Off: true}, Output: filepath.Join(t.TempDir(), "whole")}
			whole := convertAll(t, job)
			want := job.Output
			m := &otherMachine{t: t, source: source}
			job.Output, job.Maker, job.Piece = filepath.Join(t.TempDir(), "parts"), m, 700<<10
			if cut := convertAll(t, job); cut.Root != whole.Root || m.made < 3 || m.made != m.expected {
				t.Errorf("root %s of %d parts, of which %d were expected; whole %s", cut.Root, m.made, m.expected, whole.Root)
			}
			sameContents(t, job.Output, want)
		})
	}
}

// TestPartsWrong: parts that cannot have come of their items end the conversion with an error.
func TestPartsWrong(t *testing.T) {
	source := cutCheckpoint(t)
	for name, wrong := range map[string]func(item *Item, made *Made, dir string){
		"no part": func(item *Item, made *Made, _ string) {
			if !item.Decides() {
				made.Part = nil
			}
		},
		"no sums": func(item *Item, made *Made, _ string) { made.Part.Sums = nil },
		"a design": func(item *Item, made *Made, _ string) {
			if !item.Decides() {
				made.Part.Unreachable = true
			}
		},
		"book": func(item *Item, made *Made, _ string) {
			if item.Decides() {
				made.Part.Book = made.Part.Book[:8]
			}
		},
		"key": func(_ *Item, made *Made, _ string) { made.Key = "another" },
	} {
		m := &otherMachine{t: t, source: source, wrong: wrong}
		job := Job{Source: source, Output: filepath.Join(t.TempDir(), "out"), Options: Options{Method: Entropy}, Calibration: Calibration{Off: true}, Maker: m, Piece: 700 << 10}
		if _, err := Directory(t.Context(), job); !errors.Is(err, ErrItem) {
			t.Errorf("%s: %v", name, err)
		}
		if isThere(job.Output) {
			t.Errorf("%s: an output", name)
		}
	}
}

// TestForgedPart: a worker makes no part that its tensor has not.
func TestForgedPart(t *testing.T) {
	source := cutCheckpoint(t)
	c, w := preparedWith(t, Job{Source: source, Output: filepath.Join(t.TempDir(), "out"), Options: Options{Method: Entropy}, Calibration: Calibration{Off: true}, Piece: 700 << 10})
	c.turns = make(chan struct{}, 1)
	p, err := c.parts(t.Context(), c.plan[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string]Part{
		"before":        {First: -p.rows[1].First, Rows: 1},
		"beyond":        {First: 0, Rows: math.MaxInt},
		"within blocks": {First: 1, Rows: 1},
		"no book":       {First: p.rows[0].First, Rows: p.rows[0].Rows},
	} {
		item, err := p.item(part, c.plan[0].options, 2000*900, p.sums[0])
		if name == "no book" {
			item, err = p.item(part, c.plan[0].options, int64(part.reads(900, 1000, inCodebook{}))*2000, p.sums[0])
		}
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if _, err := w.Make(t.Context(), item, dir); !errors.Is(err, ErrItem) {
			t.Errorf("%s: %v", name, err)
		}
		onlyIn(t, dir)
	}
}
