package convert

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
	"github.com/helix-substrate/helix-substrate/se/route"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// Job is the conversion of one checkpoint.
type Job struct {
	// Source is a Hugging Face directory, an index of shards, a file of safetensors,
	// GGUF, PyTorch or NumPy; or, where no such path exists, a repository of the hub:
	// "owner/name" or "owner/name@revision". It is only read.
	Source string
	// Place, if not nil, is where Source's files lie, such as an object store; Source is then
	// what the checkpoint is called.
	Place place.Place
	// File names one of several candidates in Source.
	File string
	// Remote reads a repository tensor by tensor without storing it; else its files
	// go through the cache that huggingface_hub uses. HF_ENDPOINT, HF_TOKEN, HF_HOME
	// and their kin count; Token goes before HF_TOKEN.
	Remote bool
	Token  string
	// Output is the model directory to make; it must not exist, its parent must.
	Output string
	// ModelID names the model in the manifest; empty takes the source's base name.
	ModelID string
	Options Options
	// Embeddings and LMHead change the options of those matrices, Overrides those
	// of tensors by name.
	Embeddings, LMHead Settings
	Overrides          []Override
	// Calibration says by what text the activations are measured that the method lattice
	// needs.
	Calibration Calibration
	unfit       error       // why the source cannot be calibrated, as a calibration has shown
	calibrated  *calibrated // what came of it; of a manifest, what is to come of it again
	latticeBits float64     // the rate of lattice matrices where Options and settings have none,
	headBits    float64     // and that of the output head
	// Size, if not 0, is the most that all tensors' files together may take. The
	// bits are spread as Allocate says; Options has no Bits and no SNR then.
	Size int64
	// Allocate, empty, is LeastDivergence for a model that can be calibrated, else DefaultAllocation.
	Allocate Allocation
	shard    *shard             // nil: all tensors
	usual    bool               // Allocate is the default, given up where nothing is calibrated
	offsets  map[string]float64 // by how many bits the rates of lattice matrices differ from the mean
	margin   int64              // by how much less is aimed at, since estimates are what they are
	// KLD, if not 0, is the most that the model's predictions may diverge from the source's, in nats a
	// token, on text that the calibration holds out: lattice matrices get the least rate that holds it,
	// and the manifest a certificate. Options has no Bits and no SNR then, and Size is 0.
	KLD float64
	// CorrectDrift gives the lattice matrices in layers weights that make up for what the quantized ones before them
	// have changed in their inputs, and in the residual stream. The model and what becomes of it run side by side for that, which takes about as
	// long as five calibrations.
	CorrectDrift bool
	// Memory bounds the whole process, and so how many tensors are converted at once; 0
	// is 90 % of what the process's cgroup allows (Linux), or no limit. The output does
	// not depend on it. Too little for one tensor is ErrMemory.
	Memory int64
	// Entropy measures every matrix of the source and writes what was found, and what
	// Policy decides from it, into the manifest. It takes longer than the conversion.
	Entropy bool
	Policy  *route.Policy // nil: route.DefaultPolicy
	// Maker, if not nil, has the tensors converted elsewhere. What is written is the same.
	Maker Maker
	// Piece is about how many bytes of a matrix Maker is given as an item, where they can be made by themselves; 0: 16 MiB.
	Piece int64
	// SourceKey, if not nil, is the key that the source's model.sig (OpenSSF Model Signing) must be of, and
	// hold for all that is read of the source; else ErrSignature, or an error of package attest, before
	// anything is converted.
	SourceKey *attest.PublicKey
	// Attest, if not nil, is called when all else is written, and returns further files of the directory,
	// by name: what is said about it, and so is not in its manifest. The directory appears with them.
	Attest func(ctx context.Context, made *Finished) (map[string][]byte, error)
	// Progress, if not nil, is called with the source bytes dealt with, those in all
	// (twice the source's where Size has all of it surveyed first), and the tensor
	// just finished, after what is tried where KLD or Allocate has tensors converted more than
	// once, from 0 each time. Calls do not overlap.
	Progress func(done, total int64, tensor string)
	// Download, if not nil, is called while a file is downloaded.
	Download func(done, total int64, file string)
}

// allocations are all there are, the default first.
var allocations = []Allocation{EqualRate, EqualSNR, LeastError, LeastDivergence}

// Check refuses a job whose options make no sense, or not together, as [Directory] and
// [Plan] do before they look at the source. Errors: ErrOption.
func (j Job) Check() error {
	_, err := j.normalize()
	return err
}

