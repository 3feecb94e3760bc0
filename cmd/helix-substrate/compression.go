package main

import (
	"fmt"
	"strconv"

	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/convert"
)

// defaultCodec is --codec's default.
const defaultCodec = "zstd"

// compressionFlags are the options that convert and encode share.
type compressionFlags struct {
	Method    string   `name:"method" enum:"entropy,kmeans,uniform,lossless" default:"entropy" help:"How codebooks are designed: ${enum}; lossless (convert only) has none and keeps every bit."`
	Bits      *float64 `name:"bits" placeholder:"B" help:"Entropy: least error at B bits per weight, everything counted."`
	SNR       *float64 `name:"snr" placeholder:"DB" help:"Entropy: fewest bits at a signal-to-noise ratio of DB decibels (default 35)."`
	MinSNR    float64  `name:"min-snr" placeholder:"DB" help:"Entropy: spend more bits wherever the ratio would be below DB decibels."`
	MinCosine float64  `name:"min-cosine" placeholder:"C" help:"Entropy: spend more bits wherever the cosine would be below C, such as 0.9995."`
	Entries   int      `name:"entries" placeholder:"N" help:"At most N codebook values (default 256)."`
	Full      bool     `name:"full-precision" help:"Keep float32 codebook values; the default rounds them to bfloat16, for faster products."`
	Codec     string   `name:"codec" enum:"zstd,brotli,huff0,lz4,none" default:"zstd" help:"How blocks are packed: ${enum}."`
	Level     int      `name:"level" help:"The codec's effort; 0 codes literals only, which is all that indices need."`
	BlockRows string   `text:"" name:"block-rows" placeholder:"N" default:"auto" help:"Rows of a block; auto: the Fibonacci number whose block is nearest 256 KiB."`
	NonFinite string   `name:"nonfinite" enum:"refuse,sidecar" default:"refuse" help:"NaN and ±Inf: refuse, or keep them in the sidecar."`
	Threads   int      `name:"threads" help:"Workers; 0 means all cores. The output does not depend on it."`
}

func (c *compressionFlags) options() (convert.Options, error) {
	rows := 0
	if c.BlockRows != "auto" {
		n, err := strconv.Atoi(c.BlockRows)
		if err != nil || n < 1 {
			return convert.Options{}, usageError(fmt.Sprintf("--block-rows %s: want a number of rows or auto", c.BlockRows))
		}
		rows = n
	}
	if c.Bits != nil && c.SNR != nil {
		return convert.Options{}, usageError("--bits and --snr exclude each other")
	}
	if c.Method != "entropy" && (c.Bits != nil || c.SNR != nil) {
		return convert.Options{}, usageError("--bits and --snr need --method entropy")
	}
	bits, err := given("--bits", c.Bits)
	if err != nil {
		return convert.Options{}, err
	}
	snr, err := given("--snr", c.SNR)
	if err != nil {
		return convert.Options{}, err
	}
	return convert.Options{
		Method: codebook.Method(c.Method), Bits: bits, SNR: snr, MinSNR: c.MinSNR, MinCosine: c.MinCosine, Entries: c.Entries, FullPrecision: c.Full,
		Codec: c.Codec, Level: c.Level, BlockRows: rows, NonFinite: c.NonFinite == "sidecar", Threads: c.Threads,
	}, nil
}

// given returns an option's value, and 0, which is the default, only where it is not given.
func given(name string, value *float64) (float64, error) {
	switch {
	case value == nil:
		return 0, nil
	case *value > 0:
		return *value, nil
	}
	return 0, usageError(fmt.Sprintf("%s %g: must be above 0", name, *value))
}
