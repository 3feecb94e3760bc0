package embedding

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/storage"
)

// FuzzPipeline: whatever the files of a pipeline say, it is read and makes vectors of its length, or is refused by ErrModule.
func FuzzPipeline(f *testing.F) {
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join("testdata/models", name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.Fatal(err)
		}
		return text
	}
	for _, model := range []string{"mean", "dense", "last", "without"} {
		f.Add(read(model+"/modules.json"), read(model+"/"+PromptsName), read(model+"/"+LengthName), read(model+"/1_Pooling/config.json"), read(model+"/2_Dense/config.json"), read(model+"/2_Dense/model.safetensors"))
	}
	f.Add([]byte(`[{"type": "sentence_transformers.models.Transformer", "path": ""}, {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]`), []byte(`{"prompts": {"a": 3}}`), []byte(`[]`), []byte(`{"word_embedding_dimension": 1e9}`), []byte(`{"in_features": -1}`), []byte{9})
	f.Fuzz(func(t *testing.T, modules, prompts, length, pooling, layer, weights []byte) {
		dir := t.TempDir()
		for name, text := range map[string][]byte{
			ModulesName: modules, PromptsName: prompts, LengthName: length, "1_Pooling/config.json": pooling, "2_Dense/config.json": layer, "2_Dense/model.safetensors": weights,
		} {
			path := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		p := &Pipeline{}
		err := p.read(t.Context(), source{place: storage.Dir(dir)})
		if err == nil {
			err = p.Fit(&arch.Config{Hidden: 16, Context: 64, Bidirectional: true})
		}
		if err != nil {
			for _, known := range []error{ErrModule, fs.ErrNotExist, safetensors.ErrTruncated, safetensors.ErrHeader, safetensors.ErrDType, safetensors.ErrShape, safetensors.ErrOffsets} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatal(err)
		}
		pool := p.Pool(2, 0)
		pool.Add(0, make([]float32, 16))
		pool.Add(1, make([]float32, 16))
		if n := len(pool.Vector(false)); n == 0 || n > maxWeights {
			t.Errorf("a vector of %d", n)
		}
	})
}
