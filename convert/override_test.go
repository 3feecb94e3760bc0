package convert

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// byName finds a tensor's report.
func byName(t *testing.T, r *Report, name string) TensorReport {
	t.Helper()
	for _, tensor := range r.Tensors {
		if tensor.Name == name {
			return tensor
		}
	}
	t.Fatalf("no tensor %q", name)
	return TensorReport{}
}

func override(t *testing.T, text string) Override {
	t.Helper()
	o, err := ParseOverride(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOverrides(t *testing.T) {
	src := filepath.Join(t.TempDir(), "m.safetensors")
	create(t, src,
		matrixEntry("model.embed_tokens.weight", 300, 200, 1), matrixEntry("lm_head.weight", 300, 200, 2),
		matrixEntry("l.0.q.weight", 300, 200, 3), matrixEntry("l.0.k.weight", 300, 200, 4), matrixEntry("l.1.q.weight", 300, 200, 5))
	r := convertAll(t, Job{
		Source: src, Output: filepath.Join(t.TempDir(), "out"), Options: Options{SNR: 30},
		Embeddings: settings(t, "snr=40"), LMHead: settings(t, "exact"),
		Overrides: []Override{override(t, `l\.0=bits=4,codec=huff0`), override(t, `l\.0\.k=method=kmeans,entries=16`), override(t, `lm_head=compress`)},
	})
	if m := byName(t, r, "model.embed_tokens.weight").Matrix; m == nil || *m.SNRdB < 40 || *m.SNRdB > 40.5 {
		t.Errorf("embeddings %+v, wanted 40 dB", m)
	}
	if m := byName(t, r, "lm_head.weight").Matrix; m == nil || *m.SNRdB < 30 || *m.SNRdB > 30.5 {
		t.Errorf("head %+v, wanted 30 dB: the override undoes exact", m)
	}
	if m := byName(t, r, "l.0.q.weight").Matrix; m == nil || m.Codec != "huff0" || m.BitsPerWeight > 4 || m.BitsPerWeight < 3.9 {
		t.Errorf("l.0.q %+v, wanted 4 bits of huff0", m)
	}
	if m := byName(t, r, "l.0.k.weight").Matrix; m == nil || m.Codec != "huff0" || m.Method != KMeans || m.Entries != 16 {
		t.Errorf("l.0.k %+v, wanted 16 values by k-means in huff0", m)
	}
	if m := byName(t, r, "l.1.q.weight").Matrix; m == nil || m.Codec != "zstd" || *m.SNRdB < 30 || *m.SNRdB > 30.5 {
		t.Errorf("l.1.q %+v, wanted the job's own options", m)
	}
}

func TestOverridesRefused(t *testing.T) {
	for _, text := range []string{"", "snr=40", "=snr=40", "(=exact", "a=snr=x", "a=colour=red", "a=entries=1.5", "a=snr", "a="} {
		if o, err := ParseOverride(text); !errors.Is(err, ErrOption) {
			t.Errorf("%q: %v, %v; want ErrOption", text, o, err)
		}
	}
	src := filepath.Join(t.TempDir(), "m.safetensors")
	create(t, src, matrixEntry("a.weight", 30, 20, 1))
	job := Job{Source: src, Output: filepath.Join(t.TempDir(), "out"), Overrides: []Override{override(t, "a=snr=500")}}
	if _, err := Directory(t.Context(), job); !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), `"a.weight"`) {
		t.Errorf("%v, want ErrOption that names the tensor", err)
	}
	job.Overrides = []Override{override(t, "q_prj=snr=40")}
	if _, err := Directory(t.Context(), job); !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), "q_prj") {
		t.Errorf("an override that meets no tensor: %v, want ErrOption", err)
	}
}

// TestOverridesWithoutEffect: settings that leave all that they name as it is are refused by name.
func TestOverridesWithoutEffect(t *testing.T) {
	src := filepath.Join(t.TempDir(), "m.safetensors")
	create(t, src, matrixEntry("a.weight", 30, 20, 1), matrixEntry("b.weight", 30, 20, 1), safetensors.Float32("norm.weight", []int{20}, gaussian(20, 3)))
	for _, c := range []struct{ overrides, refused string }{
		{"norm=bits=3", "norm=bits=3"},
		{"norm=compress", "norm=compress"},
		{"norm=exact", ""},
		{"weight=bits=3", ""},
		{"a=bits=3 a=snr=20", "a=bits=3"},
		{"a=bits=3 a=bits=4", "a=bits=3"},
		{"a=exact a=compress", "a=exact"},
		{"a=bits=3 a=exact", "a=bits=3"},
		{"a=bits=3,codec=lz4 a=bits=4", ""},
		{"weight=bits=3 a=bits=4", ""},
	} {
		job := Job{Source: src, Output: filepath.Join(t.TempDir(), "out")}
		for text := range strings.FieldsSeq(c.overrides) {
			job.Overrides = append(job.Overrides, override(t, text))
		}
		_, err := Directory(t.Context(), job)
		if c.refused == "" && err != nil || c.refused != "" && (!errors.Is(err, ErrOption) || !strings.Contains(err.Error(), "\""+c.refused+"\" has no effect")) {
			t.Errorf("%s: %v", c.overrides, err)
		}
	}
}

