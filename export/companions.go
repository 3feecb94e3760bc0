package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/embedding"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// wholeName is the file that Hugging Face's libraries look for in a directory. Beside it
// they want the configuration and the tokenizer, so these go along.
const wholeName = "model.safetensors"

// companion is a file that goes along with the weights.
type companion struct {
	name string // with slashes, in the directory
	path string
}

// Companions returns the paths that File may write besides output: none, unless that
// becomes a directory of its own.
func Companions(output string) []string {
	if filepath.Base(output) != wholeName {
		return nil
	}
	paths := convert.Companions()
	for i, name := range paths {
		paths[i] = filepath.Join(filepath.Dir(output), name)
	}
	return paths
}

// companions returns what lies beside the source's weights, for an output that becomes
// a directory of its own. One of them is held at a time, here and when they are written. ErrExists: something else has such a name there.
func (e *exporter) companions(output string) ([]companion, error) {
	paths := Companions(output)
	if paths == nil || !e.src.Whole() {
		return nil, nil
	}
	if e.src.Metadata() != nil {
		e.note("the tensors keep GGUF's names, which Hugging Face's libraries do not know")
		return nil, nil
	}
	modules, err := e.modules()
	if err != nil {
		return nil, err
	}
	var list []companion
	for _, name := range slices.Concat(convert.Companions(), modules) {
		path := filepath.Join(filepath.Dir(output), filepath.FromSlash(name))
		text, err := e.text(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		there, err := regularfile.ReadAll(path, maxModule)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			list = append(list, companion{name, path})
		case err != nil:
			return nil, err
		case !bytes.Equal(there, text):
			return nil, fmt.Errorf("%s, which goes along with %s: %w", path, wholeName, ErrExists)
		}
	}
	return list, nil
}

// modules are the files of what comes after a model that makes vectors, in directories of their own (package embedding); none
// where it is of a kind that is not known.
func (e *exporter) modules() ([]string, error) {
	text, err := e.beside(embedding.ModulesName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	files, err := embedding.Files(text)
	if errors.Is(err, embedding.ErrModule) {
		return nil, nil
	}
	return files, err
}

// maxModule bounds a file of one: weights of dense layers.
const maxModule = 1 << 28

// beside reads a file beside the weights, where a model directory has no directories either.
func (e *exporter) beside(name string) ([]byte, error) {
	if !strings.Contains(name, "/") {
		return e.src.ReadFile(e.ctx, name, tokenizer.MaxFileSize)
	}
	text, err := e.src.ReadFile(e.ctx, name, maxModule)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = e.src.ReadFile(e.ctx, embedding.Flat(name), maxModule)
	}
	return text, err
}

// text is that of a companion.
func (e *exporter) text(name string) ([]byte, error) {
	text, err := e.beside(name)
	if err == nil && name == "config.json" {
		text = e.exported(text)
	}
	return text, err
}

// writeCompanion writes a companion.
func (e *exporter) writeCompanion(c companion) error {
	text, err := e.text(c.name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o777); err != nil {
		return err
	}
	return atomicfile.Write(c.path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// torchTypes are config.json's names of types.
var torchTypes = map[dtype.Type]string{dtype.F32: "float32", dtype.F16: "float16", dtype.BF16: "bfloat16"}

// exported returns config.json for the exported weights: no longer quantized, and of the
// type that most of them have, since that is the one they are loaded in. A text that
// says so already, or is more than JSON, stays as it is.
func (e *exporter) exported(text []byte) []byte {
	sizes := map[dtype.Type]int{}
	var most dtype.Type
	for _, t := range e.src.Tensors() {
		kind := e.o.choose(t)
		if sizes[kind] += t.Len(); t.IsFloat() && (most == "" || sizes[kind] > sizes[most]) {
			most = kind
		}
	}
	changed, config := false, map[string]json.RawMessage{}
	if strictjson.UnmarshalOpen(text, &config, nil) != nil {
		return text
	}
	if _, ok := config["quantization_config"]; ok {
		delete(config, "quantization_config")
		changed = true
	}
	if name, ok := torchTypes[most]; ok {
		for _, key := range []string{"dtype", "torch_dtype"} {
			if old, ok := config[key]; ok && string(old) != `"`+name+`"` {
				config[key] = json.RawMessage(`"` + name + `"`)
				changed = true
			}
		}
	}
	if !changed {
		return text
	}
	edited, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return text
	}
	return append(edited, '\n')
}
