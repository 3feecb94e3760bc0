package convert

import "fmt"

// Preset is a choice of how blocks are packed, which leaves the error as it is.
type Preset struct {
	Name  string
	Codec string
	Use   string // what it is good for
}

// Presets returns all there are.
func Presets() []Preset {
	return []Preset{
		{"archive", "brotli", "the smallest files"},
		{"balanced", DefaultCodec, "the default"},
		{"fast", "huff0", "the fastest to unpack"},
	}
}

// presetCodec is what a preset packs blocks with; empty: no preset has that name.
func presetCodec(name string) string {
	for _, p := range Presets() {
		if p.Name == name {
			return p.Codec
		}
	}
	return ""
}

// SetPreset packs blocks as the preset of that name says. It refuses options that say so
// themselves. Errors: ErrOption.
func (o *Options) SetPreset(name string) error {
	var known []string
	for _, p := range Presets() {
		if known = append(known, p.Name); p.Name != name {
			continue
		}
		if o.Codec != "" && o.Codec != DefaultCodec || o.BlockRows != 0 {
			return fmt.Errorf("preset %s chooses the codec and the rows of a block itself: %w", name, ErrOption)
		}
		if p.Codec != DefaultCodec {
			o.Preset = name
		}
		return nil
	}
	return fmt.Errorf("preset %q is not %s: %w", name, names(known), ErrOption)
}
