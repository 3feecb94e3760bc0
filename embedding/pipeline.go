package embedding

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/storage"
)

// ErrPrompt reports the name of a prompt that the model does not have.
var ErrPrompt = errors.New("no such prompt")

// Pipeline is what becomes of the states of a text's tokens. It does not change once it fits a model and is safe for
// concurrent use.
type Pipeline struct {
	// MaxTokens is to how many tokens a text is cut, special ones included; 0: to none.
	MaxTokens int
	// Similarity is the function that vectors are meant to be compared by, such as "cosine" or "dot"; "" where the model does not say.
	Similarity string

	lower   bool // texts are written in small letters first
	modes   []Mode
	without bool // tokens of the prompt are left out
	size    int  // of a state
	steps   []step
	prompts map[string]string
	usual   string // name of the prompt that is used where none is named
}

// step is a module after pooling.
type step interface {
	apply(x []float32) []float32 // x may be overwritten
}

// Open reads the pipeline of the model at a place. Of one without modules.json it is the mean of all states for a model that sees a text at
// once, and the last token's for others, of length 1. Errors are ErrModule, those of reading and the context's.
func Open(ctx context.Context, at checkpoint.Location, verify cdna.Policy) (*Pipeline, error) {
	p := &Pipeline{}
	whole, err := at.IsGGUF(ctx)
	if err != nil || whole {
		p.steps = []step{normalize{}}
		return p, err
	}
	s, err := sourceOf(ctx, at, verify)
	if err != nil {
		return nil, err
	}
	if err := p.read(ctx, s); err != nil {
		return nil, fmt.Errorf("%s: %w", at.Dir(), err)
	}
	return p, nil
}

func (p *Pipeline) read(ctx context.Context, s source) error {
	if err := p.readPrompts(ctx, s); err != nil {
		return err
	}
	text, err := storage.ReadFile(ctx, s.place, ModulesName, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		p.steps = []step{normalize{}}
		return nil
	} else if err != nil {
		return err
	}
	modules, err := parseModules(text)
	if err != nil {
		return err
	}
	if len(modules) < 2 || modules[0].kind != "Transformer" || modules[1].kind != "Pooling" {
		return fmt.Errorf("%s: it does not begin with a Transformer and a Pooling: %w", ModulesName, ErrModule)
	}
	if err := p.readLength(ctx, s); err != nil {
		return err
	}
	if err := p.readPooling(ctx, s, modules[1].path); err != nil {
		return err
	}
	size := p.size * len(p.modes)
	for _, m := range modules[2:] {
		switch m.kind {
		case "Normalize":
			if err := checkNormalize(ctx, s, m.path); err != nil {
				return err
			}
			p.steps = append(p.steps, normalize{})
		case "Dense":
			d, err := readDense(ctx, s, m.path, size)
			if err != nil {
				return err
			}
			p.steps, size = append(p.steps, d), d.rows
		default:
			return fmt.Errorf("%s: %s: %w", ModulesName, m.kind, ErrModule)
		}
	}
	return nil
}

// checkNormalize refuses a Normalize of anything but a text's vector; older ones have no file that says so.
func checkNormalize(ctx context.Context, s source, path string) error {
	o, err := s.object(ctx, path+"/config.json")
	if err != nil {
		return err
	}
	for _, key := range []string{"module_input_name", "module_output_name"} {
		if err := o.only(key, nil, "sentence_embedding"); err != nil {
			return err
		}
	}
	return o.finish()
}

// readPrompts reads config_sentence_transformers.json.
func (p *Pipeline) readPrompts(ctx context.Context, s source) error {
	o, err := s.object(ctx, PromptsName)
	if err != nil || o.values == nil {
		return err
	}
	delete(o.values, "__version__")
	prompts, err := take[map[string]any](o, "prompts")
	if err != nil {
		return err
	}
	p.prompts = map[string]string{}
	for name, v := range prompts {
		text, ok := v.(string)
		if !ok && v != nil {
			return o.refuse("prompts", prompts)
		}
		p.prompts[name] = text
	}
	if p.usual, err = take[string](o, "default_prompt_name"); err != nil {
		return err
	}
	if _, ok := p.prompts[p.usual]; p.usual != "" && !ok {
		return o.refuse("default_prompt_name", p.usual)
	}
	if p.Similarity, err = take[string](o, "similarity_fn_name"); err != nil {
		return err
	}
	if err := o.only("model_type", nil, "SentenceTransformer"); err != nil {
		return err
	}
	return o.finish()
}

