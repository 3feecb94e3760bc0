package convert

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
	"github.com/helix-substrate/helix-substrate/model"
)

// Option declares one of [Options], once: the command line's flags, the settings of single
// tensors, the manifest's options, what [Rebuild] reads of them, and the key by which the
// journal tells conversions apart all follow the table.
type Option struct {
	Name    string   // of the flag, without dashes, and in settings
	Default string   // as text; empty: none, or the type's zero
	Choices []string // all its values; nil: any of its type
	Methods []Method // those that take it; nil: all
	Flag    bool     // the command line has it
	Setting bool     // settings of single tensors have it, see ParseSettings
	Help    string

	field    func(*Options) any // where it is: a *float64, *int, *bool, *string or *Method
	key      string             // in the manifest; empty: bytes do not depend on it
	always   bool               // the manifest has it at its default too
	inverted bool               // the manifest says false for true
	words    []word             // texts of values
	positive bool               // as text it must be above 0: leaving it out is the default
	instead  string             // another option, which setting this one for a tensor unsets
}

// word is a text that means a value.
type word struct {
	text  string
	value any
}

// options are all there are, in the order of the help.
var options = []Option{
	{
		Name: "method", Choices: []string{string(Lattice), string(Entropy), string(KMeans), string(Uniform), string(Lossless)}, Flag: true, Setting: true,
		Help:  "How matrices are stored: lattice (integers, by the activations), codebooks (entropy, kmeans or uniform) or lossless; lattice and lossless are convert's only. Default: lattice for what a language model multiplies, else entropy.",
		field: func(o *Options) any { return &o.Method }, key: "method", always: true,
	},
	{
		Name: "bits", Methods: []Method{Lattice, Entropy}, Flag: true, Setting: true,
		Help:  "Lattice and entropy: least error at B bits per weight, everything counted.",
		field: func(o *Options) any { return &o.Bits }, key: "bits", positive: true, instead: "snr",
	},
	{
		Name: "for", Methods: []Method{Lattice}, Default: "file", Choices: []string{"file", "memory"}, Flag: true, Setting: true,
		Help:  "Lattice: what bits, and a size, are counted of: the file, or the matrix in memory.",
		field: func(o *Options) any { return &o.InMemory }, key: "in_memory", words: []word{{"file", false}, {"memory", true}},
	},
	{
		Name: "snr", Methods: []Method{Entropy}, Flag: true, Setting: true,
		Help:  "Entropy: fewest bits at a signal-to-noise ratio of DB decibels (default 35).",
		field: func(o *Options) any { return &o.SNR }, key: "snr", positive: true, instead: "bits",
	},
	{
		Name: "min-snr", Methods: []Method{Entropy}, Flag: true, Setting: true,
		Help:  "Entropy: spend more bits wherever the ratio would be below DB decibels.",
		field: func(o *Options) any { return &o.MinSNR }, key: "min_snr",
	},
	{
		Name: "min-cosine", Methods: []Method{Entropy}, Flag: true, Setting: true,
		Help:  "Entropy: spend more bits wherever the cosine would be below C, such as 0.9995.",
		field: func(o *Options) any { return &o.MinCosine }, key: "min_cosine",
	},
	{
		Name: "entries", Methods: []Method{Entropy, KMeans, Uniform}, Flag: true, Setting: true,
		Help:  "At most N codebook values (default 256).",
		field: func(o *Options) any { return &o.Entries }, key: "entries",
	},
	{
		Name: "full-precision", Methods: []Method{Entropy, KMeans, Uniform}, Flag: true, Setting: true,
		Help:  "Keep float32 codebook values; the default rounds them to bfloat16, for faster products.",
		field: func(o *Options) any { return &o.FullPrecision }, key: "bf16_codebook", always: true, inverted: true,
	},
	{
		Name: "codec", Choices: []string{"zstd", "brotli", "huff0", "lz4", "none", cdna.AliasCodec, cdna.PackedCodec}, Flag: true, Setting: true,
		Help:  "How blocks are packed: zstd (the default), brotli, huff0, lz4, none or, for lattice and so convert's only, alias: with AVX2 unpacked twice as fast as what these have by default, or packed: as in memory, larger and loaded fastest.",
		field: func(o *Options) any { return &o.Codec }, key: "codec", always: true, instead: "preset",
	},
	{
		Name:  "preset",
		Help:  "How blocks are packed that have a codec by default.",
		field: func(o *Options) any { return &o.Preset }, key: "preset",
	},
	{
		Name: "level", Flag: true, Setting: true,
		Help:  "The codec's effort; 0 codes literals only, which is all that indices need.",
		field: func(o *Options) any { return &o.Level }, key: "level", always: true,
	},
	{
		Name: "block-rows", Default: "auto", Flag: true, Setting: true,
		Help:  "Rows of a block; auto: the Fibonacci number whose block is nearest 256 KiB.",
		field: func(o *Options) any { return &o.BlockRows }, key: "block_rows", words: []word{{"auto", 0}}, positive: true,
	},
	{
		Name: "nonfinite", Methods: []Method{Entropy, KMeans, Uniform, Lossless}, Default: "refuse", Choices: []string{"refuse", "sidecar"}, Flag: true,
		Help:  "NaN and ±Inf: refuse, or keep them in the sidecar.",
		field: func(o *Options) any { return &o.NonFinite }, key: "nonfinite", words: []word{{"refuse", false}, {"sidecar", true}},
	},
	{
		Name: "no-sidecar", Methods: []Method{Entropy, KMeans, Uniform, Lossless},
		Help:  "Keep all outliers in the codebook.",
		field: func(o *Options) any { return &o.NoSidecar }, key: "no_sidecar",
	},
	{
		Name: "threads", Flag: true,
		Help:  "Workers; 0 means all cores. The output does not depend on it.",
		field: func(o *Options) any { return &o.Threads },
	},
}

