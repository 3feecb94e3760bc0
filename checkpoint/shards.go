package checkpoint

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
	"github.com/helix-substrate/helix-substrate/storage"
)

// maxIndex bounds an index of shards: some 100 bytes a tensor.
const maxIndex = 100_000_000

// readShards opens an index and, by read, the shards that it names, which lie beside it. What
// they hold counts, as in transformers: published indices list tensors that no shard has, such
// as a tied head, and leave some out. The index decides only where several shards have a tensor.
// suffix ends the shards' names; errors of the index wrap sentinel.
func (c *Checkpoint) readShards(ctx context.Context, name, suffix string, sentinel error, read func(ctx context.Context, shard string, f storage.File) error) error {
	err := c.openShards(ctx, name, suffix, sentinel, read)
	if err != nil {
		return fmt.Errorf("%s: %w", c.place.Path(name), err)
	}
	return nil
}

func (c *Checkpoint) openShards(ctx context.Context, name, suffix string, sentinel error, read func(ctx context.Context, shard string, f storage.File) error) error {
	f, err := c.file(ctx, name)
	if err != nil {
		return err
	}
	if f.Size() > maxIndex {
		return fmt.Errorf("%w: %d bytes, limit %d", sentinel, f.Size(), maxIndex)
	}
	text := make([]byte, f.Size())
	if _, err := storage.ReadFull(ctx, f, text, 0); err != nil {
		return err
	}
	shardOf, err := parseIndex(text, suffix, sentinel)
	if err != nil {
		return err
	}
	for _, shard := range slices.Compact(slices.Sorted(maps.Values(shardOf))) {
		f, err := c.file(ctx, shard)
		if err != nil {
			return err
		}
		if err := read(ctx, shard, f); err != nil {
			return err
		}
	}
	first := map[string]*Tensor{} // that count, by name
	for _, t := range c.tensors {
		other, twice := first[t.Name]
		switch {
		case !twice || shardOf[t.Name] == t.File:
			first[t.Name] = t
		case shardOf[t.Name] != other.File:
			return fmt.Errorf("%w: tensor %q is in %s and %s, and mapped to neither", sentinel, t.Name, other.File, t.File)
		}
	}
	c.tensors = slices.DeleteFunc(c.tensors, func(t *Tensor) bool { return first[t.Name] != t })
	return nil
}

// parseIndex reads {"metadata": {…}, "weight_map": {tensor name: file name}} and returns
// the weight_map, which is not empty. Every file name must be a plain one that ends
// in suffix, so that it cannot lead out of the index's directory on any system.
// Errors wrap sentinel.
func parseIndex(text []byte, suffix string, sentinel error) (map[string]string, error) {
	d := strictjson.NewDecoder(text, sentinel)
	var weightMap map[string]string
	err := d.Object(func(key string) error {
		if key != "weight_map" {
			return d.Ignore()
		}
		weightMap = map[string]string{}
		return d.Object(func(name string) error {
			shard, err := d.String()
			if err == nil && !plainName(shard, suffix) {
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

// plainName refuses every path that could leave the directory.
func plainName(name, suffix string) bool {
	return strings.HasSuffix(name, suffix) && !strings.ContainsAny(name, "/\\:\x00") && filepath.IsLocal(name)
}
