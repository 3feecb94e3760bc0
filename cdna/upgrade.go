package cdna

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// Upgrade writes src, v1 or v2, as a v2 file with the codec, level, block rows and threads of o; every index and every
// bit of the codebook stay. Shape, codebook, fidelity_stats and the sum of the sidecar are always src's; name (of a v1
// file: its file name), time and extra keys are where o leaves them empty. Every block is verified as it is read. If ctx
// ends or anything fails, dst stays as it was.
func Upgrade(ctx context.Context, dst string, src *File, o WriterOptions) (WriteStats, error) {
	h := src.Header()
	codebook := src.Codebook()
	o.Rows, o.Cols, o.Codebook = h.Rows, h.Cols, codebook[:]
	if o.TensorName == "" {
		o.TensorName = h.TensorName
	}
	if o.TensorName == "" {
		o.TensorName = strings.TrimSuffix(filepath.Base(src.Name()), ".cdna")
	}
	if o.CreatedUTC == "" {
		o.CreatedUTC = h.CreatedUTC
	}
	if o.Extra == nil && h.Extra != nil {
		o.Extra = make(map[string]any, len(h.Extra))
		for key, value := range h.Extra {
			o.Extra[key] = value
		}
	}
	room := fidelityRoom
	if h.Fidelity != nil { // foreign ones may be longer than ours
		stats, err := json.Marshal(h.Fidelity)
		if err != nil {
			return WriteStats{}, fmt.Errorf("%s: %w", src.Name(), err)
		}
		room = max(room, len(`,"fidelity_stats":`)+len(stats))
	}
	o.Sidecar = h.SidecarSHA256 != ""
	w, err := create(dst, o, room)
	if err != nil {
		return WriteStats{}, err
	}
	defer w.Abort()
	w.header.SidecarSHA256 = h.SidecarSHA256
	buf := make([]byte, src.MaxBlockLen())
	for i := range src.NumBlocks() {
		if err := ctx.Err(); err != nil {
			return WriteStats{}, err
		}
		indices := buf[:src.Block(i).DecompLen]
		if _, err := src.ReadBlock(ctx, indices, i, nil); err != nil {
			return WriteStats{}, err
		}
		if _, err := w.Write(indices); err != nil {
			return WriteStats{}, err
		}
	}
	return w.Finish(h.Fidelity)
}
