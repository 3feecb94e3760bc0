package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/calibrate/text"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// TestCalibrated: a language model's matrices become lattice matrices, its head at a rate of its own; the
// manifest says by what text, and the same comes out again from the source, the text, and the statistics.
// The text has fewer tokens than are wanted: it is used whole, the manifest says how many there were, and
// statistics that are kept are taken for the same command again.
func TestCalibrated(t *testing.T) {
	if testing.Short() {
		t.Skip("calibrates, and converts whole models")
	}
	dir, src := t.TempDir(), demoCheckpoint(t)
	statistics := filepath.Join(dir, "demo.statistics")
	calibrations := 0
	const wanted = 1 << 17
	job := Job{Source: src, Output: filepath.Join(dir, "out"), Calibration: Calibration{
		Text: story(t), Tokens: wanted, Statistics: statistics, Progress: func(p CalibrationProgress) { calibrations = p.Layers },
	}}
	r := convertAll(t, job)
	if calibrations != 4 || len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "are wanted") || !strings.Contains(r.Notes[1], "the same rate") {
		t.Errorf("%d layers, notes %q", calibrations, r.Notes)
	}
	m, err := model.Open(job.Output)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Tensors {
		want := DefaultBits
		if arch.RoleOf(x.Name) == arch.Embedding { // which is the head
			want = DefaultHeadBits
		}
		entry := m.Manifest.Tensors[x.Name]
		switch {
		case strings.Contains(x.Name, "norm"):
			if x.Matrix != nil {
				t.Errorf("%s is compressed", x.Name)
			}
		case x.Matrix == nil || x.Matrix.Method != Lattice || math.Abs(x.Matrix.BitsPerWeight-want) > rateTolerance:
			t.Errorf("%s: %+v, wanted %v bits", x.Name, x.Matrix, want)
		case x.Matrix.OutputSNRdB == nil || *x.Matrix.OutputSNRdB < *x.Matrix.SNRdB || x.Matrix.BitsInMemory < want || entry.Format != model.FormatLattice:
			t.Errorf("%s: %+v", x.Name, x.Matrix)
		case *entry.Fidelity.OutputSNRdB != *x.Matrix.OutputSNRdB || entry.Fidelity.BitsInMemory != x.Matrix.BitsInMemory:
			t.Errorf("%s: the manifest says %+v", x.Name, entry.Fidelity)
		}
	}
	said := m.Manifest.Options["calibration"].(map[string]any)
	if sum, _, err := model.HashFile(t.Context(), statistics); err != nil || said["statistics_sha256"] != sum || said["text"] == text.Name || fmt.Sprint(said["tokens"]) == fmt.Sprint(wanted) {
		t.Errorf("the manifest says %v, the statistics have %s: %v", said, sum, err)
	}

	// Statistics that are there are taken: for the same, for other rates, and for a proof.
	calibrations = 0
	job.Output = filepath.Join(dir, "again")
	if again := convertAll(t, job); again.Root != r.Root {
		t.Errorf("root %s, not %s", again.Root, r.Root)
	}
	job.Output, job.Options.Bits = filepath.Join(dir, "small"), 3
	if small := convertAll(t, job); math.Abs(small.BitsPerWeight-3) > rateTolerance {
		t.Errorf("%v bits a weight", small.BitsPerWeight)
	}
	fewer := Job{Source: src, Output: filepath.Join(dir, "few"), Calibration: Calibration{Text: job.Calibration.Text, Tokens: few, Statistics: statistics}}
	if _, err := Directory(t.Context(), fewer); !errors.Is(err, ErrOption) {
		t.Errorf("fewer tokens: %v", err)
	}
	checks, err := Rebuild(t.Context(), filepath.Join(dir, "out"), Job{Source: src, Calibration: Calibration{Statistics: statistics, Progress: job.Calibration.Progress}})
	if err != nil || len(failures(checks)) > 0 || calibrations != 0 {
		t.Errorf("%v, %v, %d layers", failures(checks), err, calibrations)
	}
	checks, err = Rebuild(t.Context(), filepath.Join(dir, "out"), Job{Source: src, Calibration: Calibration{Text: job.Calibration.Text}})
	if err != nil || len(failures(checks)) > 0 {
		t.Errorf("%v, %v", failures(checks), err)
	}
	if _, err = Rebuild(t.Context(), filepath.Join(dir, "out"), Job{Source: src}); !errors.Is(err, ErrRebuild) || !strings.Contains(err.Error(), text.Name) {
		t.Errorf("without the text: %v", err)
	}
	calibrations = 0
	other := demoCheckpoint(t)
	editWeights(t, other, "model.norm.weight", func(b []byte) []byte { return append([]byte{b[0] ^ 1}, b[1:]...) })
	_, err = Rebuild(t.Context(), filepath.Join(dir, "out"), Job{Source: other, Calibration: Calibration{Text: job.Calibration.Text, Progress: job.Calibration.Progress}})
	if !errors.Is(err, ErrRebuild) || !strings.Contains(err.Error(), "model.safetensors") || calibrations != 0 {
		t.Errorf("of another source: %v, after %d layers", err, calibrations)
	}
	onlyIn(t, dir, "again", "demo.statistics", "out", "small")
}

