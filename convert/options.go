package convert

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/codec"
)

var (
	// ErrExists reports an output directory that is there already.
	ErrExists = errors.New("output exists")
	// ErrBusy reports an output that another process is making.
	ErrBusy = errors.New("another conversion is writing it")
	// ErrForeign reports a file or directory of somebody's in an unfinished conversion, or in
	// the place of its lock. It stays as it is.
	ErrForeign = errors.New("not this conversion's")
	// ErrNoTensors reports a source without tensors.
	ErrNoTensors = errors.New("no tensors")
	// ErrOption reports options that make no sense.
	ErrOption = errors.New("invalid option")
	// ErrQuality reports a matrix that misses MinSNR or MinCosine with all entries.
	ErrQuality = errors.New("quality floor not reached")
	// ErrDType reports a tensor whose type cannot be compressed.
	ErrDType = errors.New("unsupported dtype")
)

// DefaultSNR is the signal-to-noise ratio, in dB, that codebooks aim at when
// neither a rate nor a ratio is asked for: cosine at least 0.9998, about 6 bits.
const DefaultSNR = codebook.DefaultSNR

// DefaultBits is the rate of lattice matrices, everything counted, when none is asked for,
// and DefaultHeadBits that of the output head, whose errors reach the logits at once, and of
// embeddings that are it; docs/QUALITY.md says what they cost in divergence.
const (
	DefaultBits     = 5.0
	DefaultHeadBits = 6.5
)

// DefaultCodec packs blocks unless another is named.
const DefaultCodec = "zstd"

// Options say how matrices are compressed. The zero value is the default: lattice matrices of
// DefaultBits for what a calibrated language model multiplies, else entropy-constrained
// codebooks at 35 dB; zstd, blocks of about 256 KiB.
type Options struct {
	// Method says how matrices are stored. Empty means, for a checkpoint, Lattice unless
	// an option asks for what only codebooks have, and Entropy where that cannot be; for one
	// matrix, Entropy. Lossless keeps the weights bit for bit.
	Method Method
	// SNR is the wanted signal-to-noise ratio in dB, for entropy only; Bits the wanted bits
	// per weight with everything counted, for entropy and lattice. At most one is set.
	SNR, Bits float64
	// InMemory has Bits count what lattice matrices take in memory, not their files.
	InMemory bool
	// MinSNR and MinCosine are floors for every matrix: where the wanted rate, or the
	// default ratio, does not reach them, more bits are spent. Entropy only.
	MinSNR, MinCosine float64
	// Entries bounds the codebook, 0 means 256.
	Entries int
	// FullPrecision keeps float32 codebook values instead of rounding to bfloat16.
	FullPrecision bool
	// Codec and Level pack the blocks; empty and 0 mean zstd, literals only. cdna.AliasCodec and cdna.PackedCodec are for lattice matrices alone:
	// other tensors' blocks are packed as if it were empty.
	Codec string
	Level int
	// Preset names the codec where Codec is empty, but for lattice matrices: the coder that they
	// have of their own makes the smallest files.
	Preset string
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

// Check refuses options that make no sense, or not together. Errors: ErrOption.
func (o Options) Check() error {
	_, err := o.normalize()
	return err
}

// onlyOfLattice tells whether only lattice matrices have that codec.
func onlyOfLattice(codec string) bool { return codec == cdna.AliasCodec || codec == cdna.PackedCodec }

// normalize checks o and fills in the defaults.
func (o Options) normalize() (Options, error) {
	if o.Method == "" {
		o.Method = Entropy
		if o.InMemory || onlyOfLattice(o.Codec) { // which only lattice matrices have
			o.Method = Lattice
		}
	}
	if err := o.checkMethod(); err != nil {
		return o, err
	}
	switch {
	case !(o.SNR >= 0) || !(o.Bits >= 0):
		return o, fmt.Errorf("snr %v and bits %v must be numbers of at least 0: %w", o.SNR, o.Bits, ErrOption)
	case o.SNR > 0 && o.Bits > 0:
		return o, fmt.Errorf("snr and bits exclude each other: %w", ErrOption)
	case o.SNR > 120:
		return o, fmt.Errorf("snr %v dB is beyond float32's precision: %w", o.SNR, ErrOption)
	case o.Bits > 16:
		return o, fmt.Errorf("%v bits: a weight takes at most 8, and the file's overhead: %w", o.Bits, ErrOption)
	case !(o.MinSNR >= 0 && o.MinSNR <= 120):
		return o, fmt.Errorf("min-snr %v is not between 0 and 120 dB: %w", o.MinSNR, ErrOption)
	case !(o.MinCosine >= 0 && o.MinCosine < 1):
		return o, fmt.Errorf("min-cosine %v is not at least 0 and below 1: %w", o.MinCosine, ErrOption)
	case o.Entries < 0 || o.Entries > 256:
		return o, fmt.Errorf("%d entries: a codebook has 1 to 256: %w", o.Entries, ErrOption)
	case o.BlockRows < 0:
		return o, fmt.Errorf("block rows %d: must not be negative: %w", o.BlockRows, ErrOption)
	case o.Preset != "" && presetCodec(o.Preset) == "":
		return o, fmt.Errorf("preset %q is not known: %w", o.Preset, ErrOption)
	case o.Threads < 0:
		return o, fmt.Errorf("threads %d: must not be negative: %w", o.Threads, ErrOption)
	case o.NonFinite && o.NoSidecar:
		return o, fmt.Errorf("non-finite weights need a sidecar: %w", ErrOption)
	}
	if takes(optionOf("snr").Methods, o.Method) && o.Bits == 0 && o.SNR == 0 {
		o.SNR = DefaultSNR
	}
	packer := cmp.Or(o.Codec, presetCodec(o.Preset), DefaultCodec)
	if o.Method != Lattice { // whose files have a default of their own
		o.Codec = packer
	}
	if onlyOfLattice(packer) {
		if o.Method != Lattice {
			others := slices.DeleteFunc(slices.Clone(optionOf("codec").Choices), onlyOfLattice)
			return o, fmt.Errorf("codec %s is for the method %s alone, which needs a calibration; the method %s takes %s: %w", packer, Lattice, o.Method, names(others), ErrOption)
		}
		if o.Level != 0 {
			return o, fmt.Errorf("codec %s has level 0, not %d: %w", packer, o.Level, ErrOption)
		}
	} else if err := codec.Check(packer, o.Level); err != nil {
		return o, fmt.Errorf("%w: %w", err, ErrOption)
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return o, nil
}
