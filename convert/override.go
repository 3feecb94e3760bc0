package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/arch"
)

// Settings change the options of some tensors. The zero value changes nothing.
type Settings struct {
	text  string
	exact bool
	set   []*Option
	to    Options // where the values of set are
}

// String returns what was parsed.
func (s Settings) String() string { return s.text }

// ParseSettings reads settings such as "snr=45,codec=brotli" or "exact": the names
// of the command line's options without their dashes, exact (keep the tensor as it
// is) and compress (undo an earlier exact). Each comes once. Errors: ErrOption.
func ParseSettings(text string) (Settings, error) {
	s := Settings{text: text}
	for part := range strings.SplitSeq(text, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(part), "=")
		if name == "exact" || name == "compress" {
			s.exact = name == "exact"
			continue
		}
		p := optionOf(name)
		switch {
		case p == nil || !p.Setting:
			return s, fmt.Errorf("%q: %q is not %s: %w", text, name, names(settingNames()), ErrOption)
		case slices.Contains(s.set, p):
			return s, fmt.Errorf("%q: %s comes twice: %w", text, name, ErrOption)
		case slices.Contains(s.set, optionOf(p.instead)):
			return s, fmt.Errorf("%q: %s and %s exclude each other: %w", text, p.instead, name, ErrOption)
		case given && value == "":
			return s, fmt.Errorf("%q: %s has no value: %w", text, name, ErrOption)
		}
		if err := p.set(&s.to, value); err != nil {
			return s, fmt.Errorf("%q: %w", text, err)
		}
		s.set = append(s.set, p)
	}
	return s, nil
}

// MarshalText returns what was parsed.
func (s Settings) MarshalText() ([]byte, error) { return []byte(s.text), nil }

// UnmarshalText is ParseSettings.
func (s *Settings) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSettings(string(text))
	return err
}

// settingNames are the names that settings know.
func settingNames() (list []string) {
	for _, p := range options {
		if p.Setting {
			list = append(list, p.Name)
		}
	}
	return append(list, "exact", "compress")
}

// apply sets options to what the settings say. A method unsets what it does not take; where
// it is lattice, settings that only codebooks take mean those.
func (s *Settings) apply(o *Options) {
	switch {
	case s.has("method"):
		o.setMethod(s.to.Method)
	case o.Method == Lattice && s.to.onlyOfCodebooks():
		o.setMethod(Entropy)
	}
	for _, p := range s.set {
		if p.instead != "" {
			optionOf(p.instead).value(o).SetZero()
		}
		p.value(o).Set(p.value(&s.to))
	}
}

// setMethod changes the method and unsets what it does not take, and the codec that the other had from a preset or
// by default, as lattice files have one of their own.
func (o *Options) setMethod(m Method) {
	toLattice := m == Lattice && o.Method != Lattice
	o.Method = m
	if o.Preset != "" || toLattice && o.Codec == DefaultCodec || onlyOfLattice(o.Codec) && m != Lattice {
		o.Codec = ""
	}
	for i := range options {
		if p := &options[i]; !takes(p.Methods, m) {
			p.value(o).SetZero()
		}
	}
}

// has tells whether one of these options is among the settings.
func (s *Settings) has(names ...string) bool {
	return slices.ContainsFunc(s.set, func(p *Option) bool { return slices.Contains(names, p.Name) })
}

// fixesRate tells whether the settings say how near a tensor comes, so that no allocation
// does.
func (s *Settings) fixesRate() bool { return s.has("snr", "bits", "method") }

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

// MarshalText returns what was parsed.
func (o Override) MarshalText() ([]byte, error) { return []byte(o.text), nil }

// UnmarshalText is ParseOverride.
func (o *Override) UnmarshalText(text []byte) (err error) {
	*o, err = ParseOverride(string(text))
	return err
}

// effective tells whether the tensor, after all overrides, is as the settings have it, or one of them.
func (p *plannedTensor) effective(s *Settings) bool {
	if s.exact || !p.compress() || len(s.set) == 0 {
		return s.exact != p.compress()
	}
	return slices.ContainsFunc(s.set, func(o *Option) bool { return o.value(&p.options).Equal(o.value(&s.to)) })
}

// override applies what the job wants of the tensor in particular: first of embeddings and
// heads, then by name, later ones over earlier ones. It returns why the tensor is kept exact,
// if it is.
func (p *plannedTensor) override(j *Job) (exact string) {
	apply := func(s Settings, why string) {
		if s.text == "" {
			return
		}
		exact = ""
		if s.exact {
			exact = why
		}
		p.rate = p.rate || s.fixesRate()
		s.apply(&p.options)
		switch {
		case s.has("method"):
			p.lattice = s.to.Method == Lattice
		case onlyOfLattice(s.to.Codec):
			p.lattice = true
		}
	}
	switch arch.RoleOf(p.Name) {
	case arch.Embedding:
		apply(j.Embeddings, "embeddings")
	case arch.Head:
		apply(j.LMHead, "output head")
	}
	for _, v := range j.Overrides {
		if v.name.MatchString(p.Name) {
			apply(v.Settings, v.text)
		}
	}
	return exact
}