// TestCalibrationRefused: what cannot be calibrated, or not so, is refused before anything is made.
func TestCalibrationRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("calibrates, and converts whole models")
	}
	dir, src := t.TempDir(), demoCheckpoint(t)
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	statistics := demoStatistics(t)
	whole, err := os.ReadFile(statistics)
	if err != nil {
		t.Fatal(err)
	}
	lacking := bytes.ReplaceAll(whole, []byte("layers.3.mlp.down_proj"), []byte("layers.7.mlp.down_proj"))
	damaged := slices.Clone(whole)
	damaged[len(damaged)-5] ^= 1
	other := demoCheckpoint(t) // of which a weight is another
	path := filepath.Join(other, "model.safetensors")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-3] ^= 1
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(dir, "out")
	for _, c := range []struct {
		name        string
		source      string
		options     Options
		calibration Calibration
		want        error
	}{
		{"off and a text", src, Options{}, Calibration{Off: true, Text: "a.txt"}, ErrOption},
		{"off and the method", src, Options{Method: Lattice}, Calibration{Off: true}, ErrOption},
		{"codebooks", src, Options{SNR: 30}, Calibration{Tokens: few}, ErrOption},
		{"codebooks by name", src, Options{Method: KMeans}, Calibration{Tokens: few}, ErrOption},
		{"an option of codebooks", src, Options{Method: Lattice, Entries: 16}, Calibration{}, ErrOption},
		{"tokens below zero", src, Options{}, Calibration{Tokens: -1}, ErrOption},
		{"few tokens", src, Options{}, Calibration{Tokens: 3}, ErrOption},
		{"no text", src, Options{}, Calibration{Text: filepath.Join(dir, "absent")}, fs.ErrNotExist},
		{"a short text", src, Options{}, Calibration{Text: write("short", []byte("Once upon a time"))}, ErrText},
		{"an empty text", src, Options{}, Calibration{Text: write("empty", nil)}, ErrText},
		{"not UTF-8", src, Options{}, Calibration{Text: write("binary", []byte{0xff, 0xfe, 0x80})}, ErrText},
		{"no statistics", src, Options{}, Calibration{Statistics: write("none", []byte("statistics"))}, ErrStatistics},
		{"statistics cut short", src, Options{}, Calibration{Statistics: write("cut", whole[:len(whole)/2])}, ErrStatistics},
		{"damaged statistics", src, Options{}, Calibration{Statistics: write("damaged", damaged)}, ErrStatistics},
		{"statistics of a tensor that there is not", src, Options{}, Calibration{Statistics: write("lacking", lacking)}, ErrStatistics},
		{"statistics of another model", other, Options{}, Calibration{Statistics: statistics}, ErrStatisticsOf},
		{"statistics of another text", src, Options{}, Calibration{Statistics: statistics, Text: story(t)}, ErrOption},
		{"statistics of fewer tokens", src, Options{}, Calibration{Statistics: statistics, Tokens: 4 * demoTokens}, ErrOption},
		{"no model", small(t, 1), Options{}, Calibration{Tokens: few}, arch.ErrArchitecture},
		{"no model, by the method", small(t, 1), Options{Method: Lattice}, Calibration{}, arch.ErrArchitecture},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Directory(t.Context(), Job{Source: c.source, Output: output, Options: c.options, Calibration: c.calibration})
			if !errors.Is(err, c.want) || c.name == "statistics of a tensor that there is not" && !strings.Contains(err.Error(), "layers.7.mlp.down_proj") {
				t.Errorf("%v, want %v", err, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 && c.name != "damaged statistics" {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// TestUncalibrated: what cannot run has codebooks as ever, and a line says why; so has what
// asks for them, without a line.
func TestUncalibrated(t *testing.T) {
	if testing.Short() {
		t.Skip("calibrates, and converts whole models")
	}
	bare, broken := small(t, 1), demoCheckpoint(t)
	if err := os.Remove(filepath.Join(broken, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	unknown := demoCheckpoint(t)
	if err := os.WriteFile(filepath.Join(unknown, "config.json"), []byte(`{"architectures": ["RingForCausalLM"], "model_type": "ring"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	overflowing, lacking := demoCheckpoint(t), demoCheckpoint(t)
	editWeights(t, overflowing, "model.layers.0.mlp.up_proj.weight", func(b []byte) []byte { return bytes.Repeat([]byte{0xc9, 0x71}, len(b)/2) }) // 2e30
	editWeights(t, lacking, "model.embed_tokens.weight", func(b []byte) []byte { return b[:len(b)/1024*300] })
	config, err := os.ReadFile(filepath.Join(lacking, "config.json"))
	if err == nil {
		config = bytes.Replace(config, []byte(`"vocab_size": 1024`), []byte(`"vocab_size": 300`), 1)
		err = os.WriteFile(filepath.Join(lacking, "config.json"), config, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		job   Job
		notes int
	}{
		{"activations that overflow", Job{Source: overflowing}, 1},
		{"tokens beyond the vocabulary", Job{Source: lacking}, 1},
		{"no configuration", Job{Source: bare}, 1},
		{"no tokenizer", Job{Source: broken}, 1},
		{"a family that is not known", Job{Source: unknown}, 1},
		{"off", Job{Source: bare, Calibration: Calibration{Off: true}}, 0},
		{"a ratio", Job{Source: bare, Options: Options{SNR: 35}}, 0},
		{"a floor", Job{Source: bare, Options: Options{MinSNR: 1}}, 0},
		{"by error", Job{Source: bare, Size: 200_000, Allocate: LeastError}, 0},
	} {
		dir := t.TempDir()
		c.job.Output = filepath.Join(dir, "out")
		r := convertAll(t, c.job)
		onlyIn(t, dir, "out")
		if len(r.Notes) != c.notes {
			t.Errorf("%s: notes %q", c.name, r.Notes)
		}
		for _, x := range r.Tensors {
			if x.Matrix != nil && x.Matrix.Method != Entropy {
				t.Errorf("%s: %s is stored by %s", c.name, x.Name, x.Matrix.Method)
			}
		}
	}
}

// TestCalibrationInterrupted: a source that cannot be read for now is not converted as one that cannot run.
func TestCalibrationInterrupted(t *testing.T) {
	for _, name := range []string{"config.json", "tokenizer.json"} {
		job := Job{Source: "x", Place: interrupted{place.Dir(demoCheckpoint(t)), name}, Output: filepath.Join(t.TempDir(), "out")}
		if _, err := Plan(t.Context(), job); !errors.Is(err, errConnection) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// interrupted is a place of which one file cannot be opened.
type interrupted struct {
	place.Place
	name string
}

var errConnection = errors.New("connection lost")

func (p interrupted) Open(ctx context.Context, name string) (place.File, error) {
	if name == p.name {
		return nil, errConnection
	}
	return p.Place.Open(ctx, name)
}

// editWeights gives a tensor of a checkpoint other bytes, rows of the same length.
func editWeights(t *testing.T, dir, name string, edit func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, "model.safetensors")
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var entries []safetensors.Entry
	for _, x := range f.Tensors() {
		data := make([]byte, x.Size())
		if err := x.ReadRaw(t.Context(), data, 0); err != nil {
			t.Fatal(err)
		}
		shape := slices.Clone(x.Shape)
		if x.Name == name {
			row := len(data) / shape[0]
			data = edit(data)
			shape[0] = len(data) / row
		}
		entries = append(entries, safetensors.Entry{Name: x.Name, DType: x.DType, Shape: shape, Data: data})
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := safetensors.Create(path, entries, nil); err != nil {
		t.Fatal(err)
	}
}

// TestCalibratedSettings: settings of single tensors, and those without statistics.
func TestCalibratedSettings(t *testing.T) {
	if testing.Short() {
		t.Skip("calibrates, and converts whole models")
	}
	src, statistics := demoCheckpoint(t), demoStatistics(t)
	job := Job{
		Source: src, Output: filepath.Join(t.TempDir(), "out"), LMHead: settings(t, "bits=4"), Embeddings: settings(t, "bits=6"), Options: Options{Preset: "fast"},
		Overrides: []Override{
			override(t, `\.0\.mlp=bits=3`), override(t, `\.1\.mlp=snr=30`), override(t, `\.2\.mlp=method=lossless`), override(t, `\.3\.mlp=exact`),
			override(t, `\.3\.mlp\.up=compress,codec=brotli`), override(t, `\.3\.self_attn=method=kmeans,entries=16`),
		},
		Calibration: Calibration{Statistics: statistics}, Allocate: EqualRate,
	}
	for _, x := range convertAll(t, job).Tensors {
		method, bits, codec := Lattice, DefaultBits, "rans"
		switch part := strings.TrimPrefix(x.Name, "model."); {
		case strings.Contains(x.Name, "norm"), strings.HasPrefix(part, "layers.3.mlp") && !strings.Contains(part, "up_proj"):
			if x.Matrix != nil {
				t.Errorf("%s is compressed", x.Name)
			}
			continue
		case strings.HasPrefix(part, "embed_tokens"):
			bits = 6
		case strings.HasPrefix(part, "layers.0.mlp"):
			bits = 3
		case strings.HasPrefix(part, "layers.1.mlp"):
			method, codec = Entropy, "huff0"
		case strings.HasPrefix(part, "layers.2.mlp"):
			method, codec = Lossless, "huff0"
		case strings.HasPrefix(part, "layers.3.mlp"):
			codec = "brotli"
		case strings.HasPrefix(part, "layers.3.self_attn"):
			method, codec = KMeans, "huff0"
		}
		m := x.Matrix
		if m.Method != method || method == Lattice && math.Abs(m.BitsPerWeight-bits) > rateTolerance || m.Codec != codec {
			t.Errorf("%s: %s, %v bits, %s; wanted %s, %v, %q", x.Name, m.Method, m.BitsPerWeight, m.Codec, method, bits, codec)
		}
	}
	checks, err := Rebuild(t.Context(), job.Output, Job{Source: src, Calibration: Calibration{Statistics: statistics}})
	if err != nil || len(failures(checks)) > 0 {
		t.Errorf("%v, %v", failures(checks), err)
	}
	job = Job{Source: src, Output: filepath.Join(t.TempDir(), "out"), Size: 1 << 20, Calibration: Calibration{Statistics: statistics}}
	r := convertAll(t, job)
	if r.Stats.CompressedBytes > job.Size || r.Stats.CompressedBytes < job.Size*98/100 {
		t.Errorf("%d bytes, wanted %d", r.Stats.CompressedBytes, job.Size)
	}
}

// TestCalibrationLimit: what converts after a calibration has the conversion's limit again, not what running layers was given.
func TestCalibrationLimit(t *testing.T) {
	c, err := begin(t.Context(), Job{
		Source: demoCheckpoint(t), Output: filepath.Join(t.TempDir(), "out"), Memory: 1 << 30, Calibration: Calibration{Tokens: few},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.end()
	if limit := debug.SetMemoryLimit(-1); limit < 1<<29 {
		t.Errorf("the collector's limit is %d bytes", limit)
	}
}

// TestCalibrationPlan: a plan says what would be calibrated, and leaves nothing.
func TestCalibrationPlan(t *testing.T) {
	dir := t.TempDir()
	job := Job{Source: demoCheckpoint(t), Output: filepath.Join(dir, "out")}
	p, err := Plan(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if k := p.Calibration; k == nil || k.Measured || k.Text != "" || k.Tokens != 32768 || k.Layers != 4 || k.Time <= 0 || k.Bytes < 4*32768*192 {
		t.Errorf("%+v", p.Calibration)
	}
	if i := slices.IndexFunc(p.Tensors, func(x TensorPlan) bool { return x.Name == "model.layers.0.mlp.up_proj.weight" }); p.Tensors[i].Action != "compress (lattice, about 5 bits)" {
		t.Errorf("%+v", p.Tensors[i])
	}
	job.Calibration.Off = true
	if p, err := Plan(t.Context(), job); err != nil || p.Calibration != nil {
		t.Errorf("%+v, %v", p, err)
	}
	job.Calibration.Off, job.Memory = false, 1<<20
	if _, err := Plan(t.Context(), job); !errors.Is(err, memory.ErrLimit) {
		t.Errorf("a MiB: %v", err)
	}
	nothingIn(t, dir)
}

// TestRateOfSmallLattice: what a lattice file holds beside the integers is not thought larger than it
// is, so that a small matrix has the bits it is to have.
func TestRateOfSmallLattice(t *testing.T) {
	if testing.Short() {
		t.Skip("calibrates, and converts whole models")
	}
	job := Job{Source: demoCheckpoint(t), Output: filepath.Join(t.TempDir(), "out"), Options: Options{Bits: 2}, Calibration: Calibration{Statistics: demoStatistics(t)}}
	for _, r := range convertAll(t, job).Tensors {
		if m := r.Matrix; m != nil && m.Method == Lattice && m.Missed() {
			t.Errorf("%s: %d × %d, %.3f bits, not %g", r.Name, m.Rows, m.Cols, m.BitsPerWeight, m.WantedBits)
		}
	}
}

// TestForMemory: bits may be counted of the matrix in memory, and a size too.
func TestForMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("calibrates, and converts whole models")
	}
	in := Options{Bits: 5, InMemory: true}
	job := Job{Source: demoCheckpoint(t), Output: filepath.Join(t.TempDir(), "out"), Options: in, Calibration: Calibration{Statistics: demoStatistics(t)}, Allocate: EqualRate}
	held := int64(0)
	for _, r := range convertAll(t, job).Tensors {
		m := r.Matrix
		if m == nil || m.Method != Lattice {
			held += r.Bytes
			continue
		}
		held += r.counted()
		if math.Abs(m.BitsInMemory-5) > 0.1 || m.BitsPerWeight > m.BitsInMemory-0.1 {
			t.Errorf("%s: %.3f bits in memory, %.3f in the file", r.Name, m.BitsInMemory, m.BitsPerWeight)
		}
	}
	job.Output, job.Options.Bits, job.Size = filepath.Join(t.TempDir(), "sized"), 0, held
	total, files := int64(0), int64(0)
	for _, r := range convertAll(t, job).Tensors {
		total, files = total+r.counted(), files+r.Bytes
	}
	if total > held || total < held*98/100 || files > total*98/100 {
		t.Errorf("%d bytes in memory, of %d; %d in files", total, held, files)
	}
}
