package main

import (
	"fmt"
	"reflect"

	"github.com/helix-substrate/helix-substrate/convert"
)

// compressionFlags are the options that convert and encode share, as convert.OptionList has
// them; TestCompressionFlags compares the two.
type compressionFlags struct {
	Method    string   `name:"method" enum:"lattice,entropy,kmeans,uniform,lossless," default:"" placeholder:"M" help:"How matrices are stored: lattice (integers, by the activations), codebooks (entropy, kmeans or uniform) or lossless; lattice and lossless are convert's only. Default: lattice for what a language model multiplies, else entropy."`
	Bits      *float64 `name:"bits" placeholder:"B" help:"Lattice and entropy: least error at B bits per weight, everything counted."`
	For       string   `name:"for" enum:"file,memory" default:"file" help:"Lattice: what bits, and a size, are counted of: the file, or the matrix in memory."`
	SNR       *float64 `name:"snr" placeholder:"DB" help:"Entropy: fewest bits at a signal-to-noise ratio of DB decibels (default 35)."`
	MinSNR    float64  `name:"min-snr" placeholder:"DB" help:"Entropy: spend more bits wherever the ratio would be below DB decibels."`
	MinCosine float64  `name:"min-cosine" placeholder:"C" help:"Entropy: spend more bits wherever the cosine would be below C, such as 0.9995."`
	Entries   int      `name:"entries" placeholder:"N" help:"At most N codebook values (default 256)."`
	Full      bool     `name:"full-precision" help:"Keep float32 codebook values; the default rounds them to bfloat16, for faster products."`
	Codec     string   `name:"codec" enum:"zstd,brotli,huff0,lz4,none,alias,packed," default:"" placeholder:"C" help:"How blocks are packed: zstd (the default), brotli, huff0, lz4, none or, for lattice and so convert's only, alias: with AVX2 unpacked twice as fast as what these have by default, or packed: as in memory, larger and loaded fastest."`
	Level     int      `name:"level" help:"The codec's effort; 0 codes literals only, which is all that indices need."`
	BlockRows string   `text:"" name:"block-rows" placeholder:"N" default:"auto" help:"Rows of a block; auto: the Fibonacci number whose block is nearest 256 KiB."`
	NonFinite string   `name:"nonfinite" enum:"refuse,sidecar" default:"refuse" help:"NaN and ±Inf: refuse, or keep them in the sidecar."`
	Threads   int      `name:"threads" help:"Workers; 0 means all cores. The output does not depend on it."`
}

// options are what the flags that are given say.
func (c *compressionFlags) options() (o convert.Options, err error) {
	flags := reflect.ValueOf(*c)
	for i := range flags.NumField() {
		value := flags.Field(i)
		if value.IsZero() {
			continue // not given
		}
		name := flags.Type().Field(i).Tag.Get("name")
		if err := o.Set(name, fmt.Sprint(reflect.Indirect(value))); err != nil {
			return o, fmt.Errorf("--%w", err)
		}
	}
	return o, o.Check()
}
