package gguf

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// Type is how ggml stores the elements of a tensor: one by one, or in blocks of
// consecutive elements of a row that share scales. The values are those in files.
type Type uint32

// The types that can be read.
const (
	F32    Type = 0
	F16    Type = 1
	Q4_0   Type = 2
	Q4_1   Type = 3
	Q5_0   Type = 6
	Q5_1   Type = 7
	Q8_0   Type = 8
	Q2_K   Type = 10
	Q3_K   Type = 11
	Q4_K   Type = 12
	Q5_K   Type = 13
	Q6_K   Type = 14
	IQ2XXS Type = 16
	IQ2XS  Type = 17
	IQ3XXS Type = 18
	IQ1S   Type = 19
	IQ4NL  Type = 20
	IQ3S   Type = 21
	IQ2S   Type = 22
	IQ4XS  Type = 23
	I8     Type = 24
	I16    Type = 25
	I32    Type = 26
	I64    Type = 27
	F64    Type = 28
	IQ1M   Type = 29
	BF16   Type = 30
	TQ1_0  Type = 34
	TQ2_0  Type = 35
	MXFP4  Type = 39
	NVFP4  Type = 40
	Q1_0   Type = 41
	Q2_0   Type = 42
)

// layout tells how a type is stored. decode turns one block of bytes into one
// block of values; types of single elements have a dtype instead.
type layout struct {
	name   string
	block  int // elements
	bytes  int // of a block
	decode func(y []float32, b []byte)
	plain  dtype.Type
}

// maxBlock is the longest block.
const maxBlock = 256

var layouts = [...]layout{
	F32:    {name: "F32", block: 1, bytes: 4, plain: dtype.F32},
	F16:    {name: "F16", block: 1, bytes: 2, plain: dtype.F16},
	Q4_0:   {name: "Q4_0", block: 32, bytes: 18, decode: decodeQ4_0},
	Q4_1:   {name: "Q4_1", block: 32, bytes: 20, decode: decodeQ4_1},
	Q5_0:   {name: "Q5_0", block: 32, bytes: 22, decode: decodeQ5_0},
	Q5_1:   {name: "Q5_1", block: 32, bytes: 24, decode: decodeQ5_1},
	Q8_0:   {name: "Q8_0", block: 32, bytes: 34, decode: decodeQ8_0},
	9:      {name: "Q8_1"}, // of activations; never in files
	Q2_K:   {name: "Q2_K", block: 256, bytes: 84, decode: decodeQ2_K},
	Q3_K:   {name: "Q3_K", block: 256, bytes: 110, decode: decodeQ3_K},
	Q4_K:   {name: "Q4_K", block: 256, bytes: 144, decode: decodeQ4_K},
	Q5_K:   {name: "Q5_K", block: 256, bytes: 176, decode: decodeQ5_K},
	Q6_K:   {name: "Q6_K", block: 256, bytes: 210, decode: decodeQ6_K},
	15:     {name: "Q8_K"}, // of activations
	IQ2XXS: {name: "IQ2_XXS", block: 256, bytes: 66, decode: decodeIQ2XXS},
	IQ2XS:  {name: "IQ2_XS", block: 256, bytes: 74, decode: decodeIQ2XS},
	IQ3XXS: {name: "IQ3_XXS", block: 256, bytes: 98, decode: decodeIQ3XXS},
	IQ1S:   {name: "IQ1_S", block: 256, bytes: 50, decode: decodeIQ1S},
	IQ4NL:  {name: "IQ4_NL", block: 32, bytes: 18, decode: decodeIQ4NL},
	IQ3S:   {name: "IQ3_S", block: 256, bytes: 110, decode: decodeIQ3S},
	IQ2S:   {name: "IQ2_S", block: 256, bytes: 82, decode: decodeIQ2S},
	IQ4XS:  {name: "IQ4_XS", block: 256, bytes: 136, decode: decodeIQ4XS},
	I8:     {name: "I8", block: 1, bytes: 1, plain: dtype.I8},
	I16:    {name: "I16", block: 1, bytes: 2, plain: dtype.I16},
	I32:    {name: "I32", block: 1, bytes: 4, plain: dtype.I32},
	I64:    {name: "I64", block: 1, bytes: 8, plain: dtype.I64},
	F64:    {name: "F64", block: 1, bytes: 8, plain: dtype.F64},
	IQ1M:   {name: "IQ1_M", block: 256, bytes: 56, decode: decodeIQ1M},
	BF16:   {name: "BF16", block: 1, bytes: 2, plain: dtype.BF16},
	31:     {name: "Q4_0_4_4"}, // repacked for some machines, given up by ggml
	32:     {name: "Q4_0_4_8"},
	33:     {name: "Q4_0_8_8"},
	TQ1_0:  {name: "TQ1_0", block: 256, bytes: 54, decode: decodeTQ1_0},
	TQ2_0:  {name: "TQ2_0", block: 256, bytes: 66, decode: decodeTQ2_0},
	36:     {name: "IQ4_NL_4_4"},
	37:     {name: "IQ4_NL_4_8"},
	38:     {name: "IQ4_NL_8_8"},
	MXFP4:  {name: "MXFP4", block: 32, bytes: 17, decode: decodeMXFP4},
	NVFP4:  {name: "NVFP4", block: 64, bytes: 36, decode: decodeNVFP4},
	Q1_0:   {name: "Q1_0", block: 128, bytes: 18, decode: decodeQ1_0},
	Q2_0:   {name: "Q2_0", block: 64, bytes: 18, decode: decodeQ2_0},
}

// layout returns nil for a type that cannot be read.
func (t Type) layout() *layout {
	if uint64(t) >= uint64(len(layouts)) || layouts[t].block == 0 {
		return nil
	}
	return &layouts[t]
}

// Known tells whether tensors of the type can be read.
func (t Type) Known() bool { return t.layout() != nil }

// Block returns the number of elements of one block and its bytes, 0 and 0 for a
// type that is not known.
func (t Type) Block() (elements, bytes int) {
	if l := t.layout(); l != nil {
		return l.block, l.bytes
	}
	return 0, 0
}

// String returns ggml's name of the type, such as "Q4_K".
func (t Type) String() string {
	if uint64(t) < uint64(len(layouts)) && layouts[t].name != "" {
		return layouts[t].name
	}
	return fmt.Sprintf("type %d", uint32(t))
}
