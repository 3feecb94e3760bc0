"""Small tokenizers, ours, that together have every component; vectors.py writes them with Hugging Face's answers."""
import base64
import json
import os
import tempfile

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "the quick brown fox jumps over the lazy dog and the dog sleeps all day in the sun",
    "once upon a time there was a little girl who loved to read the stories of her mother",
    "she said it's not what we've seen, but they'll see; I'm sure you're right, he'd say so",
    "numbers 1 12 123 1234 2024 and 3.14 or 10,000 are in the text as well as 50% and #1",
    "naïve café résumé über straße œuvre Привет мир Ελλάδα 你好世界 中文字 日本語の文 한국어 नमस्ते",
    "def f(x):\n    return x + 1\n\nfor i in range(10):\n\tprint(i)\n", "Hello World HELLO WORLD Hello, World! (hello) [world] {again}",
] * 4

ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


def probe_texts(vectors_texts):
    """The shorter half of the hand-picked texts and a few of each other kind."""
    short = [t for t in vectors_texts if len(t) < 70]
    return short[:60:2] + short[60:250:3] + short[-240::10]


def bpe(size, alphabet=(), special=(), **options):
    model_options = {k: options.pop(k) for k in ("unk_token", "byte_fallback", "fuse_unk", "ignore_merges", "continuing_subword_prefix", "end_of_word_suffix") if k in options}
    t = Tokenizer(models.BPE(**model_options))
    trainer = {"vocab_size": size, "initial_alphabet": list(alphabet), "special_tokens": list(special), "show_progress": False}
    for k in ("continuing_subword_prefix", "end_of_word_suffix"):
        if k in model_options:
            trainer[k] = model_options[k]
    for k, v in options.items():
        setattr(t, k, v)
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(**trainer))
    return t


def boundaries(pre):
    """A model that shows where pieces begin and end."""
    chars = [chr(c) for c in range(0x20, 0x7f)] + list("\n\r\t▁é中\u00a0\u0301")
    vocab = {"[UNK]": 0}
    for c in chars:
        for form in (c, "##" + c, c + "</w>", "##" + c + "</w>"):
            vocab[form] = len(vocab)
    t = Tokenizer(models.BPE(vocab, [], unk_token="[UNK]", continuing_subword_prefix="##", end_of_word_suffix="</w>"))
    t.pre_tokenizer = pre
    return t


def bytes_of(normalizer):
    """A model that shows every byte of the normalized text."""
    t = Tokenizer(models.BPE({c: i for i, c in enumerate(ALPHABET)}, []))
    t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    t.decoder = decoders.ByteLevel()
    return t


