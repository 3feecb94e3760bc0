package arch

import (
	"fmt"
	"strconv"
	"strings"
)

// Tensors are asked for by their Hugging Face names; other sources translate.
const (
	EmbeddingName = "model.embed_tokens.weight"
	HeadName      = "lm_head.weight"    // of the output head
	NormName      = "model.norm.weight" // of the norm before it
	NormBiasName  = "model.norm.bias"   // of its biases, if it has any
)

// LayerName returns the name of a layer's tensor, such as "self_attn.q_proj.weight".
func LayerName(l int, part string) string { return fmt.Sprintf("model.layers.%d.%s", l, part) }

// prefixes are what checkpoints put before the language model's names: those of models
// that do more than text, like Gemma 3, and those that torch.compile and DistributedDataParallel leave.
var prefixes = []string{"language_model.", "_orig_mod.", "module.", "module._orig_mod.", "_orig_mod.module."}

// StoredName returns the name under which a checkpoint has a tensor: behind a prefix, or
// without "model.", as models that were saved without a head have them; or in another family's words.
func StoredName(name string, has func(string) bool) string {
	if stored, ok := behindPrefix(name, has); ok {
		return stored
	}
	for _, w := range otherWords {
		if head, tail, ok := strings.Cut(name, w[0]); ok {
			if stored, ok := behindPrefix(head+w[1]+tail, has); ok {
				return stored
			}
		}
	}
	if stored, ok := encoderName(name, has); ok {
		return stored
	}
	return name
}

// encoderName is StoredName in the words of encoders.
func encoderName(name string, has func(string) bool) (stored string, ok bool) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return "", false
	}
	part, layer := cutLayer(name[:dot], "model.layers.")
	for _, w := range encoderWords {
		if w[0] != part {
			continue
		}
		stored := strings.Replace(w[1], ".N.", "."+layer+".", 1)
		for _, kind := range []string{name[dot:], oldNormKinds[name[dot:]]} {
			for _, prefix := range []string{"model.", "model.bert.", "model.roberta."} {
				if found, ok := behindPrefix(prefix+stored+kind, has); ok && kind != "" {
					return found, true
				}
			}
		}
	}
	return "", false
}

// oldNormKinds are what the first checkpoints of BERT call weights and biases of norms.
var oldNormKinds = map[string]string{".weight": ".gamma", ".bias": ".beta"}

// encoderWords are what BERT's and ModernBERT's checkpoints call what is known here by other names.
var encoderWords = [][2]string{
	{"model.embed_tokens", "embeddings.word_embeddings"},
	{"model.embed_positions", "embeddings.position_embeddings"},
	{"model.embed_types", "embeddings.token_type_embeddings"},
	{"model.embed_norm", "embeddings.LayerNorm"},
	{"model.layers.N.self_attn.q_proj", "encoder.layer.N.attention.self.query"},
	{"model.layers.N.self_attn.k_proj", "encoder.layer.N.attention.self.key"},
	{"model.layers.N.self_attn.v_proj", "encoder.layer.N.attention.self.value"},
	{"model.layers.N.self_attn.o_proj", "encoder.layer.N.attention.output.dense"},
	{"model.layers.N.post_attention_layernorm", "encoder.layer.N.attention.output.LayerNorm"},
	{"model.layers.N.mlp.up_proj", "encoder.layer.N.intermediate.dense"},
	{"model.layers.N.mlp.down_proj", "encoder.layer.N.output.dense"},
	{"model.layers.N.post_feedforward_layernorm", "encoder.layer.N.output.LayerNorm"},
	{"model.embed_tokens", "embeddings.tok_embeddings"},
	{"model.embed_norm", "embeddings.norm"},
	{"model.layers.N.input_layernorm", "layers.N.attn_norm"},
	{"model.layers.N.self_attn.qkv_proj", "layers.N.attn.Wqkv"},
	{"model.layers.N.self_attn.o_proj", "layers.N.attn.Wo"},
	{"model.layers.N.post_attention_layernorm", "layers.N.mlp_norm"},
	{"model.layers.N.mlp.gate_up_proj", "layers.N.mlp.Wi"},
	{"model.layers.N.mlp.down_proj", "layers.N.mlp.Wo"},
	{"model.norm", "final_norm"},
}

