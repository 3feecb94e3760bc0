"""Execution receipts: execution_receipt:v1, the original's schema, of which the program's are a superset.

``helix-substrate receipt`` verifies, replays, signs and logs them (docs/RECEIPTS.md).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Optional

from helix_substrate._program import PathLike

_HYGIENE = (
    "codec_version", "streaming_mode", "gqa_handling", "codec_versions_used", "streaming_modes_used",
    "all_true_block_streaming",
)  # fmt: skip
_OPERATION = (
    "op_name", "timing_ms", "memory_bytes", "mse_vs_baseline", "max_error", "cosine_similarity", "elements_processed",
    "outliers_applied", "tensors_decoded", "status", "warnings", "error_message",
)  # fmt: skip
_RECEIPT = (
    "schema", "plan_sha256", "brainstem_band", "total_timing_ms", "total_memory_bytes", "behavioral_gate_verdict",
    "gates_checked", "gate_receipt_path", "avg_cosine_similarity", "max_mse", "tensors_total", "tensors_ok", "tensors_warn",
    "tensors_fail", "timestamp_utc", "git_commit", "manifest_path", "manifest_sha256", "output_gguf_path",
    "output_gguf_sha256", "receipt_sha256", "syscall_receipts", "total_it_tokens_spent",
)  # fmt: skip


@dataclass
class OperationResult:
    """What one operation read, wrote (by SHA-256) and cost."""

    op_name: str
    timing_ms: float
    memory_bytes: int
    input_sha256: str
    output_sha256: str
    mse_vs_baseline: Optional[float] = None
    max_error: Optional[float] = None
    cosine_similarity: Optional[float] = None
    elements_processed: int = 0
    outliers_applied: int = 0
    tensors_decoded: int = 0
    status: str = "OK"  # or WARN, FAIL
    warnings: List[str] = field(default_factory=list)
    error_message: Optional[str] = None
    tensor_name: Optional[str] = None
    codec_version: Optional[str] = None
    streaming_mode: Optional[str] = None
    block_index: Optional[int] = None
    gqa_handling: Optional[str] = None
    codec_versions_used: List[str] = field(default_factory=list)
    streaming_modes_used: List[str] = field(default_factory=list)
    all_true_block_streaming: Optional[bool] = None

    def to_dict(self) -> Dict[str, Any]:
        """Return the operation as it stands in a receipt."""
        result = {key: getattr(self, key) for key in _OPERATION}
        result["timing_ms"] = round(self.timing_ms, 3)
        result["compute_proof"] = {"input_sha256": self.input_sha256, "output_sha256": self.output_sha256}
        for key in ("tensor_name", "block_index"):
            if getattr(self, key) is not None:
                result[key] = getattr(self, key)
        hygiene = {key: getattr(self, key) for key in _HYGIENE if getattr(self, key) not in (None, [])}
        if hygiene:
            result["claim_hygiene"] = hygiene
        return result

    @classmethod
    def from_dict(cls, d: Dict[str, Any]) -> "OperationResult":
        """Return the operation of a receipt; hashes may stand in it directly, as early ones have them."""
        proof, hygiene = d.get("compute_proof", d), d.get("claim_hygiene", {})
        known = {key: d[key] for key in (*_OPERATION, "tensor_name", "block_index") if key in d}
        known.update({key: hygiene[key] for key in _HYGIENE if key in hygiene})
        return cls(input_sha256=proof.get("input_sha256", ""), output_sha256=proof.get("output_sha256", ""), **known)


@dataclass
class ExecutionReceipt:
    """A receipt of several operations, with a hash over all of it."""

    schema: str = "execution_receipt:v1"
    plan_sha256: str = ""
    brainstem_band: str = "alpha"
    operations: List[OperationResult] = field(default_factory=list)
    total_timing_ms: float = 0.0
    total_memory_bytes: int = 0
    behavioral_gate_verdict: str = "NOT_CHECKED"
    gates_checked: Dict[str, bool] = field(default_factory=dict)
    gate_receipt_path: Optional[str] = None
    avg_cosine_similarity: Optional[float] = None
    max_mse: Optional[float] = None
    tensors_total: int = 0
    tensors_ok: int = 0
    tensors_warn: int = 0
    tensors_fail: int = 0
    timestamp_utc: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"))
    git_commit: str = "unknown"
    manifest_path: Optional[str] = None
    manifest_sha256: Optional[str] = None
    output_gguf_path: Optional[str] = None
    output_gguf_sha256: Optional[str] = None
    receipt_sha256: str = ""
    syscall_receipts: List[Dict[str, Any]] = field(default_factory=list)
    total_it_tokens_spent: float = 0.0

    def compute_hash(self) -> str:
        """Return the SHA-256 of all but receipt_sha256."""
        return _hash(self.to_dict())

    def finalize(self) -> "ExecutionReceipt":
        """Set receipt_sha256 and return the receipt."""
        self.receipt_sha256 = self.compute_hash()
        return self

    def aggregate_stats(self) -> None:
        """Sum the operations up, if there are any."""
        if not self.operations:
            return
        self.total_timing_ms = sum(o.timing_ms for o in self.operations)
        self.total_memory_bytes = max(o.memory_bytes for o in self.operations)
        states = [o.status for o in self.operations]
        self.tensors_ok, self.tensors_warn, self.tensors_fail = (states.count(s) for s in ("OK", "WARN", "FAIL"))
        self.tensors_total = len(states)
        cosines = [o.cosine_similarity for o in self.operations if o.cosine_similarity is not None]
        if cosines:
            self.avg_cosine_similarity = sum(cosines) / len(cosines)
        self.max_mse = max((o.mse_vs_baseline for o in self.operations if o.mse_vs_baseline is not None), default=self.max_mse)

    def to_dict(self) -> Dict[str, Any]:
        """Return the receipt for JSON."""
        result = {key: getattr(self, key) for key in _RECEIPT}
        result["operations"] = [o.to_dict() for o in self.operations]
        result["total_timing_ms"] = round(self.total_timing_ms, 3)
        result["total_it_tokens_spent"] = round(self.total_it_tokens_spent, 6)
        return result

    @classmethod
    def from_dict(cls, d: Dict[str, Any]) -> "ExecutionReceipt":
        """Return the receipt of a dict. What the original's schema has not, such as the program's claims, is left out: a
        receipt of the program's is validated as the dict that it is."""
        operations = [OperationResult.from_dict(o) for o in d.get("operations", [])]
        return cls(operations=operations, **{key: d[key] for key in _RECEIPT if key in d})


