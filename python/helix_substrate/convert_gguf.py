"""GGUF files as model directories."""

from __future__ import annotations

from typing import Any, Dict

from helix_substrate._program import PathLike, argument, existing
from helix_substrate.convert import convert_into


def convert_gguf_model(
    gguf_path: PathLike, output_dir: PathLike, block_rows: int = 16, codec: str = "brotli", verbose: bool = True
) -> Dict[str, Any]:
    """Convert a GGUF file, any part of a split one, to codebooks, and return the model directory's manifest.

    The other arguments are those of convert_huggingface_model.
    """
    arguments = ["convert-gguf", argument(existing(gguf_path)), "--block-rows", str(block_rows), "--codec", codec]
    return convert_into(output_dir, arguments, verbose, {})