// OptionList returns the table of options, in the order of the help.
func OptionList() []Option { return slices.Clone(options) }

// optionOf returns the option of that name, nil if there is none.
func optionOf(name string) *Option {
	for i := range options {
		if options[i].Name == name {
			return &options[i]
		}
	}
	return nil
}

// Set sets the option of that name to what text says, as on the command line. It checks the
// value by itself; [Options.Check] checks all of them together. Errors: ErrOption.
func (o *Options) Set(name, text string) error {
	p := optionOf(name)
	if p == nil {
		return fmt.Errorf("there is no option %q: %w", name, ErrOption)
	}
	return p.set(o, text)
}

// value is the option's value in o, which can be set.
func (p *Option) value(o *Options) reflect.Value { return reflect.ValueOf(p.field(o)).Elem() }

func (p *Option) set(o *Options, text string) error {
	for _, w := range p.words {
		if w.text == text {
			p.value(o).Set(reflect.ValueOf(w.value))
			return nil
		}
	}
	above := true
	switch field := p.field(o).(type) {
	case *float64:
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%s: %q is not a number: %w", p.Name, text, ErrOption)
		}
		*field, above = v, v > 0
	case *int:
		v, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%s: %q is not a whole number%s: %w", p.Name, text, p.orWords(), ErrOption)
		}
		*field, above = v, v > 0
	case *bool:
		v, err := text == "", error(nil) // its name alone switches it on
		if len(p.words) > 0 {
			return fmt.Errorf("%s: %q is not %s: %w", p.Name, text, names(p.Choices), ErrOption)
		}
		if !v {
			v, err = strconv.ParseBool(text)
		}
		if err != nil {
			return fmt.Errorf("%s: %q is not true or false: %w", p.Name, text, ErrOption)
		}
		*field = v
	case *string:
		*field = text
	case *Method:
		*field = Method(text)
	}
	if p.positive && !above {
		return fmt.Errorf("%s %s: must be above 0%s: %w", p.Name, text, p.orWords(), ErrOption)
	}
	return nil
}

// orWords lists the option's words for a message.
func (p *Option) orWords() (s string) {
	for _, w := range p.words {
		s += ", or " + w.text
	}
	return s
}

// record returns what the manifest says of the option, nil for nothing.
func (p *Option) record(o *Options) any {
	v := p.value(o)
	if p.key == "" || !takes(p.Methods, o.Method) || v.IsZero() && !p.always {
		return nil
	}
	for _, w := range p.words {
		if w.value == v.Interface() {
			return w.text
		}
	}
	switch field := p.field(o).(type) {
	case *bool:
		return *field != p.inverted
	case *Method:
		return string(*field)
	case *string:
		if *field == "" { // each method's own
			return nil
		}
	}
	return v.Interface()
}

// restore sets the option to what a manifest says.
func (p *Option) restore(o *Options, value any) error {
	if text, ok := value.(string); ok && len(p.words) > 0 {
		return p.set(o, text)
	}
	if err := decodeOption(value, p.field(o)); err != nil {
		return err
	}
	if field, ok := p.field(o).(*bool); ok && p.inverted {
		*field = !*field
	}
	return nil
}

// decodeOption takes a value from a manifest's options into a field.
func decodeOption(value, field any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return strictjson.Unmarshal(text, field, model.ErrManifest)
}

// onlyOfCodebooks tells whether an option is set that the method lattice does not take.
func (o *Options) onlyOfCodebooks() bool {
	return slices.ContainsFunc(options, func(p Option) bool { return !takes(p.Methods, Lattice) && !p.value(o).IsZero() })
}

// checkMethod refuses options that the method does not take.
func (o *Options) checkMethod() error {
	if o.Method.storage() == nil {
		return fmt.Errorf("method %q is not %s: %w", o.Method, names(Methods()), ErrOption)
	}
	for i := range options {
		if p := &options[i]; !takes(p.Methods, o.Method) && !p.value(o).IsZero() {
			return fmt.Errorf("%s needs the %s method, not %s: %w", p.Name, names(p.Methods), o.Method, ErrOption)
		}
	}
	return nil
}

// key tells options apart by all that bytes depend on.
func (o *Options) key() string {
	var b strings.Builder
	for i := range options {
		if p := &options[i]; p.key != "" {
			fmt.Fprintf(&b, "%s=%v ", p.Name, p.value(o))
		}
	}
	return b.String()
}

// describe lists, for the manifest, the options that bytes depend on.
func (o *Options) describe() map[string]any {
	d := map[string]any{}
	for i := range options {
		if v := options[i].record(o); v != nil {
			d[options[i].key] = v
		}
	}
	return d
}