// readLength reads sentence_bert_config.json, and where that says nothing the tokenizer's longest sequence and the model's positions.
func (p *Pipeline) readLength(ctx context.Context, s source) error {
	o, err := s.object(ctx, LengthName)
	if err != nil {
		return err
	}
	if o.values != nil {
		if p.MaxTokens, err = o.number("max_seq_length"); err != nil {
			return err
		}
		if p.lower, err = take[bool](o, "do_lower_case"); err != nil {
			return err
		}
		delete(o.values, "unpad_inputs")
		delete(o.values, "modality_config") // of a text it says what module_output_name does
		if err := errors.Join(o.only("transformer_task", nil, "feature-extraction"), o.only("module_output_name", nil, "token_embeddings"), o.finish()); err != nil {
			return err
		}
	}
	t, err := s.object(ctx, "tokenizer_config.json")
	if err != nil {
		return err
	}
	if t.values == nil {
		return nil
	}
	if err := t.only("truncation_side", nil, "right"); err != nil {
		return err
	}
	if n, ok := t.values["model_max_length"].(json.Number); ok && p.MaxTokens == 0 {
		if most, err := n.Int64(); err == nil && most > 0 && most < 1<<24 { // without a limit there is a number like 10³⁰
			p.MaxTokens = int(most)
		}
	}
	return nil
}

// Fit fits the pipeline to a model. Errors are ErrModule, where it is another model's.
func (p *Pipeline) Fit(c *arch.Config) error {
	if p.modes == nil {
		p.size, p.modes = c.Hidden, []Mode{LastToken}
		if c.Bidirectional {
			p.modes = []Mode{Mean}
		}
		if c.Bidirectional && p.MaxTokens == 0 {
			p.MaxTokens = c.Context
		}
		return nil
	}
	if p.size != c.Hidden {
		return fmt.Errorf("pooling of %d values, the model has %d: %w", p.size, c.Hidden, ErrModule)
	}
	if p.MaxTokens == 0 {
		p.MaxTokens = c.Context
	}
	p.MaxTokens = min(p.MaxTokens, c.Context)
	return nil
}

// Width returns the length of vectors, once the pipeline fits a model.
func (p *Pipeline) Width() int {
	n := p.size * len(p.modes)
	for _, s := range p.steps {
		if d, ok := s.(*dense); ok {
			n = d.rows
		}
	}
	return n
}

// Prompts returns the names of the prompts, sorted.
func (p *Pipeline) Prompts() []string { return slices.Sorted(maps.Keys(p.prompts)) }

// Prompt returns what is put before texts: the prompt of a name, or for "" the one that the model says, if any. Errors are ErrPrompt.
func (p *Pipeline) Prompt(name string) (string, error) {
	if name == "" {
		return p.prompts[p.usual], nil
	}
	text, ok := p.prompts[name]
	if !ok {
		return "", fmt.Errorf("%q is not one of %s: %w", name, strings.Join(p.Prompts(), ", "), ErrPrompt)
	}
	return text, nil
}

// LeavesPromptOut tells whether the tokens of a prompt are no part of the vector.
func (p *Pipeline) LeavesPromptOut() bool { return p.without }

// Lowercase tells whether texts are to be written in small letters.
func (p *Pipeline) Lowercase() bool { return p.lower }

// First is the first token of n of which the state is needed.
func (p *Pipeline) First(n int) int {
	if len(p.modes) == 1 && p.modes[0] == LastToken {
		return n - 1
	}
	return 0
}