def charsmap():
    """SentencePiece's compiled form of a few rules."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as pb
    rules = {"ﬁ": "fi", "①": "1", "e\u0301": "é", "\u0301": "", "\t": " ", "\r": " ", "\n": " ", "\u00a0": " ", "ａ": "a", "a\u030a": "å", "℃": "°C", "㍿": "株式会社", "½": "1⁄2", "A": "a"}
    with tempfile.TemporaryDirectory() as d:
        with open(d + "/rules.tsv", "w") as f:
            for a, b in rules.items():
                f.write(" ".join("%X" % ord(c) for c in a) + "\t" + " ".join("%X" % ord(c) for c in b) + "\n")
        with open(d + "/corpus.txt", "w") as f:
            f.write("\n".join(c.replace("\n", " ") for c in CORPUS))
        sentencepiece.SentencePieceTrainer.train(input=d + "/corpus.txt", model_prefix=d + "/m", vocab_size=120, normalization_rule_tsv=d + "/rules.tsv", minloglevel=2)
        m = pb.ModelProto()
        m.ParseFromString(open(d + "/m.model", "rb").read())
        return base64.b64encode(m.normalizer_spec.precompiled_charsmap).decode()


def edit(t, **parts):
    """t with parts of its JSON replaced, for what the Python interface cannot say."""
    j = json.loads(t.to_str())
    for k, v in parts.items():
        if k in ("model",):
            j[k].update(v)
        else:
            j[k] = v
    return Tokenizer.from_str(json.dumps(j))


def unigram(normalizer, pre, decoder, byte_fallback):
    t = Tokenizer(models.Unigram())
    t.normalizer, t.pre_tokenizer, t.decoder = normalizer, pre, decoder
    t.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False))
    if byte_fallback:
        j = json.loads(t.to_str())
        j["model"]["vocab"] += [["<0x%02X>" % b, -20.0] for b in range(256)]
        j["model"]["byte_fallback"] = True
        t = Tokenizer.from_str(json.dumps(j))
    return t


def all_tokenizers():
    P, N, D, S = pre_tokenizers, normalizers, decoders, processors
    llama3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    t = bpe(500, ALPHABET, ["<s>", "</s>", "<mask>"], pre_tokenizer=P.ByteLevel(add_prefix_space=True))
    t.post_processor, t.decoder = S.RobertaProcessing(("</s>", 1), ("<s>", 0)), D.ByteLevel()
    yield "bpe-gpt2", t

    t = bpe(500, ALPHABET, ["<|bos|>", "<|eos|>"], ignore_merges=True, pre_tokenizer=P.Sequence([P.Split(Regex(llama3), "isolated"), P.ByteLevel(False, use_regex=False)]))
    t.post_processor = S.Sequence([S.ByteLevel(), S.TemplateProcessing(single="<|bos|> $A <|eos|>", special_tokens=[("<|bos|>", 0), ("<|eos|>", 1)])])
    t.decoder = D.ByteLevel()
    yield "bpe-llama3", t

    by = ["<0x%02X>" % b for b in range(256)]
    for name, options in {"bpe-bytefallback": {"byte_fallback": True}, "bpe-fuseunk": {"fuse_unk": True}, "bpe-unk": {}}.items():
        t = bpe(700 if "byte" in name else 400, ["▁"], ["<unk>", "<s>", "</s>"] + (by if "byte" in name else []), unk_token="<unk>", normalizer=N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), **options)
        t.decoder = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
        t.post_processor = S.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
        if "byte" in name:  # bytes are tokens of the model, not added ones; some are missing, so that bytes and unknowns meet
            j = json.loads(t.to_str())
            j["added_tokens"] = j["added_tokens"][:3]
            del j["model"]["vocab"]["<0xF0>"]
            t = Tokenizer.from_str(json.dumps(j))
        yield name, t

    t = bpe(400, special=["[UNK]", "[PAD]"], unk_token="[UNK]", end_of_word_suffix="</w>", normalizer=N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents(), N.Strip()]), pre_tokenizer=P.BertPreTokenizer())
    t.decoder = D.BPEDecoder("</w>")
    yield "bpe-suffix", t
    t = bpe(400, special=["[UNK]"], unk_token="[UNK]", continuing_subword_prefix="##", pre_tokenizer=P.Whitespace())
    t.decoder = D.WordPiece("##", True)
    yield "bpe-prefix", t

    meta = lambda scheme, split=True: P.Metaspace("▁", scheme, split)
    t = unigram(N.Sequence([N.Nmt(), N.NFKC(), N.Replace(Regex(" {2,}"), " ")]), meta("always"), D.Metaspace("▁", "always"), True)
    t.post_processor = S.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    yield "unigram-bytes", t
    yield "unigram-unk", unigram(None, P.Sequence([P.WhitespaceSplit(), meta("first")]), D.Metaspace("▁", "never"), False)
    yield "unigram-nosplit", unigram(None, meta("never", False), None, False)
    t = unigram(None, meta("first"), D.Metaspace("▁", "first"), False)
    yield "unigram-charsmap", edit(t, normalizer={"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": charsmap()}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]})

    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    t.normalizer, t.pre_tokenizer, t.decoder = N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece()
    t.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=400, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.post_processor = S.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    yield "wordpiece", t
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.pre_tokenizer = P.WhitespaceSplit()
    t.train_from_iterator(CORPUS, trainers.WordLevelTrainer(special_tokens=["[UNK]"], show_progress=False))
    yield "wordlevel", t

    for name, pre in {
        "removed": P.Split(" ", "removed"), "isolated": P.Split(Regex(r"\s+|e"), "isolated"), "previous": P.Split(Regex(r"[\s,]"), "merged_with_previous"), "next": P.Split(Regex(r"[\s,]"), "merged_with_next"),
        "contiguous": P.Split(Regex(r"[a-z]"), "contiguous"), "inverted": P.Split(Regex(r"[A-Za-z]+|[0-9]"), "removed", True), "inverted-next": P.Split(Regex("l+"), "merged_with_next", True), "inverted-previous": P.Split(Regex("l+"), "merged_with_previous", True),
        "lookaround": P.Split(Regex(r"(?<=[a-z])(?=[A-Z])|\b\d{3}\b"), "isolated"), "lines": P.Split(Regex(r"^a|$|\w+$"), "isolated"), "possessive": P.Split(Regex(r"\s++|[a-z]*+d?"), "isolated"),
        "digits": P.Digits(False), "digits-each": P.Digits(True), "punctuation": P.Punctuation("isolated"), "punctuation-removed": P.Punctuation("removed"), "punctuation-contiguous": P.Punctuation("contiguous"),
        "whitespace": P.Whitespace(), "delimiter": P.CharDelimiterSplit("e"), "metaspace-first": meta("first"), "metaspace-always-whole": P.Sequence([P.Split("\n", "isolated"), meta("always", False)]),
        "sequence": P.Sequence([P.Whitespace(), P.Digits(True), P.Punctuation()]), "fixed": P.FixedLength(3),
    }.items():
        yield "cut-" + name, boundaries(pre)

    for name, n in {
        "nfc": N.NFC(), "nfd": N.NFD(), "nfkc": N.NFKC(), "nfkd": N.NFKD(), "lowercase": N.Lowercase(), "nmt": N.Nmt(), "strip": N.Strip(True, True), "stripleft": N.Strip(True, False), "replace": N.Replace(Regex(r"(\d)(?=\d)"), "<>"), "bert": N.BertNormalizer(),
        "bert-cased": N.BertNormalizer(True, False, None, False), "accents": N.Sequence([N.NFD(), N.StripAccents()]), "prepend": N.Sequence([N.Strip(), N.Prepend("_")]),
    }.items():
        yield "norm-" + name, bytes_of(n)
    t = Tokenizer(models.BPE({c: i for i, c in enumerate(ALPHABET)}, []))
    t.normalizer, t.decoder = N.ByteLevel(), D.ByteLevel()
    yield "norm-bytelevel", t

    t = bytes_of(N.Sequence([N.Lowercase(), N.Prepend("_")]))
    t.add_tokens([AddedToken("<Left>", lstrip=True), AddedToken("<Right>", rstrip=True), AddedToken("<both>", lstrip=True, rstrip=True), AddedToken("word", single_word=True), AddedToken("Raw", normalized=False), AddedToken("RawLonger", normalized=False),
                  AddedToken("Norm", normalized=True), AddedToken("a", normalized=False, single_word=True), AddedToken(" sp", normalized=False)])
    t.add_special_tokens([AddedToken("<S>", normalized=False), AddedToken("<N>", normalized=True, rstrip=True)])
    yield "added", t


ADDED_TEXTS = ["x <Left> y", "x  \n<left> y", "x <Right>  y", "x <right>  y", " <both> ", "<both><both>", "  <both>  <both>  ", "word", "a word b", "wordy", "sword", "word.", "_word_", "Raw raw RAW", "RawLonger RawLong", "norm Norm NORM", "a", "a a", "ba", "a-a", "é a é", "éa",
               "<S>", "x<S>y <s>", "<N>  x", "<n>  x", "<N> <S>", " sp sp", "<Right>  sp", "<Right> <Left>", "word<S>word", "", "_norm", "_<left>", "_word x"]


def write(folder, vectors):
    from vectors import texts
    for name, t in all_tokenizers():
        t = Tokenizer.from_str(t.to_str())
        probes = probe_texts(texts(t))
        if name.startswith(("cut-", "norm-")):
            probes = probes[::2]
        some = list(dict.fromkeys(probes + (ADDED_TEXTS if name == "added" else ["aB123bC 123 x1234", "hello, world,, l ll", "a\nab\nb a", "abd abdd", "cafe\u0301 a\u030a ①② ﬁ A\u0301 \r\n e\u0301\u0301 ½℃"])))
        with open(os.path.join(folder, name + ".json"), "w") as f:
            f.write('{"tokenizer":' + json.dumps(json.loads(t.to_str()), ensure_ascii=False, separators=(",", ":")) + ',"vectors":[\n')
            f.write(",\n".join(json.dumps(v, separators=(",", ":")) for v in vectors(t, some)) + "\n]}\n")
