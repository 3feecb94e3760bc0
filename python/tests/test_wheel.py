"""Tests of the installed wheel, in an environment of its own; .ci/packages makes one and runs them.

HELIX_ORIGINAL names a Python that has helix-substrate 0.2.1, brotli and zstandard: results are compared with its own, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np

import helix_substrate
from helix_substrate import HelixError, program_path
from helix_substrate.rope import apply_rope_to_qk
from helix_substrate.stream_attention import stream_attention_forward, stream_attention_forward_from_paths
from helix_substrate.stream_block import rms_norm, stream_multi_block_forward, stream_transformer_block_forward
from helix_substrate.stream_ffn import silu, stream_ffn_forward, stream_ffn_forward_from_paths
from helix_substrate.stream_matmul import compare_vs_canonical, stream_xw_from_cdna, stream_xw_from_manifest

README = Path(__file__).resolve().parent.parent / "README.md"
ORIGINAL = os.environ.get("HELIX_ORIGINAL")


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def original(code: str) -> None:
    """Run code with the original, in the working directory.

    Its readers import a module that was never public before they read anything; one without the class's body will do.
    """
    stub = (
        "import sys, types\n"
        "for name in ('helix_cdc', 'helix_cdc.regrow', 'helix_cdc.regrow.cdna_stream'): sys.modules[name] = types.ModuleType(name)\n"
        "sys.modules['helix_cdc.regrow.cdna_stream'].CDNAStreamReader = None\n"
    )
    subprocess.run([ORIGINAL, "-c", stub + code], check=True)


class Case(unittest.TestCase):
    """Each test works in a folder of its own; the demo's model is made once."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.random = np.random.default_rng(7)
        cls.folder = tempfile.TemporaryDirectory()
        cls.model = Path(cls.folder.name) / "demo" / "model"
        subprocess.run([program_path(), "demo", "-o", cls.model.parent], check=True, stdout=subprocess.DEVNULL)
        cls.hidden = json.loads((cls.model / "config.json").read_text())["hidden_size"]

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def setUp(self) -> None:
        work, before = tempfile.TemporaryDirectory(), os.getcwd()
        self.addCleanup(work.cleanup)
        self.addCleanup(os.chdir, before)
        os.chdir(work.name)

    def array(self, *shape: int) -> np.ndarray:
        return self.random.standard_normal(shape).astype(np.float32)

    def matrix(self, name: str, rows: int, cols: int) -> np.ndarray:
        """Write a CDNA file and return the matrix that it holds."""
        helix_substrate.encode_tensor_to_cdna(self.array(rows, cols), name)
        return helix_substrate.decode_cdna_to_tensor(name)


class Package(Case):
    def test_program(self) -> None:
        """The program that runs is the wheel's, and its version the package's."""
        self.assertEqual(program_path().parent, Path(sys.executable).parent)
        version = json.loads(subprocess.run([program_path(), "version", "--json"], check=True, capture_output=True).stdout)
        self.assertEqual(version["version"], helix_substrate.__version__)
        self.assertEqual(version["sha256"], hashlib.sha256(program_path().read_bytes()).hexdigest())

    def test_readme(self) -> None:
        """The README's Python runs as it stands there, in one program."""
        os.symlink(self.model.parent, "demo")
        blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.M | re.S)
        self.assertEqual(len(blocks), 4)
        names: dict = {}
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            for block in blocks:
                exec(compile(block, str(README), "exec"), names)
        self.assertIn("weight.cdna is used", " ".join(str(w.message) for w in said))
        self.assertGreater(cosine(names["W"], names["W_decoded"]), 0.9999)
        self.assertGreater(names["result"]["Se"], 0.5)
        self.assertEqual(names["Y"].shape, (8, self.hidden))

    def test_receipts(self) -> None:
        """A receipt made here and one of the program's are valid, here and there, until they are changed."""
        operation = helix_substrate.OperationResult("cdna_decode", 1.23456, 10, "aa", "bb", cosine_similarity=0.5, block_index=3)
        receipt = helix_substrate.ExecutionReceipt(operations=[operation], plan_sha256="é")
        receipt.aggregate_stats()
        helix_substrate.save_execution_receipt(receipt, "made/r.json")
        self.assertEqual(helix_substrate.load_execution_receipt("made/r.json").to_dict(), receipt.to_dict())
        run = [program_path(), "receipt", "verify"]
        subprocess.run([*run, "made/r.json"], check=True, capture_output=True)
        self.matrix("w.cdna2.hxz", 8, 8)
        decode = [program_path(), "decode", "w.cdna2.hxz", "-o", "w.npy", "--receipt", "p.json"]
        subprocess.run(decode, check=True, capture_output=True)
        for path in ("made/r.json", "p.json"):
            document = json.loads(Path(path).read_text(encoding="utf-8"))
            self.assertEqual(helix_substrate.validate_execution_receipt(document)["errors"], [])
            document["operations"][0]["memory_bytes"] += 1
            self.assertFalse(helix_substrate.validate_execution_receipt(document)["sha256_match"])
        digest = json.loads(Path("p.json").read_text(encoding="utf-8"))["measurements"]["program"]["sha256"]
        self.assertEqual(digest, hashlib.sha256(program_path().read_bytes()).hexdigest())


