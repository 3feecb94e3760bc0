package safetensors

import "github.com/helix-substrate/helix-substrate/internal/shardindex"

// parseIndex returns an index's weight_map: file name by tensor name.
func parseIndex(text []byte) (map[string]string, error) {
	return shardindex.Parse(text, suffix, ErrIndex)
}
