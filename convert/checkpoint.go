package convert

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
)

// tensor is one of any kind of checkpoint.
type tensor struct {
	name  string
	dtype string // as the source calls it
	shape []int
	size  int64  // bytes in the source
	float bool   // weights, as opposed to counters and masks
	npy   string // the .npy type of an exact copy, empty if there is none
	raw   bool   // whether the copy has the source's own bytes; else float32 values
	data  interface {
		Floats
		ReadRaw(dst []byte, offset int64) error // bytes as they are stored
	}
}

// len returns how many elements the tensor has.
func (t *tensor) len() int {
	n := 1
	for _, d := range t.shape {
		n *= d
	}
	return n
}

// checkpoint is an open source of tensors.
type checkpoint struct {
	tensors    []tensor // sorted by name
	paths      []string // of the weight files
	companions string   // the directory with config.json and the like, empty for a lone file
	gguf       *gguf.File
	close      func() error
}

// openCheckpoint opens a Hugging Face directory, a .safetensors file or a GGUF
// file.
func openCheckpoint(path string) (*checkpoint, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && isGGUF(path) {
		return openGGUF(path)
	}
	set, err := safetensors.OpenSet(path)
	if err != nil {
		return nil, err
	}
	c := &checkpoint{close: set.Close}
	if info.IsDir() {
		c.companions = path
	}
	for _, f := range set.Files() {
		c.paths = append(c.paths, f.Path())
	}
	for _, t := range set.Tensors() {
		kind := exactTypes[t.DType]
		c.tensors = append(c.tensors, tensor{
			name: t.Name, dtype: string(t.DType), shape: t.Shape, size: t.Size(), float: IsFloat(t.DType),
			npy: kind.npy, raw: kind.raw, data: t,
		})
	}
	return c, nil
}

// bytes returns the size of all tensors.
func (c *checkpoint) bytes() int64 {
	var n int64
	for i := range c.tensors {
		n += c.tensors[i].size
	}
	return n
}

// files hashes the source's weight files for the manifest.
func (c *checkpoint) files(ctx context.Context) ([]model.File, error) {
	var files []model.File
	for _, path := range c.paths {
		sum, n, err := model.HashFile(ctx, path)
		if err != nil {
			return nil, err
		}
		files = append(files, model.File{File: filepath.Base(path), Bytes: n, SHA256: sum})
	}
	return files, nil
}

// plannedTensor is what is to become of a tensor.
type plannedTensor struct {
	tensor   *tensor
	compress bool
	reason   string // why it is kept exact
	file     string // in the model directory
	sidecar  string
}

// planTensors decides for every tensor and gives it its files.
func planTensors(c *checkpoint, job Job) ([]plannedTensor, error) {
	if len(c.tensors) == 0 {
		return nil, fmt.Errorf("%s: %w", job.Source, ErrNoTensors)
	}
	names := fileNames{}
	plan := make([]plannedTensor, len(c.tensors))
	for i := range c.tensors {
		t := &c.tensors[i]
		p := plannedTensor{tensor: t}
		if p.reason = keepExact(t, job); p.reason != "" {
			if t.npy == "" {
				return nil, fmt.Errorf("%s: tensor %q has dtype %s: %w", job.Source, t.name, t.dtype, ErrDType)
			}
			if p.file = names.exact(t.name); c.gguf != nil {
				p.file = names.matrix(t.name) // as the original names them
			}
			p.file += ".npy"
		} else {
			name := names.matrix(t.name)
			p.compress, p.file, p.sidecar = true, name+".cdna2.hxz", name+".hxzo"
			if job.Options.Method == Lossless {
				if !cdna.IsLosslessType(dtype.Type(t.dtype)) {
					return nil, fmt.Errorf("%s: %w", job.Source, losslessTypeError(t.name, t.dtype))
				}
				p.file, p.sidecar = name+cdna.LosslessSuffix, ""
			}
		}
		plan[i] = p
	}
	return plan, nil
}

// keepExact says why a tensor is not compressed, empty if it is.
func keepExact(t *tensor, job Job) string {
	switch {
	case len(t.shape) < 2:
		return "not a matrix"
	case t.len() == 0:
		return "empty"
	case !t.float:
		return "not floating point"
	case job.SkipEmbeddings && isEmbedding(t.name):
		return "--skip-embeddings"
	case job.SkipLMHead && isHead(t.name):
		return "--skip-lm-head"
	}
	return ""
}

// IsFloat tells the types of weights from those of counters and masks.
func IsFloat(d safetensors.DType) bool {
	switch d {
	case safetensors.F64, safetensors.F32, safetensors.F16, safetensors.BF16, safetensors.F8E4M3, safetensors.F8E5M2:
		return true
	}
	return false
}

// isEmbedding recognises token and position embeddings by their usual names.
func isEmbedding(name string) bool {
	return hasPart(name, "embed_tokens", "tok_embeddings", "token_embd", "word_embeddings", "wte", "wpe", "embed_positions")
}

// isHead recognises the output head by its usual names.
func isHead(name string) bool {
	return name == "output.weight" || hasPart(name, "lm_head", "embed_out")
}

// hasPart tells whether one of the parts between a name's dots is among parts.
func hasPart(name string, parts ...string) bool {
	for _, p := range strings.Split(name, ".") {
		if slices.Contains(parts, p) {
			return true
		}
	}
	return false
}

// ConversionPlan says what a conversion would do.
type ConversionPlan struct {
	Source  string       `json:"source"`
	Bytes   int64        `json:"bytes"`
	Tensors []TensorPlan `json:"tensors"`
}

// TensorPlan says what would become of one tensor.
type TensorPlan struct {
	Name   string `json:"name"`
	DType  string `json:"dtype"`
	Shape  []int  `json:"shape"`
	Bytes  int64  `json:"bytes"`
	Action string `json:"action"`
	File   string `json:"file"`
}

// Plan reads the source's headers and says what [Directory] would do with job,
// which it checks as Directory does.
func Plan(job Job) (*ConversionPlan, error) {
	if _, err := job.Options.normalize(); err != nil {
		return nil, err
	}
	c, err := openCheckpoint(job.Source)
	if err != nil {
		return nil, err
	}
	defer c.close()
	tensors, err := planTensors(c, job)
	if err != nil {
		return nil, err
	}
	if err := checkOutput(job.Output); err != nil {
		return nil, err
	}
	plan := &ConversionPlan{Source: job.Source, Bytes: c.bytes()}
	for _, t := range tensors {
		action := "compress"
		if !t.compress {
			action = "keep exact (" + t.reason + ")"
		}
		plan.Tensors = append(plan.Tensors, TensorPlan{
			Name: t.tensor.name, DType: t.tensor.dtype, Shape: t.tensor.shape, Bytes: t.tensor.size, Action: action, File: t.file,
		})
	}
	return plan, nil
}
