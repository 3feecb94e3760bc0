"""Makes testdata/fixtures: tiny random models of every family, with the logits of
Hugging Face transformers, computed in float64, to compare ours with.

    python3 -m venv venv && venv/bin/pip install torch transformers numpy
    venv/bin/python transformer/testdata/fixtures.py [NAME...]     # those that begin so; all without

Made with transformers 5.23.0 and 5.24.0 and torch 2.15.0. Each fixture is a directory:

    config.json        as save_pretrained writes it now (rope_parameters, layer_types, dtype)
    config_old.json    the same in the words of transformers 4 (rope_theta, rope_scaling, torch_dtype)
    case.json          tokens, the session's context, and whose weights these are
    model.safetensors  bfloat16; fixtures that differ in the configuration only share another's
    logits.npy         float32 [tokens, vocabulary]

Weights are rounded to bfloat16 first, so both sides start from the same numbers.
Norms, biases and embeddings are random too: nothing may be left out unnoticed.
"""

import contextlib
import copy
import json
import math
import pathlib
import shutil
from unittest import mock
import sys

import numpy as np
import torch
import transformers as hf
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).parent / "fixtures"

SMALL = dict(
    hidden_size=32,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=64,
    max_position_embeddings=64,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
)

ODD = {**SMALL, "hidden_size": 39, "intermediate_size": 45, "num_hidden_layers": 3, "num_attention_heads": 3, "num_key_value_heads": 1, "vocab_size": 67}


def zero_centred(model, name):
    """Whether a norm multiplies by 1 + w."""
    kind = model.config.model_type
    return "gemma" in kind and "gemma4" not in kind or kind.startswith(("qwen3_next", "qwen3_5")) and "linear_attn" not in name


def randomize(model, seed):
    """Fills all parameters so that every one of them matters."""
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(model.named_parameters()):
        x = torch.randn(p.shape, generator=g, dtype=torch.float64)
        if "norm" in name:
            x = 0.3 * x
            if not zero_centred(model, name):
                x = 1 + x
        elif name.endswith(("bias", "router.scale")):
            x = 0.5 * x
        elif name.endswith("per_expert_scale"):
            x = 1 + 0.3 * x
        elif "embed" in name:
            x = x / (math.sqrt(p.shape[1]) if "gemma" in model.config.model_type else 1)
        else:
            x = 1.6 * x / math.sqrt(p.shape[-1])  # experts are [experts, rows, columns]
        p.data = x.to(torch.bfloat16)
    for name, p in sorted(model.named_buffers()):
        if name.endswith(("correction_bias", "expert_bias")):
            p.data = (0.3 * torch.randn(p.shape, generator=g, dtype=torch.float64)).to(torch.bfloat16).to(p.dtype)
        if name.endswith("layer_scalar"):
            p.data = (1 + 0.3 * torch.randn(p.shape, generator=g, dtype=torch.float64)).to(torch.bfloat16).to(p.dtype)


