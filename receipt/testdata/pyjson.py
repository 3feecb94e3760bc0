"""Writes python.jsonl.gz: 1,000 documents as Python's json writes them in various
layouts, each with the SHA-256 of its canonical form. See README.md."""
import gzip, hashlib, json, random, struct

random.seed(20240607)
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz_0123456789",
    "\"\\/\b\f\n\r\t\x00\x1f\x7f<>& ",
    "äöüßéñçøæåœ€£",
    "漢字仮名交じり文한국어עבריתالعربية",
    "\u2028\u2029\ufeff\uffff\ud800\udfff\ue000",
    "😀🧬𝔘𐍈\U0010ffff",
]


def text(longest):
    return "".join(random.choice(random.choice(ALPHABETS)) for _ in range(random.randint(0, longest)))


def number():
    kind = random.randrange(7)
    if kind == 0:
        return random.randint(-10**random.randint(1, 40), 10**random.randint(1, 40))
    if kind == 1:
        return random.choice([0.0, -0.0, 1e16, 1e15, 9999999999999998.0, 1e-4, 9.999e-5, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 0.1 + 0.2])
    if kind == 2:
        return random.gauss(0, 1) * 10.0 ** random.randint(-300, 300)
    if kind == 3:
        return round(random.uniform(0, 1e6), random.randint(0, 6))
    if kind == 4:
        return float(random.randint(-10**17, 10**17))
    if kind == 5:
        return float(2 ** random.randint(-1074, 1023))
    while True:
        x = struct.unpack("<d", random.getrandbits(64).to_bytes(8, "little"))[0]
        if x == x and abs(x) != float("inf"):
            return x


def value(depth):
    kind = random.randrange(7 if depth > 0 else 4)
    if kind == 0:
        return random.choice([True, False, None])
    if kind == 1:
        return text(6)
    if kind in (2, 3):
        return number()
    if kind == 4:
        return [value(depth - 1) for _ in range(random.randint(0, 3))]
    return {text(5): value(depth - 1) for _ in range(random.randint(0, 3))}


def document(i):
    if i % 100 == 0:  # deep
        v = number()
        for _ in range(60):
            v = [v] if random.random() < 0.5 else {text(3): v}
        return {"v": v}
    return {"schema": "execution_receipt:v1", "operations": [{"op_name": text(8), "timing_ms": number()}], text(6): value(3), text(6): value(3)}


with open("python.jsonl.gz", "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as f:
    for i in range(1000):
        v = document(i)
        canonical = json.dumps(v, sort_keys=True, separators=(",", ":"))
        indent = random.choice([None, None, None, 1])
        layout = json.dumps(v, indent=indent, ensure_ascii=False)
        if random.random() < 0.5 or any("\ud800" <= c <= "\udfff" for c in layout):
            layout = json.dumps(v, indent=indent)
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        f.write((json.dumps({"sha256": digest[:32], "document": layout}, ensure_ascii=True) + "\n").encode())
