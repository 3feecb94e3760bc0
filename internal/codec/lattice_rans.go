package codec

import (
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/rans"
)

var ransCoder = latticeCoder{
	name: "rans", step: 1,
	fit: func(counts *[256]uint64) latticeTable {
		f := rans.NewFrequencies(counts)
		return ransTable{&f}
	},
	parse: func(b []byte) (latticeTable, []byte, error) {
		f, rest, err := rans.Parse(b)
		return ransTable{&f}, rest, err
	},
	codec: newRans,
}

type ransTable struct{ *rans.Frequencies }

func (t ransTable) Cost(code byte) uint32 {
	const impossible = 1 << 31 // of a code without frequency: above the cost of any other code, or row
	if t.Frequencies[code] == 0 {
		return impossible
	}
	return uint32(t.Frequencies.Cost(code))
}

// ransCodec packs blocks of rows of codes with the tables of a model. A block is
//
//	the rows' classes, 4 bits each, the first in the low half of its byte, unless there
//	is only one class
//	the codes, with the form of package rans: those of the lowest table first; of each
//	table the rows in order, and of a row the columns in order
//
// or, where that is not shorter, the codes as they are.
type ransCodec struct {
	rowClasses
	tables   []*rans.Frequencies
	segments [][]segment // by row class and table: the columns that have it
}

// ransPool has the buffers of all codecs: a model has hundreds, of which few work at a time.
var ransPool = sync.Pool{New: func() any { return new(ransBuffers) }}

type ransBuffers struct {
	codes   []byte // in the order of the tables
	classes []byte // of the rows
	runs    []rans.Run
	decoder rans.Decoder
}

func newRans(_ *LatticeModel, classes rowClasses) Codec {
	c := ransCodec{rowClasses: classes}
	for _, t := range c.own {
		c.tables = append(c.tables, t.(ransTable).Frequencies)
	}
	for _, table := range c.table {
		segments := make([]segment, len(c.tables))
		for k, i := range table {
			if segments[i].to == 0 {
				segments[i].from = c.columns[k].from
			}
			segments[i].to = c.columns[k].to
		}
		c.segments = append(c.segments, segments)
	}
	return c
}

func (ransCodec) Name() string { return "rans" }

func (c ransCodec) Encode(dst, src []byte) ([]byte, error) {
	if err := c.checkRows(src); err != nil {
		return dst, err
	}
	b := ransPool.Get().(*ransBuffers)
	defer ransPool.Put(b)
	b.classes = grow(b.classes, len(src)/c.width)
	c.choose(b.classes, src)
	start := len(dst)
	dst = c.put(dst, b.classes)
	c.plan(b)
	b.codes = b.codes[:0]
	for i := range c.tables {
		for row, class := range b.classes {
			s := c.segments[class][i]
			b.codes = append(b.codes, src[row*c.width+s.from:row*c.width+s.to]...)
		}
	}
	dst, ok := rans.Encode(dst, b.codes, b.runs)
	if !ok || len(dst)-start >= len(src) {
		dst = append(dst[:start], src...)
	}
	return dst, nil
}

// plan makes the runs of rows with b's classes.
func (c ransCodec) plan(b *ransBuffers) {
	var rows [latticeClasses]int // of each class
	for _, class := range b.classes {
		rows[class]++
	}
	b.runs = b.runs[:0]
	for i, table := range c.tables {
		n := 0
		for class, segments := range c.segments {
			n += rows[class] * (segments[i].to - segments[i].from)
		}
		b.runs = append(b.runs, rans.Run{Frequencies: table, N: n})
	}
}

func (c ransCodec) Decode(dst, src []byte) error {
	if len(dst)%c.width != 0 {
		return corrupt("rans", "%d bytes are no rows of %d", len(dst), c.width)
	}
	if len(src) == len(dst) {
		copy(dst, src)
		return nil
	}
	b := ransPool.Get().(*ransBuffers)
	defer ransPool.Put(b)
	b.classes = grow(b.classes, len(dst)/c.width)
	src, err := c.parse(b.classes, src)
	if err != nil {
		return err
	}
	c.plan(b)
	b.codes = grow(b.codes, len(dst))
	if err := b.decoder.Decode(b.codes, src, b.runs); err != nil {
		return corrupt("rans", "%v", err)
	}
	codes := b.codes
	for i := range c.tables {
		for row, class := range b.classes {
			s := c.segments[class][i]
			codes = codes[copy(dst[row*c.width+s.from:row*c.width+s.to], codes):]
		}
	}
	return nil
}

// grow returns b with length n; what it holds is undefined.
func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
