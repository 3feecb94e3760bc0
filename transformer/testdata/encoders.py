"""Makes testdata/encoders: tiny random models that make vectors of texts, with the last hidden states of Hugging Face
transformers, computed in float64, to compare ours with.

    venv/bin/python transformer/testdata/encoders.py [NAME...]     # those that begin so; all without

Made with transformers 5.24.0 and torch 2.15.0. Each is a directory as fixtures.py makes it, but with

    states.npy         float32 [tokens, hidden]: the last hidden state of each token
"""

import copy
import json
import pathlib
import shutil
import sys

import numpy as np
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from fixtures import SMALL, randomize

ROOT = pathlib.Path(__file__).parent / "encoders"


def old_spelling(config):
    """The same configuration as transformers 4 wrote it."""
    c = copy.deepcopy(config)
    c["torch_dtype"] = c.pop("dtype")
    c["transformers_version"] = "4.41.2"
    kind = c["model_type"]
    if kind in ("bert", "roberta", "xlm-roberta", "modernbert"):
        c["position_embedding_type"] = "absolute"
        c.pop("tie_word_embeddings", None)
        c.pop("is_decoder", None)
    if kind == "modernbert":
        layers, rope = c.pop("layer_types"), c.pop("rope_parameters")
        c["global_attn_every_n_layers"] = layers.index("full_attention", 1) if "full_attention" in layers[1:] else len(layers)
        c["global_rope_theta"], c["local_rope_theta"] = (rope[k]["rope_theta"] for k in ("full_attention", "sliding_attention"))
    if kind == "gemma3_text":
        layers, rope = c.pop("layer_types"), c.pop("rope_parameters")
        c["rope_theta"], c["rope_local_base_freq"] = (rope[k]["rope_theta"] for k in ("full_attention", "sliding_attention"))
        c["sliding_window_pattern"] = layers.index("full_attention") + 1
        if c["sliding_window_pattern"] == 1:  # of no pattern
            c["layer_types"] = layers
        c.pop("_sliding_window_pattern", None)
    if kind == "qwen3":
        c["rope_theta"] = c.pop("rope_parameters")["rope_theta"]
        c.pop("layer_types")
    return c


def fixture(name, config, cls=hf.AutoModel, n=24, seed=0, store=None):
    """Writes one: saved by a class, whose names its tensors get; store renames them."""
    if sys.argv[1:] and not name.startswith(tuple(sys.argv[1:])):
        return
    out = ROOT / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    model = cls.from_config(config, dtype=torch.bfloat16)
    randomize(model, seed)
    model.save_pretrained(out)
    (out / "generation_config.json").unlink(missing_ok=True)
    saved = json.loads((out / "config.json").read_text())
    (out / "config_old.json").write_text(json.dumps(old_spelling(saved), indent=2) + "\n")
    model = hf.AutoModel.from_pretrained(out, dtype=torch.float64, attn_implementation="eager").eval()
    tokens = torch.randint(3, model.config.vocab_size, (1, n), generator=torch.Generator().manual_seed(seed + 1))
    with torch.no_grad():
        states = model(tokens).last_hidden_state[0]
    assert states.dtype == torch.float64
    np.save(out / "states.npy", states.numpy().astype(np.float32))
    (out / "case.json").write_text(json.dumps({"tokens": tokens[0].tolist(), "context": n}) + "\n")
    if store:
        tensors = {store(k): v for k, v in load_file(out / "model.safetensors").items()}
        save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    print(f"{name}: largest {states.abs().max():.2f}, typical {states.std():.2f}: {', '.join(list(load_file(out / 'model.safetensors'))[:3])}")


SIZES = {k: v for k, v in SMALL.items() if k not in ("num_key_value_heads", "bos_token_id", "eos_token_id")}
ODD = {**SIZES, "hidden_size": 36, "intermediate_size": 44, "num_attention_heads": 3, "vocab_size": 67}
LONG = dict(max_position_embeddings=160)


