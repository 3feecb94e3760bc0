package convert

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
)

// plannedTensor is what is to become of a tensor.
type plannedTensor struct {
	*checkpoint.Tensor
	reason  string  // why it is kept exact, empty if it is compressed
	options Options // how it is compressed
	rate    bool    // an override fixes how near it comes
	file    string  // in the model directory
	sidecar string
	// sameAs is the tensor of the same bytes whose files this one shares.
	sameAs *plannedTensor
}

// planTensors decides for every tensor and gives it its files.
func planTensors(c *checkpoint.Checkpoint, job Job, options Options) ([]*plannedTensor, error) {
	tensors := c.Tensors()
	if len(tensors) == 0 {
		return nil, fmt.Errorf("%s: %w", job.Source, ErrNoTensors)
	}
	names := fileNames{}
	plan := make([]*plannedTensor, len(tensors))
	for i, t := range tensors {
		p := &plannedTensor{Tensor: t, options: options}
		exact, rate, err := job.overrides(t, &p.options)
		if err != nil {
			return nil, err
		}
		p.rate = rate
		if p.reason = keepExact(t, exact); p.reason != "" {
			if exactType(t).npy == "" {
				return nil, fmt.Errorf("%s: tensor %q has dtype %s: %w", job.Source, t.Name, t.DType, ErrDType)
			}
			if p.file = names.exact(t.Name); c.GGUF() != nil {
				p.file = names.matrix(t.Name) // as the original names them
			}
			p.file += ".npy"
		} else {
			name := names.matrix(t.Name)
			p.file, p.sidecar = name+".cdna2.hxz", name+".hxzo"
			if p.options.Method == Lossless {
				if !cdna.IsLosslessType(t.Type) {
					return nil, fmt.Errorf("%s: %w", job.Source, losslessTypeError(t.Name, t.DType))
				}
				p.file, p.sidecar = name+cdna.LosslessSuffix, ""
			}
		}
		plan[i] = p
	}
	for _, o := range job.Overrides {
		if !slices.ContainsFunc(tensors, func(t *checkpoint.Tensor) bool { return o.name.MatchString(t.Name) }) {
			return nil, fmt.Errorf("%s: no tensor's name matches %q: %w", job.Source, o.name, ErrOption)
		}
	}
	return plan, nil
}

// compress tells whether the tensor is compressed.
func (p *plannedTensor) compress() bool { return p.reason == "" }

// keepExact says why a tensor is not compressed, empty if it is.
func keepExact(t *checkpoint.Tensor, asked string) string {
	switch {
	case len(t.Shape) < 2, isNorm(t):
		return "not a matrix"
	case t.Len() == 0:
		return "empty"
	case !t.IsFloat():
		return "not floating point"
	}
	return asked
}

// isNorm recognises a norm that is stored as [n, 1] or [1, n].
func isNorm(t *checkpoint.Tensor) bool {
	return len(t.Shape) == 2 && slices.Min(t.Shape) == 1 && strings.Contains(t.Name, "norm")
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

// shareFiles finds the head that repeats the embeddings byte for byte, as some
// checkpoints store them: it is converted once.
func shareFiles(ctx context.Context, plan []*plannedTensor) error {
	var embedding, head *plannedTensor
	for _, p := range plan {
		switch {
		case isEmbedding(p.Name):
			embedding = p
		case isHead(p.Name):
			head = p
		}
	}
	if embedding == nil || head == nil || embedding.DType != head.DType || !slices.Equal(embedding.Shape, head.Shape) ||
		embedding.reason != head.reason || embedding.options.key() != head.options.key() {
		return nil
	}
	a, err := embedding.SHA256(ctx)
	if err != nil {
		return err
	}
	b, err := head.SHA256(ctx)
	if err == nil && a == b {
		head.sameAs = embedding
	}
	return err
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

// Plan does what [Directory] does with job before the first tensor, with the same errors,
// and says what would become of the tensors. Nothing is left behind. It reads headers, and
// of weights what decides: embeddings and a head that may repeat them, and with a Size that
// is not spread at an equal rate all matrices.
func Plan(ctx context.Context, job Job) (*ConversionPlan, error) {
	c, err := begin(ctx, job, func(*workplace, map[string]bool) error { return nil })
	if err != nil {
		return nil, err
	}
	defer c.end()
	plan := &ConversionPlan{Source: job.Source, Bytes: c.src.Bytes()}
	for _, t := range c.plan {
		action := "compress"
		switch {
		case t.sameAs != nil:
			action = "same as " + t.sameAs.Name
		case !t.compress():
			action = "keep exact (" + t.reason + ")"
		}
		plan.Tensors = append(plan.Tensors, TensorPlan{
			Name: t.Name, DType: t.DType, Shape: t.Shape, Bytes: t.Size, Action: action, File: t.file,
		})
	}
	return plan, nil
}
