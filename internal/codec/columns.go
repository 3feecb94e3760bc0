package codec

import (
	"encoding/binary"
	"fmt"
	"sync"
)

// columns packs the bytes of a matrix's rows, in which runs of columns have
// histograms of their own: each run of columns, over all rows of the block, is
// packed by itself. A block is the runs one after another, each of them
//
//	u32 LE length, then so many bytes
//
// and a length equal to the number of the run's bytes says that it is stored.
// Runs without columns are left out.
type columns struct {
	inner  Codec
	starts []int // first column of each run, and the number of columns
}

// runPool has buffers of a run, *[]byte, of all such codecs.
var runPool = sync.Pool{New: func() any { return new([]byte) }}

// NewColumns returns the codec for blocks of whole rows of starts[len(starts)-1]
// bytes; run k is the columns starts[k] to starts[k+1]-1 of every row. inner packs
// each run. Like all of this package it keeps to MaxRatio, if inner does. Encode
// fails with ErrLength if a block is no whole number of rows.
func NewColumns(inner Codec, starts []int) Codec {
	return columns{inner, starts}
}

func (c columns) Name() string { return c.inner.Name() }

// width is the number of columns.
func (c columns) width() int { return c.starts[len(c.starts)-1] }

func (c columns) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("columns", src); err != nil {
		return dst, err
	}
	width := c.width()
	if len(src)%width != 0 {
		return dst, fmt.Errorf("columns: %d bytes are no rows of %d: %w", len(src), width, ErrLength)
	}
	run := runPool.Get().(*[]byte)
	defer runPool.Put(run)
	for k := range len(c.starts) - 1 {
		*run = (*run)[:0]
		for at := 0; at < len(src); at += width {
			*run = append(*run, src[at+c.starts[k]:at+c.starts[k+1]]...)
		}
		if len(*run) == 0 {
			continue
		}
		start := len(dst)
		var err error
		if dst, err = c.inner.Encode(append(dst, 0, 0, 0, 0), *run); err != nil {
			return dst, err
		}
		if len(dst)-start-4 >= len(*run) {
			dst = append(dst[:start+4], *run...)
		}
		binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	}
	return dst, nil
}

func (c columns) Decode(dst, src []byte) error {
	width := c.width()
	if len(dst)%width != 0 {
		return corrupt("columns", "%d bytes are no rows of %d", len(dst), width)
	}
	scratch := runPool.Get().(*[]byte)
	defer runPool.Put(scratch)
	for k := range len(c.starts) - 1 {
		first, n := c.starts[k], c.starts[k+1]-c.starts[k]
		total := len(dst) / width * n
		if total == 0 {
			continue
		}
		if len(src) < 4 {
			return corrupt("columns", "it ends before run %d", k)
		}
		length := int64(binary.LittleEndian.Uint32(src))
		src = src[4:]
		if length > int64(total) || length > int64(len(src)) {
			return corrupt("columns", "run %d: %d bytes for %d, %d are there", k, length, total, len(src))
		}
		run := src[:length]
		src = src[length:]
		if len(run) < total {
			if cap(*scratch) < total {
				*scratch = make([]byte, total)
			}
			plain := (*scratch)[:total]
			if err := c.inner.Decode(plain, run); err != nil {
				return fmt.Errorf("run %d: %w", k, err)
			}
			run = plain
		}
		for at := first; at < len(dst); at += width {
			copy(dst[at:at+n], run)
			run = run[n:]
		}
	}
	if len(src) > 0 {
		return corrupt("columns", "%d bytes too many", len(src))
	}
	return nil
}
