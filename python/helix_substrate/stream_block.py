"""Transformer blocks, of which no matrix is held whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from helix_substrate import stream_attention, stream_ffn
from helix_substrate._layers import check_head, no_intermediates, run_layer
from helix_substrate._program import PathLike, floats
from helix_substrate.stream_attention import stream_attention_forward
from helix_substrate.stream_ffn import stream_ffn_forward
from helix_substrate.stream_matmul import VerifyPolicy


@dataclass
class TransformerBlockReceipt:
    """What a transformer block was, and the receipts of its two layers."""

    schema: str = "stream_transformer_block_receipt_v1"
    block_index: int = 0
    attention_receipt: Optional[Dict[str, Any]] = None
    ffn_receipt: Optional[Dict[str, Any]] = None
    norms_info: Dict[str, Any] = field(default_factory=dict)
    block_config: Dict[str, Any] = field(default_factory=dict)
    memory_audit: Dict[str, Any] = field(default_factory=dict)
    claim_hygiene: Dict[str, Any] = field(default_factory=dict)
    duration_ms: float = 0.0
    timestamp: str = ""
    status: str = "PENDING"

    def to_dict(self) -> Dict[str, Any]:
        """Return the receipt as a dict for JSON."""
        return {
            "schema": self.schema,
            "block_index": self.block_index,
            "claim_hygiene": self.claim_hygiene,
            "components": {"attention": self.attention_receipt, "ffn": self.ffn_receipt},
            "norms_info": self.norms_info,
            "block_config": self.block_config,
            "memory_audit": self.memory_audit,
            "duration_ms": self.duration_ms,
            "timestamp": self.timestamp,
            "status": self.status,
        }


def rms_norm(x: np.ndarray, weight: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """Return x over its root mean square along the last axis, times weight."""
    return x / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + eps) * weight


def stream_transformer_block_forward(
    X: np.ndarray,
    manifest_path: PathLike,
    block_index: int,
    d_head: Optional[int] = None,
    verify_policy: VerifyPolicy = "trust_cached",
    attn_norm_weight: Optional[np.ndarray] = None,
    ffn_norm_weight: Optional[np.ndarray] = None,
    gguf_path: Optional[PathLike] = None,
    norm_eps: float = 1e-5,
    return_intermediates: bool = False,
    telem: Any = None,
) -> Tuple[np.ndarray, TransformerBlockReceipt, None]:
    """Return the output of a model's block: norm, attention, residual, norm, feed-forward layer, residual.

    Args:
        X: [tokens, hidden] or [batch, tokens, hidden]; positions count from 0.
        manifest_path, block_index, d_head, verify_policy, return_intermediates, telem: as of stream_attention_forward.
        attn_norm_weight, ffn_norm_weight: [hidden] each, both or none: instead of the model's own norms, which need
            not be given, these with norm_eps, between the block's layers, with residuals as Llama has them.
        gguf_path: of no effect: a model has its norms.

    Returns:
        The output, of X's shape; its receipt; None.
    """
    no_intermediates(return_intermediates)
    if (attn_norm_weight is None) != (ffn_norm_weight is None):
        raise ValueError("attn_norm_weight and ffn_norm_weight: give both, or none for the model's own")
    if attn_norm_weight is not None:
        X = floats(X, 2, 3)
        normal = rms_norm(X, np.asarray(attn_norm_weight, np.float32), norm_eps)
        attended, attention, _ = stream_attention_forward(normal, manifest_path, block_index, d_head, verify_policy)
        middle = X + attended
        normal = rms_norm(middle, np.asarray(ffn_norm_weight, np.float32), norm_eps)
        fed, ffn, _ = stream_ffn_forward(normal, manifest_path, block_index, verify_policy)
        norms = {"source": "provided", "eps": norm_eps}
        return middle + fed, _receipt(attention, ffn, norms, attention.duration_ms + ffn.duration_ms), None
    Y, runs = run_layer("block", X, manifest_path, block_index, verify_policy)
    check_head(d_head, runs[0]["attention"])
    attention = stream_attention.receipt_of([r["attention"] for r in runs])
    ffn = stream_ffn.receipt_of([r["ffn"] for r in runs])
    norms = {"source": "model", "eps": runs[0]["norm_eps"]}
    return Y, _receipt(attention, ffn, norms, sum(r["duration_ms"] for r in runs)), None


def stream_multi_block_forward(
    X: np.ndarray,
    manifest_path: PathLike,
    block_indices: List[int],
    d_head: Optional[int] = None,
    verify_policy: VerifyPolicy = "trust_cached",
    gguf_path: Optional[PathLike] = None,
    norm_eps: float = 1e-5,
    trace_hidden: bool = False,
) -> Tuple[np.ndarray, List[TransformerBlockReceipt], Optional[Dict[int, np.ndarray]]]:
    """Run blocks one after another; return the last one's output, their receipts and, with trace_hidden, what went in.

    The trace has each block's input by its index, and the output by -1. gguf_path and norm_eps are of no effect: a model
    has its norms.
    """
    receipts: List[TransformerBlockReceipt] = []
    trace: Dict[int, np.ndarray] = {}
    X = floats(X, 2, 3)
    for index in block_indices:
        trace[index] = X
        X, receipt, _ = stream_transformer_block_forward(X, manifest_path, index, d_head, verify_policy)
        receipts.append(receipt)
    trace[-1] = X
    return X, receipts, trace if trace_hidden else None


def _receipt(
    attention: stream_attention.AttentionLayerReceipt, ffn: stream_ffn.FFNLayerReceipt, norms: Dict[str, Any], took: float
) -> TransformerBlockReceipt:
    """The receipt of a block, of its layers'."""
    layers = (attention, ffn)
    full = sum(r.memory_audit["full_weights_mb"] for r in layers)
    held = sum(r.memory_audit["held_mb"] for r in layers)
    modes = sorted({m for r in layers for m in r.claim_hygiene["streaming_modes_used"]})
    return TransformerBlockReceipt(
        block_index=attention.block_index,
        attention_receipt=attention.to_dict(),
        ffn_receipt=ffn.to_dict(),
        norms_info=norms,
        block_config={key: attention.attention_config[key] for key in ("batch", "seq", "d_model", "d_head")},
        memory_audit={"full_weights_mb": full, "held_mb": held, "savings_factor": full / held if held else 0.0},
        claim_hygiene={
            "codec_versions_used": sorted({c for r in layers for c in r.claim_hygiene["codec_versions_used"]}),
            "streaming_modes_used": modes,
            "all_true_block_streaming": modes == ["true_block_streaming"],
            "projections_streamed": sum(len(p["projections"]) for r in layers for p in r.program_receipts[:1]),
        },
        duration_ms=took,
        timestamp=ffn.timestamp,
        status="PASS",
    )
