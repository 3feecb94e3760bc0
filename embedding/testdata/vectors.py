"""Makes testdata/models: tiny random models in sentence-transformers' form, with the vectors of sentence-transformers, to compare
ours with.

    venv/bin/python embedding/testdata/vectors.py [NAME...]     # those; all without
    venv/bin/python embedding/testdata/vectors.py --of DIR...   # instead, puts texts and vectors into models of others

Made with sentence-transformers 6.2.0, transformers 5.24.0, tokenizers 0.23.3 and torch 2.15.0. Each is a directory as it saves it, but with

    case.json     texts, and the prompt's name or null, of each row
    vectors.npy   float32 [texts, length]
"""

import json
import math
import pathlib
import shutil
import sys

import numpy as np
import sentence_transformers as st
import torch
import transformers as hf
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

ROOT = pathlib.Path(__file__).parent / "models"
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the quick brown fox jump ##s over lazy dog a query document : text short about stars and rivers ##ing read ##er . , ! 一 二 三 é straße e".split()
TEXTS = [
    "The quick brown fox jumps over the lazy dog.", "a short text about stars, and rivers!", "STARS", "", "一二三 reading readers", "Straße é unknown words", "stars and rivers " * 30,
]


# For models of others, whose tokenizers know more words than these.
LANGUAGES = TEXTS + [
    "Человек рождается свободным.", "すべての人間は自由である。", "所有人生而自由，在尊严和权利上一律平等。", "모든 인간은 자유롭다", "يولد جميع الناس أحراراً", "सभी मनुष्यों को गौरव", "Όλοι οι άνθρωποι",
    "כל בני האדם נולדו", "มนุษย์ทั้งหลายเกิดมา", "Tous les êtres humains naissent libres", "def f(x):\n\treturn x ** 2", "🙂🙃 emoji 👩‍👩‍👧", "ﬁne ligatures ½ ①", "A long text. " * 200,
]


def tokenizer(path):
    t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(dict.fromkeys(WORDS))}, unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    fast = hf.PreTrainedTokenizerFast(
        tokenizer_object=t, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]", model_max_length=48)
    fast.save_pretrained(path)


def randomize(module, seed):
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(module.named_parameters()):
        x = torch.randn(p.shape, generator=g)
        x = 1 + 0.3 * x if "norm" in name.lower() and name.endswith("weight") else x if "embed" in name else 1.2 * x / math.sqrt(p.shape[-1])
        p.data = x.to(torch.bfloat16).float()


def cases(out, texts):
    """Writes the vectors of texts, with each of the model's prompts."""
    s = st.SentenceTransformer(str(out), device="cpu")
    rows, vectors = [], []
    for prompt in [None, *(p for p in s.prompts if s.prompts[p])]:
        for text in texts:
            rows.append({"text": text, "prompt": prompt})
            vectors.append(s.encode(text, prompt_name=prompt))
    np.save(out / "vectors.npy", np.stack(vectors).astype(np.float32))
    (out / "case.json").write_text(json.dumps(rows, ensure_ascii=False) + "\n")
    print(out.name, vectors[0].shape, s.max_seq_length, sorted(p.name for p in out.iterdir()))


def model(name, config, seed, length, modules, prompts=None, usual=None):
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    out, work = ROOT / name, ROOT / "work"
    shutil.rmtree(out, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    base = hf.AutoModel.from_config(config)
    randomize(base, seed)
    base.save_pretrained(work)
    tokenizer(work)
    first = Transformer(str(work))
    if length:
        first.max_seq_length = length
    for i, m in enumerate(modules):
        randomize(m, seed + 1 + i)
    s = st.SentenceTransformer(modules=[first, *modules], device="cpu", prompts=prompts, default_prompt_name=usual)
    s.save_pretrained(str(out), create_model_card=False)
    shutil.rmtree(work)
    cases(out, TEXTS)


SIZES = dict(hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2, vocab_size=40, max_position_embeddings=64, pad_token_id=0)


def main():
    if sys.argv[1:2] == ["--of"]:
        for path in sys.argv[2:]:
            cases(pathlib.Path(path), LANGUAGES)
        return
    model("mean", hf.BertConfig(**SIZES), 1, 20, [Pooling(16, "mean"), Normalize()])
    model("dense", hf.BertConfig(**SIZES), 5, None, [
        Pooling(16, ("cls", "max", "mean_sqrt_len_tokens")), Dense(48, 24), Dense(24, 10, bias=False, activation_function=torch.nn.Identity()), Normalize()],
        prompts={"query": "query: ", "document": "text about "}, usual="document")
    model("last", hf.Qwen3Config(**{**SIZES, "num_key_value_heads": 1}, head_dim=8), 9, 24, [Pooling(16, "lasttoken"), Normalize()], prompts={"query": "query: "})
    model("without", hf.ModernBertConfig(
        **SIZES, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3, local_attention=6), 13, None,
        [Pooling(16, ("mean", "weightedmean"), include_prompt=False)], prompts={"query": "query: "})
    model("gemma", hf.Gemma3TextConfig(  # as EmbeddingGemma is
        **{**SIZES, "num_key_value_heads": 1}, head_dim=8, query_pre_attn_scalar=8, sliding_window=6, layer_types=["sliding_attention", "full_attention"],
        use_bidirectional_attention=True, eos_token_id=3, bos_token_id=2), 17, 40,
        [Pooling(16, "mean"), Dense(16, 32, bias=False, activation_function=torch.nn.Identity()), Dense(32, 16, bias=False, activation_function=torch.nn.Identity()), Normalize()],
        prompts={"query": "query: ", "document": "document: "})


if __name__ == "__main__":
    main()
