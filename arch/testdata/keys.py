"""Makes testdata/keys.json: for every family the keys of transformers' configuration class with
their default values, as config.json has them, and those that save_pretrained adds.

    venv/bin/python arch/testdata/keys.py

Made with transformers 5.24.0.
"""

import dataclasses
import json
import pathlib

import transformers as hf

CLASSES = {
    "llama": hf.LlamaConfig,
    "mistral": hf.MistralConfig,
    "qwen2": hf.Qwen2Config,
    "qwen3": hf.Qwen3Config,
    "gemma2": hf.Gemma2Config,
    "gemma3_text": hf.Gemma3TextConfig,
    "phi3": hf.Phi3Config,
    "smollm3": hf.SmolLM3Config,
    "seed_oss": hf.SeedOssConfig,
    "ernie4_5": hf.Ernie4_5Config,
    "exaone4": hf.Exaone4Config,
    "olmo2": hf.Olmo2Config,
    "olmo3": hf.Olmo3Config,
    "olmoe": hf.OlmoeConfig,
    "granite": hf.GraniteConfig,
    "granitemoe": hf.GraniteMoeConfig,
    "mixtral": hf.MixtralConfig,
    "qwen2_moe": hf.Qwen2MoeConfig,
    "qwen3_moe": hf.Qwen3MoeConfig,
    "glm4_moe": hf.Glm4MoeConfig,
    "gpt_oss": hf.GptOssConfig,
    "qwen3_next": hf.Qwen3NextConfig,
    "qwen3_5_text": hf.Qwen3_5TextConfig,
    "qwen3_5_moe_text": hf.Qwen3_5MoeTextConfig,
    "cohere": hf.CohereConfig,
    "cohere2": hf.Cohere2Config,
    "granitemoeshared": hf.GraniteMoeSharedConfig,
    "granitemoehybrid": hf.GraniteMoeHybridConfig,
    "falcon_h1": hf.FalconH1Config,
    "nemotron_h": hf.NemotronHConfig,
    "lfm2": hf.Lfm2Config,
    "lfm2_moe": hf.Lfm2MoeConfig,
    "deepseek_v2": hf.DeepseekV2Config,
    "deepseek_v3": hf.DeepseekV3Config,
    "glm4_moe_lite": hf.Glm4MoeLiteConfig,
    "llama4_text": hf.Llama4TextConfig,
    "ministral3": hf.Ministral3Config,
    "mistral4": hf.Mistral4Config,
    "bert": hf.BertConfig,
    "xlm-roberta": hf.XLMRobertaConfig,
    "modernbert": hf.ModernBertConfig,
    "gemma4_text": hf.Gemma4TextConfig,
}

# Defaults that make no model: 4096 values are not divided among 96 heads; checkpoints say how long a head is.
MORE = {hf.DeepseekV2Config: {"num_experts_per_tok": 6}, hf.Glm4MoeConfig: {"head_dim": 128}}


def plain(value):
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value == float("inf"):
        return {"__float__": "Infinity"}  # as save_pretrained writes it
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value)


def keys(cls):
    found = {}
    for field in dataclasses.fields(cls):
        value = field.default
        if value is dataclasses.MISSING:
            value = field.default_factory() if field.default_factory is not dataclasses.MISSING else None
        found[field.name] = plain(value)
    found.update(plain(cls(name_or_path="some/model", architectures=["Any"], **MORE.get(cls, {})).to_dict()))
    return found


if __name__ == "__main__":
    out = {name: keys(cls) for name, cls in CLASSES.items()}
    (pathlib.Path(__file__).parent / "keys.json").write_text(json.dumps(out, sort_keys=True, indent=1) + "\n")
    print({name: len(k) for name, k in out.items()})
