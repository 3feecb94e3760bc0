package bench

import (
	"context"
	"math"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/codec"
)

// CodecResult is one codec at one block size.
type CodecResult struct {
	Codec         string  `json:"codec"`
	Level         int     `json:"level"`
	BlockRows     int     `json:"block_rows"`
	BlockBytes    int     `json:"block_bytes"`
	BitsPerWeight float64 `json:"bits_per_weight"` // blocks and their index entries
	EncodeMBs     float64 `json:"encode_mb_per_s"` // indices, one core
	DecodeMBs     float64 `json:"decode_mb_per_s"`
}

// CodecReport is what every codec makes of the same indices.
type CodecReport struct {
	Indices   int           `json:"indices"`
	Entropy   float64       `json:"entropy_bits"`
	BlockRows int           `json:"-"` // of a block whose size is chosen automatically
	Results   []CodecResult `json:"results"`
}

// maxIndices bounds how many indices of a file are used.
const maxIndices = 1 << 22

// Codecs packs and unpacks the indices of the CDNA file at path, or without one those of normal
// weights at a ratio of snr decibels, at every setting worth comparing and several block sizes. Of a lattice file, whose bits
// are all of a file's, it takes the codecs of such.
func Codecs(ctx context.Context, path string, snr float64) (*CodecReport, error) {
	if path != "" {
		if kind, err := cdna.DetectFile(path); err != nil {
			return nil, err
		} else if kind == cdna.KindLattice {
			return latticeCodecs(ctx, path)
		}
	}
	indices, cols, err := codecIndices(path, snr)
	if err != nil {
		return nil, err
	}
	auto := cdna.AutoBlockRows(len(indices)/cols, cols)
	r := &CodecReport{Indices: len(indices), Entropy: entropy(indices), BlockRows: auto}
	for _, blockRows := range []int{max(1, auto/16), max(1, auto/4), auto, auto * 4} {
		for _, s := range codecSettings() {
			result, err := s.apply(ctx, indices, cols, blockRows)
			if err != nil {
				return nil, err
			}
			r.Results = append(r.Results, result)
		}
	}
	return r, nil
}

func codecIndices(path string, snr float64) (indices []byte, cols int, err error) {
	if path == "" {
		indices, err = gaussianIndices(maxIndices, snr)
		return indices, 4096, err
	}
	f, err := cdna.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	rows := min(f.Rows(), max(1, maxIndices/f.Cols()))
	indices = make([]byte, rows*f.Cols())
	return indices, f.Cols(), f.ReadRows(context.Background(), indices, 0, rows, cdna.NewVerifier(cdna.Always, f.NumBlocks(), 0))
}

// codecSetting names a codec and its effort.
type codecSetting struct {
	name  string
	level int
}

// codecSettings returns the ones worth comparing.
func codecSettings() []codecSetting {
	return []codecSetting{{"none", 0}, {"huff0", 0}, {"zstd", 0}, {"zstd", 3}, {"lz4", 0}, {"brotli", 0}, {"brotli", 5}}
}

// entropy returns the order-0 entropy of indices in bits.
func entropy(indices []byte) float64 {
	var counts [256]int
	for _, i := range indices {
		counts[i]++
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(indices))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// apply packs and unpacks indices [.., cols] in blocks of blockRows rows.
func (s codecSetting) apply(ctx context.Context, indices []byte, cols, blockRows int) (CodecResult, error) {
	r := CodecResult{Codec: s.name, Level: s.level, BlockRows: blockRows, BlockBytes: min(blockRows*cols, len(indices))}
	c, err := codec.New(s.name, s.level)
	if err != nil {
		return r, err
	}
	var blocks, packed [][]byte
	for at := 0; at < len(indices); at += r.BlockBytes {
		blocks = append(blocks, indices[at:min(at+r.BlockBytes, len(indices))])
	}
	packed = make([][]byte, len(blocks))
	r.EncodeMBs, err = rate(ctx, len(indices), func() error {
		for i, b := range blocks {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			if packed[i], err = c.Encode(packed[i][:0], b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	bytes := 48 * len(blocks)
	for _, p := range packed {
		bytes += len(p)
	}
	r.BitsPerWeight = 8 * float64(bytes) / float64(len(indices))
	scratch := make([]byte, r.BlockBytes)
	r.DecodeMBs, err = rate(ctx, len(indices), func() error {
		for i, p := range packed {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			if err := c.Decode(scratch[:len(blocks[i])], p); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

// rate runs f for at least a tenth of a second and returns its best speed in MB/s.
func rate(ctx context.Context, bytes int, f func() error) (float64, error) {
	best := time.Duration(math.MaxInt64)
	for start, runs := time.Now(), 0; runs < 2 || time.Since(start) < 100*time.Millisecond; runs++ {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		before := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		best = min(best, time.Since(before))
	}
	return float64(bytes) / 1e6 / best.Seconds(), nil
}