// otherWords are what Mixtral's, Granite's, GLM's, gpt-oss's, LFM's, Llama 4's, Falcon's, Nemotron's and Gemma's checkpoints have for parts of names.
var otherWords = [][2]string{
	{".mlp.gate.", ".block_sparse_moe.gate."},
	{".mlp.experts.gate_proj.", ".block_sparse_moe.experts.w1."},
	{".mlp.experts.up_proj.", ".block_sparse_moe.experts.w3."},
	{".mlp.experts.down_proj.", ".block_sparse_moe.experts.w2."},
	{".mlp.gate.", ".block_sparse_moe.router.layer."},
	{".mlp.experts.gate_up_proj", ".block_sparse_moe.input_linear.weight"},
	{".mlp.experts.down_proj", ".block_sparse_moe.output_linear.weight"},
	{".mlp.shared_expert.", ".mlp.shared_experts."},
	{".mlp.gate.", ".mlp.router."},
	{".mlp.shared_expert.gate_up_proj.", ".shared_mlp.input_linear."},
	{".mlp.shared_expert.down_proj.", ".shared_mlp.output_linear."},
	{"model.norm.", "model.embedding_norm."},
	{".mlp.gate.weight", ".feed_forward.gate.weight"},
	{".mlp.gate.e_score_correction_bias", ".feed_forward.expert_bias"},
	{".mlp.gate.", ".feed_forward.router."},
	{".mlp.experts.gate_proj.", ".feed_forward.experts.w1."},
	{".mlp.experts.up_proj.", ".feed_forward.experts.w3."},
	{".mlp.experts.down_proj.", ".feed_forward.experts.w2."},
	{".mlp.experts.", ".feed_forward.experts."},
	{".input_layernorm.", ".operator_norm."},
	{".post_attention_layernorm.", ".ffn_norm."},
	{".self_attn.q_norm.", ".self_attn.q_layernorm."},
	{".self_attn.k_norm.", ".self_attn.k_layernorm."},
	{".self_attn.o_proj.", ".self_attn.out_proj."},
	{".mlp.gate_proj.", ".feed_forward.w1."},
	{".mlp.up_proj.", ".feed_forward.w3."},
	{".mlp.down_proj.", ".feed_forward.w2."},
	{".mlp.gate.weight", ".router.proj.weight"},
	{".mlp.experts.", ".experts."},
	{".mlp.", ".feed_forward."},
	{".post_attention_layernorm.", ".pre_ff_layernorm."},
	{"model.norm.", "model.final_layernorm."},
	{"model.embed_tokens.", "backbone.embeddings."},
	{"model.norm.", "backbone.norm_f."},
	{".input_layernorm.", ".norm."},
	{".mamba.", ".mixer."},
	{".self_attn.", ".mixer."},
	{".mlp.shared_expert.", ".mixer.shared_experts."},
	{".mlp.", ".mixer."},
}

func behindPrefix(name string, has func(string) bool) (stored string, ok bool) {
	if has(name) {
		return name, true
	}
	for _, prefix := range prefixes {
		if n := prefix + name; has(n) {
			return n, true
		}
	}
	bare := strings.TrimPrefix(name, "model.")
	for _, n := range []string{bare, "model.language_model." + bare, "transformer." + bare, "language_model." + bare, "backbone." + bare} {
		if has(n) {
			return n, true
		}
	}
	return "", false
}

