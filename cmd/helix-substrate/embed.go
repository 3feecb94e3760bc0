package main

import (
	"fmt"
	"strings"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/generate"
)

type embedCommand struct {
	Dir      string   `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"A model directory; or run dense: a Hugging Face or sentence-transformers directory, or a file of GGUF, safetensors or PyTorch."`
	Texts    []string `text:"" arg:"" optional:"" name:"text" placeholder:"TEXT" help:"The texts, each in quotes."`
	File     string   `input:"file" name:"text-file" placeholder:"FILE" help:"Texts instead, one a line."`
	Prompt   string   `text:"" name:"prompt" placeholder:"NAME" help:"The model's prompt to put before each text, such as query or document (default: the one that its files say, if any)."`
	Out      string   `output:"array" name:"out" short:"o" placeholder:"VECTORS.npy" help:"Where the vectors [texts, length] go, as float32, instead of standard output."`
	Parallel int      `name:"parallel" default:"8" help:"Texts that go through the weights together, as far as the memory limit has room; vectors do not depend on it."`
	modelFlags
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *embedCommand) Help() string {
	return "Examples:\n  helix-substrate embed minilm \"A first text\" \"Another one\"\n  helix-substrate embed minilm --text-file lines.txt -o vectors.npy"
}

// embedded is a text's vector.
type embedded struct {
	Text   string    `json:"text"`
	Tokens int       `json:"tokens"`
	Cut    bool      `json:"cut,omitempty"`
	Vector []float32 `json:"vector"`
}

func (c *embedCommand) Run(env *environment) error {
	if (len(c.Texts) == 0) == (c.File == "") || c.Parallel < 1 {
		return usageError("give texts or --text-file, one of them, and a positive --parallel")
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	opening, err := generate.Begin(env.ctx, c.Dir, o)
	if err != nil {
		return err
	}
	texts := c.Texts
	if c.File != "" {
		if texts, err = opening.ReadLines(env.ctx, c.File); err != nil {
			opening.Close()
			return err
		}
	}
	if c.Out != "" || c.JSON {
		opening.Reserve(vectorMemory * int64(len(texts)))
	}
	embedder, err := opening.Embedder(env.ctx)
	if err == nil {
		_, err = opening.Sequences(env.ctx, min(c.Parallel, len(texts)))
	}
	if err != nil {
		opening.Close()
		return err
	}
	l, err := c.finishModel(env, opening, c.Dir)
	if err != nil {
		return err
	}
	defer l.close()
	embedder.Fit(l.model.Config)
	var all []embedded
	cut := 0
	err = embedder.EmbedAll(env.ctx, l.model, texts, c.Prompt, func(i int, t generate.EmbedText, vector []float32) error {
		if t.Cut {
			cut++
		}
		if c.Out != "" || c.JSON {
			all = append(all, embedded{texts[i], len(t.IDs), t.Cut, vector})
			return nil
		}
		words := make([]string, len(vector))
		for i, v := range vector {
			words[i] = fmt.Sprint(v)
		}
		_, err := fmt.Fprintln(env.stdout, strings.Join(words, " "))
		return err
	})
	if err != nil {
		return err
	}
	if cut > 0 {
		env.note(fmt.Sprintf("%d of %d texts are longer than the model is made for: their ends are left out", cut, len(texts)))
	}
	return c.write(env, all)
}

// vectorMemory is what is reserved for a vector that is kept until all are there: those of known models are not longer.
const vectorMemory = 4*4096 + 512

// write writes the vectors that were kept.
func (c *embedCommand) write(env *environment, all []embedded) error {
	if c.JSON {
		if err := writeJSON(env.stdout, all); err != nil {
			return err
		}
	}
	if c.Out == "" {
		return nil
	}
	t := helix.Tensor{Shape: []int{len(all), len(all[0].Vector)}}
	for _, e := range all {
		t.Data = append(t.Data, e.Vector...)
	}
	if err := helix.WriteTensor(c.Out, t); err != nil {
		return err
	}
	if !c.JSON {
		_, err := fmt.Fprintf(env.stdout, "%s: %s\n", c.Out, shape(t.Shape...))
		return err
	}
	return nil
}