class Tensors(Case):
    def test_encode(self) -> None:
        """Any shape and path is taken, both versions decode to the same."""
        W = self.array(4, 6, 32)
        for name in ("w.cdna", "new/w.cdna2.hxz", "-w"):
            stats = helix_substrate.encode_tensor_to_cdna(W, name, n_clusters=256)
            self.assertEqual((stats["rows"], stats["cols"]), (24, 32))
            decoded = helix_substrate.decode_cdna_to_tensor(name)
            self.assertEqual((decoded.shape, decoded.dtype), ((24, 32), np.float32))
            self.assertGreater(cosine(W, decoded), 0.9995)
            self.assertAlmostEqual(stats["cosine"], cosine(W, decoded), 6)
        helix_substrate.encode_tensor_to_cdna(W, "w.cdna", tensor_name="-name")
        self.assertEqual(Path("-w").read_bytes()[:8], b"HXZC\x01\x00\x00\x00")
        self.assertEqual(helix_substrate.encode_tensor_to_cdna(W[0, 0], "v.cdna", n_clusters=4)["codebook_size"], 4)
        self.assertEqual(len(np.unique(helix_substrate.decode_cdna_to_tensor("v.cdna"))), 4)

    def test_refused(self) -> None:
        """What cannot be is an error of the right kind, in a line, and leaves nothing."""
        with self.assertRaises(FileNotFoundError):
            helix_substrate.decode_cdna_to_tensor("absent.cdna")
        self.matrix("w.cdna2.hxz", 16, 16)
        damaged = bytearray(Path("w.cdna2.hxz").read_bytes())
        damaged[-1] ^= 1
        Path("d.cdna2.hxz").write_bytes(damaged)
        with self.assertRaises(HelixError) as refused:
            helix_substrate.decode_cdna_to_tensor("d.cdna2.hxz")
        self.assertIn("d.cdna2.hxz", str(refused.exception))
        self.assertNotIn("\n", str(refused.exception))
        with self.assertRaises(ValueError):
            stream_xw_from_cdna(self.array(2, 5), "w.cdna2.hxz")
        with self.assertRaises(ValueError):
            stream_xw_from_cdna(self.array(1, 1, 1, 16), "w.cdna2.hxz")
        with self.assertRaises(HelixError):
            helix_substrate.encode_tensor_to_cdna(np.full((4, 4), np.nan), "nan.cdna")
        self.assertFalse(Path("nan.cdna").exists())

    def test_products(self) -> None:
        """Products are those of the decoded matrix, of every shape of X, and the receipt has their hashes."""
        W = self.matrix("w.cdna2.hxz", 96, 40)
        for shape, transpose in (((96,), False), ((3, 96), False), ((2, 3, 40), True)):
            X = self.array(*shape)
            Y, receipt = stream_xw_from_cdna(X, "w.cdna2.hxz", transpose_w=transpose, verify_policy="always")
            exact = X @ (W.T if transpose else W)
            self.assertEqual(Y.shape, exact.shape)
            np.testing.assert_allclose(Y, exact, rtol=1e-4, atol=1e-4)
            self.assertEqual(receipt.input_sha256, hashlib.sha256(X.tobytes()).hexdigest())
            self.assertEqual(receipt.output_sha256, hashlib.sha256(Y.tobytes()).hexdigest())
            self.assertEqual(receipt.streaming_mode, "true_block_streaming")
            self.assertEqual(receipt.blocks_verified, len(receipt.blocks_touched))
            self.assertEqual(compare_vs_canonical(Y, exact, receipt).to_dict()["status"], "PASS")
            self.assertEqual(compare_vs_canonical(Y, -exact, receipt).to_dict()["status"], "FAIL")

    def test_entropy(self) -> None:
        """The result has the original's keys and follows from each other."""
        result = helix_substrate.compute_tensor_se(self.array(64, 128))
        self.assertAlmostEqual(result["Se"], result["H"] * result["U"] * result["D"], 6)
        self.assertFalse(result["size_gated"])
        gated = helix_substrate.compute_tensor_se(self.array(64, 128), gpu_vram_mb=0.01)
        self.assertEqual((gated["gate_override"], gated["routing_hint"], gated["size_gated"]), ("size", "cpu", True))
        self.assertEqual(helix_substrate.compute_tensor_se(np.zeros((0, 3)))["Se"], 0)
        forced = helix_substrate.compute_routing_decision(self.array(8, 8), state={"force_backend": "qpu"})
        self.assertEqual((forced["routing_hint"], forced["override_applied"]), ("qpu", True))


