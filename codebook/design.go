package codebook

import (
	"errors"
	"fmt"
)

// Method names a way to design a codebook.
type Method string

const (
	Uniform Method = "uniform" // an even grid from the smallest to the largest weight
	KMeans  Method = "kmeans"  // least error for the number of entries
	Entropy Method = "entropy" // fewest bits after entropy coding for an error, or least error for the bits
)

// Start names where KMeans begins.
type Start string

const (
	Companded   Start = "companded" // levels as dense as the cube root of the density (Panter and Dite 1951); the default
	Quantile    Start = "quantile"  // equally many weights a level
	GoldenRatio Start = "golden"    // the low-discrepancy sequence k·φ mod 1, companded
)

// OutlierMode says whether extreme weights may go to a sidecar.
type OutlierMode string

const (
	Auto  OutlierMode = "auto" // where it makes the whole smaller at the same error; Entropy only
	Never OutlierMode = "never"
)

var (
	// ErrOption reports an option out of range.
	ErrOption = errors.New("unusable option")
	// ErrUnreachable reports Bits that even one value for all weights exceeds.
	ErrUnreachable = errors.New("target out of reach")
)

// MaxEntries is the size of a codebook in the file.
const MaxEntries = 256

// Options of Design. The zero value is the default: minimum entropy at 35 dB.
type Options struct {
	Method  Method // "" = Entropy
	Entries int    // most values in the codebook, 1 to 256; 0 = 256
	Start   Start  // KMeans: "" = Companded
	// SNR is the error wanted of Entropy, in dB: 10·log10(Σw²/Σe²). 0 = 35, unless Bits is given. When 256 entries cannot
	// reach it the codebook of least error is returned, with a sidecar if that lessens it.
	SNR float64
	// Bits is the size wanted of Entropy, per weight, everything counted. What the codebook of least error leaves of them
	// stays unused. With SNR too, whichever is met with fewer bits.
	Bits float64
	// Rate measures the bits per weight of a codebook on the real data with the real codec; nil = a Huffman
	// code of the indices, and the sidecar.
	Rate func(*Codebook) (float64, error)
	// FullPrecision keeps values in float32; else they are rounded to bfloat16, which halves the work of the kernels, unless
	// that costs more than 0.1 dB or puts the wanted SNR out of reach.
	FullPrecision bool
	Outliers      OutlierMode // "" = Auto
	// LongestCode is the longest code word of the codec's Huffman code, in bits, 9 to 15; 0 = 11, that of huff0 and zstd.
	LongestCode int
}

// DefaultSNR is the error that Entropy aims at unless told otherwise, in dB.
const DefaultSNR = 35

func (o Options) withDefaults() (Options, error) {
	if o.Method == "" {
		o.Method = Entropy
	}
	if o.Start == "" {
		o.Start = Companded
	}
	if o.Outliers == "" {
		o.Outliers = Auto
	}
	if o.Entries == 0 {
		o.Entries = MaxEntries
	}
	if o.LongestCode == 0 {
		o.LongestCode = 11
	}
	if o.SNR == 0 && o.Bits == 0 {
		o.SNR = DefaultSNR
	}
	switch {
	case o.Entries < 1 || o.Entries > MaxEntries:
		return o, fmt.Errorf("%d entries, not 1 to %d: %w", o.Entries, MaxEntries, ErrOption)
	case o.Start != Companded && o.Start != Quantile && o.Start != GoldenRatio:
		return o, fmt.Errorf("start %q: %w", o.Start, ErrOption)
	case o.Outliers != Auto && o.Outliers != Never:
		return o, fmt.Errorf("outliers %q: %w", o.Outliers, ErrOption)
	case o.LongestCode < 9 || o.LongestCode > 15:
		return o, fmt.Errorf("code words of %d bits, not 9 to 15: %w", o.LongestCode, ErrOption)
	case !(o.SNR >= 0 && o.SNR <= 200):
		return o, fmt.Errorf("%v dB, not 0 to 200: %w", o.SNR, ErrOption)
	case !(o.Bits >= 0 && o.Bits <= 64):
		return o, fmt.Errorf("%v bits per weight, not 0 to 64: %w", o.Bits, ErrOption)
	}
	return o, nil
}

// Design makes a codebook for the weights that h counted. It does not change h. An empty histogram gives the codebook
// of one value, 0.
func Design(h *Histogram, o Options) (*Codebook, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if h.count == 0 {
		return newCodebook([]float64{0}, nil), nil
	}
	switch o.Method {
	case Uniform:
		return uniform(h, o.Entries, !o.FullPrecision), nil
	case KMeans:
		return kmeans(newPoints(h), o.Entries, o.Start, !o.FullPrecision), nil
	case Entropy:
		p := newPoints(h)
		if len(p.x) == 1 { // also where all weights are 0 and no SNR is defined
			return kmeans(p, 1, o.Start, !o.FullPrecision), nil
		}
		return entropy(p, o)
	}
	return nil, fmt.Errorf("method %q: %w", o.Method, ErrOption)
}

// uniform divides min..max evenly.
func uniform(h *Histogram, entries int, bf16 bool) *Codebook {
	full := grid(h, entries, roundFloat32)
	if !bf16 {
		return full
	}
	p, c := newPoints(h), grid(h, entries, toBF16)
	if p.errorOf(c) > float64((1+mostRounding)*p.errorOf(full)) {
		return full
	}
	return c
}

// grid has values evenly spaced but for rounding.
func grid(h *Histogram, entries int, round func(float64) float64) *Codebook {
	lo, hi := float64(h.min), float64(h.max)
	var values, thresholds []float64
	for i := range entries {
		v := lo
		if entries > 1 {
			v = round(lo + float64((hi-lo)*float64(i))/float64(entries-1))
		}
		if n := len(values); n > 0 {
			if v <= values[n-1] {
				continue
			}
			thresholds = append(thresholds, middle(values[n-1], v))
		}
		values = append(values, v)
	}
	return newCodebook(values, thresholds)
}
