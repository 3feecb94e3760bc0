package cdna

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/internal/codec"
)

// A packer packs blocks in parallel and writes them in order. A fixed set of jobs goes round: the caller fills one, a
// worker packs it, the one writer puts it to the file and frees it. So memory is bounded, and the file does not
// depend on who was faster.
type packer struct {
	idle    chan *job
	work    chan *job // to the workers
	ordered chan *job // the same jobs to the writer, in the order of the blocks
	done    sync.WaitGroup
	err     atomic.Pointer[error] // the first failure; the jobs after it only pass through

	// The writer's, until stop.
	w      io.WriterAt
	grid   grid
	codec  codec.Codec // nil: store plain
	table  []byte      // block index entries
	offset int64
}

// A job is one block on its way.
type job struct {
	plain  []byte
	want   int    // length of plain when full
	copied []byte // packed elsewhere, with its sum, in place of plain; empty if not
	packed []byte
	buffer []byte // the codec's; packed is this or plain
	sum    [sha256.Size]byte
	err    error
	ready  chan struct{}
}

func newPacker(w io.WriterAt, g grid, offset int64, c codec.Codec, threads int) *packer {
	jobs := threads + 2 // one being filled, one being written
	p := &packer{
		idle: make(chan *job, jobs), work: make(chan *job, jobs), ordered: make(chan *job, jobs),
		w: w, grid: g, codec: c, offset: offset,
	}
	for range jobs {
		p.idle <- &job{ready: make(chan struct{}, 1)}
	}
	for range threads {
		p.done.Go(p.packJobs)
	}
	p.done.Go(p.writeJobs)
	return p
}

// free waits for a job to fill.
func (p *packer) free() (*job, error) {
	j := <-p.idle
	if err := p.err.Load(); err != nil {
		p.idle <- j
		return nil, *err
	}
	return j, nil
}

// submit hands in the next block. It never waits: the channels hold all jobs.
func (p *packer) submit(j *job) {
	p.ordered <- j
	p.work <- j
}

// fail makes err the result, unless there is one.
func (p *packer) fail(err error) { p.err.CompareAndSwap(nil, &err) }

// stop waits until all is written and returns the block index and the end of the file.
func (p *packer) stop() (table []byte, end int64, err error) {
	close(p.work)
	close(p.ordered)
	p.done.Wait()
	if err := p.err.Load(); err != nil {
		return nil, 0, *err
	}
	return p.table, p.offset, nil
}

func (p *packer) packJobs() {
	for j := range p.work {
		if p.err.Load() == nil {
			j.pack(p.codec)
		}
		j.ready <- struct{}{}
	}
}

func (j *job) pack(c codec.Codec) {
	if len(j.copied) > 0 {
		j.packed, j.copied, j.err = j.copied, j.copied[:0], nil
		return
	}
	j.packed, j.err = j.plain, nil
	if c != nil {
		j.buffer, j.err = c.Encode(j.buffer[:0], j.plain)
		j.packed = j.buffer
	}
	if ofPacked(c) {
		j.sum = sha256.Sum256(j.packed)
	} else {
		j.sum = sha256.Sum256(j.plain)
	}
}

func (p *packer) writeJobs() {
	for j := range p.ordered {
		<-j.ready
		if p.err.Load() == nil {
			if err := p.write(j); err != nil {
				p.fail(fmt.Errorf("block %d: %w", len(p.table)/indexEntryLen, err))
			}
		}
		p.idle <- j
	}
}

func (p *packer) write(j *job) error {
	if j.err != nil {
		return j.err
	}
	if err := p.grid.checkSizes(int64(len(j.packed)), j.want/p.grid.rowBytes(), p.codec); err != nil {
		return err
	}
	if int64(len(j.packed)) > math.MaxUint32 {
		return fmt.Errorf("%w: %d packed bytes, at most 2^32-1", ErrBlockSize, len(j.packed))
	}
	if err := writeAt(p.w, j.packed, p.offset); err != nil {
		return err
	}
	p.table = binary.LittleEndian.AppendUint64(p.table, uint64(p.offset))
	p.table = binary.LittleEndian.AppendUint32(p.table, uint32(len(j.packed)))
	p.table = binary.LittleEndian.AppendUint32(p.table, uint32(j.want))
	p.table = append(p.table, j.sum[:]...)
	p.offset += int64(len(j.packed))
	return nil
}
