package convert

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// cutCheckpoint is a file of a matrix whose blocks and chunks begin at different rows, with outliers in most of them.
func cutCheckpoint(t *testing.T) string {
	t.Helper()
	var data []byte
	for _, v := range cutWeights(900, 1000) {
		data = binary.LittleEndian.AppendUint16(data, dtype.ToBF16(v))
	}
	return fileOf(t, safetensors.Entry{Name: "wide.weight", DType: "BF16", Shape: []int{900, 1000}, Data: data})
}

// cutWeights are of about a size, but for outliers.
func cutWeights(rows, cols int) []float32 {
	random := rand.New(rand.NewPCG(3, 4))
	w := make([]float32, rows*cols)
	for i := range w {
		if w[i] = float32(random.NormFloat64() * 0.02); i%5003 == 0 {
			w[i] *= 300
		}
	}
	return w
}

// fileOf is a file of one tensor.
func fileOf(t *testing.T, e safetensors.Entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wide.safetensors")
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

// TestPartsCounted: float32 weights, whose histogram has bins or, of a few, the weights themselves, and such with numbers
// that are not finite, are counted by rows as they are whole; an error names the row of the tensor.
func TestPartsCounted(t *testing.T) {
	for _, rows := range []int{64, 300} {
		for _, bad := range []bool{false, true} {
			weights := cutWeights(rows, 1000)
			if bad {
				weights[50*1000+7] = float32(math.NaN())
			}
			var data []byte
			for _, v := range weights {
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
			}
			source := fileOf(t, safetensors.Entry{Name: "wide.weight", DType: "F32", Shape: []int{rows, 1000}, Data: data})
			job := Job{Source: source, ModelID: "m", Options: Options{Method: Entropy, BlockRows: 8}, Calibration: Calibration{Off: true}}
			together := func() (*Report, error) {
				job := job
				job.Output, job.Maker, job.Piece = filepath.Join(t.TempDir(), "parts"), &otherMachine{t: t, source: source}, 16*4000
				return Directory(t.Context(), job)
			}
			if _, err := together(); bad && (err == nil || !strings.Contains(err.Error(), "row 50, column 7")) {
				t.Errorf("%d rows: %v", rows, err)
			}
			job.Options.NonFinite = bad
			job.Output = filepath.Join(t.TempDir(), "whole")
			whole := convertAll(t, job)
			if cut, err := together(); err != nil || cut.Root != whole.Root {
				t.Errorf("%d rows, not finite %v: %v; root %v, whole %s", rows, bad, err, cut, whole.Root)
			}
		}
	}
}

// replaceCount has a machine say that it has counted h, replaceFile that its file is another.
func replaceCount(t *testing.T, made *Made, dir string, h *codebook.Histogram) {
	t.Helper()
	text, err := h.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	replaceFile(t, made, dir, text)
}

func replaceFile(t *testing.T, made *Made, dir string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, made.Entry.File), text, 0o666); err != nil {
		t.Fatal(err)
	}
	made.Entry.SHA256 = checksum(text)
}

// TestPartsWrong: parts that cannot have come of their items end the conversion with an error.
func TestPartsWrong(t *testing.T) {
	source := cutCheckpoint(t)
	for name, wrong := range map[string]func(item *Item, made *Made, dir string){
		"no part": func(_ *Item, made *Made, _ string) { made.Part = nil },
		"no sums": func(_ *Item, made *Made, _ string) { made.Part.Sums = nil },
		"sums of what is counted": func(item *Item, made *Made, _ string) {
			if item.Decides() {
				made.Part.Sums = make([]codebook.ErrorSum, 1)
			}
		},
		"fewer counted": func(item *Item, made *Made, dir string) {
			if h := codebook.NewHistogram(); item.Decides() {
				replaceCount(t, made, dir, h)
			}
		},
		"more counted": func(item *Item, made *Made, dir string) {
			if h := codebook.NewHistogram(); item.Decides() {
				if err := h.Add(make([]float32, 1<<20)); err != nil {
					t.Fatal(err)
				}
				replaceCount(t, made, dir, h)
			}
		},
		"no histogram": func(item *Item, made *Made, dir string) {
			if item.Decides() {
				replaceFile(t, made, dir, []byte("none"))
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
		"no rows":       {Count: true},
	} {
		item, err := p.item(0, part, c.plan[0].options)
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
