package convert

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// TestPacked stores lattice matrices as they lie in memory: bits are counted so, and other matrices have codecs of their own.
func TestPacked(t *testing.T) {
	if testing.Short() {
		t.Skip("calibrates, and converts whole models")
	}
	src, calibration := demoCheckpoint(t), Calibration{Statistics: demoStatistics(t)}
	job := Job{
		Source: src, Output: filepath.Join(t.TempDir(), "out"), Options: Options{Codec: cdna.PackedCodec, Bits: 5}, Allocate: EqualRate, Calibration: calibration,
		Overrides: []Override{override(t, `\.1\.mlp=snr=30`), override(t, `\.2\.mlp=codec=huff0`), override(t, `\.3\.mlp=method=lossless`)},
	}
	for _, x := range convertAll(t, job).Tensors {
		m := x.Matrix
		if m == nil {
			continue
		}
		method, codec := Lattice, cdna.PackedCodec
		switch part := strings.TrimPrefix(x.Name, "model."); {
		case strings.HasPrefix(part, "layers.1.mlp"):
			method, codec = Entropy, DefaultCodec
		case strings.HasPrefix(part, "layers.2.mlp"):
			codec = "huff0"
		case strings.HasPrefix(part, "layers.3.mlp"):
			method, codec = Lossless, DefaultCodec
		}
		if m.Method != method || m.Codec != codec || method == Lattice && math.Abs(m.BitsPerWeight-5) > rateTolerance {
			t.Errorf("%s: %s, %q, %v bits; wanted %s, %q", x.Name, m.Method, m.Codec, m.BitsPerWeight, method, codec)
		}
		if head := 8 * 1024 / float64(m.Rows*m.Cols); codec == cdna.PackedCodec && math.Abs(m.BitsPerWeight-m.BitsInMemory) > head+0.1 {
			t.Errorf("%s: %v bits in the file, %v in memory", x.Name, m.BitsPerWeight, m.BitsInMemory)
		}
	}
	checks, err := Rebuild(t.Context(), job.Output, Job{Source: src, Calibration: calibration})
	if err != nil || len(failures(checks)) > 0 {
		t.Errorf("%v, %v", failures(checks), err)
	}
	sized := Job{Source: src, Output: filepath.Join(t.TempDir(), "out"), Size: 1 << 20, Options: Options{Codec: cdna.PackedCodec}, Calibration: calibration}
	if r := convertAll(t, sized); r.Stats.CompressedBytes > sized.Size || r.Stats.CompressedBytes < sized.Size*98/100 {
		t.Errorf("%d bytes, wanted %d", r.Stats.CompressedBytes, sized.Size)
	}
}

// TestPackedRefused: only lattice matrices can be packed so, and who names it has them, or is told why not.
func TestPackedRefused(t *testing.T) {
	packed := Options{Codec: cdna.PackedCodec}
	for name, job := range map[string]Job{
		"by codebooks":          {Options: Options{Codec: cdna.PackedCodec, Method: KMeans}},
		"without loss":          {Options: Options{Codec: cdna.PackedCodec, Method: Lossless}},
		"without a calibration": {Options: packed, Calibration: Calibration{Off: true}},
		"by error":              {Options: packed, Size: 1 << 20, Allocate: LeastError},
		"a level":               {Options: Options{Codec: cdna.PackedCodec, Level: 3}},
	} {
		if err := job.Check(); !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), "codec packed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	src := small(t, 1) // which has no configuration
	_, err := Plan(t.Context(), Job{Source: src, Output: filepath.Join(t.TempDir(), "out"), Options: packed})
	if err == nil || !strings.Contains(err.Error(), "cannot be calibrated") {
		t.Errorf("what cannot run: %v", err)
	}
	_, err = Plan(t.Context(), Job{Source: demoCheckpoint(t), Output: filepath.Join(t.TempDir(), "out"), Embeddings: settings(t, "codec=packed"), Options: Options{Method: Entropy}})
	if !errors.Is(err, ErrOption) {
		t.Errorf("embeddings alone: %v", err)
	}
}
