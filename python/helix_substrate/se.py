"""Structural Entropy: how complex a matrix is, and where it would be computed."""

from __future__ import annotations

from typing import Any, Dict, Optional

import numpy as np

from helix_substrate._program import Exchange, run_json


def compute_tensor_se(tensor: np.ndarray, name: str = "tensor", gpu_vram_mb: float = 4000.0) -> Dict[str, Any]:
    """Return Se = H·U·D of a tensor, what it is made of, and the route that follows.

    Up to a shorter side of 512 the values are the original's. Beyond, where the original gives constants, the spectrum is
    measured: exactly to 1024, then by a sample, whose bound is in "error".

    Args:
        tensor: of any shape; one dimension is a column, all but the first of more than two are folded.
        name: of no effect.
        gpu_vram_mb: of the accelerator, in 10⁶ bytes: a tensor beyond 0.8 of it goes to the CPU.

    Returns:
        Se, H, U, D, D_raw, C_struct, components, gates, gate_override (None or the gate's name), routing_hint,
        routing_zone, size_mb and size_gated, as the original; estimator and error beside them.
    """
    if tensor is None or np.asarray(tensor).size == 0:
        return _empty()
    tensor = np.asarray(tensor)
    size = tensor.size * tensor.itemsize
    if tensor.ndim == 1:
        tensor = tensor.reshape(-1, 1)
    elif tensor.ndim > 2:
        tensor = tensor.reshape(tensor.shape[0], -1)
    if tensor.dtype not in (np.float16, np.float32, np.float64):
        tensor = tensor.astype(np.float32)
    with Exchange() as exchange:
        path = exchange.save("tensor.npy", tensor)
        survey = run_json("se", path, "--json", "--vram", str(int(gpu_vram_mb * 1e6)))
    measured, decision = survey["tensors"][0]["measured"], survey["tensors"][0]["decision"]
    rule = decision["rule"]
    return {
        **{key: measured[key] for key in ("Se", "H", "U", "D")},
        "D_raw": measured["rank_ratio"],
        "C_struct": measured["C_struct"],
        "components": {
            "energy_at_10pct": measured["energy_at_10pct"],
            "neighbor_coherence": measured["row_coherence"],
            "row_coherence": measured["row_coherence"],
            "col_coherence": measured["col_coherence"],
            "coherence_asymmetry": abs(measured["row_coherence"] - measured["col_coherence"]),
            "rank_ratio": measured["rank_ratio"],
        },
        "gates": {key: measured[key] for key in ("condition_number", "sufficient_k", "sparsity_ratio", "sparsity_structure")},
        "gate_override": None if rule == "zone" else rule,
        "routing_hint": decision["hint"],
        "routing_zone": decision["zone"],
        "size_mb": size / 1e6,
        "size_gated": rule == "size",
        "estimator": measured["estimator"],
        "error": measured["error"],
    }


def compute_routing_decision(
    tensor: np.ndarray, state: Optional[dict] = None, gpu_vram_mb: float = 4000.0, name: str = "tensor"
) -> Dict[str, Any]:
    """Return compute_tensor_se's result, with "force_backend" of state in place of its route, and "override_applied"."""
    result = compute_tensor_se(tensor, name=name, gpu_vram_mb=gpu_vram_mb)
    forced = isinstance(state, dict) and "force_backend" in state
    if forced:
        result["routing_hint"] = state["force_backend"]
    result["override_applied"] = forced
    return result


def _empty() -> Dict[str, Any]:
    """The result of a tensor without elements."""
    return {
        "Se": 0.0, "H": 0.0, "U": 0.0, "D": 0.0, "D_raw": 0.0, "C_struct": 0.0,
        "components": {
            "energy_at_10pct": 1.0, "neighbor_coherence": 1.0, "row_coherence": 0.0, "col_coherence": 0.0,
            "coherence_asymmetry": 0.0, "rank_ratio": 0.0,
        },
        "gates": {"condition_number": 1.0, "sufficient_k": True, "sparsity_ratio": 0.0, "sparsity_structure": "dense"},
        "gate_override": None, "routing_hint": "cpu", "routing_zone": 1, "size_mb": 0.0, "size_gated": False,
        "estimator": "none", "error": 0.0,
    }  # fmt: skip
