"""A small vocabulary in the form that Gemma 4's have in GGUF files, and llama.cpp's ids of texts: gguf/gemma4.gguf and gguf/gemma4.json.

    python3 -m venv venv && venv/bin/pip install gguf tokenizers
    venv/bin/python tokenizer/testdata/gemma4.py path/to/llama-tokenize

Made with gguf 0.23.3, tokenizers 0.23.3 and llama.cpp of November 2026.
"""
import ast
import json
import pathlib
import random
import subprocess
import sys

sys.path.append(sys.path.pop(0))  # sentencepiece.py here is not the package that gguf imports

import gguf
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from small import CORPUS

CONTROL = ["<pad>", "<eos>", "<bos>", "<unk>", "<|turn>", "<turn|>"]
SHOWN = ["<|tool_call>", "<tool_call|>", "<|tool_response>", "<table>"]
SPACE = "▁"
PIECES = [" ", "   ", "\n", "\n\n\n", "\n" * 9, "\n" * 60, " \n ", "\t\t", "\r\n", SPACE, "the ", "quick", "é", "e\u0301", "🙂", "👩‍👩‍👧", "你好", "Привет", "\x00", "\u2028",
          "\ufffd", "<|turn>user\n", "<turn|>", "<|tool_call>", "<table>", "<0x0A>", "<unk>", "<", "|>", "12345"]


def build(path):
    t = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    t.normalizer = normalizers.Replace(" ", SPACE)
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\n+"), "isolated"), pre_tokenizers.Split(SPACE, "merged_with_next")])
    raw = [f"<0x{b:02X}>" for b in range(256)]
    t.train_from_iterator([text for text in CORPUS if "你好" not in text],  # so that some characters are bytes
                          trainers.BpeTrainer(vocab_size=480, special_tokens=CONTROL + SHOWN + raw, show_progress=False))
    model = json.loads(t.to_str())["model"]
    vocab, merges = model["vocab"], model["merges"]
    for mark, most in (("\n", 6), (SPACE, 5), ("\t", 2)):
        for n in range(1, most + 1):
            vocab.setdefault(mark * n, len(vocab))
            merges += [m for k in range(1, n) if (m := [mark * k, mark * (n - k)]) not in merges]
    vocab["\n" * 9] = len(vocab)  # which no merges make
    kind = {**{c: gguf.TokenType.CONTROL for c in CONTROL}, **{s: gguf.TokenType.USER_DEFINED for s in SHOWN}, **{b: gguf.TokenType.BYTE for b in raw}}
    tokens = sorted(vocab, key=vocab.get)
    w = gguf.GGUFWriter(path, "gemma4")
    w.add_tokenizer_model("gemma4")
    w.add_token_list(tokens)
    w.add_token_scores([-1000.0] * len(tokens))
    w.add_token_types([kind.get(token, gguf.TokenType.NORMAL) for token in tokens])
    w.add_token_merges([" ".join(m) for m in merges])
    w.add_bos_token_id(vocab["<bos>"])
    w.add_eos_token_id(vocab["<eos>"])
    w.add_unk_token_id(vocab["<unk>"])
    w.add_add_space_prefix(False)
    w.add_add_bos_token(True)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def texts():
    random.seed(4)
    for text in CORPUS[:7]:
        yield text
    for _ in range(60):
        yield "".join(random.choice(PIECES) for _ in range(random.randrange(1, 12)))


def main():
    out = pathlib.Path(__file__).parent / "gguf"
    out.mkdir(exist_ok=True)
    build(out / "gemma4.gguf")
    vectors = []
    for text in texts():
        ids = subprocess.run([sys.argv[1], "-m", out / "gemma4.gguf", "--stdin", "--ids", "--no-bos", "--no-escape", "--log-disable"],
                             input=text.encode(), capture_output=True, check=True).stdout
        vectors.append({"text": text, "ids": ast.literal_eval(ids.decode())})
    (out / "gemma4.json").write_text(json.dumps(vectors, ensure_ascii=False, indent=0) + "\n")


main()
