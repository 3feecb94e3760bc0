"""table.py SOURCE WORK --calibration TEXT --judge TEXT: one model, llama.cpp's types and ours, at equal divergence.

SOURCE is a Hugging Face directory or GGUF file of BF16 weights. Both sides calibrate on one text, convert
the linear layers only (embeddings and head stay as they are), and are judged by `eval kld` on another text. What lies in
WORK already is not made again. Prints every candidate, then how many of their bytes ours take where the mean divergence is
theirs, and where the 99.9th percentile is, for each way to spread bits over the matrices.
"""
import argparse
import json
import math
import os
import re
import resource
import subprocess

TYPES = "IQ2_M IQ3_XXS IQ4_XS IQ4_NL Q4_K_M Q5_K_M Q6_K Q8_0"
BITS = "2.5 3 3.5 4 4.5 5 6"
WINDOW = 512
TOGETHER = 6  # models in memory beside the reference


def run(*command):
    print("+", *command, flush=True)
    return subprocess.run([str(c) for c in command], check=True, text=True, stdout=subprocess.PIPE).stdout


def made(path, *command):
    """Path, after running the command that makes it unless an earlier one ended well, whose processor time is kept beside."""
    if not os.path.exists(path + ".seconds.json"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(*command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(path + ".seconds.json", "w") as f:
            json.dump(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, f)
    return path


def seconds(path):
    """The processor time that making path took, as text."""
    with open(path + ".seconds.json") as f:
        return f"{json.load(f):.0f} s"


def linear(name):
    """Whether a tensor is the matrix of a linear layer, by GGUF's or Hugging Face's name."""
    return bool(re.match(r"blk\.\d+\.(attn|ffn)_(?!\w*norm)\w+\.weight$|.*layers\.\d+\..*_proj\.weight$", name))


class Table:
    def __init__(self, a):
        self.a, self.results = a, {}

    def path(self, name):
        return os.path.join(self.a.work, name)

    def inspected(self, gguf):
        """The bytes and the weights of a GGUF file's linear layers."""
        tensors = json.loads(run(self.a.helix, "inspect", gguf, "--json"))["tensors"]
        tensors = [t for t in tensors if len(t["shape"]) == 2 and linear(t["name"])]
        return sum(t["bytes"] for t in tensors), sum(math.prod(t["shape"]) for t in tensors)

    def theirs(self):
        a = self.a
        llama = lambda tool: os.path.join(a.llama, "llama-" + tool)
        source = a.source
        if os.path.isdir(source):
            source = made(self.path("source.gguf"), a.helix, "export", a.source, "-o", self.path("source.gguf"), "--dtype", "bf16", "-q")
        imatrix = made(self.path("imatrix.gguf"), llama("imatrix"), "-m", source, "-f", a.calibration, "-c", WINDOW, "--chunks", a.chunks, "--no-ppl",
                       "--output-frequency", "1000000", "-t", a.threads, "-o", self.path("imatrix.gguf"))
        for kind in a.types.split():
            file = made(self.path(kind + ".gguf"), llama("quantize"), "--imatrix", imatrix, "--token-embedding-type", "bf16",
                        "--output-tensor-type", "bf16", source, self.path(kind + ".gguf"), kind, a.threads)
            n, _ = self.inspected(file)
            yield kind, file, n, n  # what llama.cpp holds in memory is what lies in the file

    def ours(self, allocate):
        a = self.a
        for bits in a.bits.split():
            calibration = ["--statistics", self.path(f"statistics-{a.tokens}.safetensors"), "--calibrate", a.calibration, "--calibrate-tokens", a.tokens]
            yield self.converted(f"ours-{allocate}-{a.tokens}-{bits}", "--bits", bits, "--allocate", allocate, *calibration, *a.convert.split())

    def uncalibrated(self):
        for bits in self.a.uncalibrated.split():
            yield self.converted(f"uncalibrated-{bits}", "--bits", bits, "--no-calibrate")

    def converted(self, name, *options):
        a = self.a
        target = made(self.path(name), a.helix, "convert", a.source, "-o", self.path(name), "--skip-embeddings", "--skip-lm-head", "-q",
                      "--threads", a.threads, *options)
        tensors = json.load(open(os.path.join(target, "manifest.json")))["tensors"]
        file = sum(t["compressed_bytes"] for n, t in tensors.items() if linear(n))
        plan = json.loads(run(a.helix, "plan", target, "--json"))
        return name, target, file, sum(m["bytes"] for m in plan["matrices"] if linear(m["name"]))

    def judge(self, candidates):
        """The divergence of each candidate, from the files where an earlier run left it."""
        a = self.a
        keep = lambda name: self.path(f"{name}.{a.windows}.kld.json")
        missing = [c for c in candidates if not os.path.exists(keep(c[0]))]
        for i in range(0, len(missing), TOGETHER):
            some = missing[i:i + TOGETHER]
            out = json.loads(run(a.helix, "eval", "kld", *[c[1] for c in some], "--reference", a.source, "--text", a.judge, "--window", WINDOW,
                                 "--limit", a.windows, "--canon", "f32", "--json", "--threads", a.threads))
            for c, r in zip(some, [m["result"] for m in out.get("models", [out])]):
                json.dump(r, open(keep(c[0]), "w"))
        return [json.load(open(keep(c[0]))) for c in candidates]


def share(points, kld, theirs, weights):
    """The bits a weight at a divergence, and their share of theirs, both in bytes: log KLD is taken as linear in the bytes
    between two points, (bytes, KLD)."""
    points = sorted(points)
    text = lambda word, n: f"{word}{8 * n / weights:.3f}, **{word}{n / theirs:.3f}**"
    if kld > points[0][1]:
        return text("below ", points[0][0])
    for (b0, k0), (b1, k1) in zip(points, points[1:]):
        if k1 <= kld <= k0:
            return text("", b0 + (b1 - b0) * (math.log(k0) - math.log(kld)) / (math.log(k0) - math.log(k1)))
    return text("above ", points[-1][0])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("source")
    p.add_argument("work")
    p.add_argument("--calibration", required=True)
    p.add_argument("--judge", required=True)
    p.add_argument("--tokens", type=int, default=131072, help="of our calibration")
    p.add_argument("--chunks", default=-1, help="windows of 512 tokens that llama-imatrix sees; -1: all")
    p.add_argument("--windows", type=int, default=32, help="of 512 tokens that are judged; 255 of each are scored")
    p.add_argument("--types", default=TYPES)
    p.add_argument("--bits", default=BITS)
    p.add_argument("--allocate", default="rate divergence", help="ways to spread bits")
    p.add_argument("--uncalibrated", default="", help="bits of conversions without calibration")
    p.add_argument("--helix", default="helix-substrate")
    p.add_argument("--llama", default="", help="the folder of llama.cpp's programs")
    p.add_argument("--convert", default="", help="more options of convert")
    p.add_argument("--threads", default="1")
    a = p.parse_args()
    os.makedirs(a.work, exist_ok=True)
    t = Table(a)
    ours = {how: list(t.ours(how)) for how in a.allocate.split()}
    theirs, uncalibrated = list(t.theirs()), list(t.uncalibrated())
    candidates = theirs + uncalibrated + [c for some in ours.values() for c in some]
    result = dict(zip((c[0] for c in candidates), t.judge(candidates)))
    first = next(iter(result.values()))
    _, weights = t.inspected(theirs[0][1])
    print(f"\n{weights} weights, {first['tokens_scored']} tokens scored, perplexity of the source {first['reference_perplexity']:.3f}\n")
    print("| | bits in the file | in memory | mean KLD | 99 % | 99.9 % | same top token | processor time |\n|---|---|---|---|---|---|---|---|")
    for name, path, file, memory in candidates:
        r = result[name]
        print(f"| {name} | {8 * file / weights:.3f} | {8 * memory / weights:.3f} | {r['mean_kld']:.5f} | {r['p99_kld']:.4f} | {r['p999_kld']:.4f} | "
              f"{100 * r['same_top_1']:.1f} % | {seconds(path)} |")
    for how, some in ours.items():
        print(f"\n| theirs, and ours by {how} | bits | at equal mean KLD: in the file, share | in memory, share | "
              "at equal 99.9 %: in the file, share | in memory, share |\n|---|---|---|---|---|---|")
        for name, _, n, _ in theirs + uncalibrated + [c for other in ours if other != how for c in ours[other]]:
            cells = [share([(c[place], result[c[0]][measure]) for c in some], result[name][measure], n, weights)
                     for measure in ("mean_kld", "p999_kld") for place in (2, 3)]
            print("|", " | ".join([name, f"{8 * n / weights:.3f}", *cells]), "|")


if __name__ == "__main__":
    main()
