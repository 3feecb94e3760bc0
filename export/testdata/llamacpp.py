"""Opens exported models in llama.cpp and compares them with Hugging Face transformers.

    python3 -m venv venv && venv/bin/pip install torch transformers xllamacpp numpy
    go build -o helix-substrate ./cmd/helix-substrate
    venv/bin/python export/testdata/llamacpp.py ./helix-substrate [NAME...]

For every family, and for what sets its members apart (rotary scalings, biases, windows, tied and padded embeddings), a tiny
random model is made, exported from its directory and from a lossless conversion of it, and opened in llama.cpp. Compared are

    the greedy continuation of a prompt and the log probabilities along it (transformers computes in float64),
    the ids of texts, special tokens included,
    the logits of `helix-substrate forward` on the exported file,
    a safetensors export, opened by transformers again: logits of the same bits.

Made with transformers 5.24.0, tokenizers 0.23.3, torch 2.15.0 and xllamacpp 2026.10.11549.
"""

import json
import math
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import numpy as np
import tokenizers as tk
import torch
import transformers as hf
import xllamacpp

SMALL = dict(
    hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=128, bos_token_id=None, eos_token_id=None, pad_token_id=None)

TEXTS = [
    "", "Hello world", "  two  spaces\n\nlines\n", "I've 3 apples, 12 pears and 1234567 plums!", "naïve café 你好，世界 🙂",
    "for (int i = 0; i < n; i++) { x[i] += f(a, b); }\n\n\n\treturn;", "UPPER's WE'LL don't", " leading and trailing ",
]

CORPUS = ["Once upon a time, there was a little girl named Lily. She didn't know what they'd seen in the big green park.",
          "The quick brown fox jumps over 12 lazy dogs; 345 of them, and 6789 more.",
          "for (int i = 0; i < n; i++) { total += values[i]; }", "  Spaces   and\n\nnew lines\t tabs."] * 4


def special(text, **more):
    return tk.AddedToken(text, special=True, normalized=False, **more)


def byte_level(pre, normalizer=None, ignore_merges=False):
    t = tk.Tokenizer(tk.models.BPE(ignore_merges=ignore_merges))
    t.normalizer = normalizer
    t.pre_tokenizer = pre
    t.decoder = tk.decoders.ByteLevel()
    t.train_from_iterator(CORPUS, tk.trainers.BpeTrainer(
        vocab_size=330, show_progress=False, initial_alphabet=sorted(tk.pre_tokenizers.ByteLevel.alphabet())))
    t.add_special_tokens([special("<|begin|>"), special("<|stop|>"), special("<|turn|>")])
    t.add_tokens([tk.AddedToken("<tool>", special=False, normalized=False)])
    return t


