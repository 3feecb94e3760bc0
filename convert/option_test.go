package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/se/route"
)

// TestEveryOptionIsDeclared: the table has every exported field of Options once, and says
// of each whether bytes depend on it; and every field of Job is an option or is known to
// change no byte.
func TestEveryOptionIsDeclared(t *testing.T) {
	var o Options
	declared := map[any]string{}
	for _, p := range options {
		field := p.field(&o)
		if declared[field] != "" || p.Help == "" || len(p.Choices) > 0 && p.Default == "" && p.Name != "method" && p.Name != "codec" {
			t.Errorf("%s: declared twice, or incompletely", p.Name)
		}
		declared[field] = p.Name
		if (p.key == "") != (p.Name == "threads") {
			t.Errorf("%s has the key %q", p.Name, p.key)
		}
	}
	for i := range reflect.TypeFor[Options]().NumField() {
		f := reflect.TypeFor[Options]().Field(i)
		if f.IsExported() && declared[reflect.ValueOf(&o).Elem().Field(i).Addr().Interface()] == "" {
			t.Errorf("Options.%s is not in the table", f.Name)
		}
	}
	if choices := optionOf("method").Choices; !slices.Equal(choices, func() (list []string) {
		for _, m := range Methods() {
			list = append(list, string(m))
		}
		return list
	}()) {
		t.Errorf("methods %q, in the table %q", Methods(), choices)
	}

	var j Job
	inJob := map[any]bool{}
	for _, p := range jobOptions {
		inJob[p.field(&j)] = true
	}
	// Of Calibration, what was calibrated is recorded.
	for _, name := range []string{"Source", "Place", "File", "Remote", "Token", "Output", "ModelID", "Options", "Memory", "Maker", "Piece", "Progress", "Download", "Calibration", "SourceKey", "Attest"} {
		f, ok := reflect.TypeFor[Job]().FieldByName(name)
		if !ok {
			t.Fatal(name)
		}
		inJob[reflect.ValueOf(&j).Elem().FieldByIndex(f.Index).Addr().Interface()] = true
	}
	for i := range reflect.TypeFor[Job]().NumField() {
		field := reflect.ValueOf(&j.margin)
		if f := reflect.TypeFor[Job]().Field(i); f.IsExported() {
			field = reflect.ValueOf(&j).Elem().Field(i).Addr()
		}
		if !inJob[field.Interface()] {
			t.Errorf("Job.%s is not in the table", reflect.TypeFor[Job]().Field(i).Name)
		}
	}
}

// drawOptions draws options that make sense together.
func drawOptions(t *rapid.T) Options {
	o := Options{
		Method: rapid.SampledFrom(Methods()).Draw(t, "method"), Codec: rapid.SampledFrom([]string{"zstd", "brotli", "huff0", "lz4", "none"}).Draw(t, "codec"),
		BlockRows: rapid.SampledFrom([]int{0, 1, 21}).Draw(t, "rows"),
	}
	if o.Method != Lattice {
		o.NoSidecar = rapid.Bool().Draw(t, "no sidecar")
		o.NonFinite = !o.NoSidecar && rapid.Bool().Draw(t, "nonfinite")
	} else if rapid.Bool().Draw(t, "a codec of its own") {
		o.Codec = rapid.SampledFrom([]string{"", cdna.AliasCodec, cdna.PackedCodec}).Draw(t, "which")
	}
	o.Preset = rapid.SampledFrom([]string{"", "archive", "fast"}).Draw(t, "preset")
	if o.Codec == "zstd" {
		o.Level = rapid.IntRange(0, 22).Draw(t, "level")
	}
	if takes(optionOf("entries").Methods, o.Method) {
		o.Entries, o.FullPrecision = rapid.IntRange(0, 256).Draw(t, "entries"), rapid.Bool().Draw(t, "full")
	}
	if o.Method == Entropy {
		o.MinSNR, o.MinCosine = rapid.Float64Range(0, 120).Draw(t, "min snr"), rapid.Float64Range(0, 0.9999).Draw(t, "min cosine")
		switch rapid.IntRange(0, 2).Draw(t, "aim") {
		case 1:
			o.SNR = rapid.Float64Range(0.1, 120).Draw(t, "snr")
		case 2:
			o.Bits = rapid.Float64Range(0.1, 16).Draw(t, "bits")
		}
	}
	if o.Method == Lattice && rapid.Bool().Draw(t, "rate") {
		o.Bits, o.InMemory = rapid.Float64Range(0.1, 16).Draw(t, "bits"), rapid.Bool().Draw(t, "in memory")
	}
	return o
}

