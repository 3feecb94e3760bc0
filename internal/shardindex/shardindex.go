// Package shardindex reads the index of a checkpoint in several files, as Hugging
// Face writes it beside safetensors and PyTorch shards.
package shardindex

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// Parse reads {"metadata": {…}, "weight_map": {tensor name: file name}} and returns
// the weight_map, which is not empty. Every file name must be a plain one that ends
// in suffix, so that it cannot lead out of the index's directory on any system.
// Errors wrap sentinel.
func Parse(text []byte, suffix string, sentinel error) (map[string]string, error) {
	d, err := strictjson.NewDecoder(text, sentinel)
	if err != nil {
		return nil, err
	}
	var weightMap map[string]string
	err = d.Object(func(key string) error {
		if key != "weight_map" {
			return d.Ignore()
		}
		weightMap = map[string]string{}
		return d.Object(func(name string) error {
			shard, err := d.String()
			if err == nil && !plain(shard, suffix) {
				err = d.Failf("tensor %q: %q is not the name of a %s file beside the index", name, shard, suffix)
			}
			weightMap[name] = shard
			return err
		})
	})
	if err == nil {
		err = d.Finish()
	}
	if err == nil && len(weightMap) == 0 {
		err = fmt.Errorf("%w: no weight_map", sentinel)
	}
	if err != nil {
		return nil, err
	}
	return weightMap, nil
}

// plain refuses every path that could leave the directory.
func plain(name, suffix string) bool {
	return strings.HasSuffix(name, suffix) && !strings.ContainsAny(name, "/\\:\x00") && filepath.IsLocal(name)
}
