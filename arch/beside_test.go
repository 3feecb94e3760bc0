package arch

import (
	"maps"
	"slices"
	"testing"
)

// TestBeside: names of towers and projectors in the checkpoints of Gemma 3 and 4, Llama 4, Mistral 3 and Qwen 3.5, and of layers behind the last.
func TestBeside(t *testing.T) {
	c := &Config{Layers: 2}
	want := map[string]Component{
		"vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight": Pictures,
		"model.vision_tower.patch_embedder.input_proj.weight":       Pictures,
		"vision_tower.patch_conv.weight":                            Pictures,
		"vision_model.class_embedding":                              Pictures,
		"model.visual.patch_embed.proj.weight":                      Pictures,
		"model.embed_vision.embedding_projection.weight":            Pictures,
		"multi_modal_projector.linear_1.weight":                     Pictures,
		"model.multi_modal_projector.mm_input_projection_weight":    Pictures,
		"model.audio_tower.layers.7.norm.weight":                    Sound,
		"model.embed_audio.embedding_projection.weight":             Sound,
		"mtp.fc.weight":                         Ahead,
		"model.layers.2.eh_proj.weight":         Ahead,
		"model.layers.2.input_layernorm.weight": Ahead,
	}
	text := []string{"model.embed_tokens.weight", "model.layers.1.mlp.up_proj.weight", "model.language_model.layers.1.input_layernorm.weight", "lm_head.weight",
		"language_model.model.layers.0.input_layernorm.weight", "model.visualize.weight", "encoder.layer.7.output.dense.weight"}
	names := slices.AppendSeq(slices.Clone(text), maps.Keys(want))
	if got := c.Beside(slices.Values(names)); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	delete(want, "model.layers.2.eh_proj.weight")
	delete(want, "model.layers.2.input_layernorm.weight")
	names = slices.DeleteFunc(names, func(name string) bool { return name == "model.layers.2.eh_proj.weight" })
	if got := c.Beside(slices.Values(names)); !maps.Equal(got, want) { // a layer too many, which is refused where the model is opened
		t.Errorf("without eh_proj: %v", got)
	}
}
