"""Attention layers, of which no matrix is held whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from helix_substrate._layers import audit, check_head, hygiene, named, no_intermediates, run_layer
from helix_substrate._program import PathLike, floats
from helix_substrate.stream_matmul import VerifyPolicy, stream_xw_from_cdna


@dataclass
class AttentionLayerReceipt:
    """What an attention layer was, and the receipts of its products."""

    schema: str = "stream_attn_layer_receipt_v1"
    block_index: int = 0
    q_receipt: Optional[Dict[str, Any]] = None
    k_receipt: Optional[Dict[str, Any]] = None
    v_receipt: Optional[Dict[str, Any]] = None
    o_receipt: Optional[Dict[str, Any]] = None
    attention_config: Dict[str, Any] = field(default_factory=dict)
    softmax_stats: Dict[str, Any] = field(default_factory=dict)  # of stream_attention_forward_from_paths
    memory_audit: Dict[str, Any] = field(default_factory=dict)
    claim_hygiene: Dict[str, Any] = field(default_factory=dict)
    duration_ms: float = 0.0
    timestamp: str = ""
    status: str = "PENDING"
    program_receipts: List[Dict[str, Any]] = field(default_factory=list, repr=False)  # attention_receipt_v1, one a text

    def to_dict(self) -> Dict[str, Any]:
        """Return the receipt as a dict for JSON."""
        return {
            "schema": self.schema,
            "block_index": self.block_index,
            "claim_hygiene": self.claim_hygiene,
            "projections": {"q": self.q_receipt, "k": self.k_receipt, "v": self.v_receipt, "o": self.o_receipt},
            "attention_config": self.attention_config,
            "softmax_stats": self.softmax_stats,
            "memory_audit": self.memory_audit,
            "duration_ms": self.duration_ms,
            "timestamp": self.timestamp,
            "status": self.status,
            "program_receipts": self.program_receipts,
        }


def stream_attention_forward(
    X: np.ndarray,
    manifest_path: PathLike,
    block_index: int,
    d_head: Optional[int] = None,
    verify_policy: VerifyPolicy = "trust_cached",
    return_intermediates: bool = False,
    telem: Any = None,
) -> Tuple[np.ndarray, AttentionLayerReceipt, None]:
    """Return the output of a model's attention layer: projections, rotary embeddings, causal attention, output projection.

    Args:
        X: [tokens, hidden] or [batch, tokens, hidden], normalized; positions count from 0.
        manifest_path: a model directory or its manifest.json; or what runs dense: a Hugging Face directory, a GGUF file.
        block_index: which layer.
        d_head: the size of heads is the model's; another one is refused.
        verify_policy: as of stream_xw_from_cdna.
        return_intermediates: not possible here.
        telem: of no effect.

    Returns:
        The output, of X's shape; its receipt; None.
    """
    no_intermediates(return_intermediates)
    Y, runs = run_layer("attention", X, manifest_path, block_index, verify_policy)
    check_head(d_head, runs[0])
    return Y, receipt_of(runs), None


def receipt_of(runs: List[Dict[str, Any]]) -> AttentionLayerReceipt:
    """Return the receipt of the program's, one for each text of a batch."""
    first = runs[0]
    products = [p for r in runs for p in r["projections"]]
    projections = named(first["projections"], ["q", "k", "v", "o"])
    heads, kv_heads = first["n_heads"], first["n_kv_heads"]
    return AttentionLayerReceipt(
        block_index=first["layer"],
        q_receipt=projections["q"],
        k_receipt=projections["k"],
        v_receipt=projections["v"],
        o_receipt=projections["o"],
        attention_config={
            "d_head": first["head_dim"],
            "n_heads": heads,
            "n_kv_heads": kv_heads,
            "group_size": heads // kv_heads if kv_heads else 0,
            "rope_pairing": first["rope_pairing"],
            "rope_theta": first["rope_theta"],
            "batch": len(runs),
            "seq": first["tokens"],
            "d_model": first["hidden_size"],
        },
        memory_audit=audit(products),
        claim_hygiene=hygiene(products),
        duration_ms=sum(r["duration_ms"] for r in runs),
        timestamp=runs[-1]["timestamp"],
        status="PASS",
        program_receipts=runs,
    )


def stable_softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the softmax along an axis, which does not overflow."""
    powers = np.exp(scores - np.max(scores, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def stream_attention_forward_from_paths(
    X: np.ndarray,
    wq_path: PathLike,
    wk_path: PathLike,
    wv_path: PathLike,
    wo_path: PathLike,
    wq_sidecar: Optional[PathLike] = None,
    wk_sidecar: Optional[PathLike] = None,
    wv_sidecar: Optional[PathLike] = None,
    wo_sidecar: Optional[PathLike] = None,
    d_head: int = 128,
    verify_policy: VerifyPolicy = "trust_cached",
) -> Tuple[np.ndarray, AttentionLayerReceipt]:
    """Return softmax(Q Kᵀ / √d_head) V @ Wo, where Q, K and V are X @ Wq, Wk and Wv, all CDNA files [in, out].

    As the original's, it is one head as wide as Q that sees all of its text, without positions: for a model's own
    attention take stream_attention_forward. X is [tokens, hidden] or [batch, tokens, hidden].
    """
    X = floats(X, 2, 3)
    Q, q = stream_xw_from_cdna(X, wq_path, wq_sidecar, verify_policy)
    K, k = stream_xw_from_cdna(X, wk_path, wk_sidecar, verify_policy)
    V, v = stream_xw_from_cdna(X, wv_path, wv_sidecar, verify_policy)
    if Q.shape != K.shape:
        raise ValueError(f"queries {Q.shape} and keys {K.shape} differ: one head is as wide as both")
    weights = stable_softmax(Q @ np.swapaxes(K, -1, -2) * np.float32(1 / np.sqrt(d_head)))
    Y, o = stream_xw_from_cdna(weights @ V, wo_path, wo_sidecar, verify_policy)
    sums = weights.sum(axis=-1)
    products = [r.to_dict() for r in (q, k, v, o)]
    receipt = AttentionLayerReceipt(
        block_index=-1,
        q_receipt=products[0],
        k_receipt=products[1],
        v_receipt=products[2],
        o_receipt=products[3],
        attention_config={"d_head": d_head, "batch": 1 if X.ndim == 2 else len(X), "seq": X.shape[-2], "d_model": X.shape[-1]},
        softmax_stats={
            "method": "max_shift",
            "numerically_stable": bool(np.all(np.abs(sums - 1) <= 1e-4)),
            "row_sums_min": float(sums.min()),
            "row_sums_max": float(sums.max()),
            "all_non_negative": bool(np.all(weights >= 0)),
        },
        memory_audit=audit(products),
        claim_hygiene=hygiene(products),
        duration_ms=sum(p["duration_ms"] for p in products),
        timestamp=o.timestamp,
    )
    receipt.status = "PASS" if receipt.softmax_stats["numerically_stable"] else "FAIL"
    return Y, receipt
