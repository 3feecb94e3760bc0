package convert

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
)

// Settings change the options of some tensors. The zero value changes nothing.
type Settings struct {
	text  string
	exact bool
	rate  bool // it fixes the rate or the error, so that no allocation does
	set   []func(*Options)
}

// String returns what was parsed.
func (s Settings) String() string { return s.text }

// ParseSettings reads settings such as "snr=45,codec=brotli" or "exact": the names
// of the command line's options without their dashes, exact (keep the tensor as it
// is) and compress (undo an earlier exact). Errors: ErrOption.
func ParseSettings(text string) (Settings, error) {
	s := Settings{text: text}
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "exact":
			s.exact = true
			continue
		case "compress":
			s.exact = false
			continue
		case "snr", "bits", "method":
			s.rate = true
		}
		set, err := setting(key, value)
		if err != nil {
			return s, fmt.Errorf("%q: %w", text, err)
		}
		s.set = append(s.set, set)
	}
	return s, nil
}

// setting returns the function that sets one option.
func setting(key, value string) (func(*Options), error) {
	number := func(set func(o *Options, v float64)) (func(*Options), error) {
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not a number: %w", key, value, ErrOption)
		}
		return func(o *Options) { set(o, v) }, nil
	}
	integer := func(set func(o *Options, v int)) (func(*Options), error) {
		v, err := strconv.Atoi(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not a whole number: %w", key, value, ErrOption)
		}
		return func(o *Options) { set(o, v) }, nil
	}
	switch key {
	case "snr":
		return number(func(o *Options, v float64) { o.SNR, o.Bits = v, 0 })
	case "bits":
		return number(func(o *Options, v float64) { o.Bits, o.SNR = v, 0 })
	case "min-snr":
		return number(func(o *Options, v float64) { o.MinSNR = v })
	case "min-cosine":
		return number(func(o *Options, v float64) { o.MinCosine = v })
	case "entries":
		return integer(func(o *Options, v int) { o.Entries = v })
	case "level":
		return integer(func(o *Options, v int) { o.Level = v })
	case "block-rows":
		return integer(func(o *Options, v int) { o.BlockRows = v })
	case "codec":
		return func(o *Options) { o.Codec = value }, nil
	case "method":
		return func(o *Options) {
			o.Method = codebook.Method(value)
			if o.Method != codebook.Entropy {
				o.SNR, o.Bits, o.MinSNR, o.MinCosine = 0, 0, 0, 0
			}
			if o.Method == Lossless {
				o.Entries, o.FullPrecision, o.NonFinite, o.NoSidecar = 0, false, false, false
			}
		}, nil
	case "full-precision":
		return func(o *Options) { o.FullPrecision = true }, nil
	}
	return nil, fmt.Errorf("%q is not snr, bits, min-snr, min-cosine, entries, codec, level, block-rows, method, full-precision, exact or compress: %w", key, ErrOption)
}

// Override gives tensors of some names settings of their own.
type Override struct {
	name *regexp.Regexp
	Settings
	text string
}

// String returns what was parsed.
func (o Override) String() string { return o.text }

// ParseOverride reads REGEX=SETTINGS; the expression ends at the first '=' and may
// match any part of a tensor's name. Errors: ErrOption.
func ParseOverride(text string) (Override, error) {
	pattern, settings, ok := strings.Cut(text, "=")
	if !ok || pattern == "" {
		return Override{}, fmt.Errorf("%q is not REGEX=SETTINGS, such as 'mlp=bits=3.5' or 'embed=exact': %w", text, ErrOption)
	}
	name, err := regexp.Compile(pattern)
	if err != nil {
		return Override{}, fmt.Errorf("%q: %v: %w", text, err, ErrOption)
	}
	s, err := ParseSettings(settings)
	return Override{name, s, text}, err
}

// overrides applies to o what the job wants of tensor t in particular: first of
// embeddings and heads, then by name, later ones over earlier ones. It returns why
// the tensor is kept exact, if it is, and whether the rate is fixed.
func (j *Job) overrides(t *checkpoint.Tensor, o *Options) (exact string, rate bool, err error) {
	apply := func(s Settings, why string) {
		if s.text == "" {
			return
		}
		exact = ""
		if s.exact {
			exact = why
		}
		rate = rate || s.rate
		for _, set := range s.set {
			set(o)
		}
	}
	if isEmbedding(t.Name) {
		apply(j.Embeddings, "embeddings")
	}
	if isHead(t.Name) {
		apply(j.LMHead, "output head")
	}
	for _, v := range j.Overrides {
		if v.name.MatchString(t.Name) {
			apply(v.Settings, v.text)
		}
	}
	if *o, err = o.normalize(); err != nil {
		err = fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return exact, rate, err
}