def split(pattern):
    return tk.pre_tokenizers.Sequence([
        tk.pre_tokenizers.Split(tk.Regex(pattern), "isolated"), tk.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN.replace(r"\p{N}| ?", r"\p{N}{1,3}| ?")


def llama3():
    t = byte_level(split(LLAMA3), ignore_merges=True)
    t.post_processor = tk.processors.TemplateProcessing("<|begin|> $A", special_tokens=[("<|begin|>", t.token_to_id("<|begin|>"))])
    return t


def qwen():
    return byte_level(split(QWEN), tk.normalizers.NFC())


def gpt2():
    return byte_level(tk.pre_tokenizers.ByteLevel(add_prefix_space=False))


def smollm():
    return byte_level(tk.pre_tokenizers.Sequence([
        tk.pre_tokenizers.Digits(individual_digits=True), tk.pre_tokenizers.ByteLevel(add_prefix_space=False)]))


def sentencepiece(prefix):
    """BPE with byte tokens: as Llama 2 has it, with a space before the text, or as Gemma, without."""
    alphabet = sorted({c for line in CORPUS for c in line.replace(" ", "▁")})
    t = tk.Tokenizer(tk.models.BPE(byte_fallback=True, fuse_unk=True))
    t.normalizer = tk.normalizers.Replace(" ", "▁")
    t.train_from_iterator(CORPUS, tk.trainers.BpeTrainer(vocab_size=150, show_progress=False, initial_alphabet=alphabet))
    trained = json.loads(t.to_str())["model"]
    head = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]
    tokens = head + [k for k, _ in sorted(trained["vocab"].items(), key=lambda kv: kv[1])]
    t = tk.Tokenizer(tk.models.BPE(
        vocab={s: i for i, s in enumerate(tokens)}, merges=[tuple(m) for m in trained["merges"]], byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    steps = [tk.normalizers.Prepend("▁")] if prefix else []
    t.normalizer = tk.normalizers.Sequence(steps + [tk.normalizers.Replace(" ", "▁")])
    t.decoder = tk.decoders.Sequence([tk.decoders.Replace("▁", " "), tk.decoders.ByteFallback(), tk.decoders.Fuse()] + (
        [tk.decoders.Strip(" ", 1, 0)] if prefix else []))
    t.add_special_tokens([special("<unk>"), special("<s>"), special("</s>"), special("<end_of_turn>")])
    t.post_processor = tk.processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return t


def llama2():
    return sentencepiece(True)


def phi3():
    """Whose special tokens take the white space after them, but for three."""
    t = tk.Tokenizer.from_str(sentencepiece(True).to_str())
    t.add_special_tokens([special("</s>", rstrip=True), special("<end_of_turn>", rstrip=True), special("<|endoftext|>"), special("<|user|>", rstrip=True)])
    return t


def gemma():
    return sentencepiece(False)


def randomize(model, seed=0):
    """Fills all parameters so that every one of them matters."""
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(model.named_parameters()):
        x = torch.randn(p.shape, generator=g, dtype=torch.float64)
        is_gemma = "gemma" in model.config.model_type
        if "norm" in name:
            x = 0.3 * x + (0 if is_gemma else 1)
        elif name.endswith("bias"):
            x = 0.5 * x
        elif "embed" in name:
            x = x / (math.sqrt(p.shape[1]) if is_gemma else 1)
        else:
            x = 1.6 * x / math.sqrt(p.shape[-1])
        p.data = x.to(torch.bfloat16)
    for name, p in sorted(model.named_buffers()):
        if name.endswith("correction_bias") or name.endswith("expert_bias"):
            p.data = 0.3 * torch.randn(p.shape, generator=g)


def rope(kind, **keys):
    return dict(rope_parameters=dict(rope_theta=500.0, rope_type=kind, **keys))


LONG = dict(original_max_position_embeddings=16, short_factor=[1.0, 1.05, 1.1, 1.2, 1.4, 1.5, 1.7, 2.0],
            long_factor=[1.1, 1.3, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0])
GRANITE = dict(
    layer_types=["linear_attention", "full_attention", "linear_attention"], mamba_n_heads=8, mamba_d_head=16, mamba_n_groups=2, mamba_d_state=16, shared_intermediate_size=48,
    num_local_experts=5, num_experts_per_tok=2, embedding_multiplier=3.0, attention_multiplier=0.2, residual_multiplier=0.6, logits_scaling=4.0)
FALCON = dict(
    head_dim=24, mamba_d_ssm=96, mamba_n_heads=8, mamba_n_groups=2, mamba_d_state=16, lm_head_multiplier=0.7, embedding_multiplier=2.5, mlp_multipliers=[0.8, 1.3],
    key_multiplier=0.9, attention_out_multiplier=1.2, attention_in_multiplier=0.85, ssm_multipliers=[0.5, 1.5, 0.7, 1.1, 0.9], ssm_in_multiplier=1.25, ssm_out_multiplier=0.6)
# transformers raises the steps of a prompt to time_step_min, llama.cpp does not.
NEMOTRON = dict(head_dim=24, ssm_state_size=16, mamba_num_heads=8, mamba_head_dim=16, n_groups=2, time_step_min=1e-9, n_routed_experts=6, num_experts_per_tok=3,
                moe_intermediate_size=40, moe_shared_expert_intermediate_size=48, routed_scaling_factor=2.5)
FACTORS = dict(embedding_multiplier=3.0, attention_multiplier=0.2, residual_multiplier=0.6, logits_scaling=4.0)
ROUTED = dict(n_routed_experts=6, num_experts_per_tok=3, moe_intermediate_size=32, routed_scaling_factor=2.5, norm_topk_prob=True)
DELTA = dict(head_dim=32, linear_key_head_dim=16, linear_value_head_dim=16, linear_num_key_heads=2, linear_num_value_heads=6, num_hidden_layers=4)
QWEN_EXPERTS = dict(num_experts=6, num_experts_per_tok=3, moe_intermediate_size=32, shared_expert_intermediate_size=48, norm_topk_prob=True)
LATENT = dict(ROUTED, num_key_value_heads=4, q_lora_rank=24, kv_lora_rank=32, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=20, n_shared_experts=2)
MSCALE = dict(factor=4.0, original_max_position_embeddings=16, mscale=1.0, mscale_all_dim=1.0, beta_fast=32.0, beta_slow=1.0)
GROWS = dict(MSCALE, llama_4_scaling_beta=0.3)
GEMMA4 = dict(head_dim=16, num_hidden_layers=6, sliding_window=9, tie_word_embeddings=True)
GEMMA = dict(head_dim=16, query_pre_attn_scalar=16, tie_word_embeddings=True)
FULL, SLIDING = "full_attention", "sliding_attention"

# name: configuration class, changes, tokenizer, rows beyond the tokens
CASES = {
    "llama": (hf.LlamaConfig, dict(head_dim=20, num_key_value_heads=1), llama3, 0),
    "llama-tied-padded": (hf.LlamaConfig, dict(tie_word_embeddings=True), smollm, 11),
    "llama-sentencepiece": (hf.LlamaConfig, dict(), llama2, 5),
    "llama-biases": (hf.LlamaConfig, dict(attention_bias=True, mlp_bias=True), gpt2, 0),
    "llama-llama3": (hf.LlamaConfig, rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32), llama3, 0),
    "llama-linear": (hf.LlamaConfig, rope("linear", factor=4.0), llama3, 0),
    "llama-yarn": (hf.LlamaConfig, rope("yarn", factor=4.0, original_max_position_embeddings=32), llama3, 0),
    "llama-yarn-attention": (hf.LlamaConfig, rope("yarn", factor=4.0, original_max_position_embeddings=32, attention_factor=1.4), llama3, 0),
    "llama-yarn-mscale": (hf.LlamaConfig, rope("yarn", factor=4.0, original_max_position_embeddings=32, mscale=1.0, mscale_all_dim=0.5), llama3, 0),
    "llama-longrope": (hf.LlamaConfig, rope("longrope", factor=8.0, **LONG), llama3, 0),
    "mistral": (hf.MistralConfig, dict(sliding_window=None, head_dim=24), llama2, 0),
    "mistral-window": (hf.MistralConfig, dict(sliding_window=64), llama2, 0),
    "qwen2": (hf.Qwen2Config, dict(), qwen, 13),
    "qwen2-tied-yarn": (hf.Qwen2Config, dict(tie_word_embeddings=True, **rope("yarn", factor=4.0, original_max_position_embeddings=32)), qwen, 0),
    "qwen3": (hf.Qwen3Config, dict(head_dim=24, tie_word_embeddings=True), qwen, 13),
    "qwen3-yarn": (hf.Qwen3Config, dict(head_dim=24, **rope("yarn", factor=4.0, original_max_position_embeddings=32)), qwen, 0),
    "smollm3": (hf.SmolLM3Config, dict(num_hidden_layers=5, tie_word_embeddings=False), smollm, 3),
    "olmo2": (hf.Olmo2Config, dict(), qwen, 0),
    "olmo2-yarn": (hf.Olmo2Config, rope("yarn", factor=4.0, original_max_position_embeddings=32), qwen, 0),
    "olmo3": (hf.Olmo3Config, dict(num_hidden_layers=5, sliding_window=9), qwen, 0),
    "olmoe": (hf.OlmoeConfig, dict(num_key_value_heads=4, num_experts=6, num_experts_per_tok=3), qwen, 0),
    "granitemoehybrid": (hf.GraniteMoeHybridConfig, GRANITE, llama3, 0),
    "granitemoehybrid-rope": (hf.GraniteMoeHybridConfig, dict(GRANITE, position_embedding_type="rope", tie_word_embeddings=True, attention_bias=True), llama3, 0),
    "granitemoehybrid-dense": (hf.GraniteMoeHybridConfig, dict(GRANITE, num_local_experts=0), llama3, 0),
    "falcon_h1": (hf.FalconH1Config, dict(FALCON, attention_out_multiplier=1.0), llama3, 0),
    "falcon_h1-norm": (hf.FalconH1Config, dict(FALCON, mamba_rms_norm=True, mamba_norm_before_gate=False, mlp_bias=True), llama3, 3),
    "nemotron_h": (hf.NemotronHConfig, dict(NEMOTRON, layers_block_type=["linear_attention", "mlp", "full_attention", "mlp"]), llama3, 0),
    "nemotron_h-experts": (hf.NemotronHConfig, dict(NEMOTRON, layers_block_type=["moe", "linear_attention", "full_attention", "moe"]), llama3, 0),
    "seed_oss": (hf.SeedOssConfig, dict(head_dim=24), qwen, 0),
    "ernie4_5": (hf.Ernie4_5Config, dict(head_dim=24), llama2, 0),
    "exaone4": (hf.Exaone4Config, dict(sliding_window=None, layer_types=[FULL] * 3), qwen, 0),
    "cohere": (hf.CohereConfig, dict(logit_scale=0.25), gpt2, 0),
    "cohere2": (hf.Cohere2Config, dict(num_hidden_layers=5, sliding_window=9, logit_scale=0.25), gpt2, 3),
    "granite": (hf.GraniteConfig, FACTORS, llama3, 0),
    "granitemoe": (hf.GraniteMoeConfig, dict(FACTORS, num_local_experts=5, num_experts_per_tok=2), llama3, 0),
    "granitemoeshared": (hf.GraniteMoeSharedConfig, dict(FACTORS, num_local_experts=5, num_experts_per_tok=2, shared_intermediate_size=48, tie_word_embeddings=True), llama3, 0),
    "granitemoehybrid-attention": (hf.GraniteMoeHybridConfig, dict(GRANITE, layer_types=[FULL] * 3, position_embedding_type="rope", num_local_experts=0), llama3, 0),
    "granitemoehybrid-unturned": (hf.GraniteMoeHybridConfig, dict(GRANITE, layer_types=[FULL] * 3, num_local_experts=0), llama3, 0),
    "glm4_moe": (hf.Glm4MoeConfig, dict(ROUTED, head_dim=24, use_qk_norm=True, n_shared_experts=2), qwen, 0),
    "glm4_moe-groups": (hf.Glm4MoeConfig, dict(ROUTED, n_group=3, topk_group=2, attention_bias=True), qwen, 0),
    "lfm2": (hf.Lfm2Config, dict(layer_types=["conv", FULL, "conv"], block_auto_adjust_ff_dim=False), qwen, 0),
    "lfm2_moe": (hf.Lfm2MoeConfig, dict(layer_types=["conv", FULL, "conv"], num_experts=6, num_experts_per_tok=3, moe_intermediate_size=32, num_dense_layers=1,
                                        use_expert_bias=True, norm_topk_prob=True, routed_scaling_factor=1.0), qwen, 0),
    "qwen3_next": (hf.Qwen3NextConfig, dict(DELTA, **QWEN_EXPERTS), qwen, 0),
    "qwen3_next-layers": (hf.Qwen3NextConfig, dict(DELTA, layer_types=[FULL, "linear_attention", "linear_attention", FULL], **QWEN_EXPERTS), qwen, 0),
    "qwen3_5": (hf.Qwen3_5TextConfig, DELTA, qwen, 13),
    "qwen3_5-tied": (hf.Qwen3_5TextConfig, dict(DELTA, linear_num_value_heads=2, tie_word_embeddings=True), qwen, 0),
    "qwen3_5_moe": (hf.Qwen3_5MoeTextConfig, dict(DELTA, **QWEN_EXPERTS), qwen, 0),
    "deepseek_v2": (hf.DeepseekV2Config, dict(LATENT, norm_topk_prob=False, topk_method="greedy", first_k_dense_replace=1), qwen, 0),
    "deepseek_v3": (hf.DeepseekV3Config, dict(LATENT, n_group=3, topk_group=2, first_k_dense_replace=1), qwen, 0),
    "deepseek_v3-yarn": (hf.DeepseekV3Config, dict(LATENT, q_lora_rank=None, n_group=1, topk_group=1, rope_interleave=False, **rope("yarn", **MSCALE)), qwen, 0),
    "deepseek_v3-halves": (hf.DeepseekV3Config, dict(LATENT, n_group=1, topk_group=1, rope_interleave=False), qwen, 0),
    "deepseek_v3-whole": (hf.DeepseekV3Config, dict(LATENT, q_lora_rank=None, n_group=1, topk_group=1), qwen, 0),
    "glm4_moe_lite": (hf.Glm4MoeLiteConfig, dict(LATENT, rms_norm_eps=1e-6, n_group=1, topk_group=1), qwen, 0),
    "ministral3": (hf.Ministral3Config, dict(head_dim=24, **rope("yarn", **GROWS)), llama2, 0),
    "ministral3-betas": (hf.Ministral3Config, dict(head_dim=24, **rope("yarn", **dict(GROWS, beta_fast=4.0))), llama2, 0),
    "mistral4": (hf.Mistral4Config, dict(LATENT, n_group=1, topk_group=1, **rope("yarn", **GROWS)), llama2, 0),
    "llama4": (hf.Llama4TextConfig, dict(head_dim=24, num_hidden_layers=5, num_local_experts=6, num_experts_per_tok=1, intermediate_size=40, intermediate_size_mlp=96, interleave_moe_layer_step=1), llama3, 0),
    "llama4-steps": (hf.Llama4TextConfig, dict(head_dim=24, num_hidden_layers=4, num_local_experts=6, num_experts_per_tok=2, intermediate_size=40, intermediate_size_mlp=96, interleave_moe_layer_step=2), llama3, 0),
    "gemma4": (hf.Gemma4TextConfig, dict(GEMMA4, global_head_dim=24, hidden_size_per_layer_input=0, num_kv_shared_layers=0), gemma, 7),
    "gemma4-keys": (hf.Gemma4TextConfig, dict(GEMMA4, global_head_dim=32, attention_k_eq_v=True, num_global_key_value_heads=1, hidden_size_per_layer_input=0, final_logit_softcapping=4.0), gemma, 0),
    "gemma4-shared": (hf.Gemma4TextConfig, dict(GEMMA4, global_head_dim=32, hidden_size_per_layer_input=16, num_kv_shared_layers=2, use_double_wide_mlp=True,
                                                layer_types=[SLIDING, SLIDING, SLIDING, FULL, SLIDING, FULL]), gemma, 0),
    "gemma4-experts": (hf.Gemma4TextConfig, dict(GEMMA4, global_head_dim=32, hidden_size_per_layer_input=0, enable_moe_block=True, num_experts=6, top_k_experts=3,
                                                 moe_intermediate_size=32), gemma, 0),
    "mixtral": (hf.MixtralConfig, dict(num_local_experts=5, num_experts_per_tok=2), llama2, 5),
    "qwen2_moe": (hf.Qwen2MoeConfig, dict(num_experts=6, num_experts_per_tok=3, moe_intermediate_size=32, shared_expert_intermediate_size=64), qwen, 13),
    "qwen3_moe": (hf.Qwen3MoeConfig, dict(head_dim=24, num_experts=9, num_experts_per_tok=4, moe_intermediate_size=32, norm_topk_prob=True), qwen, 0),
    "gpt_oss": (hf.GptOssConfig, dict(
        head_dim=16, num_local_experts=6, num_experts_per_tok=3, sliding_window=9, **rope("yarn", factor=4.0, original_max_position_embeddings=32)), qwen, 0),
    "gpt_oss-plain": (hf.GptOssConfig, dict(head_dim=24, num_local_experts=5, num_experts_per_tok=2, sliding_window=9, **rope("default")), qwen, 0),
    "gemma2": (hf.Gemma2Config, dict(GEMMA, sliding_window=9, attn_logit_softcapping=5.0, final_logit_softcapping=4.0), gemma, 7),
    "gemma2-layers": (hf.Gemma2Config, dict(GEMMA, sliding_window=9, layer_types=[FULL, FULL, SLIDING]), gemma, 0),
    "gemma3": (hf.Gemma3TextConfig, dict(GEMMA, num_hidden_layers=7, sliding_window=9), gemma, 7),
    "gemma3-layers": (hf.Gemma3TextConfig, dict(GEMMA, sliding_window=9, layer_types=[FULL, SLIDING, FULL]), gemma, 0),
    "gemma3-global": (hf.Gemma3TextConfig, dict(GEMMA, layer_types=[FULL] * 3, final_logit_softcapping=6.0), gemma, 0),
    "gemma3-untied": (hf.Gemma3TextConfig, dict(GEMMA, num_hidden_layers=7, sliding_window=9, tie_word_embeddings=False), gemma, 0),
    "gemma3-linear": (hf.Gemma3TextConfig, dict(GEMMA, num_hidden_layers=7, sliding_window=9, rope_parameters={
        FULL: dict(rope_theta=1e6, rope_type="linear", factor=8.0), SLIDING: dict(rope_theta=1e4, rope_type="default")}), gemma, 0),
    "phi3": (hf.Phi3Config, dict(), phi3, 3),
    "phi3-plain": (hf.Phi3Config, dict(tie_word_embeddings=True), llama2, 0),
    "phi3-window": (hf.Phi3Config, dict(sliding_window=64), phi3, 0),
    "phi3-partial": (hf.Phi3Config, dict(partial_rotary_factor=0.75), gpt2, 0),
    "phi3-longrope": (hf.Phi3Config, dict(original_max_position_embeddings=16, rope_parameters=dict(
        rope_theta=10000.0, rope_type="longrope", **{k: v for k, v in LONG.items() if k != "original_max_position_embeddings"})), llama2, 0),
}


def make(dir, name):
    kind, change, tokenizer, padding = CASES[name]
    t = tokenizer()
    names = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>") if t.token_to_id("</s>") is not None else dict(
        bos_token="<|begin|>", eos_token="<|stop|>", pad_token="<|turn|>")
    hf.PreTrainedTokenizerFast(tokenizer_object=t, **names).save_pretrained(dir)
    (dir / "chat_template.jinja").write_text("{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}")
    model = getattr(class_of(kind), "from_config" if class_of(kind) is hf.AutoModelForCausalLM else "_from_config")(
        kind(**{k: v for k, v in {
            **SMALL, **change, **{k: t.get_vocab_size() + padding for k in ["vocab_size"] + ["vocab_size_per_layer_input"] * (kind is hf.Gemma4TextConfig)}}.items() if k != "num_hidden_layers" or kind is not hf.NemotronHConfig}),
        dtype=torch.bfloat16)
    randomize(model)
    model.save_pretrained(dir)
    stop, turn = t.token_to_id(names["eos_token"]), t.token_to_id("<|turn|>") or t.token_to_id("<end_of_turn>")
    (dir / "generation_config.json").write_text(json.dumps({"eos_token_id": [stop, turn]}))
    return t, {stop, turn}


def class_of(kind):
    return hf.Mistral4ForCausalLM if kind is hf.Mistral4Config else hf.AutoModelForCausalLM


class LlamaCpp:
    """A server of llama.cpp in this process."""

    def __init__(self, path):
        p = xllamacpp.CommonParams()
        p.model.path = str(path)
        p.n_ctx, p.n_parallel, p.n_batch, p.warmup, p.port = 64, 1, 64, False, 0
        p.cache_type_k = p.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        p.fit_params = False
        p.cpuparams.n_threads = 1
        p.cpuparams_batch.n_threads = 1
        p.port = random.randrange(20000, 60000)
        self.server = xllamacpp.Server(p)

    def ask(self, path, body):
        request = urllib.request.Request(self.server.listening_address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def generate(self, ids, n):
        """Returns the greedy continuation and, by step, log probabilities; none where the text ends amid a character."""
        def complete(prompt, n):
            return self.ask("/completion", dict(
                prompt=prompt, n_predict=n, top_k=1, samplers=["top_k"], n_probs=20, return_tokens=True, cache_prompt=False))
        tokens, top = complete(ids, n)["tokens"], []
        for i in range(len(tokens)):
            probabilities = complete(ids + tokens[:i], 1).get("completion_probabilities") or [{"top_logprobs": []}]
            top.append({q["id"]: q["logprob"] for q in probabilities[0]["top_logprobs"]})
        return list(zip(tokens, top))

    def tokenize(self, text):
        return self.ask("/tokenize", dict(content=text, add_special=True, parse_special=True))["tokens"]


def check(binary, name, work):
    def helix(*args):
        subprocess.run([binary, *map(str, args)], check=True, stdout=subprocess.DEVNULL)

    source = work / "source"
    t, stops = make(source, name)
    helix("export", source, "-o", work / "model.gguf", "--dtype", "f32", "--quiet")
    helix("convert", source, "-o", work / "converted", "--method", "lossless", "--quiet")
    helix("export", work / "converted", "-o", work / "again.gguf", "--dtype", "f32", "--quiet")
    same = (work / "model.gguf").read_bytes() == (work / "again.gguf").read_bytes()
    faults = [] if same else ["the conversion exports other bytes"]

    llama = LlamaCpp(work / "model.gguf")
    rng = random.Random(1)
    prompt = [rng.randrange(3, t.get_vocab_size()) for _ in range(21)]
    steps = llama.generate(prompt, 20)
    ids = prompt + [id for id, _ in steps]
    truth = class_of(CASES[name][0]).from_pretrained(source, dtype=torch.float64, attn_implementation="eager", experts_implementation="eager").eval()
    with torch.no_grad():
        logits = truth(torch.tensor([ids]), use_cache=False).logits[0].double()
    logprobs = torch.log_softmax(logits, -1)
    worst = 0
    for i, (id, top) in enumerate(steps):
        row = logprobs[len(prompt) - 1 + i]
        worst = max([worst] + [abs(row[j].item() - p) for j, p in top.items()])
        if row.max().item() - row[id].item() > 1e-3:
            faults.append(f"token {i} is {id}, transformers says {row.argmax().item()}")
    if not worst < (5e-3 if name.startswith("gemma") else 2e-4):  # llama.cpp has GELU as a table of float16
        faults.append(f"log probabilities differ by {worst:.2g}")
    if len(steps) < 20 and steps[-1][0] not in stops:
        faults.append(f"stopped at {steps[-1][0]}")

    for text in TEXTS + ["a<tool>b", "x<|turn|>y" if t.token_to_id("<|turn|>") else "x <end_of_turn>"] + (
            ["<|user|>\nx<end_of_turn>\n <|user|>"] if t.token_to_id("<|user|>") else []):
        got, want = llama.tokenize(text), t.encode(text).ids
        if got != want:
            faults.append(f"{text!r} is {got}, not {want}")

    helix("forward", work / "model.gguf", "--ids", ",".join(map(str, ids)), "-o", work / "ours.npy")
    ours = np.load(work / "ours.npy")
    if (d := abs(ours - logits.numpy()).max()) > 1e-3:
        faults.append(f"our logits from the GGUF file differ by {d:.2g}")

    (work / "out").mkdir()
    helix("export", work / "converted", "-o", work / "out" / "model.safetensors", "--quiet")
    again = class_of(CASES[name][0]).from_pretrained(work / "out", dtype=torch.float64, attn_implementation="eager", experts_implementation="eager").eval()
    with torch.no_grad():
        if not torch.equal(again(torch.tensor([ids]), use_cache=False).logits[0].double(), logits):
            faults.append("the safetensors export has other logits")
    restored = hf.AutoTokenizer.from_pretrained(work / "out")
    if restored.encode(TEXTS[3]) != hf.AutoTokenizer.from_pretrained(source).encode(TEXTS[3]) or not restored.chat_template:
        faults.append("the safetensors export has another tokenizer or chat template")
    return worst, len(steps), faults


def main():
    binary, names = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:] or CASES
    failed = False
    for name in names:
        work = pathlib.Path(tempfile.mkdtemp())
        try:
            try:
                worst, n, faults = check(binary, name, work)
            except subprocess.CalledProcessError as e:
                worst, n, faults = math.nan, 0, [str(e)]
            print(f"{name}: {n} tokens, log probabilities within {worst:.1e}", *faults, sep="\n    ", flush=True)
            failed |= bool(faults)
        finally:
            shutil.rmtree(work)
    sys.exit(failed)


if __name__ == "__main__":
    main()
