"""Writes the checkpoints of this folder and expected.json, what PyTorch reads in
them. Run here with PyTorch and NumPy installed: python make.py"""

import io
import json
import zipfile

import torch
from torch import nn

torch.manual_seed(1)
expected = {}


def hexed(t):
    return t.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes().hex()


def describe(tensors):
    return {
        name: {
            "dtype": str(t.dtype).removeprefix("torch."),
            "shape": list(t.shape),
            "raw": hexed(t),  # row-major, little-endian
            "float32": hexed(t.detach().to(torch.float32)),
        }
        for name, t in tensors.items()
    }


def save(file, content, tensors=None, **options):
    torch.save(content, file, **options)
    expected[file] = describe(content if tensors is None else tensors)


# A module's state: an OrderedDict with _metadata; integers beside floats.
module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
save("module.bin", module.state_dict())
save("protocol5.bin", module.state_dict(), pickle_protocol=5)
module.to(torch.bfloat16)
save("bf16.bin", module.state_dict())

# Views: what is stored is not what is seen.
base = torch.randn(4, 6)
cube = torch.randn(2, 3, 4)
tied = nn.Parameter(torch.randn(3, 2))
save(
    "views.pt",
    {
        "base": base,
        "transposed": base.t(),
        "rows": base[1:3],
        "columns": base[:, 2:5],
        "column": base[:, 1],
        "every_second": base[:, ::2],
        "corner": base[2:, 3:].t(),
        "permuted": cube.permute(2, 0, 1),
        "swapped": cube.transpose(0, 1),
        "middle": cube[:, 1],
        "scalar": torch.tensor(7.5),
        "element": base[3, 5],
        "empty": torch.empty(0, 3),
        "empty_view": base[:, 6:],
        "unit": base[:1, :].expand(1, 6),
        "diagonal": base.diagonal(),
        "tied.a": tied,
        "tied.b": tied,
        "tied.c": tied.data,
        "half": base.t().to(torch.float16).t(),
    },
)

values = [0.0, -0.0, 1.0, -1.5, 0.1, 3.0, 100.0, 0.001]
whole = [0, 1, 2, 3, 100, 127, 5, 6]
types = {}
for t in ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]:
    types[t] = torch.tensor(values).to(getattr(torch, t))
for t in ["int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64"]:
    types[t] = torch.tensor(whole).to(getattr(torch, t))
types["int64"][0] = -(2**53) - 1
types["int8"][0] = -128
types["bool"] = torch.tensor([True, False, True])
save("types.pt", types)

# A training checkpoint: the model is wrapped twice, with plain values around.
optimizer = torch.optim.Adam(nn.Linear(2, 2).parameters())
weights = {"a": torch.randn(2, 3), "layers": [torch.ones(2), {"w": nn.Parameter(torch.randn(2))}], 7: torch.zeros(1)}
weights["attributed"] = nn.Parameter(torch.arange(3.0))
weights["attributed"].tag = "kept by _rebuild_parameter_with_state"
weights["config"] = {"heads": 4, "scale": 0.5, "name": "τ", "dtype": torch.float16, "big": 2**70, "negative": -3}
save(
    "training.pth",
    {
        "epoch": 3,
        "loss": [1.5, None, True, (1, 2, 3, 4)],
        "size": torch.Size([2, 3]),
        "device": torch.device("cpu"),
        "storage": torch.ones(2).untyped_storage(),
        "optimizer": optimizer.state_dict() | {"average": torch.ones(2)},
        "model": {"step": 10, "module": weights},
    },
    {
        "a": weights["a"],
        "layers.0": weights["layers"][0],
        "layers.1.w": weights["layers"][1]["w"],
        "7": weights[7],
        "attributed": weights["attributed"],
    },
)
save("tensor.pt", base, {"tensor": base})

# Shards with their index.
state = {f"layers.{i}.weight": torch.randn(2, 2) for i in range(3)}
names = list(state)
shards = {"pytorch_model-00001-of-00002.bin": names[:2], "pytorch_model-00002-of-00002.bin": names[2:]}
for file, part in shards.items():
    save(file, {n: state[n] for n in part})
index = {"metadata": {"total_size": 48}, "weight_map": {n: f for f, part in shards.items() for n in part}}
with open("pytorch_model.bin.index.json", "w") as f:
    json.dump(index, f, indent=1)

# What is refused.
torch.save({"w": torch.ones(1)}, "legacy.pt", _use_new_zipfile_serialization=False)
torch.save(nn.Linear(1, 1), "whole_module.pt")
torch.save({"w": torch.eye(2).to_sparse()}, "sparse.pt")
torch.save({"w": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, "quantized.pt")
torch.save({"w": torch.ones(1, dtype=torch.complex64)}, "complex.pt")
torch.save({"w": torch.ones(1, dtype=torch.complex64).conj().imag}, "negated.pt")

with open("expected.json", "w") as f:
    json.dump(expected, f, indent=0, sort_keys=True)
    f.write("\n")
