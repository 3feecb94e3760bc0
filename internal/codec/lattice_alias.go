package codec

import (
	"bytes"
	"slices"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/alias"
)

var aliasCoder = latticeCoder{
	name: "alias", step: alias.Step,
	fit: func(counts *[256]uint64) latticeTable {
		t := alias.NewTable(counts)
		return &t
	},
	parse: func(b []byte) (latticeTable, []byte, error) {
		t, rest, err := alias.Parse(b)
		return &t, rest, err
	},
	codec: newAlias,
}

// aliasCodec packs blocks of rows of codes with the tables of a model, a step of 32 neighbours with one. A block is
//
//	the rows' classes, 4 bits each, the first in the low half of its byte, unless there
//	is only one class
//	the codes, with the form of package alias, row by row: a row's last step is filled up with its table's Fill
//
// or, where that is not shorter, the codes as they are.
type aliasCodec struct {
	rowClasses
	tables []alias.Table
	plans  [][]byte // by row class: the table of each step
	first  []byte   // by row class: the first with the same plan, which alone occurs
}

var aliasPool = sync.Pool{New: func() any { return new(aliasBuffers) }}

type aliasBuffers struct {
	classes []byte // of the rows
	plan    []byte
	codes   []byte // where rows are no whole steps: filled up
}

func newAlias(_ *LatticeModel, classes rowClasses) Codec {
	c := aliasCodec{rowClasses: classes}
	for _, t := range c.own {
		c.tables = append(c.tables, *t.(*alias.Table))
	}
	for _, table := range c.table {
		plan := make([]byte, (c.width+alias.Step-1)/alias.Step)
		for k, s := range c.columns {
			for at := s.from; at < s.to; at += alias.Step {
				plan[at/alias.Step] = byte(table[k])
			}
		}
		c.plans = append(c.plans, plan)
		c.first = append(c.first, byte(slices.IndexFunc(c.plans, func(p []byte) bool { return bytes.Equal(p, plan) })))
	}
	return c
}

func (aliasCodec) Name() string { return "alias" }

// stride is the length of a row in whole steps.
func (c aliasCodec) stride() int { return len(c.plans[0]) * alias.Step }

// plan makes the plan of rows with b's classes.
func (c aliasCodec) plan(b *aliasBuffers) {
	b.plan = b.plan[:0]
	for _, class := range b.classes {
		b.plan = append(b.plan, c.plans[class]...)
	}
}

// fill is what fills up a row of that class.
func (c aliasCodec) fill(class byte) byte {
	plan := c.plans[class]
	return c.tables[plan[len(plan)-1]].Fill()
}

func (c aliasCodec) Encode(dst, src []byte) ([]byte, error) {
	if err := c.checkRows(src); err != nil {
		return dst, err
	}
	b := aliasPool.Get().(*aliasBuffers)
	defer aliasPool.Put(b)
	b.classes = grow(b.classes, len(src)/c.width)
	c.choose(b.classes, src)
	for i, class := range b.classes {
		b.classes[i] = c.first[class]
	}
	start := len(dst)
	dst = c.put(dst, b.classes)
	c.plan(b)
	codes := src
	if stride := c.stride(); stride > c.width {
		b.codes = b.codes[:0]
		for row, class := range b.classes {
			b.codes = append(b.codes, src[row*c.width:][:c.width]...)
			for range stride - c.width {
				b.codes = append(b.codes, c.fill(class))
			}
		}
		codes = b.codes
	}
	if dst = alias.Encode(dst, codes, c.tables, b.plan); len(dst)-start >= len(src) {
		dst = append(dst[:start], src...)
	}
	return dst, nil
}

func (c aliasCodec) Decode(dst, src []byte) error {
	if len(dst)%c.width != 0 {
		return corrupt("alias", "%d bytes are no rows of %d", len(dst), c.width)
	}
	if len(src) == len(dst) {
		copy(dst, src)
		return nil
	}
	b := aliasPool.Get().(*aliasBuffers)
	defer aliasPool.Put(b)
	b.classes = grow(b.classes, len(dst)/c.width)
	src, err := c.parse(b.classes, src)
	if err != nil {
		return err
	}
	for row, class := range b.classes {
		if c.first[class] != class {
			return corrupt("alias", "row %d is of class %d, which is as %d", row, class, c.first[class])
		}
	}
	c.plan(b)
	stride, codes := c.stride(), dst
	if stride > c.width {
		b.codes = grow(b.codes, len(b.plan)*alias.Step)
		codes = b.codes
	}
	if err := alias.Decode(codes, src, c.tables, b.plan); err != nil {
		return corrupt("alias", "%v", err)
	}
	if stride == c.width {
		return nil
	}
	for row, class := range b.classes {
		padded, fill := codes[row*stride:][:stride], c.fill(class)
		for _, code := range padded[copy(dst[row*c.width:][:c.width], padded):] {
			if code != fill {
				return corrupt("alias", "a code beyond the end of row %d", row)
			}
		}
	}
	return nil
}
