"""Models of the Hugging Face hub as model directories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Optional

from helix_substrate._program import PathLike, argument, run


def convert_huggingface_model(
    model_id: str,
    output_dir: PathLike,
    block_rows: int = 64,
    codec: str = "brotli",
    skip_embeddings: bool = False,
    skip_lm_head: bool = False,
    token: Optional[str] = None,
    verbose: bool = True,
) -> Dict[str, Any]:
    """Convert a repository of the hub, or a local checkpoint, to codebooks, and return the model directory's manifest.

    For calibrated models, which are smaller at the same quality, run ``helix-substrate convert``.

    Args:
        model_id: owner/name[@revision], or a directory or file.
        output_dir: the model directory to make; it must not exist yet, or be empty.
        block_rows: rows of a block.
        codec: how blocks are packed: brotli, zstd, huff0, lz4 or none.
        skip_embeddings, skip_lm_head: keep these exact. (The original leaves them out.)
        token: the hub's access token (default: HF_TOKEN, or what ``hf auth login`` stored).
        verbose: let the program print its progress and report.
    """
    arguments = ["convert", argument(model_id), "--method", "entropy", "--block-rows", str(block_rows), "--codec", codec]
    if skip_embeddings:
        arguments.append("--skip-embeddings")
    if skip_lm_head:
        arguments.append("--skip-lm-head")
    return convert_into(output_dir, arguments, verbose, {"HF_TOKEN": token} if token else {})


def convert_into(output_dir: PathLike, arguments: list, verbose: bool, environment: Dict[str, str]) -> Dict[str, Any]:
    """Run a conversion into a directory and return its manifest."""
    directory = Path(output_dir)
    directory.parent.mkdir(parents=True, exist_ok=True)
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()  # the program makes it, whole or not at all
    run(*arguments, "-o", argument(directory), *([] if verbose else ["--quiet"]), environment=environment, show=verbose)
    return json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
