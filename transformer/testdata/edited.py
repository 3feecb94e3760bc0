"""Makes testdata/edited.json: fixtures whose config.json is edited by hand, as people and other programs do,
with the logits of transformers' AutoModelForCausalLM behind the last token, computed in float64.

    venv/bin/python transformer/testdata/edited.py

Made with transformers 5.24.0 and torch 2.15.0. Tokens and weights are the fixture's.
"""

import json
import pathlib
import shutil
import tempfile

import numpy as np
import torch
import transformers as hf

ROOT = pathlib.Path(__file__).parent
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)
FACTORS = dict(short_factor=[1.0, 1.05, 1.1, 1.2, 1.4, 1.5, 1.7, 2.0], long_factor=[1.1, 1.3, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0])
GONE = object()

# name: (fixture, edits, text put into the JSON as it is)
CASES = {
    "mistral-layer-types": ("mistral", dict(layer_types=["full_attention", "sliding_attention"]), ""),
    "mistral-layer-types-old-words": ("mistral", dict(layer_types=["sliding_attention", "attention"]), ""),
    "mistral-layer-types-null": ("mistral", dict(layer_types=None), ""),
    "mistral-no-window": ("mistral", dict(sliding_window=None), ""),
    "mistral-yarn-beside": ("mistral", dict(rope_scaling=YARN), ""),
    "llama-scaling-loses-theta": ("llama-linear", dict(rope_parameters=dict(rope_theta=500.0, rope_type="default"), rope_scaling=dict(type="linear", factor=2)), ""),
    "llama-theta-at-the-top": ("llama", dict(rope_parameters=None, rope_theta=777, rope_scaling=YARN), ""),
    "llama-empty-scaling": ("llama", dict(rope_scaling={}), ""),
    "llama-original-float": ("llama", dict(rope_parameters=GONE, rope_theta=1e4, rope_scaling=dict(YARN, original_max_position_embeddings=16.0)), ""),
    "llama-original-at-the-top": ("llama", dict(rope_parameters=dict(rope_theta=1e4, **YARN), original_max_position_embeddings=32), ""),
    "llama-yarn-all": ("llama", dict(rope_parameters=dict(rope_theta=1e4, **YARN, attention_factor=1.7, beta_fast=4, beta_slow=0.5, truncate=False)), ""),
    "llama-infinity": ("llama", {}, '"time_step_limit": [0.0, Infinity], "z_loss": NaN, "train_floor": {"a": -Infinity}'),
    "llama-numbers": ("llama", dict(rope_parameters=GONE, rms_norm_eps=1e-2), '"rope_theta": 5e2'),
    "qwen2-yarn-beside": ("qwen2", dict(rope_scaling=YARN), ""),
    "qwen2-window-by-layer": ("qwen2-window", dict(layer_types=["sliding_attention", "full_attention", "sliding_attention"]), ""),
    "qwen2-window-unused": ("qwen2-window", dict(use_sliding_window=False, layer_types=None), ""),
    "qwen3-window": ("qwen3", dict(use_sliding_window=True, sliding_window=5, max_window_layers=1, layer_types=None), ""),
    "gemma2-silu": ("gemma2", dict(hidden_activation="silu", hidden_act="gelu"), ""),
    "gemma2-no-caps": ("gemma2", dict(attn_logit_softcapping=None, final_logit_softcapping=None), ""),
    "gemma2-all-global": ("gemma2", dict(layer_types=["full_attention", "full_attention"]), ""),
    "gemma3-scaling-on-top": ("gemma3", dict(rope_scaling=dict(rope_type="linear", factor=4.0)), ""),
    "gemma3-thetas-at-the-top": ("gemma3", dict(rope_parameters=None, rope_theta=5000.0, rope_local_base_freq=300.0), ""),
    "gemma3-pattern": ("gemma3", dict(layer_types=None, sliding_window_pattern=2), ""),
    "gemma3-default-pattern": ("gemma3", dict(layer_types=None, sliding_window_pattern=GONE, _sliding_window_pattern=2), ""),
    "gemma3-logit-cap": ("gemma3", dict(final_logit_softcapping=1.5), ""),
    "phi3-su": ("phi3", dict(rope_parameters=GONE, original_max_position_embeddings=16, rope_scaling=dict(type="su", original_max_position_embeddings=16, **FACTORS)), ""),
    "phi3-yarn-is-longrope": ("phi3", dict(rope_parameters=None, original_max_position_embeddings=16, rope_theta=500.0, rope_scaling=dict(type="yarn", original_max_position_embeddings=16, **FACTORS)), ""),
    "phi3-no-window": ("phi3", dict(sliding_window=None), ""),
}


def main():
    out = {}
    for name, (base, edits, text) in CASES.items():
        folder = ROOT / "fixtures" / base
        case = json.loads((folder / "case.json").read_text())
        config = json.loads((folder / "config.json").read_text())
        config.update(edits)
        written = json.dumps({k: v for k, v in config.items() if v is not GONE})
        if text:
            written = written[:-1] + ", " + text + "}"
        with tempfile.TemporaryDirectory() as d:
            (pathlib.Path(d) / "config.json").write_text(written)
            shutil.copy(ROOT / "fixtures" / case["weights"] / "model.safetensors", d)
            model = hf.AutoModelForCausalLM.from_pretrained(d, dtype=torch.float64, attn_implementation="eager").eval()
        with torch.no_grad():
            logits = model(torch.tensor([case["tokens"]]), use_cache=False).logits[0][-1].numpy()
        out[name] = dict(fixture=base, config=written, logits=[float(f"{v:.7g}") for v in logits])
        plain = np.load(folder / "logits.npy")[-1]
        print(f"{name}: differs from {base} by {np.abs(plain - logits).max() / np.abs(plain).max():.3f}")
    lines = (json.dumps(k) + ": " + json.dumps(v) for k, v in out.items())
    (ROOT / "edited.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
