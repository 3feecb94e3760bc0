package bench

import (
	"context"
	"math"
	"time"

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

// CodecSetting names a codec and its effort.
type CodecSetting struct {
	Name  string
	Level int
}

// CodecSettings returns the ones worth comparing.
func CodecSettings() []CodecSetting {
	return []CodecSetting{{"none", 0}, {"huff0", 0}, {"zstd", 0}, {"zstd", 3}, {"lz4", 0}, {"brotli", 0}, {"brotli", 5}}
}

// Entropy returns the order-0 entropy of indices in bits.
func Entropy(indices []byte) float64 {
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

// Codec packs and unpacks indices [.., cols] in blocks of blockRows rows.
func Codec(ctx context.Context, s CodecSetting, indices []byte, cols, blockRows int) (CodecResult, error) {
	r := CodecResult{Codec: s.Name, Level: s.Level, BlockRows: blockRows, BlockBytes: min(blockRows*cols, len(indices))}
	c, err := codec.New(s.Name, s.Level)
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
