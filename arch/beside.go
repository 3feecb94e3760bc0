package arch

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Component is a part of a checkpoint beside the language model, which nothing here makes use of.
type Component string

// The components, by what they do.
const (
	Pictures Component = "what sees pictures"
	Sound    Component = "what hears"
	Ahead    Component = "what predicts several tokens at once"
)

// components has what the names of their tensors begin with, but for "model.", in the checkpoints of the families that run.
var components = map[string]Component{
	"visual": Pictures, "vision_tower": Pictures, "vision_model": Pictures, "vision_encoder": Pictures, "vision_adapter": Pictures,
	"patch_merger": Pictures, "multi_modal_projector": Pictures, "mm_projector": Pictures, "embed_vision": Pictures,
	"audio_tower": Sound, "audio_model": Sound, "audio_encoder": Sound, "audio_projector": Sound, "embed_audio": Sound,
	"mtp": Ahead,
}

// Beside tells which tensors of the model's checkpoint stand beside the language model, by the names that the source has of all; others are
// not in the map. Layers behind the model's own are among them where one says that it predicts several tokens (eh_proj).
func (c *Config) Beside(names iter.Seq[string]) map[string]Component {
	beside := map[string]Component{}
	var behind []string
	predicts := false
	for name := range names {
		first, rest, _ := strings.Cut(strings.TrimPrefix(name, "model."), ".")
		if component, ok := components[first]; ok {
			beside[name] = component
			continue
		}
		if first == "language_model" {
			first, rest, _ = strings.Cut(strings.TrimPrefix(rest, "model."), ".")
		}
		number, rest, _ := strings.Cut(rest, ".")
		if layer, err := strconv.Atoi(number); err == nil && layer >= c.Layers && (first == "layers" || first == "blk") { // of GGUF files
			behind = append(behind, name)
			predicts = predicts || strings.HasSuffix(rest, "eh_proj.weight")
		}
	}
	if predicts {
		for _, name := range behind {
			beside[name] = Ahead
		}
	}
	return beside
}

// LeftOut says of so many tensors of each component that they are left out, a line for each component.
func LeftOut(tensors map[Component]int) (lines []string) {
	for _, component := range slices.Sorted(maps.Keys(tensors)) {
		lines = append(lines, fmt.Sprintf("%s is left out: %d tensors", component, tensors[component]))
	}
	return lines
}