// normalize checks the job, fills in the defaults and returns its options with theirs.
func (j *Job) normalize() (Options, error) {
	o := j.Options
	switch {
	case j.Size < 0:
		return o, fmt.Errorf("size %d: must not be negative: %w", j.Size, ErrOption)
	case j.Size > 0 && (o.SNR > 0 || o.Bits > 0):
		return o, fmt.Errorf("size, snr and bits exclude each other: %w", ErrOption)
	case j.Size > 0 && o.Method != "" && !takes(optionOf("bits").Methods, o.Method):
		return o, fmt.Errorf("size needs the %s method, not %s: %w", names(optionOf("bits").Methods), o.Method, ErrOption)
	case !(j.KLD >= 0 && j.KLD <= 100):
		return o, fmt.Errorf("kld %g is not in 0 to 100: %w", j.KLD, ErrOption)
	case j.KLD > 0 && (j.Size > 0 || o.SNR > 0 || o.Bits > 0):
		return o, fmt.Errorf("kld, size, snr and bits exclude each other: %w", ErrOption)
	case o.Method == Lattice && j.byError():
		return o, fmt.Errorf("allocate %s needs the entropy method, not lattice: %w", j.Allocate, ErrOption)
	case j.Allocate != "" && !slices.Contains(allocations, j.Allocate):
		return o, fmt.Errorf("allocation %q is not %s: %w", j.Allocate, names(allocations), ErrOption)
	case j.Place != nil && (j.Remote || j.Token != ""):
		return o, fmt.Errorf("remote and token are for repositories of the hub, not for a place: %w", ErrOption)
	case j.Policy != nil && !j.Entropy:
		return o, fmt.Errorf("a policy decides from the Structural Entropy, which is not to be measured: %w", ErrOption)
	}
	if o.Method == "" {
		o.Method = j.defaultMethod()
	}
	switch {
	case j.Allocate != "":
	case o.Method == Lattice && j.calibrated == nil:
		j.Allocate, j.usual = LeastDivergence, true
	case j.Size > 0:
		j.Allocate = DefaultAllocation
	}
	if j.Size == 0 && j.Allocate != "" && !j.spreads() && (j.byError() || o.Method != Lattice) {
		return o, fmt.Errorf("allocate %s says how a size is spread, and needs one: %w", j.Allocate, ErrOption)
	}
	if err := j.checkCalibration(o.Method); err != nil {
		return o, err
	}
	if err := j.checkMaker(); err != nil {
		return o, err
	}
	if j.usesLattice(o.Method) && j.latticeBits == 0 {
		j.latticeBits, j.headBits = DefaultBits, DefaultHeadBits
		if j.KLD > 0 {
			j.latticeBits = firstRate(j.KLD)
			j.headBits = min(j.latticeBits+DefaultHeadBits-DefaultBits, mostRate)
		}
	}
	return o.normalize()
}

// defaultMethod is what no method means for a checkpoint that can run.
func (j *Job) defaultMethod() Method {
	if j.Calibration.Off || j.Options.onlyOfCodebooks() || j.byError() {
		return Entropy
	}
	return Lattice
}

// byError tells whether Size is spread by the error of weights, which only codebooks are.
func (j *Job) byError() bool { return j.Allocate == EqualSNR || j.Allocate == LeastError }

// usesLattice tells whether some tensor may be stored as a lattice matrix, where method is the
// job's.
func (j *Job) usesLattice(method Method) bool {
	if method == Lattice || j.Embeddings.to.Method == Lattice || j.LMHead.to.Method == Lattice {
		return true
	}
	return slices.ContainsFunc(j.Overrides, func(o Override) bool { return o.to.Method == Lattice })
}

// jobOptions are the options beside [Options] that bytes depend on, by their names in the
// manifest.
var jobOptions = []struct {
	key   string
	field func(*Job) any // where it is
}{
	{"size", func(j *Job) any { return &j.Size }},
	{"size_margin", func(j *Job) any { return &j.margin }},
	{"kld", func(j *Job) any { return &j.KLD }},
	{"correct_drift", func(j *Job) any { return &j.CorrectDrift }},
	{"rate_offsets", func(j *Job) any { return &j.offsets }},
	{"allocate", func(j *Job) any { return &j.Allocate }},
	{"entropy", func(j *Job) any { return &j.Entropy }},
	{"policy", func(j *Job) any { return &j.Policy }},
	{"embeddings", func(j *Job) any { return &j.Embeddings }},
	{"lm_head", func(j *Job) any { return &j.LMHead }},
	{"tensors", func(j *Job) any { return &j.Overrides }},
	{"lattice_bits", func(j *Job) any { return &j.latticeBits }},
	{"head_bits", func(j *Job) any { return &j.headBits }},
	{"calibration", func(j *Job) any { return &j.calibrated }},
}

// describe lists, for the manifest, what bytes depend on; o are the options with their
// defaults.
func (j *Job) describe(o *Options) map[string]any {
	d := o.describe()
	if j.Size > 0 {
		delete(d, "snr") // the default, which the size replaces
	}
	for _, p := range jobOptions {
		if v := reflect.ValueOf(p.field(j)).Elem(); !v.IsZero() {
			d[p.key] = v.Interface()
		}
	}
	return d
}

// restore sets the job's options to those that the manifest was written with.
func (j *Job) restore(m *model.Manifest) error {
	if m.Options["method"] == nil {
		return fmt.Errorf("does not say with what options it was written: %w", model.ErrManifest)
	}
	restored := Job{Source: j.Source, Place: j.Place, File: j.File, Remote: j.Remote, Token: j.Token, Memory: j.Memory, Progress: j.Progress, Download: j.Download, Calibration: j.Calibration}
	restored.ModelID = m.ModelID // which is whatever the one who converted called it
	restored.Options.Threads = j.Options.Threads
	for _, key := range slices.Sorted(maps.Keys(m.Options)) {
		if err := restored.restoreOption(key, m.Options[key]); err != nil {
			return fmt.Errorf("option %q: %w", key, err)
		}
	}
	*j = restored
	return nil
}

func (j *Job) restoreOption(key string, value any) error {
	for i := range options {
		if options[i].key == key {
			return options[i].restore(&j.Options, value)
		}
	}
	for _, p := range jobOptions {
		if p.key == key {
			return decodeOption(value, p.field(j))
		}
	}
	return fmt.Errorf("no option of this version: %w", model.ErrManifest)
}