def validate_execution_receipt(receipt: Dict[str, Any]) -> Dict[str, Any]:
    """Return {"valid", "errors", "sha256_match"} of a receipt; sha256_match is None where it has no hash."""
    errors = [
        f"Missing required field: {key}"
        for key in ("schema", "plan_sha256", "operations", "behavioral_gate_verdict", "timestamp_utc")
        if key not in receipt
    ]
    if not str(receipt.get("schema", "")).startswith("execution_receipt:"):
        errors.append(f"Invalid schema: {receipt.get('schema')}")
    operations = receipt.get("operations", [])
    if not isinstance(operations, list):
        errors.append("operations must be a list")
    else:
        for i, operation in enumerate(operations):
            if not isinstance(operation, dict):
                errors.append(f"operations[{i}] must be a dict")
            elif "op_name" not in operation:
                errors.append(f"operations[{i}] missing op_name")
    match = None
    if "receipt_sha256" in receipt:
        expected, actual = _hash(receipt), receipt["receipt_sha256"]
        match = expected == actual
        if not match:
            errors.append(f"receipt_sha256 mismatch: expected {expected[:16]}..., got {str(actual)[:16]}...")
    return {"valid": not errors, "errors": errors, "sha256_match": match}


def save_execution_receipt(receipt: ExecutionReceipt, path: PathLike, finalize: bool = True) -> Path:
    """Write a receipt as JSON, by default with its hash, and return where it is; folders that are missing are made."""
    if finalize:
        receipt.finalize()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(receipt.to_dict(), indent=2), encoding="utf-8")
    return path


def load_execution_receipt(path: PathLike) -> ExecutionReceipt:
    """Return the receipt of a file."""
    return ExecutionReceipt.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))


def _hash(receipt: Dict[str, Any]) -> str:
    """The SHA-256 of a receipt's canonical form, without its own."""
    rest = {key: value for key, value in receipt.items() if key != "receipt_sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