// TestOptionsComeBack: what the manifest says of a job's options, after JSON, gives the
// same options, and the same again; and different options are told apart.
func TestOptionsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		job := Job{Options: drawOptions(t)}
		if job.Options.Method == Entropy && job.Options.SNR == 0 && job.Options.Bits == 0 && rapid.Bool().Draw(t, "sized") {
			job.Size, job.margin = rapid.Int64Range(1, 1<<50).Draw(t, "size"), rapid.Int64Range(0, 1<<40).Draw(t, "margin")
			job.Allocate = rapid.SampledFrom([]Allocation{"", EqualRate, EqualSNR, LeastError}).Draw(t, "allocate")
		}
		if job.Entropy = rapid.Bool().Draw(t, "entropy"); job.Entropy && rapid.Bool().Draw(t, "policy") {
			job.Policy = &route.Policy{MaxCondition: 1000}
		}
		for _, text := range rapid.SliceOf(rapid.SampledFrom([]string{"a=exact", `l\.0=snr=45,codec=huff0`, "b=method=kmeans,entries=16,block-rows=auto"})).Draw(t, "overrides") {
			o, err := ParseOverride(text)
			if err != nil {
				t.Fatal(err)
			}
			job.Overrides = append(job.Overrides, o)
		}
		if rapid.Bool().Draw(t, "embeddings") {
			job.Embeddings, _ = ParseSettings("full-precision,min-snr=30")
		}
		o, err := job.normalize()
		if err != nil {
			t.Fatal(err)
		}
		manifest := func(j *Job, o *Options) (m model.Manifest) {
			text, err := json.Marshal(j.describe(o))
			if err == nil {
				err = json.Unmarshal(text, &m.Options)
			}
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		m := manifest(&job, &o)
		var restored Job
		if err := restored.restore(&m); err != nil {
			t.Fatal(err)
		}
		again, err := restored.normalize()
		if err != nil {
			t.Fatal(err)
		}
		if o.key() != again.key() {
			t.Errorf("%s\n%s", o.key(), again.key())
		}
		if n := manifest(&restored, &again); !reflect.DeepEqual(m, n) {
			t.Errorf("%v\n%v", m.Options, n.Options)
		}
		other, err := drawOptions(t).normalize()
		if err != nil {
			t.Fatal(err)
		}
		if a, b := o.describe(), other.describe(); maps.Equal(a, b) != (o.key() == other.key()) {
			t.Errorf("%v\n%v\n%s\n%s", a, b, o.key(), other.key())
		}
	})
}