def old_norms(name):
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def modernbert(**more):
    return hf.ModernBertConfig(**{**SIZES, "num_hidden_layers": 4, "local_attention": 10, "cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2,
                                  "rope_parameters": {"full_attention": dict(rope_type="default", rope_theta=800.0), "sliding_attention": dict(rope_type="default", rope_theta=90.0)}, **more})


def gemma(**more):
    return hf.Gemma3TextConfig(**{**SMALL, "head_dim": 12, "num_hidden_layers": 3, "sliding_window": 8, "query_pre_attn_scalar": 20, "use_bidirectional_attention": True,
                                  "layer_types": ["sliding_attention", "sliding_attention", "full_attention"], **more})


def main():
    fixture("bert", hf.BertConfig(**SIZES), hf.AutoModelForMaskedLM)
    fixture("bert-odd", hf.BertConfig(**{**ODD, **LONG}, layer_norm_eps=1e-3, type_vocab_size=1, hidden_act="gelu_new"), n=150)
    fixture("bert-old", hf.BertConfig(**{**SIZES, "num_hidden_layers": 3}), hf.AutoModelForMaskedLM, store=old_norms)
    fixture("roberta", hf.RobertaConfig(**{**SIZES, "pad_token_id": 1, "max_position_embeddings": 66}), hf.AutoModelForMaskedLM)
    fixture("roberta-odd", hf.RobertaConfig(**{**ODD, "pad_token_id": 2, "max_position_embeddings": 153}, type_vocab_size=1, layer_norm_eps=1e-3), n=150)
    fixture("xlm-roberta", hf.XLMRobertaConfig(**{**SIZES, "pad_token_id": 1, "max_position_embeddings": 66}, type_vocab_size=1))
    fixture("roberta-cut", hf.RobertaConfig(**{**ODD, "pad_token_id": 1, "max_position_embeddings": 58, "num_hidden_layers": 1, "vocab_size": 59}), hf.AutoModelForMaskedLM, seed=3)
    fixture("xlm-roberta-odd", hf.XLMRobertaConfig(**{**ODD, "pad_token_id": 1, "max_position_embeddings": 153}, type_vocab_size=1, layer_norm_eps=1e-3), n=150)
    fixture("xlm-roberta-masked", hf.XLMRobertaConfig(**{**ODD, "pad_token_id": 1, "max_position_embeddings": 58, "num_hidden_layers": 3}, type_vocab_size=1), hf.AutoModelForMaskedLM, seed=3)
    fixture("modernbert", modernbert(), hf.AutoModelForMaskedLM)
    fixture("modernbert-bias", modernbert(norm_bias=True, attention_bias=True, mlp_bias=True, hidden_activation="silu", norm_eps=1e-3, num_attention_heads=2))
    fixture("modernbert-long", modernbert(layer_types=["full_attention", "sliding_attention"] * 2, local_attention=70, max_position_embeddings=160), n=150)
    fixture("modernbert-odd", modernbert(hidden_size=30, intermediate_size=23, num_attention_heads=3, vocab_size=67, num_hidden_layers=3, local_attention=6), seed=3)
    fixture("gemma3_text", gemma())
    fixture("gemma3_text-long", gemma(sliding_window=75, max_position_embeddings=160, num_key_value_heads=1), n=150)
    fixture("gemma3_text-head", gemma(layer_types=["full_attention", "sliding_attention"], num_hidden_layers=2, sliding_window=3), hf.AutoModelForCausalLM)
    fixture("qwen3", hf.Qwen3Config(**SMALL, head_dim=12, tie_word_embeddings=True))
    fixture("qwen3-bias", hf.Qwen3Config(**{**SMALL, "num_key_value_heads": 1}, head_dim=10, attention_bias=True, tie_word_embeddings=True))
    fixture("qwen3-head", hf.Qwen3Config(**SMALL, head_dim=8, tie_word_embeddings=True), hf.AutoModelForCausalLM)


if __name__ == "__main__":
    main()
