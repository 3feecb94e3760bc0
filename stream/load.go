package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/tiles"
	"github.com/helix-substrate/helix-substrate/internal/workers"
)

// Load makes matrices resident, as the Load of each does. Lattice matrices of the engine are loaded together: a worker that
// has finished a block of one takes the next, of whichever it is. Errors are those of Load; then some matrices may be
// resident, others are streamed.
func (e *Engine) Load(ctx context.Context, matrices []Matrix) error {
	var together []*Lattice
	for _, w := range matrices {
		if m, ok := w.(*Lattice); ok && m.engine == e {
			together = append(together, m)
		} else if err := w.Load(ctx); err != nil {
			return err
		}
	}
	return e.loadLattices(ctx, together)
}

// loading is lattice matrices on their way into memory.
type loading struct {
	engine   *Engine
	matrices []*Lattice
	stores   []*tileStore
	arenas   []arena
	parts    []loadPart
	layout   Layout // of the largest blocks

	workers int
	pairs   bool // there is room for each worker to unpack two
}

// loadPart is one or two blocks of a matrix.
type loadPart struct {
	matrix       int
	first, count int
}

// loadLattices loads matrices together; all are resident then, or as they were.
func (e *Engine) loadLattices(ctx context.Context, matrices []*Lattice) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := &loading{engine: e}
	if err := l.run(ctx, matrices); err != nil {
		for i := range l.arenas {
			l.arenas[i].release()
		}
		return err
	}
	for i, m := range l.matrices {
		m.resident = &resident{l.arenas[i], l.stores[i]}
	}
	return nil
}

func (l *loading) run(ctx context.Context, matrices []*Lattice) error {
	for _, m := range matrices {
		if m.resident == nil && !slices.Contains(l.matrices, m) {
			if err := l.add(m); err != nil {
				return err
			}
		}
	}
	if len(l.parts) == 0 {
		return nil
	}
	e := l.engine
	threads, ahead := min(e.threads, len(l.parts)), 0
	if e.budget == nil { // which would lack there what is left of it
		ahead = threads
	}
	threads, unpacked, err := e.buffers.reserve(&l.layout, threads, ahead)
	if err != nil {
		return err
	}
	l.workers, l.pairs = threads, unpacked >= 2*threads
	return e.pool.Run(ctx, threads, len(l.parts), workers.Func(func(w, i int) error {
		p := l.parts[i]
		if err := l.load(ctx, w, p); err != nil {
			return fmt.Errorf("load %s: %w", l.matrices[p.matrix].file.Name(), err)
		}
		return nil
	}))
}

// add makes room for a matrix.
func (l *loading) add(m *Lattice) error {
	a, err := newWeights(l.engine.budget, m.file.Name(), int(m.layout.ResidentBytes))
	if err != nil {
		return err
	}
	l.arenas = append(l.arenas, a)
	var size tiles.Size
	size.Lines, size.Exceptions = m.lattice.Packed()
	t, err := tiles.New(a.bytes, tiles.Shape{Rows: m.Rows(), Cols: m.Cols(), BlockRows: m.file.Block(0).Rows}, size)
	if err != nil {
		return fmt.Errorf("load %s: %w: %w", m.file.Name(), cdna.ErrCorrupt, err)
	}
	for i := 0; i < m.file.NumBlocks(); i += 2 {
		l.parts = append(l.parts, loadPart{len(l.matrices), i, min(2, m.file.NumBlocks()-i)})
	}
	l.matrices, l.stores = append(l.matrices, m), append(l.stores, &tileStore{t, l.engine.kernels.TileCoder()})
	l.layout.Name = m.layout.Name
	l.layout.PackedBuffer = max(l.layout.PackedBuffer, m.layout.PackedBuffer)
	l.layout.UnpackedBuffer = max(l.layout.UnpackedBuffer, m.layout.UnpackedBuffer)
	return nil
}

// load takes the blocks of a part to memory. Two are hashed at once, where there is room for both.
func (l *loading) load(ctx context.Context, w int, p loadPart) error {
	if p.count == 2 {
		room, ok := l.room(w, p)
		if ok {
			return l.two(ctx, w, p, room)
		}
		if err := l.load(ctx, w, loadPart{p.matrix, p.first, 1}); err != nil {
			return err
		}
		p.first++
	}
	m := l.matrices[p.matrix]
	room, _ := l.room(w, loadPart{p.matrix, p.first, 1})
	packed, hashed, err := l.fetch(ctx, w, m, p.first, room[0])
	if err != nil {
		return err
	}
	if err := m.checkLoaded(p.first, packed, hashed); err != nil {
		return err
	}
	return l.keep(w, p.matrix, p.first, hashed)
}

func (l *loading) two(ctx context.Context, w int, p loadPart, room [2][]byte) error {
	m := l.matrices[p.matrix]
	var packed, hashed [2][]byte
	for k := range hashed {
		var err error
		if packed[k], hashed[k], err = l.fetch(ctx, w, m, p.first+k, room[k]); err != nil {
			return err
		}
	}
	if err := m.checkTwoLoaded(p.first, packed, hashed); err != nil {
		return err
	}
	for k := range hashed {
		if err := l.keep(w, p.matrix, p.first+k, hashed[k]); err != nil {
			return err
		}
	}
	return nil
}

// room returns where worker w takes a part's blocks: codes are unpacked to one buffer each, blocks in tiles are read to the
// buffers of packed and of unpacked ones. It tells whether there is room for all.
func (l *loading) room(w int, p loadPart) (room [2][]byte, ok bool) {
	b, f := &l.engine.buffers, l.matrices[p.matrix].file
	if f.InTiles() {
		room[0] = b.packed[w].bytes[:f.Block(p.first).CompLen]
		if p.count == 1 {
			return room, true
		}
		n := f.Block(p.first + 1).CompLen
		if n > len(b.unpacked[w].bytes) {
			return room, false
		}
		room[1] = b.unpacked[w].bytes[:n]
		return room, true
	}
	room[0] = b.unpacked[w].bytes[:f.Block(p.first).DecompLen]
	if p.count == 1 {
		return room, true
	}
	if !l.pairs || l.matrices[p.matrix].remembers() { // the second one's packed bytes come where the first one's were
		return room, false
	}
	room[1] = b.unpacked[l.workers+w].bytes[:f.Block(p.first+1).DecompLen]
	return room, true
}

// fetch reads block i of m to dst: its codes, or its tiles. It returns what unpack does.
func (l *loading) fetch(ctx context.Context, w int, m *Lattice, i int, dst []byte) (packed, hashed []byte, err error) {
	tellOf(m.file, i)
	if m.file.InTiles() {
		return dst, dst, m.file.ReadCompressed(ctx, dst, i)
	}
	return m.unpack(ctx, dst, w, i, new(Stats))
}

// keep takes a block that is checked to a matrix in memory.
func (l *loading) keep(w, matrix, i int, hashed []byte) error {
	m, t := l.matrices[matrix], l.stores[matrix]
	block := m.file.Block(i)
	var err error
	if m.file.InTiles() {
		view := l.engine.buffers.views[w].Matrix
		if err := m.openTiles(view, i, hashed); err != nil {
			return err
		}
		err = t.Put(block.FirstRow, view)
	} else {
		err = t.pack(block.FirstRow, block.Rows, hashed)
	}
	if errors.Is(err, tiles.ErrSize) {
		return fmt.Errorf("%w: %w", cdna.ErrCorrupt, err)
	}
	return err
}
