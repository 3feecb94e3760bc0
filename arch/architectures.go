package arch

import (
	"fmt"
	"slices"
	"strings"
)

// family is what sets an architecture apart from Llama's.
type family struct {
	// names are its model_type in config.json and general.architecture in GGUF.
	names  []string
	about  string // for people: published models, and what they have beyond Llama
	tested string // beside what all are: models, and programs, that its results were compared with
	// defaults are config.json's values where the file leaves them out.
	defaults string
	// prepare, if there is one, reads what the usual keys do not say, before them.
	prepare func(h *hfConfig) error
	// adjust changes what config.json gave a Llama of the same sizes.
	adjust func(c *Config, h *hfConfig) error

	rope         string // config.json's rope_parameters where the file has none
	localRope    bool   // rope_parameters are apart for global and local layers
	phi          bool   // LongRoPE has older names
	partial      bool   // part of a head may turn
	proportional bool   // … of global layers by the angles that all of it would have
	tempered     bool   // rope_parameters say how queries grow with the position
	mrope        bool   // rotary embeddings of pictures have places in it, which are all the same in text
}

// section is the family's in the tables of keys.
func (f *family) section() string { return strings.TrimSuffix(f.names[0], "_text") }

// families is the table of known architectures.
var families = slices.Concat(dense, mixtures, hybrids, gemmas, encoders)

// Family is an architecture that is known here, in words for people.
type Family struct {
	Name  string `json:"model_type"`     // in config.json
	GGUF  string `json:"gguf,omitempty"` // general.architecture; empty where GGUF files of it are neither read nor written
	About string `json:"about"`          // published models, and what they have beyond Llama
	// Tested is what its results are compared with: logits of transformers' tiny random models, those of llama.cpp from exported
	// files where these are known, and published models that were run.
	Tested string `json:"tested"`
}

// Families lists the architectures that are known here.
func Families() []Family {
	var list []Family
	for _, f := range families {
		one := Family{Name: f.names[0], About: f.about}
		tested := []string{"transformers"}
		for _, by := range llamaCpp {
			if slices.Contains(by.models, f.names[0]) {
				one.GGUF = by.name
			}
		}
		if one.GGUF != "" {
			tested = append(tested, "llama.cpp")
		}
		if f.tested != "" {
			tested = append(tested, f.tested)
		}
		one.Tested = strings.Join(tested, ", ")
		list = append(list, one)
	}
	return list
}

// findFamily returns the family of a name, or ErrArchitecture with the known ones.
func findFamily(name string) (*family, error) {
	var known []string
	for i := range families {
		if slices.Contains(families[i].names, name) {
			return &families[i], nil
		}
		known = append(known, families[i].names...)
	}
	slices.Sort(known)
	return nil, fmt.Errorf("%q is not one of %s: %w", name, strings.Join(known, ", "), ErrArchitecture)
}
