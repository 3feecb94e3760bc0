package safetensors

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// parseIndex reads {"metadata": {…}, "weight_map": {tensor name: file name}} and
// checks that every file name is a plain one.
func parseIndex(text []byte) (map[string]string, error) {
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrIndex)
	}
	d := newDecoder(text, ErrIndex)
	var weightMap map[string]string
	err := d.object(func(key string) error {
		if key != "weight_map" {
			return d.ignore()
		}
		weightMap = map[string]string{}
		return d.object(func(name string) error {
			shard, err := d.string()
			if err == nil && !plainName(shard) {
				err = d.failf("tensor %q: %q is not the name of a %s file beside the index", name, shard, suffix)
			}
			weightMap[name] = shard
			return err
		})
	})
	if err == nil {
		err = d.finish()
	}
	if err == nil && len(weightMap) == 0 {
		err = fmt.Errorf("%w: no weight_map", ErrIndex)
	}
	return weightMap, err
}

// plainName refuses every path that could leave the directory, on any system.
func plainName(name string) bool {
	return strings.HasSuffix(name, suffix) && !strings.ContainsAny(name, "/\\:\x00") && filepath.IsLocal(name)
}
