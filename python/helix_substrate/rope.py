"""Rotary position embeddings of neighbouring pairs, as the original has them."""

from __future__ import annotations

from typing import Tuple

import numpy as np


def apply_rope(x: np.ndarray, start_pos: int = 0, theta: float = 10000.0) -> np.ndarray:
    """Turn each pair (x[2i], x[2i+1]) of x [..., tokens, d_head] by position · theta^(-2i/d_head); x's shape and type."""
    tokens, width = x.shape[-2:]
    frequencies = theta ** (-np.arange(0, width, 2, dtype=np.float64) / width)
    angles = np.outer(np.arange(start_pos, start_pos + tokens), frequencies)
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = np.empty_like(x)
    turned[..., 0::2] = even * np.cos(angles) - odd * np.sin(angles)
    turned[..., 1::2] = even * np.sin(angles) + odd * np.cos(angles)
    return turned


def apply_rope_to_qk(
    Q: np.ndarray, K: np.ndarray, d_head: int, start_pos: int = 0, theta: float = 10000.0
) -> Tuple[np.ndarray, np.ndarray]:
    """Apply apply_rope to every head of Q and K, [batch, tokens, heads · d_head] or [batch, heads, tokens, d_head]."""

    def turn(x: np.ndarray) -> np.ndarray:
        if x.ndim == 4:
            return apply_rope(x, start_pos, theta)
        heads = x.reshape(*x.shape[:2], -1, d_head).swapaxes(1, 2)
        return apply_rope(heads, start_pos, theta).swapaxes(1, 2).reshape(x.shape)

    return turn(Q), turn(K)
