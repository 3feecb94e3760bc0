//go:build (!amd64 && !arm64) || noasm

package alias

// quads decodes as many steps as vector instructions can, and returns how many.
func (d *decoder) quads([]byte, []Table, []byte) int { return 0 }
