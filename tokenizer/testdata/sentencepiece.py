"""Small SentencePiece models, ours, with the ids that transformers gives where there is nothing but tokenizer.model.

Run in this folder: python sentencepiece.py (with transformers, sentencepiece and protobuf)."""
import importlib.util
import json
import os
import random
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != here]
import sentencepiece
from transformers import PreTrainedTokenizerFast

spec = importlib.util.spec_from_file_location("small", os.path.join(here, "small.py"))
small = importlib.util.module_from_spec(spec)
spec.loader.exec_module(small)

MODELS = {
    "bpe-llama": dict(model_type="bpe", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, vocab_size=420),
    "bpe-rules": dict(model_type="bpe", byte_fallback=True, rules=True, vocab_size=420),
    "bpe-user": dict(model_type="bpe", byte_fallback=True, normalization_rule_name="identity", user_defined_symbols=["<u>", "  ", "the"], control_symbols=["<c>"], vocab_size=430),
    "bpe-gemma": dict(model_type="bpe", byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False, vocab_size=420),
    "bpe-plain": dict(model_type="bpe", normalization_rule_name="identity", vocab_size=200),
    "unigram": dict(model_type="unigram", rules=True, vocab_size=160, hard_vocab_limit=False),
    "unigram-bytes": dict(model_type="unigram", byte_fallback=True, normalization_rule_name="identity", user_defined_symbols=["<u>"], vocab_size=430, hard_vocab_limit=False),
}
RULES = {"ﬁ": "fi", "e\u0301": "é", "\u0301": "", "\t": " ", "\u00a0": " ", "\u3000": " ", "ａ": "a", "℃": "°C", "½": "1⁄2", "T": "t"}
TEXTS = ["", " ", "  ", "Hello world", " Hello  world ", "the quick brown fox", "▁x ▁▁y", "▁", "naïve café ½ ℃ ﬁ", "你好 世界", "😀 emoji 🙂", "a\nb\r\n\tc",
         "<u>the<u> <c> x", "</s> end <s>", "<unk> what", "1234 5 6.78", "\u0301a\u00a0b\u3000c", "\x00z", "they'll see; I'm  sure", "aaaaaaaaaaaaaaa", "  <u>  the  "]

rng = random.Random(7)
alphabet = list("abcdehnorst  THE.,'1é中▁\n") + ["<u>", "<c>", "the", "<s>", "  "]
TEXTS += ["".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 25))) for _ in range(120)]

with tempfile.TemporaryDirectory() as d:
    with open(d + "/corpus.txt", "w") as f:
        f.write("\n".join(c.replace("\n", " ") for c in small.CORPUS))
    with open(d + "/rules.tsv", "w") as f:
        for a, b in RULES.items():
            f.write(" ".join("%X" % ord(c) for c in a) + "\t" + " ".join("%X" % ord(c) for c in b) + "\n")
    for name, options in MODELS.items():
        if options.pop("rules", False):
            options["normalization_rule_tsv"] = d + "/rules.tsv"
        out = os.path.join(here, "sentencepiece", name)
        os.makedirs(d + "/" + name, exist_ok=True)
        sentencepiece.SentencePieceTrainer.train(input=d + "/corpus.txt", model_prefix=d + "/m", minloglevel=2, **options)
        data = open(d + "/m.model", "rb").read()
        open(out + ".model", "wb").write(data)
        open(d + "/" + name + "/tokenizer.model", "wb").write(data)
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast"}, open(d + "/" + name + "/tokenizer_config.json", "w"))
        t = PreTrainedTokenizerFast.from_pretrained(d + "/" + name)
        vectors = []
        for text in TEXTS:
            ids = t(text, add_special_tokens=False)["input_ids"]
            vectors.append({"text": text, "ids": ids, "decoded": t.decode(ids, skip_special_tokens=False)})
        json.dump(vectors, open(out + ".json", "w"), ensure_ascii=False, separators=(",", ":"))
        p = sentencepiece.SentencePieceProcessor(model_proto=data)
        print(name, type(t).__name__, len(data), "as SentencePiece:", sum(p.encode(v["text"]) == v["ids"] for v in vectors), "of", len(vectors))
