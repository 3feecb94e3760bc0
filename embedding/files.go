package embedding

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
	"github.com/helix-substrate/helix-substrate/storage"
)

// ErrModule reports files of a pipeline that are damaged, or that ask for what is not known here.
var ErrModule = errors.New("unsupported sentence-transformers module")

// The files of a pipeline beside those of its modules.
const (
	ModulesName = "modules.json"
	PromptsName = "config_sentence_transformers.json"
	LengthName  = "sentence_bert_config.json"
)

const (
	maxFile    = 1 << 26 // of JSON: Gemma's tokenizer_config.json, with all tokens that were added, takes more than a megabyte
	maxModules = 16
	maxWeights = 1 << 26 // values of a dense layer
)

// source reads the files of a pipeline: those of a module in a directory, which a model directory has side by side.
type source struct {
	place storage.Place
	flat  bool
}

// sourceOf returns where a model's files lie.
func sourceOf(ctx context.Context, at checkpoint.Location, verify cdna.Policy) (source, error) {
	if !at.Converted() {
		return source{place: at.Place}, nil
	}
	m, err := at.Model(ctx, verify)
	return source{place: m, flat: true}, err
}

// name is what a file is called at its place.
func (s source) name(name string) string {
	if s.flat {
		return Flat(name)
	}
	return name
}

// Flat is what a model directory, which has no directories in it, calls a file of a pipeline.
func Flat(name string) string { return strings.ReplaceAll(name, "/", "_") }

// object reads a file that holds a JSON object; nil if there is none.
func (s source) object(ctx context.Context, name string) (object, error) {
	text, err := storage.ReadFile(ctx, s.place, s.name(name), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return object{}, nil
	} else if err != nil {
		return object{}, err
	}
	return parseObject(name, text)
}

func parseObject(name string, text []byte) (object, error) {
	d := strictjson.NewDecoder(strictjson.FromPython(text), ErrModule)
	v, err := d.Value()
	if err == nil {
		err = d.Finish()
	}
	values, ok := v.(map[string]any)
	if err == nil && !ok {
		err = fmt.Errorf("not an object: %w", ErrModule)
	}
	if err != nil {
		return object{}, fmt.Errorf("%s: %w", name, err)
	}
	return object{name, values}, nil
}

// Files returns which files a pipeline reads that modules.json, whose text is given, says, apart from those at the top: they
// lie in the modules' directories. Some may not be there.
func Files(modules []byte) ([]string, error) {
	list, err := parseModules(modules)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range list {
		if m.path == "" {
			continue
		}
		names = append(names, m.path+"/config.json")
		if m.kind == "Dense" {
			names = append(names, m.path+"/model.safetensors")
		}
	}
	return names, nil
}

// module is one of modules.json.
type module struct{ kind, path string }

// parseModules reads modules.json.
func parseModules(text []byte) ([]module, error) {
	var list []struct {
		Type string `json:"type"`
		Path string `json:"path"`
	}
	if err := strictjson.UnmarshalOpen(text, &list, ErrModule); err != nil {
		return nil, fmt.Errorf("%s: %w", ModulesName, err)
	}
	if len(list) > maxModules {
		return nil, fmt.Errorf("%s: %d modules: %w", ModulesName, len(list), ErrModule)
	}
	var modules []module
	for i, m := range list {
		kind := m.Type[strings.LastIndexByte(m.Type, '.')+1:]
		if !strings.HasPrefix(m.Type, "sentence_transformers.") || strings.Trim(m.Path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || (m.Path == "") != (i == 0) {
			return nil, fmt.Errorf("%s: module %d, %q in %q: %w", ModulesName, i, m.Type, m.Path, ErrModule)
		}
		modules = append(modules, module{kind, m.Path})
	}
	return modules, nil
}

// object is a JSON object of a file, whose keys are taken out as they are read: what is left must say nothing.
type object struct {
	file   string
	values map[string]any
}

// refuse is the error for a value of a key.
func (o object) refuse(key string, v any) error {
	text, _ := json.Marshal(v)
	return fmt.Errorf("%s: %s %.80s: %w", o.file, key, text, ErrModule)
}

// take returns the value of a key, of a type; the zero value where it is missing or null.
func take[T any](o object, key string) (v T, err error) {
	value := o.values[key]
	delete(o.values, key)
	if value == nil {
		return v, nil
	}
	v, ok := value.(T)
	if !ok {
		return v, o.refuse(key, value)
	}
	return v, nil
}

// number returns a whole number, 0 where it is missing or null.
func (o object) number(key string) (int, error) {
	n, err := take[json.Number](o, key)
	if err != nil || n == "" {
		return 0, err
	}
	i, err := n.Int64()
	if err != nil || i < 1 || i > 1<<24 {
		return 0, o.refuse(key, n)
	}
	return int(i), nil
}

// only refuses a key whose value is none of some; nil stands for null and for a missing one.
func (o object) only(key string, values ...any) error {
	v := o.values[key]
	delete(o.values, key)
	for _, w := range values {
		if v == w {
			return nil
		}
	}
	return o.refuse(key, v)
}

// finish refuses what was not taken, unless it says nothing.
func (o object) finish() error {
	for key, v := range o.values {
		switch v := v.(type) {
		case nil:
			continue
		case bool:
			if !v {
				continue
			}
		case map[string]any:
			if len(v) == 0 {
				continue
			}
		case []any:
			if len(v) == 0 {
				continue
			}
		}
		return o.refuse(key, v)
	}
	return nil
}
