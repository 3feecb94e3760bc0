"""One layer of a model, run by the program; what the receipts of layers share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from helix_substrate._program import Exchange, PathLike, argument, existing, floats, run


def run_layer(
    part: str, X: np.ndarray, model: PathLike, layer: int, verify_policy: str
) -> Tuple[np.ndarray, List[Dict[str, Any]]]:
    """Run part ("attention", "ffn" or "block") of a layer; return its output, of X's shape, and the program's receipts.

    X is [tokens, hidden] or [batch, tokens, hidden]. Texts of a batch see nothing of each other: each is a run of its own
    from position 0, and has a receipt.
    """
    X = floats(X, 2, 3)
    texts = X[np.newaxis] if X.ndim == 2 else X
    model = argument(_model(model))
    outputs, receipts = [], []
    for text in texts:
        with Exchange() as exchange:
            run(
                "layer", model, "--layer", str(layer), "--part", part,
                "--stream", "--context", str(max(text.shape[0], 1)),
                "--x", exchange.save("x.npy", text), "-o", exchange.path("y.npy"),
                "--receipt", exchange.path("receipt.json"), "--verify", verify_policy.replace("_", "-"),
            )  # fmt: skip
            outputs.append(exchange.load("y.npy"))
            receipts.append(exchange.load_json("receipt.json")["measurements"]["detail"])
    return np.stack(outputs).reshape(X.shape), receipts


def no_intermediates(wanted: bool) -> None:
    """Refuse what the program does not hand out."""
    if wanted:
        raise NotImplementedError("return_intermediates: the program gives a layer's output only")


def check_head(d_head: Optional[int], receipt: Dict[str, Any]) -> None:
    """Refuse a size of heads that is not the model's."""
    if d_head is not None and d_head != receipt["head_dim"]:
        raise ValueError(f"d_head={d_head}: the model's heads have {receipt['head_dim']}; it need not be given")


def named(projections: List[Dict[str, Any]], names: List[str]) -> Dict[str, Optional[Dict[str, Any]]]:
    """Return the first products' receipts by name, where a layer has those and no others."""
    if not projections or len(projections) % len(names):
        return dict.fromkeys(names)
    return dict(zip(names, projections))


def audit(projections: List[Dict[str, Any]]) -> Dict[str, float]:
    """Return what the products of a layer held of its weights."""
    memory = [p["memory_audit"] for p in projections]
    full = sum({p["tensor_name"]: p["memory_audit"]["full_weight_mb"] for p in projections}.values())
    held = sum({p["tensor_name"]: p["memory_audit"]["resident_mb"] for p in projections}.values())
    held += max((m["buffers_mb"] for m in memory), default=0.0)
    return {
        "full_weights_mb": full,
        "held_mb": held,
        "rss_peak_mb": max((m["peak_rss_mb"] for m in memory), default=0.0),
        "savings_factor": full / held if held else 0.0,
    }


def hygiene(projections: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Return which codecs and ways of reading the products used."""
    codecs = sorted({p["codec_version"] for p in projections})
    modes = sorted({p["streaming_mode"] for p in projections})
    return {
        "codec_versions_used": codecs,
        "streaming_modes_used": modes,
        "all_true_block_streaming": modes == ["true_block_streaming"],
    }


def _model(path: PathLike) -> Path:
    """A model, of which the original names the manifest."""
    path = existing(path)
    return path.parent if path.name == "manifest.json" else path
