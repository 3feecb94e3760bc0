"""Products straight from compressed blocks: Y = X @ W, or X @ Wᵀ, of which W is never held whole."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Literal, Optional, Tuple

import numpy as np

from helix_substrate._program import Exchange, PathLike, argument, existing, floats, run_json

VerifyPolicy = Literal["always", "sampled", "trust_cached"]


@dataclass
class StreamXWReceipt:
    """What one product read, verified and cost: the program's stream_xw_receipt_v1 (docs/RECEIPTS.md)."""

    schema: str = "stream_xw_receipt_v1"
    work_order: str = ""
    tensor_name: str = ""
    cdna_path: str = ""
    sidecar_path: Optional[str] = None
    codec_version: str = "unknown"
    streaming_mode: str = "unknown"
    transpose_w: bool = False
    blocks_touched: List[int] = field(default_factory=list)
    blocks_verified: int = 0
    sidecar_applied: bool = False
    sidecar_corrections: int = 0
    input_sha256: str = ""
    output_sha256: str = ""
    cosine_vs_canonical: Optional[float] = None
    max_error: Optional[float] = None
    rss_delta_mb: float = 0.0
    full_weight_mb: float = 0.0
    savings_factor: float = 0.0
    duration_ms: float = 0.0
    timestamp: str = ""
    timing_breakdown: Optional[Dict[str, float]] = None
    native_kernel_info: Optional[Dict[str, Any]] = None
    status: str = "PENDING"
    program_receipt: Dict[str, Any] = field(default_factory=dict, repr=False)  # as the program printed it

    @classmethod
    def from_program(cls, receipt: Dict[str, Any]) -> "StreamXWReceipt":
        """Return the receipt that the program printed."""
        proof, memory = receipt["compute_proof"], receipt["memory_audit"]
        return cls(
            **{key: receipt[key] for key in (
                "schema", "work_order", "tensor_name", "cdna_path", "codec_version", "streaming_mode", "transpose_w",
                "blocks_touched", "blocks_verified", "sidecar_applied", "sidecar_corrections", "duration_ms", "timestamp",
                "timing_breakdown", "status",
            )},
            **{key: memory[key] for key in ("rss_delta_mb", "full_weight_mb", "savings_factor")},
            sidecar_path=receipt.get("sidecar_path"),
            input_sha256=proof["input_activation_sha256"],
            output_sha256=proof["output_activation_sha256"],
            native_kernel_info=receipt["native_kernel"],
            program_receipt=receipt,
        )  # fmt: skip

    def to_dict(self) -> Dict[str, Any]:
        """Return the receipt as the program printed it, with what compare_vs_canonical found."""
        result = {**self.program_receipt, "status": self.status}
        if self.cosine_vs_canonical is not None:
            result["accuracy"] = {"cosine_vs_canonical": self.cosine_vs_canonical, "max_error": self.max_error}
        return result


def stream_xw_from_cdna(
    X: np.ndarray,
    cdna_path: PathLike,
    sidecar_path: Optional[PathLike] = None,
    verify_policy: VerifyPolicy = "trust_cached",
    emit_receipt: bool = True,
    transpose_w: bool = False,
    telem: Any = None,
) -> Tuple[np.ndarray, StreamXWReceipt]:
    """Return Y = X @ W, or X @ Wᵀ, and its receipt, W being a CDNA file.

    Args:
        X: [K], [tokens, K] or [batch, tokens, K]; taken as float32.
        cdna_path: W [K, N], or [N, K] with transpose_w. Of NAME.cdna2.hxz that does not exist, NAME.cdna is taken if it
            does, with a warning: the original's quick start names the one where it has made the other.
        sidecar_path: exact values for outliers.
        verify_policy: when blocks are compared with their SHA-256: "always", "sampled" (a tenth) or "trust_cached" (each
            once).
        emit_receipt: of no effect: the receipt is always made.
        telem: of no effect.

    Returns:
        Y, float32, of X's dimensions but for the last; the same bits on every machine.

    Raises:
        ValueError: X does not fit W, or blocks are damaged (HelixError).
    """
    with Exchange() as exchange:
        x = exchange.save("x.npy", floats(X, 1, 3))
        arguments = ["--x", x, "--w", argument(_found(cdna_path)), "-o", exchange.path("y.npy"), "--json"]
        arguments += ["--verify", verify_policy.replace("_", "-")]
        if sidecar_path is not None:
            arguments += ["--sidecar", argument(existing(sidecar_path))]
        if transpose_w:
            arguments.append("--transpose")
        receipt = run_json("matmul", *arguments)
        return exchange.load("y.npy"), StreamXWReceipt.from_program(receipt)


def stream_xw_from_manifest(
    X: np.ndarray,
    tensor_name: str,
    manifest: Dict[str, Any],
    base_path: PathLike,
    verify_policy: VerifyPolicy = "trust_cached",
    transpose_w: bool = False,
    telem: Any = None,
) -> Tuple[np.ndarray, StreamXWReceipt]:
    """Return stream_xw_from_cdna's result with a matrix that a manifest names.

    Args:
        manifest: of a model directory (its "tensors"), or of the original's hybrid schema (its "shards").
        base_path: the directory that the manifest's paths are of.

    Raises:
        KeyError: the manifest has no such matrix.
    """
    base, sidecar = Path(base_path), None
    entry = manifest.get("tensors", {}).get(tensor_name)
    if entry is not None and "file" in entry:
        matrix, outliers = base / entry["file"], entry.get("sidecar")
        sidecar = base / outliers if outliers else None
    else:
        entry = next((shard for shard in manifest.get("shards", []) if shard.get("tensor_name") == tensor_name), None)
        if entry is None:
            raise KeyError(f"Tensor '{tensor_name}' not found in manifest")
        matrix, outliers = base / entry["path"], entry.get("outlier_sidecar_path")
        sidecar = base / manifest.get("sidecar_dir", "") / outliers if outliers else None
    return stream_xw_from_cdna(X, matrix, sidecar, verify_policy, transpose_w=transpose_w)


def compare_vs_canonical(Y_stream: np.ndarray, Y_canonical: np.ndarray, receipt: StreamXWReceipt) -> StreamXWReceipt:
    """Note in a receipt how near a product is to the canonical one, and return it.

    Its status becomes PASS from a cosine of 0.999 on, ACCEPTABLE from 0.99, else FAIL.
    """
    a, b = np.asarray(Y_stream, np.float64).ravel(), np.asarray(Y_canonical, np.float64).ravel()
    receipt.cosine_vs_canonical = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-10))
    receipt.max_error = float(np.abs(a - b).max())
    near = receipt.cosine_vs_canonical
    receipt.status = "PASS" if near >= 0.999 else "ACCEPTABLE" if near >= 0.99 else "FAIL"
    return receipt


def _found(cdna_path: PathLike) -> Path:
    """The file that a path means."""
    path = Path(cdna_path)
    blocks = ".cdna2.hxz"
    if not path.exists() and path.name.endswith(blocks):
        whole = path.with_name(path.name[: -len(blocks)] + ".cdna")
        if whole.exists():
            warnings.warn(f"{path} does not exist; {whole} is used, which has no blocks", stacklevel=3)
            return whole
    return existing(path)
