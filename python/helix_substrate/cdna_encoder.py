"""One tensor as a CDNA file, and back."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from helix_substrate._program import Exchange, PathLike, argument, existing, run, run_json


def encode_tensor_to_cdna(
    tensor: np.ndarray,
    output_path: PathLike,
    tensor_name: str = "tensor",
    n_clusters: int = 256,
    max_iters: int = 10,
) -> dict:
    """Write a tensor as a CDNA file of version 1, which the original reads too.

    A path that ends in ``.cdna2.hxz`` gets version 2 instead: in blocks with hashes, which products are streamed from.

    Args:
        tensor: of any shape; one dimension is a row, more than two are folded into rows. NaN and infinities are refused.
        output_path: where it goes; folders that are missing are made, a file that is there is replaced.
        tensor_name: its name in the file's header, which version 1 has none of.
        n_clusters: at most so many values, 1 to 256.
        max_iters: of no effect: the values are designed until they are as good as they get.

    Returns:
        rows, cols, codebook_size, indices_bytes, compressed_bytes (the file's size) and compression_ratio of these two;
        snr_db (None where the values are exact) and cosine against the tensor.
    """
    tensor = np.asarray(tensor)
    if tensor.ndim == 1:
        tensor = tensor.reshape(1, -1)
    elif tensor.ndim > 2:
        tensor = tensor.reshape(-1, tensor.shape[-1])
    output_path = Path(output_path)
    output_path.parent.mkdir(parents=True, exist_ok=True)
    blocks = output_path.name.endswith(".cdna2.hxz")
    with Exchange() as exchange:
        source = exchange.save("tensor.npy", tensor.astype(np.float32))
        made = exchange.path("tensor.cdna2.hxz" if blocks else "tensor.cdna")
        report = run_json(
            "encode", source, "-o", made, f"--name={tensor_name}", "--json",
            "--method", "kmeans", "--entries", str(n_clusters), "--full-precision",
        )  # fmt: skip
        with tempfile.TemporaryDirectory(dir=output_path.parent, prefix=".helix-substrate-") as beside:
            os.replace(shutil.copyfile(made, os.path.join(beside, "whole")), output_path)  # whole or not at all
    weights = report["rows"] * report["cols"]
    return {
        "rows": report["rows"],
        "cols": report["cols"],
        "codebook_size": report["entries"],
        "indices_bytes": weights,
        "compressed_bytes": report["bytes"],
        "compression_ratio": weights / max(1, report["bytes"]),
        "snr_db": report["snr_db"],
        "cosine": report["cosine"],
    }


def decode_cdna_to_tensor(cdna_path: PathLike) -> np.ndarray:
    """Return the tensor of a CDNA file, of any version, as float32 [rows, columns]; every block is verified.

    Raises FileNotFoundError, and HelixError (a ValueError) for a file that is damaged or none of CDNA.
    """
    with Exchange() as exchange:
        run("decode", argument(existing(cdna_path)), "-o", exchange.path("tensor.npy"))
        return exchange.load("tensor.npy")