class Layers(Case):
    def test_model(self) -> None:
        """A block is its attention and its feed-forward layer, between the model's norms and residuals."""
        X = self.array(2, 5, self.hidden)
        manifest = json.loads((self.model / "manifest.json").read_text())
        eps = json.loads((self.model / "config.json").read_text())["rms_norm_eps"]
        first, second = (np.load(self.model / f"model.layers.0.{n}_layernorm.weight.npy") for n in ("input", "post_attention"))
        Y, receipt, _ = stream_transformer_block_forward(X, self.model / "manifest.json", 0)
        parts, _, _ = stream_transformer_block_forward(
            X, self.model, 0, attn_norm_weight=first, ffn_norm_weight=second, norm_eps=eps
        )
        self.assertEqual(Y.shape, X.shape)
        self.assertGreater(cosine(Y, parts), 0.9999)
        self.assertLess(np.abs(Y - parts).max(), 0.02 * np.abs(Y).max())
        self.assertGreater(np.abs(Y - X).max(), 0.01)  # it does something
        self.assertEqual(receipt.claim_hygiene["projections_streamed"], 7)
        self.assertEqual(receipt.status, "PASS")
        json.dumps(receipt.to_dict())
        # Texts of a batch see nothing of each other, and tokens nothing of those after them.
        np.testing.assert_array_equal(stream_transformer_block_forward(X[1], self.model, 0)[0], Y[1])
        np.testing.assert_array_equal(stream_attention_forward(X[0, :3], self.model, 0)[0], stream_attention_forward(X[0], self.model, 0)[0][:3])
        with self.assertRaises(ValueError):
            stream_attention_forward(X, self.model, 0, d_head=7)
        with self.assertRaises(HelixError):
            stream_ffn_forward(X, self.model, 999)
        last, receipts, trace = stream_multi_block_forward(X, self.model, [0, 1], trace_hidden=True)
        self.assertEqual([r.block_index for r in receipts], [0, 1])
        np.testing.assert_array_equal(trace[1], Y)
        np.testing.assert_array_equal(trace[-1], last)
        name = next(n for n, t in manifest["tensors"].items() if "q_proj" in n and "file" in t)
        Q, _ = stream_xw_from_manifest(X, name, manifest, self.model, transpose_w=True)
        self.assertEqual(Q.shape[:2], X.shape[:2])

    def test_streamed(self) -> None:
        """A model that is converted here is streamed: of its layers' matrices only blocks are held."""
        hidden, inner, layers = 512, 2048, 3
        shapes = {"model.embed_tokens.weight": (64, hidden), "model.norm.weight": (hidden,)}
        for i in range(layers):
            at = f"model.layers.{i}."
            shapes |= {at + f"self_attn.{n}_proj.weight": (hidden, hidden) for n in "qkvo"}
            shapes |= {at + f"mlp.{n}_proj.weight": (inner, hidden) for n in ("gate", "up")}
            shapes |= {at + "mlp.down_proj.weight": (hidden, inner)}
            shapes |= {at + f"{n}_layernorm.weight": (hidden,) for n in ("input", "post_attention")}
        header, data = {}, b""
        for name, shape in shapes.items():
            tensor = (self.array(*shape) * 0.05).tobytes()
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(tensor)]}
            data += tensor
        Path("source").mkdir()
        head = json.dumps(header).encode()
        Path("source/model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + data)
        config = {
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": hidden, "intermediate_size": inner,
            "num_hidden_layers": layers, "num_attention_heads": 8, "vocab_size": 64, "rms_norm_eps": 1e-5,
            "tie_word_embeddings": True, "max_position_embeddings": 128, "rope_theta": 10000.0, "hidden_act": "silu",
        }  # fmt: skip
        Path("source/config.json").write_text(json.dumps(config))
        Path("made").mkdir()
        manifest = helix_substrate.convert_huggingface_model("source", "made", codec="zstd", verbose=False)
        self.assertEqual(set(manifest["tensors"]), set(shapes))
        Y, receipt, _ = stream_transformer_block_forward(self.array(32, hidden), "made", 1)
        self.assertTrue(receipt.claim_hygiene["all_true_block_streaming"])
        self.assertGreater(receipt.memory_audit["savings_factor"], 3)  # each of the machine's cores holds blocks of its own
        with self.assertRaises(HelixError):
            helix_substrate.convert_huggingface_model("source", "made", verbose=False)

    def test_paths(self) -> None:
        """Layers of single files are what NumPy makes of the decoded matrices."""
        X = self.array(2, 6, 24)
        q, k, v, o = (self.matrix(n, 24, 24) for n in ("q.cdna2.hxz", "k.cdna2.hxz", "v.cdna", "o.cdna"))
        Y, receipt = stream_attention_forward_from_paths(X, "q.cdna2.hxz", "k.cdna2.hxz", "v.cdna", "o.cdna", d_head=24)
        scores = np.exp((X @ q) @ (X @ k).transpose(0, 2, 1) / np.sqrt(24))
        np.testing.assert_allclose(Y, scores / scores.sum(-1, keepdims=True) @ (X @ v) @ o, rtol=1e-3, atol=1e-3)
        self.assertTrue(receipt.softmax_stats["numerically_stable"])
        self.assertFalse(receipt.claim_hygiene["all_true_block_streaming"])
        gate, up = self.matrix("g.cdna2.hxz", 40, 24), self.matrix("u.cdna2.hxz", 40, 24)
        for name, shape in (("d.cdna2.hxz", (40, 24)), ("t.cdna2.hxz", (24, 40))):
            down = self.matrix(name, *shape)
            Y, receipt = stream_ffn_forward_from_paths(X, "g.cdna2.hxz", "u.cdna2.hxz", name)
            exact = silu(X @ gate.T) * (X @ up.T) @ (down if shape[0] == 40 else down.T)
            np.testing.assert_allclose(Y, exact, rtol=1e-3, atol=1e-3)


@unittest.skipUnless(ORIGINAL, "HELIX_ORIGINAL names no Python with the original")
class Original(Case):
    def test_files(self) -> None:
        """Files of either are read by the other, to the same values."""
        W = self.array(64, 48)
        np.save("w.npy", W)
        ours = self.matrix("ours.cdna", 64, 48), self.matrix("ours.cdna2.hxz", 64, 48)
        original(
            "import numpy as np; from helix_substrate import *; from helix_substrate.cdna_reader import *\n"
            "W = np.load('w.npy'); encode_tensor_to_cdna(W, 'theirs.cdna')\n"
            "np.save('theirs.npy', decode_cdna_to_tensor('theirs.cdna')); np.save('ours1.npy', decode_cdna_to_tensor('ours.cdna'))\n"
            "r = CDNAv2Reader('ours.cdna2.hxz'); np.save('ours2.npy', r.codebook[r.get_all_indices()])\n"
            "i = (np.arange(64 * 48) % 251).astype(np.uint8).reshape(64, 48)\n"
            "CDNAv2Writer(codec='brotli', block_rows=10).write(indices=i, codebook=W.ravel()[:256].copy(), output_path='theirs.cdna2.hxz')\n"
            "np.save('theirs2.npy', W.ravel()[:256][i])\n"
        )
        for made, name in ((ours[0], "ours1.npy"), (ours[1], "ours2.npy")):
            np.testing.assert_array_equal(made, np.load(name))
        for name in ("theirs", "theirs2"):
            file = "theirs.cdna" if name == "theirs" else "theirs.cdna2.hxz"
            np.testing.assert_array_equal(helix_substrate.decode_cdna_to_tensor(file), np.load(name + ".npy"))
        helix_substrate.encode_tensor_to_cdna(W, "same.cdna")
        error = np.square(helix_substrate.decode_cdna_to_tensor("same.cdna") - W).mean()
        self.assertLessEqual(error, np.square(np.load("theirs.npy") - W).mean())
        self.assertLessEqual(os.path.getsize("same.cdna"), os.path.getsize("theirs.cdna") * 1.02)

    def test_functions(self) -> None:
        """Functions that work in the original give the same here."""
        for name, shape in (("q", (24, 24)), ("k", (24, 24)), ("v", (24, 24)), ("o", (24, 24)), ("g", (40, 24)), ("u", (40, 24)), ("d", (40, 24))):
            self.matrix(name + ".cdna2.hxz", *shape)
        np.save("x.npy", self.array(2, 6, 24))
        np.save("heads.npy", self.array(2, 6, 4 * 8))
        for i, shape in enumerate(((64, 128), (40, 300), (9, 7, 5))):
            np.save(f"s{i}.npy", self.array(*shape))
        original(
            "import json, numpy as np; from helix_substrate import *; from helix_substrate.stream_matmul import *\n"
            "from helix_substrate.stream_attention import *; from helix_substrate.stream_ffn import *; from helix_substrate.rope import *\n"
            "X = np.load('x.npy'); f = lambda *names: [n + '.cdna2.hxz' for n in names]\n"
            "np.save('y0.npy', stream_attention_forward_from_paths(X, *f('q', 'k', 'v', 'o'), d_head=24)[0])\n"
            "np.save('y1.npy', stream_ffn_forward_from_paths(X, *f('g', 'u', 'd'))[0])\n"
            "np.save('y2.npy', apply_rope_to_qk(np.load('heads.npy'), np.load('heads.npy'), 8, start_pos=3)[1])\n"
            "json.dump([compute_tensor_se(np.load(f's{i}.npy')) for i in range(3)], open('se.json', 'w'))\n"
            "save_execution_receipt(ExecutionReceipt(operations=[OperationResult('x', 1.5, 2, 'a', 'b', codec_version='cdna_v2')]), 'r.json')\n"
            "r = load_execution_receipt('r.json'); print(validate_execution_receipt(r.to_dict())['valid'])\n"
        )
        X, heads = np.load("x.npy"), np.load("heads.npy")
        files = lambda *names: [n + ".cdna2.hxz" for n in names]
        results = (
            stream_attention_forward_from_paths(X, *files("q", "k", "v", "o"), d_head=24)[0],
            stream_ffn_forward_from_paths(X, *files("g", "u", "d"))[0],
            apply_rope_to_qk(heads, heads, 8, start_pos=3)[1],
        )
        for i, ours in enumerate(results):
            np.testing.assert_allclose(ours, np.load(f"y{i}.npy"), rtol=1e-3, atol=1e-3)
        for i, theirs in enumerate(json.loads(Path("se.json").read_text())):
            ours = helix_substrate.compute_tensor_se(np.load(f"s{i}.npy"))
            for key in ("Se", "H", "U", "D", "C_struct", "size_mb"):
                self.assertAlmostEqual(ours[key], theirs[key], 4, f"{i} {key}")
            for key in ("routing_hint", "routing_zone", "gate_override"):
                self.assertEqual(ours[key], theirs[key], f"{i} {key}")
            self.assertEqual(set(theirs) - set(ours), set())
        theirs = json.loads(Path("r.json").read_text())
        self.assertEqual(helix_substrate.load_execution_receipt("r.json").to_dict(), theirs)
        self.assertTrue(helix_substrate.validate_execution_receipt(theirs)["valid"])


if __name__ == "__main__":
    unittest.main()