// names is the table of what Hugging Face and GGUF call a tensor, without ".weight" or
// ".bias" unless only one of them has that; a layer's, behind "model.layers.N." and "blk.N.".
var names = []struct {
	huggingFace, gguf string
	// GGUF's in models with norms after attention and FFN, if it is another: Hugging Face
	// uses post_attention_layernorm for two norms.
	postNorms string
}{
	{huggingFace: "model.embed_tokens", gguf: "token_embd"},
	{huggingFace: "lm_head", gguf: "output"},
	{huggingFace: "model.norm", gguf: "output_norm"},
	{huggingFace: "model.layers.N.input_layernorm", gguf: "blk.N.attn_norm"},
	{huggingFace: "model.layers.N.self_attn.q_proj", gguf: "blk.N.attn_q"},
	{huggingFace: "model.layers.N.self_attn.k_proj", gguf: "blk.N.attn_k"},
	{huggingFace: "model.layers.N.self_attn.v_proj", gguf: "blk.N.attn_v"},
	{huggingFace: "model.layers.N.self_attn.qkv_proj", gguf: "blk.N.attn_qkv"},
	{huggingFace: "model.layers.N.self_attn.o_proj", gguf: "blk.N.attn_output"},
	{huggingFace: "model.layers.N.self_attn.q_a_proj", gguf: "blk.N.attn_q_a"},
	{huggingFace: "model.layers.N.self_attn.q_a_layernorm", gguf: "blk.N.attn_q_a_norm"},
	{huggingFace: "model.layers.N.self_attn.q_b_proj", gguf: "blk.N.attn_q_b"},
	{huggingFace: "model.layers.N.self_attn.kv_a_proj_with_mqa", gguf: "blk.N.attn_kv_a_mqa"},
	{huggingFace: "model.layers.N.self_attn.kv_a_layernorm", gguf: "blk.N.attn_kv_a_norm"},
	{huggingFace: "model.layers.N.self_attn.kv_b_proj", gguf: "blk.N.attn_kv_b"},
	{huggingFace: "model.layers.N.self_attn.q_norm", gguf: "blk.N.attn_q_norm"},
	{huggingFace: "model.layers.N.self_attn.k_norm", gguf: "blk.N.attn_k_norm"},
	{huggingFace: "model.layers.N.self_attn.sinks", gguf: "blk.N.attn_sinks.weight"},
	{huggingFace: "model.layers.N.conv.in_proj", gguf: "blk.N.shortconv.in_proj"},
	{huggingFace: "model.layers.N.conv.conv", gguf: "blk.N.shortconv.conv"},
	{huggingFace: "model.layers.N.conv.out_proj", gguf: "blk.N.shortconv.out_proj"},
	{huggingFace: "model.layers.N.linear_attn.in_proj_qkv", gguf: "blk.N.attn_qkv"},
	{huggingFace: "model.layers.N.linear_attn.in_proj_z", gguf: "blk.N.attn_gate"},
	{huggingFace: "model.layers.N.linear_attn.in_proj_ba", gguf: "blk.N.ssm_ba"},
	{huggingFace: "model.layers.N.linear_attn.in_proj_b", gguf: "blk.N.ssm_beta"},
	{huggingFace: "model.layers.N.linear_attn.in_proj_a", gguf: "blk.N.ssm_alpha"},
	{huggingFace: "model.layers.N.linear_attn.conv1d", gguf: "blk.N.ssm_conv1d"},
	{huggingFace: "model.layers.N.linear_attn.dt_bias", gguf: "blk.N.ssm_dt.bias"},
	{huggingFace: "model.layers.N.linear_attn.A_log", gguf: "blk.N.ssm_a"},
	{huggingFace: "model.layers.N.linear_attn.norm", gguf: "blk.N.ssm_norm"},
	{huggingFace: "model.layers.N.linear_attn.out_proj", gguf: "blk.N.ssm_out"},
	{huggingFace: "model.layers.N.mamba.in_proj", gguf: "blk.N.ssm_in"},
	{huggingFace: "model.layers.N.mamba.conv1d", gguf: "blk.N.ssm_conv1d"},
	{huggingFace: "model.layers.N.mamba.dt_bias", gguf: "blk.N.ssm_dt.bias"},
	{huggingFace: "model.layers.N.mamba.A_log", gguf: "blk.N.ssm_a"},
	{huggingFace: "model.layers.N.mamba.D", gguf: "blk.N.ssm_d"},
	{huggingFace: "model.layers.N.mamba.norm", gguf: "blk.N.ssm_norm"},
	{huggingFace: "model.layers.N.mamba.out_proj", gguf: "blk.N.ssm_out"},
	{huggingFace: "model.layers.N.post_attention_layernorm", gguf: "blk.N.ffn_norm", postNorms: "blk.N.post_attention_norm"},
	{huggingFace: "model.layers.N.pre_feedforward_layernorm", postNorms: "blk.N.ffn_norm"},
	{huggingFace: "model.layers.N.post_feedforward_layernorm", postNorms: "blk.N.post_ffw_norm"},
	{huggingFace: "model.layers.N.post_feedforward_layernorm_1", gguf: "blk.N.post_ffw_norm_1"},
	{huggingFace: "model.layers.N.pre_feedforward_layernorm_2", gguf: "blk.N.pre_ffw_norm_2"},
	{huggingFace: "model.layers.N.post_feedforward_layernorm_2", gguf: "blk.N.post_ffw_norm_2"},
	{huggingFace: "model.layers.N.router.scale", gguf: "blk.N.ffn_gate_inp.scale"},
	{huggingFace: "model.layers.N.router.per_expert_scale", gguf: "blk.N.ffn_down_exps.scale"},
	{huggingFace: "model.embed_tokens_per_layer", gguf: "per_layer_token_embd"},
	{huggingFace: "model.per_layer_model_projection", gguf: "per_layer_model_proj"},
	{huggingFace: "model.per_layer_projection_norm", gguf: "per_layer_proj_norm"},
	{huggingFace: "model.layers.N.per_layer_input_gate", gguf: "blk.N.inp_gate"},
	{huggingFace: "model.layers.N.per_layer_projection", gguf: "blk.N.proj"},
	{huggingFace: "model.layers.N.post_per_layer_input_norm", gguf: "blk.N.post_norm"},
	{huggingFace: "model.layers.N.layer_scalar", gguf: "blk.N.layer_output_scale.weight"},
	{huggingFace: "model.layers.N.mlp.gate_proj", gguf: "blk.N.ffn_gate"},
	{huggingFace: "model.layers.N.mlp.up_proj", gguf: "blk.N.ffn_up"},
	{huggingFace: "model.layers.N.mlp.gate_up_proj", gguf: "blk.N.ffn_up"},
	{huggingFace: "model.layers.N.mlp.down_proj", gguf: "blk.N.ffn_down"},
	{huggingFace: "model.layers.N.mlp.gate.e_score_correction_bias", gguf: "blk.N.exp_probs_b.bias"},
	{huggingFace: "model.layers.N.mlp.gate", gguf: "blk.N.ffn_gate_inp"},
	{huggingFace: "model.layers.N.mlp.experts.gate_proj", gguf: "blk.N.ffn_gate_exps"},
	{huggingFace: "model.layers.N.mlp.experts.up_proj", gguf: "blk.N.ffn_up_exps"},
	{huggingFace: "model.layers.N.mlp.experts.gate_up_proj", gguf: "blk.N.ffn_gate_up_exps"},
	{huggingFace: "model.layers.N.mlp.experts.down_proj", gguf: "blk.N.ffn_down_exps"},
	{huggingFace: "model.layers.N.mlp.shared_expert.gate_proj", gguf: "blk.N.ffn_gate_shexp"},
	{huggingFace: "model.layers.N.mlp.shared_expert.up_proj", gguf: "blk.N.ffn_up_shexp"},
	{huggingFace: "model.layers.N.mlp.shared_expert.down_proj", gguf: "blk.N.ffn_down_shexp"},
	{huggingFace: "model.layers.N.mlp.shared_expert_gate", gguf: "blk.N.ffn_gate_inp_shexp"},
	{huggingFace: "model.layers.N.eh_proj", gguf: "blk.N.nextn.eh_proj"},
}

