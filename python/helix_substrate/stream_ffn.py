"""Feed-forward layers, of which no matrix is held whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from helix_substrate._layers import audit, hygiene, named, no_intermediates, run_layer
from helix_substrate._program import PathLike, floats, shape_of
from helix_substrate.stream_matmul import VerifyPolicy, stream_xw_from_cdna


@dataclass
class FFNLayerReceipt:
    """What a feed-forward layer was, and the receipts of its products."""

    schema: str = "stream_ffn_layer_receipt_v1"
    block_index: int = 0
    gate_receipt: Optional[Dict[str, Any]] = None
    up_receipt: Optional[Dict[str, Any]] = None
    down_receipt: Optional[Dict[str, Any]] = None
    ffn_config: Dict[str, Any] = field(default_factory=dict)
    memory_audit: Dict[str, Any] = field(default_factory=dict)
    claim_hygiene: Dict[str, Any] = field(default_factory=dict)
    duration_ms: float = 0.0
    timestamp: str = ""
    status: str = "PENDING"
    program_receipts: List[Dict[str, Any]] = field(default_factory=list, repr=False)  # ffn_receipt_v1, one a text

    def to_dict(self) -> Dict[str, Any]:
        """Return the receipt as a dict for JSON."""
        return {
            "schema": self.schema,
            "block_index": self.block_index,
            "claim_hygiene": self.claim_hygiene,
            "projections": {"gate": self.gate_receipt, "up": self.up_receipt, "down": self.down_receipt},
            "ffn_config": self.ffn_config,
            "memory_audit": self.memory_audit,
            "duration_ms": self.duration_ms,
            "timestamp": self.timestamp,
            "status": self.status,
            "program_receipts": self.program_receipts,
        }


def stream_ffn_forward(
    X: np.ndarray,
    manifest_path: PathLike,
    block_index: int,
    verify_policy: VerifyPolicy = "trust_cached",
    return_intermediates: bool = False,
    telem: Any = None,
) -> Tuple[np.ndarray, FFNLayerReceipt, None]:
    """Return the output of a model's feed-forward layer, a mixture of experts too.

    Arguments and results are those of stream_attention_forward.
    """
    no_intermediates(return_intermediates)
    Y, runs = run_layer("ffn", X, manifest_path, block_index, verify_policy)
    return Y, receipt_of(runs), None


def receipt_of(runs: List[Dict[str, Any]]) -> FFNLayerReceipt:
    """Return the receipt of the program's, one for each text of a batch."""
    first = runs[0]
    products = [p for r in runs for p in r["projections"]]
    projections = named(first["projections"], ["gate", "up", "down"])
    return FFNLayerReceipt(
        block_index=first["layer"],
        gate_receipt=projections["gate"],
        up_receipt=projections["up"],
        down_receipt=projections["down"],
        ffn_config={
            "activation": first["activation"],
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


def silu(x: np.ndarray) -> np.ndarray:
    """Return x / (1 + e⁻ˣ), which does not overflow."""
    small = np.exp(-np.abs(x))
    return x * np.where(x >= 0, 1, small) / (1 + small)


def stream_ffn_forward_from_paths(
    X: np.ndarray,
    wgate_path: PathLike,
    wup_path: PathLike,
    wdown_path: PathLike,
    wgate_sidecar: Optional[PathLike] = None,
    wup_sidecar: Optional[PathLike] = None,
    wdown_sidecar: Optional[PathLike] = None,
    verify_policy: VerifyPolicy = "trust_cached",
) -> Tuple[np.ndarray, FFNLayerReceipt]:
    """Return silu(X @ Gateᵀ) * (X @ Upᵀ) @ Down, of CDNA files: Gate and Up [inner, hidden], Down [inner, hidden].

    Down may be [hidden, inner], as checkpoints have it, where that is told by its shape. X is [tokens, hidden] or
    [batch, tokens, hidden].
    """
    X = floats(X, 2, 3)
    gate, g = stream_xw_from_cdna(X, wgate_path, wgate_sidecar, verify_policy, transpose_w=True)
    up, u = stream_xw_from_cdna(X, wup_path, wup_sidecar, verify_policy, transpose_w=True)
    inner = (silu(gate) * up).astype(np.float32)
    across = shape_of(wdown_path)[0] != inner.shape[-1]
    Y, d = stream_xw_from_cdna(inner, wdown_path, wdown_sidecar, verify_policy, transpose_w=across)
    products = [r.to_dict() for r in (g, u, d)]
    return Y, FFNLayerReceipt(
        block_index=-1,
        gate_receipt=products[0],
        up_receipt=products[1],
        down_receipt=products[2],
        ffn_config={
            "activation": "silu",
            "batch": 1 if X.ndim == 2 else len(X),
            "seq": X.shape[-2],
            "d_model": X.shape[-1],
            "d_intermediate": inner.shape[-1],
        },
        memory_audit=audit(products),
        claim_hygiene=hygiene(products),
        duration_ms=sum(p["duration_ms"] for p in products),
        timestamp=d.timestamp,
        status="PASS",
    )
