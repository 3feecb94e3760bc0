package convert

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/codec"
)

var (
	// ErrExists reports an output directory that is there already.
	ErrExists = errors.New("output exists")
	// ErrBusy reports an output that another process is making.
	ErrBusy = errors.New("another conversion is writing it")
	// ErrNoTensors reports a source without tensors.
	ErrNoTensors = errors.New("no tensors")
	// ErrOption reports options that make no sense.
	ErrOption = errors.New("invalid option")
	// ErrQuality reports a matrix that misses MinSNR or MinCosine with all entries.
	ErrQuality = errors.New("quality floor not reached")
	// ErrDType reports a tensor whose type cannot be compressed.
	ErrDType = errors.New("unsupported dtype")
)

// DefaultSNR is the signal-to-noise ratio, in dB, that conversion aims at when
// neither a rate nor a ratio is asked for: cosine at least 0.9998, about 6 bits.
const DefaultSNR = codebook.DefaultSNR

// Options say how matrices are compressed. The zero value is the default:
// entropy-constrained codebooks at 35 dB, zstd, blocks of about 256 KiB.
type Options struct {
	// Method designs the codebooks; empty means codebook.Entropy. Lossless has none
	// and keeps the weights bit for bit.
	Method codebook.Method
	// SNR is the wanted signal-to-noise ratio in dB, Bits the wanted bits per
	// weight with everything counted. At most one is set; entropy only.
	SNR, Bits float64
	// MinSNR and MinCosine are floors for every matrix: where the wanted rate, or the
	// default ratio, does not reach them, more bits are spent. Entropy only.
	MinSNR, MinCosine float64
	// Entries bounds the codebook, 0 means 256.
	Entries int
	// FullPrecision keeps float32 codebook values instead of rounding to bfloat16.
	FullPrecision bool
	// Codec and Level pack the blocks; empty and 0 mean zstd, literals only.
	Codec string
	Level int
	// BlockRows is the rows of a block, 0 for the Fibonacci number of rows whose
	// block is nearest 256 KiB.
	BlockRows int
	// NonFinite accepts NaN and ±Inf and keeps them in the sidecar.
	NonFinite bool
	// NoSidecar keeps all outliers in the codebook.
	NoSidecar bool
	// Threads bounds the workers, 0 means GOMAXPROCS. The output does not depend on it.
	Threads int

	// withoutOverhead lets Bits count blocks alone, not the file around them.
	withoutOverhead bool
}

// normalize checks o and fills in the defaults.
func (o Options) normalize() (Options, error) {
	if o.Method == "" {
		o.Method = codebook.Entropy
	}
	switch {
	case !(o.SNR >= 0) || !(o.Bits >= 0):
		return o, fmt.Errorf("snr %v and bits %v must be numbers of at least 0: %w", o.SNR, o.Bits, ErrOption)
	case o.SNR > 0 && o.Bits > 0:
		return o, fmt.Errorf("snr and bits exclude each other: %w", ErrOption)
	case o.Method != codebook.Entropy && (o.SNR > 0 || o.Bits > 0):
		return o, fmt.Errorf("snr and bits need the entropy method, not %s: %w", o.Method, ErrOption)
	case o.Method == Lossless && (o.Entries > 0 || o.FullPrecision):
		return o, fmt.Errorf("method lossless has no codebook whose entries or precision could be chosen: %w", ErrOption)
	case o.SNR > 120:
		return o, fmt.Errorf("snr %v dB is beyond float32's precision: %w", o.SNR, ErrOption)
	case o.Bits > 16:
		return o, fmt.Errorf("%v bits: a weight takes at most 8, and the file's overhead: %w", o.Bits, ErrOption)
	case !(o.MinSNR >= 0 && o.MinSNR <= 120):
		return o, fmt.Errorf("min-snr %v is not between 0 and 120 dB: %w", o.MinSNR, ErrOption)
	case !(o.MinCosine >= 0 && o.MinCosine < 1):
		return o, fmt.Errorf("min-cosine %v is not at least 0 and below 1: %w", o.MinCosine, ErrOption)
	case o.Method != codebook.Entropy && (o.MinSNR > 0 || o.MinCosine > 0):
		return o, fmt.Errorf("min-snr and min-cosine need the entropy method, not %s: %w", o.Method, ErrOption)
	case o.Entries < 0 || o.Entries > 256:
		return o, fmt.Errorf("%d entries: a codebook has 1 to 256: %w", o.Entries, ErrOption)
	case o.BlockRows < 0:
		return o, fmt.Errorf("block rows %d: must not be negative: %w", o.BlockRows, ErrOption)
	case o.Threads < 0:
		return o, fmt.Errorf("threads %d: must not be negative: %w", o.Threads, ErrOption)
	case o.NonFinite && o.NoSidecar:
		return o, fmt.Errorf("non-finite weights need a sidecar: %w", ErrOption)
	}
	if o.Method == codebook.Entropy && o.Bits == 0 && o.SNR == 0 {
		o.SNR = DefaultSNR
	}
	if o.Codec == "" {
		o.Codec = "zstd"
	}
	if err := codec.Check(o.Codec, o.Level); err != nil {
		return o, fmt.Errorf("%w: %w", err, ErrOption)
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return o, nil
}

// describe lists, for the manifest, the options that bytes depend on, by the
// names of the command line.
func (o Options) describe() map[string]any {
	d := map[string]any{"method": string(o.Method), "codec": o.Codec, "level": o.Level}
	if o.Method != Lossless {
		d["bf16_codebook"] = !o.FullPrecision
	}
	for name, v := range map[string]float64{"snr": o.SNR, "bits": o.Bits, "min_snr": o.MinSNR, "min_cosine": o.MinCosine} {
		if v > 0 {
			d[name] = v
		}
	}
	for name, n := range map[string]int{"entries": o.Entries, "block_rows": o.BlockRows} {
		if n > 0 {
			d[name] = n
		}
	}
	if o.NonFinite {
		d["nonfinite"] = "sidecar"
	}
	if o.NoSidecar {
		d["no_sidecar"] = true
	}
	return d
}

// key tells options apart by all that bytes depend on.
func (o Options) key() string {
	o.Threads = 0
	return fmt.Sprintf("%+v", o)
}