// GGUFName translates a Hugging Face name of a tensor, empty if it has no counterpart.
// postNorms says that the model has norms after attention and FFN, as Gemma has.
func GGUFName(name string, postNorms bool) string {
	whole, layer := cutLayer(name, "model.layers.")
	dot := strings.LastIndexByte(whole, '.')
	if dot < 0 {
		return ""
	}
	part, kind := whole[:dot], whole[dot:]
	for _, n := range names {
		if n.huggingFace == whole {
			kind = ""
		} else if n.huggingFace != part {
			continue
		}
		translated := n.gguf
		if postNorms && n.postNorms != "" {
			translated = n.postNorms
		}
		if translated == "" {
			return ""
		}
		return strings.Replace(translated, ".N.", "."+layer+".", 1) + kind
	}
	return ""
}

// GGUFName translates a Hugging Face name of a tensor of a model whose configuration is that of a GGUF file.
func (c *Config) GGUFName(name string) string {
	return conventionsOf(c.Architecture).tensor(c, name)
}

// cutLayer puts N for the number of a layer behind a prefix.
func cutLayer(part, prefix string) (general, layer string) {
	rest, ok := strings.CutPrefix(part, prefix)
	layer, rest, found := strings.Cut(rest, ".")
	if !ok || !found {
		return part, ""
	}
	return prefix + "N." + rest, layer
}

// Role is what a tensor is in a model, as far as its name tells.
type Role string

// The roles that are told apart; all other tensors have none.
const (
	Embedding Role = "embedding" // of tokens
	Position  Role = "position"  // embeddings of positions, and of types of tokens
	Head      Role = "head"      // from the last hidden state to logits
	Norm      Role = "norm"
	Router    Role = "router" // chooses experts, or how much of one is added
	Bias      Role = "bias"
	Filter    Role = "filter" // of a convolution over a few tokens
	State     Role = "state"  // how fast a recurrence forgets, or how much of its input it adds to its output
)

