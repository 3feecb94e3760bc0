package bench

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/model"
)

// Llama is the shape of a synthetic model; its weights are random, which costs as
// much as real ones.
type Llama struct {
	Layers, Hidden, FFN, Heads, KVHeads, Vocab int
}

// Llama1B returns the shape of TinyLlama 1.1 B.
func Llama1B() Llama {
	return Llama{Layers: 22, Hidden: 2048, FFN: 5632, Heads: 32, KVHeads: 4, Vocab: 32000}
}

// Make makes a model directory with codebooks of the given number of entries, or lattice matrices for 0, whose blocks the
// codec packs, under another name until it is whole; after an error nothing is left. What is at dir already
// is not touched: that is fs.ErrExist.
func (l Llama) Make(ctx context.Context, dir string, entries int, codec string) error {
	return makeWhole(dir, func(partial string) error { return l.write(ctx, partial, entries, codec) })
}

// makeWhole makes a directory by write, which fills another one that gets its name then.
func makeWhole(dir string, write func(partial string) error) error {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s: %w, and is no model directory", dir, fs.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return err
	}
	partial, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*.partial")
	if err != nil {
		return err
	}
	defer os.RemoveAll(partial)
	if err := write(partial); err != nil {
		return err
	}
	return os.Rename(partial, dir)
}

// write fills an empty directory.
func (l Llama) write(ctx context.Context, dir string, entries int, codec string) error {
	config := fmt.Sprintf(`{"model_type": "llama", "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d, `+
		`"num_attention_heads": %d, "num_key_value_heads": %d, "vocab_size": %d, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5}`+"\n",
		l.Hidden, l.FFN, l.Layers, l.Heads, l.KVHeads, l.Vocab)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o666); err != nil {
		return err
	}
	c, err := arch.ParseConfig([]byte(config))
	if err != nil {
		return err
	}
	m := &model.Manifest{ModelID: "synthetic", Format: model.FormatCDNA2, Codec: codec, Tensors: map[string]model.Tensor{}}
	for i, w := range c.Weights(func(string) bool { return true }) {
		switch {
		case w.Optional: // a bias
		case w.IsVector(): // a norm
			file := fmt.Sprintf("t%d.npy", i)
			m.Tensors[w.Name] = model.Tensor{Format: model.FormatNPY, File: file, Shape: w.Shape, DType: "<f4"}
			err = npy.Create(filepath.Join(dir, file), w.Shape, slices.Repeat([]float32{1}, w.Shape[0]))
		default:
			t := model.Tensor{Format: model.FormatCDNA2, File: fmt.Sprintf("t%d.cdna2.hxz", i), OriginalShape: w.Shape, CDNAShape: w.Shape}
			if entries == lattice {
				t.Format, t.File = model.FormatLattice, fmt.Sprintf("t%d%s", i, cdna.LatticeSuffix)
				err = writeLattice(ctx, filepath.Join(dir, t.File), w.Shape[0], w.Shape[1], 0, codec)
			} else {
				err = writeMatrix(ctx, filepath.Join(dir, t.File), w.Shape[0], w.Shape[1], 0, codec, entries)
			}
			m.Tensors[w.Name] = t
		}
		if err != nil {
			return err
		}
	}
	return m.Write(dir)
}