// TestCodecOfMethod: a tensor whose method a setting changes to lattice has the coder of lattice files, unless the job or the
// setting names another.
func TestCodecOfMethod(t *testing.T) {
	for _, c := range []struct {
		job            Options
		settings, want string
	}{
		{Options{Method: Entropy}, "method=lattice", ""},
		{Options{Method: Lossless}, "method=lattice", ""},
		{Options{Method: Entropy, Preset: "fast"}, "method=lattice", ""},
		{Options{Method: Entropy}, "method=lattice,codec=zstd", "zstd"},
		{Options{Method: Entropy, Codec: "brotli"}, "method=lattice", "brotli"},
		{Options{Method: Lattice, Codec: "zstd"}, "method=lattice,bits=3", "zstd"},
		{Options{Method: Lattice}, "method=kmeans", "zstd"},
	} {
		o, err := c.job.normalize()
		if err != nil {
			t.Fatal(err)
		}
		s := settings(t, c.settings)
		s.apply(&o)
		if o, err = o.normalize(); err != nil || o.Codec != c.want {
			t.Errorf("%+v with %s: codec %q, %v; want %q", c.job, c.settings, o.Codec, err, c.want)
		}
	}
}

// TestSharedHead: a head that repeats the embeddings is stored once, unless it is to
// be treated otherwise.
func TestSharedHead(t *testing.T) {
	src := filepath.Join(t.TempDir(), "m.safetensors")
	create(t, src, matrixEntry("model.embed_tokens.weight", 300, 200, 1), matrixEntry("lm_head.weight", 300, 200, 1), matrixEntry("w", 30, 20, 1))
	out := filepath.Join(t.TempDir(), "out")
	r := convertAll(t, Job{Source: src, Output: out})
	if head := byName(t, r, "lm_head.weight"); head.SameAs != "model.embed_tokens.weight" || head.Bytes != 0 {
		t.Errorf("%+v", head)
	}
	onlyIn(t, out, "manifest.json", "model_embed_tokens_weight.cdna2.hxz", "w.cdna2.hxz")
	r = convertAll(t, Job{Source: src, Output: out + "2", LMHead: settings(t, "snr=40")})
	if head := byName(t, r, "lm_head.weight"); head.SameAs != "" || head.Bytes == 0 {
		t.Errorf("%+v", head)
	}
}

func TestFloors(t *testing.T) {
	src := filepath.Join(t.TempDir(), "m.safetensors")
	create(t, src, matrixEntry("w", 300, 200, 1))
	for _, o := range []Options{
		{Bits: 3, MinSNR: 25}, {Bits: 3, MinCosine: 0.999}, {MinSNR: 38}, {MinCosine: 0.9999}, {Bits: 5, MinSNR: 10}, {SNR: 20, MinCosine: 0.9},
	} {
		r := convertAll(t, Job{Source: src, Output: filepath.Join(t.TempDir(), "out"), Options: o})
		m := r.Tensors[0].Matrix
		if *m.SNRdB < o.MinSNR || m.Cosine < o.MinCosine {
			t.Errorf("%+v: %v dB, cosine %v", o, *m.SNRdB, m.Cosine)
		}
		if o.Bits == 5 && m.BitsPerWeight < 4.9 || o.SNR == 20 && *m.SNRdB > 20.5 {
			t.Errorf("%+v: %v bits, %v dB: a floor that is met changes nothing", o, m.BitsPerWeight, *m.SNRdB)
		}
	}
	job := Job{Source: src, Output: filepath.Join(t.TempDir(), "out"), Options: Options{MinSNR: 60}}
	if _, err := Directory(t.Context(), job); !errors.Is(err, ErrQuality) {
		t.Errorf("60 dB with 256 values: %v, want ErrQuality", err)
	}
}
