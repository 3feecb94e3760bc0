"""Ids and texts by Hugging Face's own tokenizers, for the tests of this package (pip install tokenizers==0.22.2 sentencepiece protobuf).

    vectors.py large DIR     vectors.json beside every tokenizer.json one level below DIR
    vectors.py small DIR     small tokenizers, one for each component, with their vectors, as DIR/*.json
"""
import glob
import json
import os
import random
import sys

from tokenizers import Tokenizer


def texts(tokenizer):
    """About 600 texts: hand-picked, combined and random; the same on every run."""
    rnd = random.Random(4)
    t = [
        "", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "\t", "\t\t\t", "\r\n", "\r\n\r\n", "a\r\nb", " \r\n \r\n x", "\r", "\v\f", "\x00",
        "\x00\x01\x02", "\x7f", "\x80\x9f", "\ufeffBOM", "\ufffd", "\u00a0", "\u3000", "\u2028\u2029", "\u200b", "\u200d", "\u180e", "\u1680x",
        "\x1c\x1d\x1e\x1f", "\x85", "a\x85b", "\U0010ffff", "\ue000",
        "Hello", "Hello world", " Hello world", "Hello  world", "Hello   world ", "hello world!", "Hello, world!", "HELLO WORLD", "hElLo WoRlD",
        "The quick brown fox jumps over the lazy dog.", "Once upon a time, there was a little girl named Lily.",
        "I'm you're he's she'd we'll they've isn't 'tis 'S 'T 'RE 'VE 'M 'LL 'D 's't're", "don't DON'T Don'T doN't", "'ſ 'ſx it'ſ IT'ſ", "''s '''", "'",
        "rock 'n' roll", "’s ’t it’s", "O'Reilly's l'eau d'été", "'sabc 'lla 'rex 'vex", "x'ﬆ 'K 'İ",
        "1", "12", "123", "1234", "12345", "1234567890123", "3.14159", "1,000,000.00", "-17", "1e-9", "0x1F", "10 000", "٣٤٥٦٧", "१२३४५", "Ⅷ Ⅻ ½ ¾ ²³", "一二三", "123abc456",
        "2024-01-31T12:34:56Z", "v1.2.3-rc4+build.5", "192.168.0.1:8080", "$1,234.56", "50%", "#1", "No.5", "x²+y²=z²",
        "!", "!!", "!!!", "...", "…", "?!?!", "—–-", "()[]{}<>", "\"quoted\"", "“curly” ‘quotes’", "«guillemets»", "@user #hashtag http://example.com/a/b?c=d&e=f#g",
        "me@example.com", "a/b/c", "C:\\Windows\\System32", "/usr/local/bin/", "~/.bashrc", "a_b_c", "snake_case camelCase PascalCase kebab-case SCREAMING_CASE",
        "|~`^*+=%&", "\\n\\t\\\\", "<div class=\"a\">text</div>", "<!-- c -->", "&amp;&lt;", "/* c */ // d", "a=b;c==d!=e<=f>=g", "x--; ++y; z->w; a::b", "///", "//\n//\r\n/ /",
        "def f(x):\n    return x + 1\n", "def f(x):\n\tif x:\n\t\treturn {'a': [1, 2.5, None]}\n\n\nclass A(B):\n    pass\n",
        "for (int i = 0; i < n; ++i) {\n        a[i] = b[i] * c[i];  // mul\n}\n", "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"hi\")\n}\n",
        "SELECT * FROM t WHERE a='b' AND c>=1;", "{\"a\": [1, 2, {\"b\": null}], \"c\": \"d\\u00e9\"}", "<?php echo $x; ?>", "#include <stdio.h>\r\nint main(void)\r\n{\r\n\treturn 0;\r\n}\r\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n", "# Title\n\n* item 1\n* item 2\n\n```go\nx := 1\n```\n", "a\n\n\nb\n\n\n\nc", "a    b\n    c\n        d", "end with spaces   ", "end with newline\n", "end with mix \n \n",
        "   leading", "\n\n  leading", "\t leading", "a \t \n \t b", "a\u00a0b\u2003c\u3000d", "  \n  \n  ", " \t\n\r x", "x \n", "x\n ", "x  \n  y",
        "café naïve résumé Ångström", "cafe\u0301 nai\u0308ve A\u030angstro\u0308m", "e\u0301\u0301\u0301", "\u0301leading mark", " \u0301", "a\u0316\u0301 a\u0301\u0316", "q\u0307\u0323 q\u0323\u0307",
        "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞", "a" + "\u0301" * 40, "a" + "\u0316\u0301" * 40 + "b", "ﬁ ﬂ ﬃ ſ ß ẞ İ ı Ǆ ǅ ǆ",
        "① ② ㊙ ㍿ ℌ ℕ ｱｲｳ ＡＢＣ １２３", "Å Å Å", "Ω Ω", "각 각 ᄀ가", "가각힣", "ﷺ ﷽", "㋿", "ꟲꭩ", "H₂O CO₂ m² 10⁻³",
        "你好，世界！", "我爱北京天安门。今天天气很好，我们去公园玩吧。", "中文English混合text123", "東京都に住んでいます。", "カタカナとひらがな、漢字", "ｶﾞｷﾞｸﾞ", "안녕하세요 세계", "한국어 텍스트입니다.", "𠀀𠀁𪛖", "繁體中文測試", "龥龦〇々〆ヶ",
        "مرحبا بالعالم", "السَّلامُ عَلَيْكُمْ", "שָׁלוֹם עוֹלָם", "فارسی می‌خواهم", "नमस्ते दुनिया", "क्षत्रिय ज्ञान श्रीमान् हिन्दी", "বাংলা ভাষা", "தமிழ் மொழி", "ไทยภาษาไทย", "ລາວ", "မြန်မာ", "ខ្មែរ", "ქართული ᲥᲐᲠᲗᲣᲚᲘ", "Հայերեն", "አማርኛ", "Привет, мир!", "Ελληνικά ΟΔΥΣΣΕΥΣ", "Tiếng Việt có dấu", "Türkçe IİıiŞş", "ᏣᎳᎩ", "ᐃᓄᒃᑎᑐᑦ", "𝕳𝖊𝖑𝖑𝖔", "𐐀𐐨",
        "😀", "😀😃😄", "👍🏽", "👩‍🚀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷🇯🇵", "❤️ ❤", "☕️☃", "a😀b", "😀 😀", "🧑🏿‍🤝‍🧑🏻", "#️⃣ 1️⃣", "🫠🫨🪿", "\U0001fae9", "™ © ® ¶ §", "→ ← ⇒ ∀ ∃ ∑ ∫ √ ≤ ≥ ≠ ∞", "█▓▒░ ─│┌┐", "♠♥♦♣ ★☆",
        "<0x0A>", "<0xE2><0x96><0x81>", "▁", "▁▁", "a▁b", "▁Hello", " ▁ ", "Ġ", "ĠHello Ċ", "Ã©", "##ing", "</w>", "[UNK]", "<unk>", "<s>", "</s>", "<pad>", "<|x|>", "<|", "|>",
        "a" * 100, "a" * 1000, "ab" * 300, "A" * 50 + "b" * 50, "1" * 100, "!" * 100, " " * 100, "\n" * 60, "\t" * 40, " \n" * 30, "=" * 80, "-" * 77, "_" * 33, "文" * 120, "é" * 99, "😀" * 40,
        "pneumonoultramicroscopicsilicovolcanoconiosis", "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", "aGVsbG8gd29ybGQgdGhpcyBpcyBhIGJhc2U2NCBzdHJpbmcgb2Ygc29tZSBsZW5ndGg=",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "deadbeefcafebabe0123456789abcdef", "AAAAB3NzaC1yc2EAAAADAQABAAABgQC7",
        "In 1492, Columbus sailed the ocean blue; by 1776 there were 13 colonies — and 2.5 million people (approx.).",
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. " * 4,
        "E = mc^2, \\frac{a}{b} \\sum_{i=0}^{n} x_i^2 \\leq \\int_0^1 f(x)\\,dx", "$ cd /tmp && ls -la | grep foo > out.txt 2>&1", "2+2=4;4-2=2", "a,b,c;d:e.f", "Mr. Smith's wife (née Jones) said: \"It's 5 o'clock!\"",
    ]
    added = sorted(tokenizer.get_added_tokens_decoder().items())
    names = [a.content for _, a in added]
    chosen = names[:25] + names[-15:] + rnd.sample(names, min(20, len(names)))
    for n in dict.fromkeys(chosen):
        t += [n, "a" + n + "b", "x " + n + " y  " + n + n + "\n" + n]
    for _ in range(25):
        t.append("".join(rnd.choice(["Hi", " ", "  ", "\n", "word", "1", "é", "?"] + chosen[:30]) for _ in range(8)))
    pieces = [x for x in t[:260] if 0 < len(x) < 60]
    for _ in range(120):
        t.append(rnd.choice(["", " ", "\n", "\t", "  "]).join(rnd.choice(pieces) for _ in range(rnd.randint(2, 6))))
    assigned = [(0x20, 0x7e)] * 6 + [(0x9, 0xd), (0xa0, 0x24f), (0x250, 0x36f), (0x370, 0x52f), (0x590, 0x8ff), (0x900, 0xdff), (0xe00, 0x10ff), (0x1100, 0x13ff), (0x1e00, 0x20cf),
                (0x2100, 0x2bff), (0x3000, 0x33ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xf900, 0xffef), (0x10000, 0x10fff), (0x11000, 0x12fff), (0x1d400, 0x1d7ff), (0x1f300, 0x1faff), (0x20000, 0x2ffff), (0xe0000, 0xe01ef)]
    for _ in range(120):  # mixed scripts in short runs
        s = ""
        for _ in range(rnd.randint(1, 12)):
            a, b = rnd.choice(assigned)
            s += "".join(chr(rnd.randint(a, b)) for _ in range(rnd.randint(1, 6))) + rnd.choice(["", "", " ", "\n"])
        t.append(s)
    for _ in range(60):  # anything
        t.append("".join(chr(c) for c in (rnd.randrange(0x110000) for _ in range(rnd.randint(1, 30))) if not 0xd800 <= c < 0xe000))
    for _ in range(60):  # white space and few others
        t.append("".join(rnd.choice(" \n\r\t  ab1.,'/\u00a0\u0301A中") for _ in range(rnd.randint(1, 25))))
    return list(dict.fromkeys(t))


def vectors(tokenizer, some=None):
    out = []
    for text in some or texts(tokenizer):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        special = tokenizer.encode(text, add_special_tokens=True).ids
        out.append({"text": text, "ids": ids, "special": special,
                    "decoded": tokenizer.decode(special, skip_special_tokens=False), "skipped": tokenizer.decode(special, skip_special_tokens=True)})
    rnd = random.Random(5)
    size = tokenizer.get_vocab_size()
    low = [i for i in range(min(size, 300))]
    for k in range(16 if some else 60):  # sequences of tokens that no text gives: broken characters
        ids = [rnd.choice(low) if k % 2 else rnd.randrange(size) for _ in range(rnd.randint(1, 12))]
        out.append({"text": None, "special": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False), "skipped": tokenizer.decode(ids, skip_special_tokens=True)})
    return out


def large(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*", "tokenizer.json"))):
        v = vectors(Tokenizer.from_file(path))
        with open(os.path.join(os.path.dirname(path), "vectors.json"), "w") as f:
            json.dump(v, f, ensure_ascii=True)
        print(path, len(v))


if __name__ == "__main__":
    if sys.argv[1] == "large":
        large(sys.argv[2])
    else:
        import small
        small.write(sys.argv[2], vectors)
