package bench

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Streaming is what bounds a streamed token: how long what it streams takes to be read, past the page cache, and, from memory,
// to be unpacked on all cores. Products and all else come on top.
type Streaming struct {
	Disk          []DiskSpeed `json:"disk,omitempty"` // none where the system cannot tell
	DiskSeconds   float64     `json:"disk_s"`         // at the largest depth; 0 where the system cannot tell
	UnpackSeconds float64     `json:"unpack_s"`
}

// DiskSpeed is how fast a disk reads with so many requests at once.
type DiskSpeed struct {
	Depth    int     `json:"depth"`
	GBPerSec float64 `json:"gb_per_s"`
}

// Bound is the least that a token takes: as long as the slower of disk and unpacking.
func (s *Streaming) Bound() float64 { return max(s.DiskSeconds, s.UnpackSeconds) }

// diskDepths are the numbers of requests that a disk is tried with.
var diskDepths = []int{1, 2, 8}

// measureStreaming measures what bounds a token of the model in dir under the options.
func measureStreaming(ctx context.Context, dir string, o transformer.Options) (*Streaming, error) {
	plan, err := transformer.PlanFor(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	m, err := model.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &Streaming{}
	var paths []string
	for _, place := range plan.Matrices {
		if place.Resident || place.Name == "model.embed_tokens.weight" {
			continue // of embeddings a token takes one row
		}
		t := m.Manifest.Tensors[place.Name]
		paths = append(paths, filepath.Join(dir, t.File))
		seconds, err := unpackTensor(ctx, m, t)
		if err != nil {
			return nil, err
		}
		s.UnpackSeconds += seconds
	}
	for _, depth := range diskDepths {
		bytes, seconds, err := readDirect(ctx, paths, directRead, depth)
		if errors.Is(err, errors.ErrUnsupported) {
			break
		}
		if err != nil {
			return nil, err
		}
		s.Disk, s.DiskSeconds = append(s.Disk, DiskSpeed{depth, float64(bytes) / seconds / 1e9}), seconds
	}
	return s, nil
}

// unpackTensor returns how long a matrix takes to be unpacked.
func unpackTensor(ctx context.Context, m *model.Model, t model.Tensor) (seconds float64, err error) {
	if t.Format == model.FormatLattice {
		f, err := m.OpenLattice(ctx, t)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		return unpackFromMemory(ctx, &f.Blocks)
	}
	f, err := m.OpenMatrix(ctx, t)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return unpackFromMemory(ctx, &f.Blocks)
}

// unpackFromMemory reads all blocks of a file and returns how long they take to be unpacked then; 0 if they are as they are.
func unpackFromMemory(ctx context.Context, f *cdna.Blocks) (seconds float64, err error) {
	if f.Stored() || f.InTiles() {
		return 0, nil
	}
	packed := make([][]byte, f.NumBlocks())
	for i := range packed {
		packed[i] = make([]byte, f.Block(i).CompLen)
		if err := f.ReadCompressed(ctx, packed[i], i); err != nil {
			return 0, err
		}
	}
	workers := runtime.GOMAXPROCS(0)
	start := time.Now()
	var g errgroup.Group
	for w := range workers {
		g.Go(func() error {
			plain := make([]byte, f.MaxBlockLen())
			for i := w; i < len(packed) && ctx.Err() == nil; i += workers {
				if err := f.Decompress(plain[:f.Block(i).DecompLen], packed[i], i); err != nil {
					return err
				}
			}
			return context.Cause(ctx)
		})
	}
	err = g.Wait()
	return time.Since(start).Seconds(), err
}
