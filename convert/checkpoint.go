package convert

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
)

// checkpoint is an open source of tensors.
type checkpoint struct {
	*safetensors.Set
	companions string // the directory with config.json and the like, empty for a lone file
}

// openCheckpoint opens a Hugging Face directory or one .safetensors file.
func openCheckpoint(path string) (*checkpoint, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	set, err := safetensors.OpenSet(path)
	if err != nil {
		return nil, err
	}
	c := &checkpoint{Set: set}
	if info.IsDir() {
		c.companions = path
	}
	return c, nil
}

// bytes returns the size of all tensors.
func (c *checkpoint) bytes() int64 {
	var n int64
	for _, t := range c.Tensors() {
		n += t.Size()
	}
	return n
}

// files hashes the source's weight files for the manifest.
func (c *checkpoint) files(ctx context.Context) ([]model.File, error) {
	var files []model.File
	for _, f := range c.Files() {
		sum, err := f.SHA256(ctx)
		if err != nil {
			return nil, err
		}
		files = append(files, model.File{File: filepath.Base(f.Path()), Bytes: f.Size(), SHA256: hex.EncodeToString(sum[:])})
	}
	return files, nil
}

// plannedTensor is what is to become of a tensor.
type plannedTensor struct {
	tensor   *safetensors.Tensor
	compress bool
	reason   string // why it is kept exact
	file     string // in the model directory
	sidecar  string
}

// planTensors decides for every tensor and gives it its files.
func planTensors(c *checkpoint, job Job) ([]plannedTensor, error) {
	tensors := c.Tensors()
	if len(tensors) == 0 {
		return nil, fmt.Errorf("%s: %w", job.Source, ErrNoTensors)
	}
	names := fileNames{}
	plan := make([]plannedTensor, len(tensors))
	for i, t := range tensors {
		p := plannedTensor{tensor: t}
		if p.reason = keepExact(t, job); p.reason != "" {
			if exactType(t.DType) == "" {
				return nil, fmt.Errorf("%s: tensor %q has dtype %s: %w", job.Source, t.Name, t.DType, ErrDType)
			}
			p.file = names.exact(t.Name) + ".npy"
		} else {
			name := names.matrix(t.Name)
			p.compress, p.file, p.sidecar = true, name+".cdna2.hxz", name+".hxzo"
		}
		plan[i] = p
	}
	return plan, nil
}

// keepExact says why a tensor is not compressed, empty if it is.
func keepExact(t *safetensors.Tensor, job Job) string {
	elements := 1
	for _, d := range t.Shape {
		elements *= d
	}
	switch {
	case len(t.Shape) < 2:
		return "not a matrix"
	case elements == 0:
		return "empty"
	case !IsFloat(t.DType):
		return "not floating point"
	case job.SkipEmbeddings && isEmbedding(t.Name):
		return "--skip-embeddings"
	case job.SkipLMHead && isHead(t.Name):
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
	defer c.Close()
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
			Name: t.tensor.Name, DType: string(t.tensor.DType), Shape: t.tensor.Shape, Bytes: t.tensor.Size(), Action: action, File: t.file,
		})
	}
	return plan, nil
}
