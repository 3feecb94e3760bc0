package transformer

import (
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/stream"
)

// ErrMemory reports a memory limit that is too small; the message names the
// smallest that would do.
var ErrMemory = errors.New("not enough memory")

// Plan says where a model's memory goes, in bytes, all of it reserved up front.
type Plan struct {
	Limit     int64     `json:"limit"`    // of the process, 0 for none
	Minimum   int64     `json:"minimum"`  // the smallest limit that works with this context and cache
	Program   int64     `json:"program"`  // the program, its runtime and small tables
	Cache     int64     `json:"cache"`    // keys and values
	Scratch   int64     `json:"scratch"`  // activations
	Buffers   int64     `json:"buffers"`  // blocks in flight
	Resident  int64     `json:"resident"` // weights held
	Streamed  int64     `json:"streamed"` // weights read again for every chunk, as they lie in the files
	Context   int       `json:"context"`
	CacheType CacheType `json:"cache_type"`
	Chunk     int       `json:"chunk"` // tokens of a prompt that go together
	Matrices  []Place   `json:"matrices"`
}

// Place says where a matrix lives.
type Place struct {
	Name     string `json:"name"`
	Resident bool   `json:"resident"`
	Bytes    int64  `json:"bytes"` // in memory if resident, else in the file
}

// Total returns what the plan takes.
func (p *Plan) Total() int64 {
	return p.Program + p.Cache + p.Scratch + p.Buffers + p.Resident
}

// managed is the part of the limit that is accounted byte by byte.
func (p *Plan) managed() int64 { return p.Limit - p.Program }

// programMemory is what the program itself takes: its code, the runtime, and a Go
// heap of small things. Measured at 13 to 16 MiB on Linux.
const programMemory = 20 << 20

// chunks are the chunk sizes that a plan chooses from.
var chunks = []int{128, 64, 32, 16, 8, 4, 2, 1}

// planModel decides what is resident under the options' limit.
func planModel(c *Config, src source, names []string, o Options) (*Plan, error) {
	matrices, files, err := survey(src, names)
	if err != nil {
		return nil, err
	}
	defer closeFiles(files)
	p := &Plan{
		Limit: o.Memory, Context: o.Context, CacheType: o.CacheType, Matrices: matrices,
		Program: programMemory + o.Reserve + tables(c, files), Cache: cacheBytes(c, o.Context, o.CacheType),
	}
	scratch := func(chunk int) int64 {
		// Activations are packed once more for the kernels, in lane order.
		packed := int64(chunk) * int64(max(c.Hidden, c.FFN, c.Heads*c.HeadDim)+63) * 4
		return 4*scratchFloats(c, o.Context, chunk, o.Threads, o.CacheType) + packed
	}
	dense := int64(0)
	for i, f := range files {
		if f == nil {
			dense += matrices[i].Bytes
		}
	}
	smallest := o.Chunk
	if smallest == 0 {
		smallest = 1
	}
	one, _ := stream.PlanResidency(1<<62, 1, present(files))
	p.Minimum = p.Program + p.Cache + scratch(smallest) + dense + one.Minimum
	if o.Memory > 0 && o.Memory < p.Minimum {
		return nil, fmt.Errorf("a limit of %s: at least %s would do with a context of %d: %w",
			byteunit.Format(o.Memory), byteunit.FormatUp(p.Minimum), o.Context, ErrMemory)
	}
	free := int64(1 << 62)
	if o.Memory > 0 {
		free = o.Memory - p.Program - p.Cache - dense
	}
	p.Chunk = o.Chunk
	if p.Chunk == 0 {
		p.Chunk = smallest
		for _, n := range chunks {
			if s := scratch(n); s <= free/4 && s <= free-one.Minimum {
				p.Chunk = n
				break
			}
		}
	}
	p.Scratch = scratch(p.Chunk)
	r, err := stream.PlanResidency(free-p.Scratch, o.Threads, present(files))
	if err != nil {
		return nil, fmt.Errorf("%v: %w", err, ErrMemory)
	}
	p.Buffers, p.Resident = r.BufferBytes, dense+r.ResidentBytes
	k := 0
	for i, f := range files {
		place := &p.Matrices[i]
		if f == nil {
			place.Resident = true
			continue
		}
		if place.Resident = r.Resident[k]; place.Resident {
			place.Bytes = stream.ResidentSize(f)
		} else {
			p.Streamed += place.Bytes
		}
		k++
	}
	return p, nil
}

// survey opens the matrices' files, without reading blocks.
func survey(src source, names []string) ([]Place, []*cdna.File, error) {
	places, files := make([]Place, len(names)), make([]*cdna.File, len(names))
	for i, name := range names {
		f, dense, err := src.size(name)
		if err != nil {
			closeFiles(files)
			return nil, nil, err
		}
		places[i] = Place{Name: name, Bytes: dense}
		if files[i] = f; f != nil {
			places[i].Bytes = f.Size()
		}
	}
	return places, files, nil
}

func closeFiles(files []*cdna.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

func present(files []*cdna.File) []*cdna.File {
	var list []*cdna.File
	for _, f := range files {
		if f != nil {
			list = append(list, f)
		}
	}
	return list
}

// tables is the Go heap that grows with the model: block indices, norms, lookup
// tables.
func tables(c *Config, files []*cdna.File) int64 {
	n := int64(c.Layers) * int64(4*c.Hidden+2*c.HeadDim) * 4
	for _, f := range present(files) {
		n += int64(f.NumBlocks())*128 + 16<<10
	}
	return n
}

// Totals returns the plan's sums by name, for a receipt.
func (p *Plan) Totals() map[string]int64 {
	return map[string]int64{
		"program": p.Program, "cache": p.Cache, "scratch": p.Scratch, "buffers": p.Buffers, "resident": p.Resident,
		"streamed": p.Streamed, "minimum": p.Minimum,
	}
}

// PlanFor plans a model without opening its weights, with the errors of [Open].
func PlanFor(path string, o Options) (*Plan, error) {
	src, err := openSource(path)
	if err != nil {
		return nil, err
	}
	defer src.close()
	c, err := src.config()
	if err == nil {
		o, err = o.normalize(c)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p, err := planModel(c, src, matrixNames(c, src), o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}