def old_spelling(config):
    """The same configuration as transformers 4 before 4.53 wrote it."""
    c = copy.deepcopy(config)
    c["torch_dtype"] = c.pop("dtype")
    c["transformers_version"] = "4.41.2"
    if c["model_type"] == "gemma4_text":  # as Google's checkpoints have it
        layers = c.pop("per_layer_config")
        globally = next(iter(layers.values()), {})
        c["global_head_dim"] = globally.get("head_dim", c["head_dim"])
        c["num_global_key_value_heads"] = globally.get("num_key_value_heads")
        return c
    if c["model_type"] == "qwen3_moe":
        c["num_experts"] = c.pop("num_local_experts")
    layer_types = c.pop("layer_types", None)
    if c["model_type"] == "nemotron_h":  # which has none, and NVIDIA's own words
        letters = {"linear_attention": "M", "full_attention": "*", "mlp": "-", "moe": "E"}
        c["hybrid_override_pattern"] = "".join(letters[kind] for kind in c.pop("layers_block_type"))
        return c
    rope = c.pop("rope_parameters")
    c["rope_scaling"] = None
    if c["model_type"] in ("smollm3", "olmo3", "gpt_oss", "cohere2", "llama4_text", "exaone4"):  # which are younger
        c["layer_types"] = layer_types
    if c["model_type"] == "granitemoehybrid":
        c["layer_types"] = [{"linear_attention": "mamba", "full_attention": "attention"}[kind] for kind in layer_types]
        c["position_embedding_type"] = c["position_embedding_type"] or "nope"
    if c["model_type"] == "olmo3":
        rope = rope["full_attention"]
    if "full_attention" in rope:  # Gemma 3
        c["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        c["sliding_window_pattern"] = layer_types.index("full_attention") + 1
        c.pop("_sliding_window_pattern", None)
        rope = rope["full_attention"]
    if c["model_type"] == "lfm2":
        c["full_attn_idxs"] = [i for i, kind in enumerate(layer_types) if kind == "full_attention"]
        c["block_ff_dim"], c["tie_embedding"] = c.pop("intermediate_size"), c.pop("tie_word_embeddings")
    if c["model_type"].startswith(("qwen3_next", "qwen3_5")):
        c["layer_types"] = layer_types
    if c["model_type"] == "lfm2_moe":
        c["layer_types"] = layer_types
    c["rope_theta"] = rope.pop("rope_theta")
    if rope.get("partial_rotary_factor") is not None:
        c["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
    kind = rope.pop("rope_type")
    if kind == "default" and c["model_type"] == "gpt_oss":  # which has YaRN unless it says something else
        c["rope_scaling"] = {"type": "default"}
    if kind != "default":
        if c["model_type"] == "phi3":  # where the original context stands outside
            rope.pop("original_max_position_embeddings")
            rope.pop("factor", None)
        c["rope_scaling"] = {"type": "su" if kind == "longrope" else kind, **rope}
    return c


@contextlib.contextmanager
def in_float64(model):
    """Has recurrences compute in float64, too, and Llama 4's norms and rotations, which go to float32 whatever a model's numbers are."""
    if not model.config.model_type.startswith(("qwen3_next", "qwen3_5", "granitemoehybrid", "falcon_h1", "nemotron_h", "llama4", "ernie4_5")):
        yield
        return
    with mock.patch.object(torch, "float32", torch.float64), mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
        yield


def causal(config):
    """The class of a model; Mistral 4's is not among the automatic ones, which know only the one that sees."""
    return hf.Mistral4ForCausalLM if isinstance(config, hf.Mistral4Config) else hf.AutoModelForCausalLM


def fixture(name, config=None, n=24, context=64, seed=0, weights=None, store=None):
    """Writes one fixture. With weights, the other fixture's are used. store changes what is written once the logits are
    computed, and before that the weights to those that it will stand for."""
    if sys.argv[1:] and not name.startswith(tuple(sys.argv[1:])):
        return
    out = ROOT / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    if weights is None:
        kind = causal(config)
        model = kind._from_config(config, dtype=torch.bfloat16) if kind is hf.Mistral4ForCausalLM else kind.from_config(config, dtype=torch.bfloat16)
        randomize(model, seed)
        if store:
            tensors, more = store(model)
        model.save_pretrained(out)
        (out / "generation_config.json").unlink(missing_ok=True)
    else:
        config.save_pretrained(out)
        saved = json.loads((out / "config.json").read_text())
        saved["dtype"] = "bfloat16"
        (out / "config.json").write_text(json.dumps(saved, indent=2) + "\n")
    saved = json.loads((out / "config.json").read_text())
    (out / "config_old.json").write_text(json.dumps(old_spelling(saved), indent=2) + "\n")

    if weights is not None:
        shutil.copy(ROOT / weights / "model.safetensors", out)
    # Experts' other implementations know no float64.
    model = causal(config).from_pretrained(out, dtype=torch.float64, attn_implementation="eager", experts_implementation="eager").eval()
    tokens = torch.randint(0, model.config.vocab_size, (1, n), generator=torch.Generator().manual_seed(seed + 1))
    with torch.no_grad(), in_float64(model):
        logits = model(tokens, use_cache=False).logits[0]
    assert logits.dtype == torch.float64
    np.save(out / "logits.npy", logits.numpy().astype(np.float32))
    (out / "case.json").write_text(
        json.dumps({"tokens": tokens[0].tolist(), "context": context, "weights": weights or name}) + "\n"
    )
    if weights is not None:
        (out / "model.safetensors").unlink()
    if store:
        save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
        for file in ("config.json", "config_old.json"):
            (out / file).write_text(json.dumps({**json.loads((out / file).read_text()), **more}, indent=2) + "\n")
    print(f"{name}: largest logit {logits.abs().max():.2f}, typical {logits.std():.2f}")


def mxfp4(model):
    """Makes gpt-oss's experts numbers that MXFP4 holds, and returns all tensors as its checkpoints have them."""
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    g = torch.Generator().manual_seed(99)
    tensors = {}
    for name, p in model.named_parameters():
        if not name.endswith(("gate_up_proj", "down_proj")):
            tensors[name] = p.data.contiguous()
            continue
        experts, inputs, outputs = p.shape
        blocks = torch.randint(0, 256, (experts, outputs, inputs // 32, 16), generator=g, dtype=torch.uint8)
        scales = torch.randint(122, 126, (experts, outputs, inputs // 32), generator=g, dtype=torch.uint8)
        p.data = convert_moe_packed_tensors(blocks.clone(), scales.clone(), dtype=torch.bfloat16)
        tensors[name + "_blocks"], tensors[name + "_scales"] = blocks, scales
    return tensors, {"quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}}


def main():
    fixture("llama", llama())
    for name, n, context, rope in [
        ("llama-linear", 24, 64, dict(rope_type="linear", factor=4.0)),
        ("llama-llama3", 24, 64, dict(
            rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)),
        # The frequencies follow the sequence's length here, the session's context in ours.
        ("llama-dynamic", 24, 24, dict(rope_type="dynamic", factor=2.0)),
        ("llama-yarn", 24, 64, dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=4.0, beta_slow=1.0)),
        ("llama-yarn-mscale", 24, 64, dict(
            rope_type="yarn", factor=4.0, original_max_position_embeddings=16, mscale=1.0, mscale_all_dim=0.5, truncate=False)),
    ]:
        limits = dict(max_position_embeddings=10) if rope["rope_type"] == "dynamic" else {}
        fixture(name, llama(rope_parameters=dict(rope_theta=500.0, **rope), **limits), n, context, weights="llama")
    fixture("llama-bias", hf.LlamaConfig(**{
        **SMALL, "hidden_size": 36, "intermediate_size": 44, "num_attention_heads": 3, "num_key_value_heads": 1, "vocab_size": 67,
        "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True, "rms_norm_eps": 1e-2}))
    fixture("mistral", hf.MistralConfig(**SMALL, head_dim=8, sliding_window=7, rms_norm_eps=1e-5))
    fixture("mistral-whole", hf.MistralConfig(**ODD, head_dim=10, sliding_window=None))
    fixture("mistral-tied", hf.MistralConfig(**ODD, head_dim=14, sliding_window=4, tie_word_embeddings=True, rope_parameters=dict(rope_theta=500.0, rope_type="linear", factor=4.0)), seed=3)
    fixture("qwen2", qwen2())
    fixture("qwen2-window", qwen2(use_sliding_window=True, sliding_window=6, max_window_layers=1), weights="qwen2")
    fixture("qwen2-untied", qwen2(**{**ODD, "hidden_size": 30}, tie_word_embeddings=False))
    fixture("qwen3", hf.Qwen3Config(**SMALL, head_dim=12, tie_word_embeddings=True))
    fixture("qwen3-untied", hf.Qwen3Config(**ODD, head_dim=14, attention_bias=True))
    fixture("qwen3-window", hf.Qwen3Config(**ODD, head_dim=10, tie_word_embeddings=True, use_sliding_window=True, sliding_window=5, max_window_layers=1, rms_norm_eps=1e-2), seed=3)
    # Experts: in transformers' words one by one (save_pretrained writes them so); sizes are odd.
    fixture("mixtral", mixtral())
    fixture("mixtral-3", mixtral(num_experts_per_tok=3), weights="mixtral")
    fixture("mixtral-tied", mixtral(num_experts_per_tok=1, num_local_experts=3, tie_word_embeddings=True, sliding_window=7))
    fixture("qwen2_moe", qwen2_moe())
    fixture("qwen2_moe-norm", qwen2_moe(norm_topk_prob=True, num_experts_per_tok=2), weights="qwen2_moe")
    fixture("qwen2_moe-step", qwen2_moe(
        qkv_bias=False, decoder_sparse_step=2, num_experts_per_tok=1, tie_word_embeddings=True, use_sliding_window=True, sliding_window=6, max_window_layers=1))
    fixture("qwen3_moe", qwen3_moe(norm_topk_prob=True))
    fixture("qwen3_moe-all", qwen3_moe(num_experts_per_tok=7), weights="qwen3_moe")
    fixture("qwen3_moe-dense", qwen3_moe(mlp_only_layers=[1], attention_bias=True, num_hidden_layers=3, tie_word_embeddings=True, num_experts_per_tok=1))
    fixture("seed_oss", seed_oss())
    fixture("seed_oss-bias", seed_oss(attention_bias=False, attention_out_bias=True, mlp_bias=True, rms_norm_eps=1e-2))
    fixture("seed_oss-tied", seed_oss(tie_word_embeddings=True, num_key_value_heads=2))
    fixture("ernie4_5", ernie4_5())
    fixture("ernie4_5-linear", ernie4_5(rms_norm_eps=1e-2, rope_parameters=dict(rope_theta=500.0, rope_type="linear", factor=4.0)), weights="ernie4_5")
    fixture("ernie4_5-bias", ernie4_5(use_bias=True, tie_word_embeddings=False, num_key_value_heads=2))
    fixture("exaone4", exaone4(sliding_window=6, num_hidden_layers=4, layer_types=["sliding_attention"] * 3 + ["full_attention"]))
    fixture("exaone4-layers", exaone4(sliding_window=5, num_hidden_layers=4, layer_types=["full_attention", "sliding_attention"] * 2, rms_norm_eps=1e-2), weights="exaone4")
    fixture("exaone4-tied", exaone4(sliding_window=None, layer_types=["full_attention"] * 2, tie_word_embeddings=True, num_key_value_heads=2))
    fixture("smollm3", smollm3())
    fixture("smollm3-interval", smollm3(no_rope_layer_interval=2, use_sliding_window=True, sliding_window=5), weights="smollm3")
    fixture("smollm3-bias", smollm3(no_rope_layers=[0, 1, 0, 1], tie_word_embeddings=True, attention_bias=True, mlp_bias=True))
    fixture("olmo2", olmo(hf.Olmo2Config))
    fixture("olmo2-yarn", olmo(hf.Olmo2Config, rope_parameters=dict(
        rope_theta=500.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=16)), weights="olmo2")
    fixture("olmo2-tied", olmo(hf.Olmo2Config, attention_bias=True, tie_word_embeddings=True, num_key_value_heads=2))
    fixture("olmo3", olmo(hf.Olmo3Config, sliding_window=6, num_hidden_layers=4))
    fixture("olmo3-yarn", olmo(hf.Olmo3Config, sliding_window=5, num_hidden_layers=4, rope_parameters={
        "full_attention": dict(rope_theta=500.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=16),
        "sliding_attention": dict(rope_theta=500.0, rope_type="default")}), weights="olmo3")
    fixture("olmo3-tied", olmo(hf.Olmo3Config, sliding_window=6, layer_types=["full_attention", "sliding_attention"], tie_word_embeddings=True))
    fixture("olmoe", olmoe())
    fixture("olmoe-norm", olmoe(norm_topk_prob=True, num_experts_per_tok=1), weights="olmoe")
    fixture("olmoe-tied", olmoe(attention_bias=True, num_key_value_heads=1, tie_word_embeddings=True, num_experts=3))
    fixture("glm4_moe", glm4_moe(use_qk_norm=True))
    fixture("glm4_moe-groups", glm4_moe(use_qk_norm=True, n_group=3, topk_group=2, norm_topk_prob=False), weights="glm4_moe")
    fixture("glm4_moe-dense", glm4_moe(
        first_k_dense_replace=2, num_hidden_layers=3, n_shared_experts=2, attention_bias=True, tie_word_embeddings=True, routed_scaling_factor=1.0, num_experts_per_tok=1))
    fixture("granite", granite(hf.GraniteConfig))
    fixture("granite-one", granite(hf.GraniteConfig, residual_multiplier=1.0, logits_scaling=1.0), weights="granite")
    fixture("granite-tied", granite(hf.GraniteConfig, attention_bias=True, mlp_bias=True, tie_word_embeddings=True))
    fixture("granitemoe", granite(hf.GraniteMoeConfig, num_local_experts=5, num_experts_per_tok=2))
    fixture("granitemoe-3", granite(hf.GraniteMoeConfig, num_local_experts=5, num_experts_per_tok=3, embedding_multiplier=1.0), weights="granitemoe")
    fixture("granitemoe-tied", granite(hf.GraniteMoeConfig, num_local_experts=3, num_experts_per_tok=1, attention_bias=True, tie_word_embeddings=True))
    shared = dict(num_local_experts=5, num_experts_per_tok=2, shared_intermediate_size=15)
    fixture("granitemoeshared", granite(hf.GraniteMoeSharedConfig, **shared))
    fixture("granitemoeshared-3", granite(hf.GraniteMoeSharedConfig, **{**shared, "num_experts_per_tok": 3}, residual_multiplier=1.0), weights="granitemoeshared")
    fixture("granitemoeshared-tied", granite(
        hf.GraniteMoeSharedConfig, num_local_experts=3, num_experts_per_tok=1, shared_intermediate_size=7, attention_bias=True, tie_word_embeddings=True))
    fixture("granitemoehybrid", granite_hybrid())
    fixture("granitemoehybrid-rope", granite_hybrid(position_embedding_type="rope", num_experts_per_tok=3, rms_norm_eps=1e-2), weights="granitemoehybrid")
    fixture("granitemoehybrid-dense", granite_hybrid(
        num_local_experts=0, mamba_n_groups=1, mamba_n_heads=13, mamba_d_head=4, mamba_d_conv=2, mamba_conv_bias=False, mamba_proj_bias=True, attention_bias=True,
        tie_word_embeddings=True, layer_types=["full_attention", "linear_attention", "linear_attention"], num_hidden_layers=3))
    fixture("granitemoehybrid-mamba", granite_hybrid(layer_types=None, num_local_experts=0, num_hidden_layers=2))
    fixture("falcon_h1", falcon_h1())
    fixture("falcon_h1-one", falcon_h1(
        lm_head_multiplier=1.0, embedding_multiplier=1.0, mlp_multipliers=None, key_multiplier=1.0, attention_out_multiplier=1.0, attention_in_multiplier=1.0,
        ssm_multipliers=None, ssm_in_multiplier=1.0, ssm_out_multiplier=1.0), weights="falcon_h1")
    fixture("falcon_h1-norm", falcon_h1(
        mamba_rms_norm=True, mamba_norm_before_gate=False, projectors_bias=True, mamba_proj_bias=True, attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
        mamba_d_ssm=None, mamba_n_heads=13, mamba_n_groups=1, mamba_d_conv=2))
    fixture("falcon_h1-first", falcon_h1(mamba_rms_norm=True, mamba_n_heads=6, mamba_d_head=4, mamba_n_groups=3, mamba_conv_bias=False, num_key_value_heads=2))
    fixture("nemotron_h", nemotron_h())
    fixture("nemotron_h-groups", nemotron_h(n_group=3, topk_group=2, norm_topk_prob=False, num_experts_per_tok=2, layer_norm_epsilon=1e-2), weights="nemotron_h")
    fixture("nemotron_h-dense", nemotron_h(
        layers_block_type=["mlp", "linear_attention", "full_attention", "linear_attention"], n_groups=1, mamba_num_heads=3, conv_kernel=2, use_bias=True, mlp_bias=True, use_conv_bias=False))
    fixture("nemotron_h-experts", nemotron_h(layers_block_type=["moe", "linear_attention", "full_attention", "moe"], n_routed_experts=4, num_experts_per_tok=1, num_key_value_heads=2))
    fixture("cohere", cohere(hf.CohereConfig))
    fixture("cohere-scaled", cohere(hf.CohereConfig, logit_scale=0.5, layer_norm_eps=1e-2), weights="cohere")
    fixture("cohere-untied", cohere(hf.CohereConfig, tie_word_embeddings=False, attention_bias=True))
    # As Command R+: each head has a norm of its own.
    fixture("cohere-heads", cohere(hf.CohereConfig, use_qk_norm=True))
    fixture("cohere-heads-untied", cohere(hf.CohereConfig, use_qk_norm=True, hidden_size=30, num_attention_heads=3, num_key_value_heads=3, tie_word_embeddings=False, attention_bias=True))
    fixture("cohere-heads-eps", cohere(hf.CohereConfig, use_qk_norm=True, layer_norm_eps=1e-1, rope_parameters=dict(rope_theta=500.0, rope_type="linear", factor=4.0)), weights="cohere-heads")
    fixture("cohere2", cohere(hf.Cohere2Config, sliding_window=6, num_hidden_layers=4))
    fixture("cohere2-layers", cohere(hf.Cohere2Config, sliding_window=5, num_hidden_layers=4, layer_types=["full_attention", "sliding_attention"] * 2), weights="cohere2")
    fixture("cohere2-bias", cohere(hf.Cohere2Config, sliding_window=3, layer_types=["full_attention", "sliding_attention"], attention_bias=True, tie_word_embeddings=False))
    fixture("deepseek_v2", deepseek(hf.DeepseekV2Config, q_lora_rank=None, n_routed_experts=5))
    fixture("deepseek_v2-groups", deepseek(
        hf.DeepseekV2Config, topk_method="group_limited_greedy", n_group=3, topk_group=2, first_k_dense_replace=1, num_hidden_layers=3, attention_bias=True))
    fixture("deepseek_v2-yarn", deepseek(hf.DeepseekV2Config, q_lora_rank=None, n_routed_experts=5, routed_scaling_factor=1.0, rope_parameters=dict(
        rope_theta=500.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=16, mscale=0.7, mscale_all_dim=0.7)), weights="deepseek_v2")
    fixture("deepseek_v2-tied", deepseek(hf.DeepseekV2Config, n_routed_experts=3, num_experts_per_tok=2, tie_word_embeddings=True))
    fixture("deepseek_v3", deepseek(hf.DeepseekV3Config, n_group=3, topk_group=2, first_k_dense_replace=1, num_hidden_layers=3))
    fixture("deepseek_v3-yarn", deepseek(
        hf.DeepseekV3Config, n_group=1, topk_group=1, first_k_dense_replace=1, num_hidden_layers=3, norm_topk_prob=False, rope_interleave=False, rope_parameters=dict(
            rope_theta=500.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=16, mscale=1.0, mscale_all_dim=0.5)), weights="deepseek_v3")
    fixture("deepseek_v3-tied", deepseek(
        hf.DeepseekV3Config, q_lora_rank=None, n_group=1, topk_group=1, first_k_dense_replace=0, n_shared_experts=1, attention_bias=True, tie_word_embeddings=True))
    fixture("glm4_moe_lite", deepseek(hf.Glm4MoeLiteConfig, v_head_dim=10, rms_norm_eps=1e-2))
    fixture("glm4_moe_lite-sparse", deepseek(hf.Glm4MoeLiteConfig, v_head_dim=10, mlp_layer_types=["dense", "sparse"], norm_topk_prob=False, n_group=2, topk_group=1, rope_interleave=False),
            weights="glm4_moe_lite")
    fixture("glm4_moe_lite-tied", deepseek(hf.Glm4MoeLiteConfig, q_lora_rank=None, mlp_layer_types=["sparse", "dense", "sparse"], num_hidden_layers=3, tie_word_embeddings=True, attention_bias=True))
    # As Llama 4 Scout and Maverick: every so manieth layer without rotary embeddings, or with an FFN; chunks, and positions where queries grow.
    fixture("llama4_text", llama4())
    fixture("llama4_text-two", llama4(num_experts_per_tok=2, use_qk_norm=False, attention_chunk_size=9, floor_scale=3, attn_scale=0.5), weights="llama4_text")
    fixture("llama4_text-tied", llama4(
        interleave_moe_layer_step=2, no_rope_layers=[0, 1, 1, 0], layer_types=["chunked_attention", "full_attention", "chunked_attention", "full_attention"],
        num_local_experts=3, attention_bias=True, tie_word_embeddings=True, attn_temperature_tuning=False, rope_parameters=dict(
            rope_theta=500.0, rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)))
    fixture("llama4_text-dense", llama4(moe_layers=[1], num_hidden_layers=2, no_rope_layer_interval=2, rms_norm_eps=1e-1))
    fixture("ministral3", ministral3())
    fixture("ministral3-window", ministral3(sliding_window=7, rope_parameters=TEMPERED | dict(llama_4_scaling_beta=0.7, mscale_all_dim=0.5)), weights="ministral3")
    fixture("ministral3-tied", ministral3(tie_word_embeddings=True, num_key_value_heads=2, rope_parameters=TEMPERED | dict(original_max_position_embeddings=5)))
    fixture("mistral4", deepseek(hf.Mistral4Config, qk_nope_head_dim=6, n_group=1, topk_group=1, rope_parameters=dict(TEMPERED)))
    fixture("mistral4-sum", deepseek(
        hf.Mistral4Config, qk_nope_head_dim=6, n_group=1, topk_group=1, norm_topk_prob=False, rope_interleave=False,
        rope_parameters=TEMPERED | dict(mscale_all_dim=0.5, llama_4_scaling_beta=0.9)), weights="mistral4")
    fixture("mistral4-tied", deepseek(
        hf.Mistral4Config, q_lora_rank=None, qk_nope_head_dim=6, n_group=1, topk_group=1, first_k_dense_replace=1, n_shared_experts=1, num_hidden_layers=3,
        routed_scaling_factor=1.0, attention_bias=True, tie_word_embeddings=True, rope_parameters=dict(TEMPERED)))
    fixture("gpt_oss", gpt_oss())
    fixture("gpt_oss-rope", gpt_oss(
        num_experts_per_tok=3, swiglu_limit=0.5, swiglu_alpha=1.5, layer_types=["full_attention", "sliding_attention", "sliding_attention"],
        rope_parameters=dict(rope_theta=500.0, rope_type="default")), weights="gpt_oss")
    fixture("gpt_oss-tied", gpt_oss(num_experts_per_tok=1, num_local_experts=3, attention_bias=False, tie_word_embeddings=True, sliding_window=3))
    fixture("gpt_oss-mxfp4", gpt_oss(hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_local_experts=3), store=mxfp4)
    fixture("qwen3_next", qwen_hybrid(hf.Qwen3NextConfig, **QWEN_EXPERTS))
    fixture("qwen3_next-dense", qwen_hybrid(hf.Qwen3NextConfig, **QWEN_EXPERTS | dict(norm_topk_prob=False, mlp_only_layers=[1], rope_parameters=dict(
        rope_theta=500.0, rope_type="linear", factor=4.0, partial_rotary_factor=0.75))))
    fixture("qwen3_next-tied", qwen_hybrid(
        hf.Qwen3NextConfig, num_experts=0, linear_num_key_heads=1, linear_num_value_heads=1, linear_conv_kernel_dim=2, tie_word_embeddings=True, attention_bias=True,
        layer_types=["full_attention", "linear_attention", "linear_attention", "full_attention"]))
    fixture("qwen3_5_text", qwen_hybrid(hf.Qwen3_5TextConfig))
    fixture("qwen3_5_text-rope", qwen_hybrid(hf.Qwen3_5TextConfig, rms_norm_eps=0.1, rope_parameters=dict(
        rope_theta=500.0, rope_type="default", partial_rotary_factor=0.5, mrope_section=[1, 1, 1], mrope_interleaved=True)), weights="qwen3_5_text")
    fixture("qwen3_5_text-tied", qwen_hybrid(hf.Qwen3_5TextConfig, linear_num_key_heads=3, linear_num_value_heads=3, attention_bias=True, tie_word_embeddings=True))
    fixture("qwen3_5_moe_text", qwen_hybrid(hf.Qwen3_5MoeTextConfig, **QWEN_EXPERTS))
    fixture("qwen3_5_moe_text-one", qwen_hybrid(hf.Qwen3_5MoeTextConfig, **QWEN_EXPERTS | dict(num_experts_per_tok=1)), weights="qwen3_5_moe_text")
    fixture("qwen3_5_moe_text-tied", qwen_hybrid(hf.Qwen3_5MoeTextConfig, **QWEN_EXPERTS | dict(num_experts=3), linear_num_key_heads=1, tie_word_embeddings=True), seed=3)
    fixture("lfm2", lfm2())
    fixture("lfm2-taps", lfm2(conv_bias=True, conv_L_cache=5, block_auto_adjust_ff_dim=False, tie_word_embeddings=False, num_key_value_heads=2, layer_types=["full_attention", "conv", "conv", "full_attention"]))
    fixture("lfm2-eps", lfm2(norm_eps=0.1, rope_parameters=dict(rope_theta=500.0, rope_type="linear", factor=4.0)), weights="lfm2")
    fixture("lfm2_moe", lfm2_moe())
    fixture("lfm2_moe-one", lfm2_moe(num_experts_per_tok=1, norm_topk_prob=False), weights="lfm2_moe")
    fixture("lfm2_moe-untied", lfm2_moe(use_expert_bias=False, tie_word_embeddings=False, num_dense_layers=2, num_experts=3, routed_scaling_factor=1.0))
    fixture("gemma2", hf.Gemma2Config(
        **SMALL, head_dim=12, sliding_window=5, query_pre_attn_scalar=20, attn_logit_softcapping=1.5, final_logit_softcapping=2.5))
    fixture("gemma2-untied", hf.Gemma2Config(
        **ODD, head_dim=14, sliding_window=4, query_pre_attn_scalar=11, attn_logit_softcapping=3.0, final_logit_softcapping=None, tie_word_embeddings=False))
    fixture("gemma2-capped", hf.Gemma2Config(
        **ODD, head_dim=10, sliding_window=7, query_pre_attn_scalar=10, attn_logit_softcapping=None), seed=3)
    fixture("gemma3", gemma3())
    fixture("gemma3-untied", gemma3(**ODD, head_dim=14, tie_word_embeddings=False, final_logit_softcapping=2.5))
    fixture("gemma3-linear", gemma3(rope_scaling=dict(rope_type="linear", factor=8.0)), weights="gemma3")
    fixture("gemma4", gemma4(attention_k_eq_v=True, num_global_key_value_heads=1, final_logit_softcapping=30.0))
    fixture("gemma4-rope", gemma4(attention_k_eq_v=True, num_global_key_value_heads=1, sliding_window=3, rope_parameters={
        "full_attention": dict(rope_theta=500.0, rope_type="proportional", partial_rotary_factor=0.5, factor=2.0),
        "sliding_attention": dict(rope_theta=100.0, rope_type="default")}), weights="gemma4")
    fixture("gemma4-untied", gemma4(attention_bias=True, tie_word_embeddings=False, num_key_value_heads=1, global_head_dim=10))
    shared = dict(num_hidden_layers=6, num_kv_shared_layers=3, layer_types=["sliding_attention", "sliding_attention", "full_attention"] * 2, hidden_size_per_layer_input=9)
    fixture("gemma4-layers", gemma4(**shared, use_double_wide_mlp=True))
    fixture("gemma4-layers-k", gemma4(**{**shared, "num_kv_shared_layers": 1}, attention_k_eq_v=True, vocab_size_per_layer_input=70, tie_word_embeddings=False))
    fixture("gemma4-layers-only", gemma4(hidden_size_per_layer_input=22, num_hidden_layers=2, num_key_value_heads=4, layer_types=["sliding_attention", "full_attention"]))
    experts = dict(enable_moe_block=True, num_experts=5, top_k_experts=3, moe_intermediate_size=13)
    fixture("gemma4-experts", gemma4(**experts, attention_k_eq_v=True, num_global_key_value_heads=1))
    fixture("gemma4-experts-1", gemma4(**{**experts, "top_k_experts": 1}, attention_k_eq_v=True, num_global_key_value_heads=1), weights="gemma4-experts")
    fixture("gemma4-experts-all", gemma4(**{**experts, "num_experts": 3}, **shared, tie_word_embeddings=False))
    fixture("phi3", phi3(sliding_window=9))
    fixture("phi3-odd", phi3(**{**ODD, "hidden_size": 30}, tie_word_embeddings=True))
    fixture("phi3-partial", phi3(partial_rotary_factor=0.75), weights="phi3")
    factors = dict(
        rope_type="longrope",
        short_factor=[1.0, 1.05, 1.1, 1.2, 1.4, 1.5, 1.7, 2.0],
        long_factor=[1.1, 1.3, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0])
    # As Phi-4-mini: a part of heads turns, by LongRoPE; tied.
    fixture("phi3-mini", phi3(tie_word_embeddings=True, partial_rotary_factor=0.75, num_attention_heads=4, original_max_position_embeddings=16, head_dim=8, rope_parameters=dict(
        rope_theta=10000.0, rope_type="longrope", short_factor=[1.0, 1.1, 1.3], long_factor=[1.2, 2.0, 5.0])))
    for name, context in [("phi3-longrope-short", 16), ("phi3-longrope-long", 24)]:
        fixture(name, phi3(original_max_position_embeddings=16, rope_parameters=dict(rope_theta=10000.0, **factors)),
                n=context, context=context, weights="phi3")
    # A third model of each that has two: no size is a power of two, or goes into another but where it must.
    fixture("llama-odd", hf.LlamaConfig(**ODD, head_dim=10))
    fixture("gemma3-odd", gemma3(**ODD, head_dim=10), seed=3)
    fixture("qwen2-odd", qwen2(**{k: v for k, v in ODDER.items() if k != "head_dim"}), seed=3)
    for name, config in [
        ("mixtral", mixtral(**ODDER, num_local_experts=4)),
        ("qwen2_moe", qwen2_moe(**ODDER, num_experts=4)),
        ("qwen3_moe", qwen3_moe(**ODDER, num_experts=4, tie_word_embeddings=True)),
        ("ernie4_5", ernie4_5(**ODDER)),
        ("exaone4", exaone4(**ODDER, sliding_window=3, layer_types=["sliding_attention", "full_attention"])),
        ("smollm3", smollm3(**ODDER, no_rope_layers=[1, 0, 1, 1])),
        ("olmo2", olmo(hf.Olmo2Config, **ODDER)),
        ("olmo3", olmo(hf.Olmo3Config, **ODDER, sliding_window=3, layer_types=["sliding_attention", "full_attention"])),
        ("olmoe", olmoe(**ODDER, num_experts=4, moe_intermediate_size=7)),
        ("glm4_moe", glm4_moe(**ODDER | dict(head_dim=12), n_routed_experts=4, first_k_dense_replace=0)),
        ("granite", granite(hf.GraniteConfig, **ODDER)),
        ("granitemoe", granite(hf.GraniteMoeConfig, **ODDER, num_local_experts=4, num_experts_per_tok=3)),
        ("granitemoeshared", granite(hf.GraniteMoeSharedConfig, **ODDER, num_local_experts=4, num_experts_per_tok=3, shared_intermediate_size=9)),
        ("cohere2", cohere(hf.Cohere2Config, **ODDER, sliding_window=3, layer_types=["sliding_attention", "full_attention"])),
        ("deepseek_v3", deepseek(hf.DeepseekV3Config, **LATENT, n_group=2, topk_group=1, num_experts_per_tok=2, first_k_dense_replace=1)),
        ("glm4_moe_lite", deepseek(hf.Glm4MoeLiteConfig, **LATENT | dict(v_head_dim=5), mlp_layer_types=["sparse", "dense"])),
        ("mistral4", deepseek(hf.Mistral4Config, **LATENT, n_group=1, topk_group=1, rope_parameters=dict(TEMPERED))),
        ("ministral3", ministral3(**ODDER, sliding_window=5)),
        ("qwen3_5_text", qwen_hybrid(hf.Qwen3_5TextConfig, **ODDER | dict(head_dim=16), linear_key_head_dim=5, linear_value_head_dim=7, linear_num_key_heads=1)),
        ("qwen3_5_moe_text", qwen_hybrid(hf.Qwen3_5MoeTextConfig, **ODDER | dict(head_dim=16) | QWEN_EXPERTS | dict(num_experts=4), linear_num_key_heads=4)),
        ("lfm2", lfm2(**ODDER, layer_types=["full_attention", "conv", "full_attention", "conv"], conv_L_cache=2)),
        ("lfm2_moe", lfm2_moe(**ODDER, num_experts=4, layer_types=["conv", "conv", "full_attention"])),
    ]:
        fixture(name + "-odd", config, seed=3)


def llama(**change):
    return hf.LlamaConfig(**{**SMALL, "head_dim": 16, **change})


def qwen2(**change):
    return hf.Qwen2Config(**{**SMALL, "num_hidden_layers": 3, "tie_word_embeddings": True, **change})


MIXTURE = {**SMALL, "hidden_size": 26, "intermediate_size": 22, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 10, "vocab_size": 61}
ODDER = dict(hidden_size=30, intermediate_size=23, num_attention_heads=3, num_key_value_heads=1, head_dim=10, vocab_size=59)
LATENT = dict(hidden_size=33, intermediate_size=23, q_lora_rank=7, kv_lora_rank=13, qk_nope_head_dim=5, qk_rope_head_dim=4, v_head_dim=9, n_routed_experts=4, n_shared_experts=1, moe_intermediate_size=9, vocab_size=59)


def seed_oss(**change):
    return hf.SeedOssConfig(**{**MIXTURE, **change})


def ernie4_5(**change):
    return hf.Ernie4_5Config(**{**MIXTURE, **change})


def exaone4(**change):
    return hf.Exaone4Config(**{**MIXTURE, **change})


def smollm3(**change):
    return hf.SmolLM3Config(**{**MIXTURE, "num_hidden_layers": 4, "tie_word_embeddings": False, **change})


def olmo(kind, **change):
    return kind(**{**MIXTURE, "hidden_size": 28, "head_dim": 14, **change})


def olmoe(**change):
    return hf.OlmoeConfig(**{**MIXTURE, "hidden_size": 28, "head_dim": 14, "intermediate_size": 13, "num_key_value_heads": 2, "num_experts": 5, "num_experts_per_tok": 2, **change})


def glm4_moe(**change):
    return hf.Glm4MoeConfig(**{
        **MIXTURE, "head_dim": 16, "n_routed_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 13, "routed_scaling_factor": 2.5, "num_mtp_layers": 0, **change})


def cohere(kind, **change):
    config = {**MIXTURE, "hidden_size": 28, "logit_scale": 0.25, **change}
    del config["head_dim"]
    return kind(**config)


def deepseek(kind, **change):
    config = {
        **MIXTURE, "hidden_size": 27, "num_attention_heads": 3, "num_key_value_heads": 3, "q_lora_rank": 9, "kv_lora_rank": 11, "qk_nope_head_dim": 7, "qk_rope_head_dim": 6, "v_head_dim": 8,
        "n_routed_experts": 6, "n_shared_experts": 2, "num_experts_per_tok": 3, "moe_intermediate_size": 13, "routed_scaling_factor": 2.5, **change}
    del config["head_dim"]
    return kind(**config)


TEMPERED = dict(rope_theta=500.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=7, beta_fast=4.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.3)


def ministral3(**change):
    return hf.Ministral3Config(**{**MIXTURE, "rope_parameters": dict(TEMPERED), **change})


def llama4(**change):
    return hf.Llama4TextConfig(**{
        **MIXTURE, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 4, "intermediate_size": 13, "intermediate_size_mlp": 22, "num_local_experts": 5,
        "attention_chunk_size": 6, "floor_scale": 5, "attn_scale": 0.3, **change})


def gpt_oss(**change):
    return hf.GptOssConfig(**{
        **MIXTURE, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 5, "num_experts_per_tok": 2,
        "intermediate_size": 13, "sliding_window": 6, "rope_parameters": dict(
            rope_theta=500.0, rope_type="yarn", factor=4.0, beta_fast=4.0, beta_slow=1.0, truncate=False, original_max_position_embeddings=16), **change})


def granite(kind, **change):
    return kind(**{
        **MIXTURE, "embedding_multiplier": 3.0, "attention_multiplier": 0.2, "residual_multiplier": 0.6, "logits_scaling": 4.0, **change})


def granite_hybrid(**change):
    return granite(hf.GraniteMoeHybridConfig, **{
        "num_hidden_layers": 4, "num_local_experts": 5, "num_experts_per_tok": 2, "shared_intermediate_size": 15, "mamba_n_heads": 4, "mamba_d_head": 13, "mamba_n_groups": 2,
        "mamba_d_state": 6, "mamba_chunk_size": 5, "layer_types": ["linear_attention", "full_attention", "linear_attention", "linear_attention"], **change})


def falcon_h1(**change):
    return hf.FalconH1Config(**{
        **MIXTURE, "mamba_d_ssm": 24, "mamba_n_heads": 4, "mamba_n_groups": 2, "mamba_d_state": 7, "mamba_chunk_size": 5, "lm_head_multiplier": 0.7, "embedding_multiplier": 2.5,
        "mlp_multipliers": [0.8, 1.3], "key_multiplier": 0.9, "attention_out_multiplier": 1.2, "attention_in_multiplier": 0.85, "ssm_multipliers": [0.5, 1.5, 0.7, 1.1, 0.9],
        "ssm_in_multiplier": 1.25, "ssm_out_multiplier": 0.6, **change})


def nemotron_h(**change):
    config = {
        **MIXTURE, "layers_block_type": ["linear_attention", "mlp", "full_attention", "moe", "linear_attention", "moe"], "ssm_state_size": 6, "mamba_num_heads": 4, "mamba_head_dim": 7,
        "n_groups": 2, "chunk_size": 5, "time_step_min": 1e-6, "n_routed_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 13, "moe_shared_expert_intermediate_size": 17,
        "routed_scaling_factor": 2.5, **change}
    del config["num_hidden_layers"]
    return hf.NemotronHConfig(**config)


QWEN_EXPERTS = dict(num_experts=5, num_experts_per_tok=3, moe_intermediate_size=13, shared_expert_intermediate_size=17)


def qwen_hybrid(kind, **change):
    return kind(**{
        **MIXTURE, "head_dim": 16, "num_hidden_layers": 4, "linear_conv_kernel_dim": 4, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
        "linear_key_head_dim": 6, "linear_value_head_dim": 5, "layer_types": ["linear_attention", "full_attention", "linear_attention", "linear_attention"], **change})


def lfm2(**change):
    return hf.Lfm2Config(**{
        **MIXTURE, "hidden_size": 28, "head_dim": 14, "num_hidden_layers": 4, "block_multiple_of": 3, "block_ffn_dim_multiplier": 1.4,
        "layer_types": ["conv", "full_attention", "conv", "conv"], **change})


def lfm2_moe(**change):
    return hf.Lfm2MoeConfig(**{
        **MIXTURE, "hidden_size": 28, "head_dim": 14, "num_hidden_layers": 3, "num_dense_layers": 1, "num_experts": 5, "num_experts_per_tok": 3, "moe_intermediate_size": 13,
        "routed_scaling_factor": 2.5, "layer_types": ["conv", "full_attention", "conv"], **change})


def mixtral(**change):
    return hf.MixtralConfig(**{**MIXTURE, "num_local_experts": 5, "num_experts_per_tok": 2, **change})


def qwen2_moe(**change):
    return hf.Qwen2MoeConfig(**{
        **MIXTURE, "hidden_size": 28, "head_dim": 14, "num_experts": 5, "num_experts_per_tok": 3, "moe_intermediate_size": 13,
        "shared_expert_intermediate_size": 17, **change})


def qwen3_moe(**change):
    return hf.Qwen3MoeConfig(**{**MIXTURE, "num_experts": 7, "num_experts_per_tok": 3, "moe_intermediate_size": 13, **change})


def gemma3(**change):
    return hf.Gemma3TextConfig(**{
        **SMALL, "num_hidden_layers": 4, "num_key_value_heads": 1, "intermediate_size": 24, "head_dim": 12, "sliding_window": 6,
        "sliding_window_pattern": 3, "query_pre_attn_scalar": 20, **change})


def gemma4(**change):
    return hf.Gemma4TextConfig(**{
        **SMALL, "hidden_size": 28, "intermediate_size": 21, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 67, "vocab_size_per_layer_input": 67,
        "head_dim": 10, "global_head_dim": 14, "sliding_window": 6, "hidden_size_per_layer_input": 0, "layer_types": ["sliding_attention", "full_attention"] * 2, **change})


def phi3(**change):
    return hf.Phi3Config(**{
        **SMALL, "num_attention_heads": 2, "num_key_value_heads": 1, "original_max_position_embeddings": 64, **change})


if __name__ == "__main__":
    main()