// RoleOf recognises a tensor by the usual names, also those of families that do not run here.
func RoleOf(name string) Role {
	for _, part := range strings.Split(name, ".") {
		switch part {
		case "embed_tokens", "embed_tokens_per_layer", "per_layer_token_embd", "tok_embeddings", "token_embd", "word_embeddings", "wte":
			return Embedding
		case "position_embeddings", "token_type_embeddings", "wpe", "embed_positions":
			return Position
		case "lm_head", "embed_out":
			return Head
		}
	}
	switch {
	case isRouter(name):
		return Router
	case strings.HasSuffix(name, "backbone.embeddings.weight"):
		return Embedding
	case strings.HasSuffix(name, ".bias"):
		return Bias
	case isState(name):
		return State
	case isFilter(name):
		return Filter
	case name == "output.weight":
		return Head
	case strings.Contains(name, "norm"), strings.Contains(name, "LayerNorm"):
		return Norm
	}
	return ""
}

// isRouter recognises a router, and the gate of a shared expert.
func isRouter(name string) bool {
	for _, end := range []string{".mlp.gate.weight", ".block_sparse_moe.gate.weight", ".block_sparse_moe.router.layer.weight", ".mlp.router.weight", ".feed_forward.gate.weight", ".feed_forward.router.weight", ".mixer.gate.weight", ".router.proj.weight", ".shared_expert_gate.weight", ".ffn_gate_inp.weight", ".ffn_gate_inp_shexp.weight"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// IsHeadNorm recognises a norm of queries or keys, or of what a Mamba-2 layer answers, as GGUF files have it by groups.
func IsHeadNorm(name string) bool {
	for _, end := range []string{"q_norm.weight", "k_norm.weight", ".ssm_norm.weight"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// isFilter recognises the filter of a convolution.
func isFilter(name string) bool {
	for _, end := range []string{".conv.conv.weight", ".conv1d.weight", ".shortconv.conv.weight", ".ssm_conv1d.weight"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// isState recognises vectors of a recurrence, which GGUF files have as [n, 1].
func isState(name string) bool {
	for _, end := range []string{".A_log", ".D", ".ssm_a", ".ssm_d"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// fusedExperts is one tensor for all gate and up projections of a layer's experts, as
// transformers 5 has it in memory: [experts, gate's rows and then up's, hidden].
const fusedExperts = "mlp.experts.gate_up_proj"

// fusedShared is the same of the shared expert, [gate's rows and then up's, hidden], as Granite has it.
const fusedShared = "mlp.shared_expert.gate_up_proj.weight"

// ExpertOf tells a tensor that belongs to one expert: stack is what the tensor of all of them is
// called here, and number which one it is. Checkpoints of Hugging Face have experts so; GGUF has
// had them so at first.
func ExpertOf(name string) (stack string, number int, ok bool) {
	const experts = ".experts."
	if head, tail, found := strings.Cut(name, experts); found {
		if digits, rest, found := strings.Cut(tail, "."); found && strings.HasSuffix(rest, ".weight") {
			number, ok = parseNumber(digits)
			return head + experts + rest, number, ok
		}
		return "", 0, false
	}
	head, weight := strings.CutSuffix(name, ".weight")
	dot := strings.LastIndexByte(head, '.')
	if !weight || dot < 0 || !strings.HasPrefix(head, "blk.") {
		return "", 0, false
	}
	for _, part := range []string{".ffn_gate", ".ffn_up", ".ffn_down"} {
		if strings.HasSuffix(head[:dot], part) {
			number, ok = parseNumber(head[dot+1:])
			return head[:dot] + "_exps.weight", number, ok
		}
	}
	return "", 0, false
}

// IsExperts tells whether a tensor is of all experts of a layer, one behind the other, by the usual names.
func IsExperts(name string) bool {
	for _, part := range []string{".experts.", "_exps.", ".block_sparse_moe.input_linear.", ".block_sparse_moe.output_linear."} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// OneExpert is what the tensor of one expert is called, where stack is all of them as
// [ExpertOf] calls them; false where checkpoints have no such tensor.
func OneExpert(stack string, number int) (name string, ok bool) {
	const experts = ".experts."
	head, tail, found := strings.Cut(stack, experts)
	if !found || !strings.HasSuffix(tail, ".weight") {
		return "", false
	}
	return fmt.Sprintf("%s%s%d.%s", head, experts, number, tail), true
}

// parseNumber reads digits as a program writes them.
func parseNumber(digits string) (int, bool) {
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == digits
}

// GateUpBias ends the name of the biases of gates and up projections of a layer's experts where a checkpoint has these by turns,
// and the experts' matrices as [experts, inputs, outputs]: gpt-oss. Package checkpoint hands them over as other
// families have them.
const GateUpBias = "gate_up_proj_bias"

// SidewaysModule ends the name of the module of a layer's experts whose checkpoints have these as [experts, inputs, outputs],
// too, but gates and up projections one after the other: Llama 4.
const SidewaysModule = ".feed_forward.experts."
