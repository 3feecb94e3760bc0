package transformer

import (
	"context"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// weights are a model's matrices as a plan sees them: opened, but no block read.
type weights struct {
	places   []Placement
	files    []blockFile // nil for dense matrices
	looked   []bool      // of which rows are looked up: dense ones stay where they are
	layouts  []stream.Layout
	dense    int64 // bytes of the dense ones
	outliers int64 // bytes of all sidecars in the Go heap
	reading  int64 // and, at first, those of reading the largest
	held     int64 // bytes that Go holds with all of them open, and the draft's
	draft    *Plan // nil for none
	room     int64 // all there is for blocks, with Options.Streamed; else 0

	snapshots int              // that a sequence keeps at most
	use       *model.ExpertUse // how often experts are used; nil if it is not known
	experts   []expertLayer
}

// survey opens the matrices' files.
func survey(ctx context.Context, c *arch.Config, src source, list []arch.Weight) (*weights, error) {
	w := &weights{snapshots: mostSnapshots, places: make([]Placement, len(list)), files: make([]blockFile, len(list)), looked: make([]bool, len(list)), layouts: make([]stream.Layout, len(list))}
	for i := range list {
		name := list[i].Name
		if err := ctx.Err(); err != nil {
			w.close()
			return nil, err
		}
		s, err := src.size(ctx, name)
		if err != nil {
			w.close()
			return nil, err
		}
		w.places[i] = Placement{Name: name, Bytes: s.dense}
		if w.looked[i] = list[i].Looked; !w.looked[i] {
			w.dense += s.dense
		}
		if w.files[i], w.layouts[i] = s.file, s.layout; s.file == nil {
			continue
		}
		if w.looked[i] { // a token reads one block
			w.layouts[i].Used = float64(s.layout.BlockBytes) / float64(s.layout.FileBytes)
		}
		w.places[i].Bytes = s.layout.FileBytes
		if n := list[i].Experts; n > 0 {
			l := &w.layouts[i]
			l.Used, l.ExpertBytes = float64(c.Experts.PerToken)/float64(n), stream.ExpertBytes(s.file.Base(), n)
			if l.ExpertBytes > 0 {
				l.HeapBytes += int64(n) * stream.ExpertHeap(l.Blocks/n)
			}
		}
		if s.sidecar > 0 {
			w.outliers += s.layout.SidecarBytes(s.outliers)
			// The file, and what it inflates to in a buffer that grows by doubling: of an
			// outlier 2 bytes of value and, in the mean, at most 3 of position.
			w.reading = max(w.reading, s.sidecar+2*5*int64(s.outliers)+64<<10)
		}
	}
	return w, nil
}

func (w *weights) close() {
	for _, f := range w.files {
		if f != nil {
			f.Close()
		}
	}
}

// compressed returns the layouts of the matrices that lie in files.
func (w *weights) compressed() []stream.Layout {
	var list []stream.Layout
	for i, f := range w.files {
		if f != nil {
			list = append(list, w.layouts[i])
		}
	}
	return list
}

// tokenBytes is what a session keeps of each of its tokens in the Go heap.
const tokenBytes = 8

// pageHeap is what a page takes there: the tokens that it stands for, and its place in the tree.
const pageHeap = 512

// tables is the Go heap that so many layers of a model take besides what is open when they are planned:
// norms, biases of experts, and for each matrix its lookup tables and what its layout says.
func tables(c *arch.Config, layers int, files []stream.Layout) int64 {
	q, k := c.QKNormLen()
	vectors := 4*c.Hidden + q + k + c.Experts.Count + filters(c)
	if c.PerLayer.Len > 0 {
		vectors += c.Hidden
	}
	if c.Experts.Beside {
		vectors += 4*c.Hidden + c.Experts.Count
	}
	if c.Experts.Biases {
		vectors += c.Experts.Count*(2*c.Experts.FFN+c.Hidden) + c.Heads
	}
	if c.NormBias {
		vectors *= 2
	}
	n := 4*int64(embeddingTables(c)) + int64(layers)*int64(vectors)*4 + int64(layers*c.Experts.Count)*8 + int64(len(files))*(16<<10)
	for i := range files {
		n += files[i].HeapBytes
	}
	return n
}

// filters is how many numbers a layer has in place of attention that no vector is multiplied by, at most.
func filters(c *arch.Config) int {
	norm := c.Mixers.ValueDim
	if c.Mixers.HasMamba() {
		norm = c.Mixers.Values()
	}
	return (c.Mixers.Taps+1)*c.MixerWidth() + 3*c.Mixers.ValueHeads + norm
}

// escaped is the Go heap for what a token is multiplied by where matrices have escapes: those that are multiplied by together.
func escaped(c *arch.Config, files []stream.Layout) int64 {
	most := 0
	for i := range files {
		most = max(most, files[i].Escaped)
	}
	return int64(together(c)) * 4 * int64(most)
}