// TestRestoreRefuses: a manifest whose options this version does not know, or cannot be.
func TestRestoreRefuses(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"codec": "zstd"}`, `{"method": "entropy", "lattice": 8}`, `{"method": 1}`, `{"method": "entropy", "level": 1.5}`, `{"method": "entropy", "snr": "30"}`,
		`{"method": "entropy", "nonfinite": "keep"}`, `{"method": "entropy", "tensors": ["="]}`, `{"method": "entropy", "policy": {"other": 1}}`,
		`{"method": "entropy", "bf16_codebook": null}`,
	} {
		var m model.Manifest
		if err := json.Unmarshal([]byte(text), &m.Options); err != nil {
			t.Fatal(err)
		}
		var j Job
		if err := j.restore(&m); !errors.Is(err, model.ErrManifest) && !errors.Is(err, ErrOption) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestOptionsAsText: every option that the command line has is set by its text, as its
// type or its words allow, and nothing else.
func TestOptionsAsText(t *testing.T) {
	sound := map[string]string{
		"method": "kmeans", "bits": "4.5", "for": "memory", "snr": "30", "min-snr": "20", "min-cosine": "0.99", "entries": "16", "full-precision": "true",
		"codec": "lz4", "preset": "fast", "level": "3", "block-rows": "21", "nonfinite": "sidecar", "no-sidecar": "true", "threads": "2",
	}
	for _, p := range options {
		var o Options
		if err := o.Set(p.Name, sound[p.Name]); err != nil || p.value(&o).IsZero() {
			t.Errorf("%s=%s: %v", p.Name, sound[p.Name], err)
		}
		if p.Default != "" {
			if err := o.Set(p.Name, p.Default); err != nil {
				t.Errorf("%s=%s: %v", p.Name, p.Default, err)
			}
		}
		if kind := p.value(&o).Kind(); kind == reflect.String {
			continue // refused with the others: see Check
		}
		for _, bad := range []string{"many", "1.5e", "\x00"} {
			if err := o.Set(p.Name, bad); !errors.Is(err, ErrOption) {
				t.Errorf("%s=%s: %v", p.Name, bad, err)
			}
		}
		for _, bad := range []string{"0", "-1"} {
			if err := o.Set(p.Name, bad); p.positive && !errors.Is(err, ErrOption) {
				t.Errorf("%s=%s: %v", p.Name, bad, err)
			}
		}
	}
	var o Options
	if err := o.Set("colour", "red"); !errors.Is(err, ErrOption) {
		t.Error(err)
	}
	for _, text := range []string{"snr=30,bits=4", "bits=4,snr=30", "level=1,level=2", "level=", "threads=2", "nonfinite=sidecar", "full-precision=perhaps", "block-rows=0", "snr=0"} {
		if _, err := ParseSettings(text); !errors.Is(err, ErrOption) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestMethodsAndOptions: each method refuses the options that it does not take, wherever
// they come from, and a setting of the method unsets them.
func TestMethodsAndOptions(t *testing.T) {
	for _, p := range options {
		for _, m := range Methods() {
			o := Options{Method: m}
			if p.Name == "method" || p.Name == "nonfinite" || p.Name == "no-sidecar" {
				continue
			}
			text := map[bool]string{true: "true", false: "1"}[p.value(&o).Kind() == reflect.Bool]
			if p.Name == "for" {
				text = "memory"
			}
			if err := o.Set(p.Name, text); err != nil {
				t.Fatal(err)
			}
			if p.Name == "codec" {
				o.Codec = "huff0"
			}
			if p.Name == "preset" {
				o.Preset = "fast"
			}
			if p.Name == "min-cosine" {
				o.MinCosine = 0.5
			}
			if err := o.Check(); (err == nil) != takes(p.Methods, m) || err != nil && !errors.Is(err, ErrOption) {
				t.Errorf("%s with %s: %v", m, p.Name, err)
			}
			s := settings(t, "method="+string(m))
			o.Method = Entropy
			s.apply(&o)
			if err := o.Check(); err != nil {
				t.Errorf("%s after %s: %v", m, p.Name, err)
			}
		}
	}
	if err := (Options{Method: "magic"}).Check(); !errors.Is(err, ErrOption) {
		t.Error(err)
	}
}

// TestPlanRefusesAsDirectoryDoes: what a job may not ask for is refused alike by Check, by
// a plan and by the conversion, before anything is made.
func TestPlanRefusesAsDirectoryDoes(t *testing.T) {
	dir := t.TempDir()
	src := small(t, 1)
	for _, job := range []Job{
		{Size: 1 << 30, Options: Options{SNR: 30}}, {Size: 1 << 30, Options: Options{Bits: 3}}, {Size: -1}, {Size: 1 << 30, Allocate: "even"}, {Allocate: EqualSNR},
		{Size: 1 << 30, Options: Options{Method: KMeans}}, {Size: 1 << 30, Options: Options{Method: Lossless}}, {Options: Options{Method: KMeans, SNR: 30}},
		{Options: Options{Method: Lossless, Entries: 4}}, {Options: Options{Codec: "rar"}},
		{Options: Options{Method: Entropy, Codec: cdna.PackedCodec}}, {Options: Options{Method: Entropy, Codec: cdna.AliasCodec}}, {Options: Options{SNR: 30, Codec: cdna.PackedCodec}}, {Options: Options{Codec: cdna.PackedCodec, Level: 1}},
		{Options: Options{Level: 99}}, {Options: Options{Method: "magic"}},
		{Policy: &route.Policy{}},
	} {
		job.Source, job.Output = src, filepath.Join(dir, "out")
		_, planned := Plan(t.Context(), job)
		_, converted := Directory(t.Context(), job)
		checked := job.Check()
		if !errors.Is(checked, ErrOption) || planned == nil || converted == nil || planned.Error() != checked.Error() || converted.Error() != checked.Error() {
			t.Errorf("%+v: %v, %v, %v", job, checked, planned, converted)
		}
	}
	nothingIn(t, dir)
}

func TestPresets(t *testing.T) {
	for _, p := range Presets() {
		var o Options
		if err := o.SetPreset(p.Name); err != nil || o.Check() != nil {
			t.Errorf("%s: %+v, %v", p.Name, o, err)
		}
		if n, err := o.normalize(); err != nil || n.Codec != p.Codec {
			t.Errorf("%s packs with %q: %v", p.Name, n.Codec, err)
		}
		for _, o := range []Options{{Codec: "lz4"}, {BlockRows: 3}} {
			if err := o.SetPreset(p.Name); !errors.Is(err, ErrOption) {
				t.Errorf("%s over %+v: %v", p.Name, o, err)
			}
		}
	}
	// What settings of a tensor say comes first; lattice matrices keep the coder of their own.
	for _, base := range []Method{Lattice, Entropy} {
		for text, want := range map[string]string{"method=lossless": "huff0", "method=lattice": "", "codec=lz4": "lz4", "method=lattice,codec=lz4": "lz4"} {
			o, err := Options{Method: base, Preset: "fast"}.normalize()
			if err != nil {
				t.Fatal(err)
			}
			s := settings(t, text)
			s.apply(&o)
			if o, err = o.normalize(); err != nil || o.Codec != want {
				t.Errorf("fast, over %s, packs %s with %q: %v", base, text, o.Codec, err)
			}
		}
	}
	var o Options
	if err := (Options{Preset: "best"}).Check(); !errors.Is(err, ErrOption) {
		t.Error(err)
	}
	if err := o.SetPreset("best"); !errors.Is(err, ErrOption) || !bytes.Contains([]byte(err.Error()), []byte("archive, balanced or fast")) {
		t.Error(err)
	}
}
