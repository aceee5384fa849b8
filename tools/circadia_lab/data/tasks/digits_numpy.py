"""The digits net in plain NumPy: the yardstick of the learning bench, and a second opinion on the signature.

    patches (n, 4, 9, 9) ─ conv 3×3 ─ max over the 4 ─ relu ─ dense ─ relu ─ dense ─ softmax cross-entropy

The 4 are the cells of a 2×2 pool, the first 9 the pooled positions, the second 9 a window's pixels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SIDE, WINDOW, POOL, POSITIONS, CLASSES = 8, 9, 4, 9, 10


def patch_pixels() -> NDArray[np.int32]:
    """(4 · 9 · 9,) pixel numbers of every window: pool cell, pooled position, pixel of the window."""
    half, three = np.arange(2), np.arange(3)
    a, b, i, j, u, v = np.meshgrid(half, half, three, three, three, three, indexing="ij")
    pixels: NDArray[np.int32] = ((2 * i + a + u) * SIDE + 2 * j + b + v).astype(np.int32)
    return pixels.ravel()


def weight_shapes(filters: int, hidden: int) -> tuple[tuple[int, ...], ...]:
    """The shapes that the flat vector holds, in order."""
    features = POSITIONS * filters
    return (WINDOW, filters), (filters,), (features, hidden), (hidden,), (hidden, CLASSES), (CLASSES,)


def initial_weights(filters: int, hidden: int, seed: int) -> Floats:
    """(parameters,) He-normal matrices and zero biases (He et al. 2015, eq. 10)."""
    rng = np.random.default_rng(seed)
    parts = [
        rng.normal(0, np.sqrt(2 / shape[0]), shape) if len(shape) == 2 else np.zeros(shape)
        for shape in weight_shapes(filters, hidden)
    ]
    weights: Floats = np.concatenate([part.ravel() for part in parts]).astype(np.float32)
    return weights


class DigitsNet:
    """Forward and backward of the net over a flat float32 weight vector."""

    def __init__(self, *, filters: int, hidden: int) -> None:
        self.shapes = weight_shapes(filters, hidden)
        self.ends = [0, *(int(end) for end in np.cumsum([np.prod(shape) for shape in self.shapes]))]
        self._filters = filters
        self._pixels = patch_pixels()

    def parts(self, w: Floats) -> list[Floats]:
        """Views of the flat vector in the shapes of `weight_shapes`."""
        return [w[a:b].reshape(shape) for (a, b), shape in zip(pairwise(self.ends), self.shapes, strict=True)]

    def probabilities(self, x: Floats, w: Floats) -> Floats:
        """(n, 8, 8, 1) → (n, 10)."""
        return _softmax(self._forward(x, w)[-1])

    def loss(self, x: Floats, y: NDArray[np.int32], mask: Floats, w: Floats) -> float:
        """Mean cross-entropy over the rows where mask is 1."""
        return _loss(self.probabilities(x, w), y, mask)

    def step(
        self, x: Floats, y: NDArray[np.int32], mask: Floats, lr: float, w: Floats
    ) -> tuple[float, Floats]:
        """One step of plain gradient descent: (mean loss over the mask, new weights)."""
        forward = self._forward(x, w)
        probabilities = _softmax(forward[-1])
        loss = _loss(probabilities, y, mask)
        d_logits = probabilities
        d_logits[np.arange(len(y)), y] -= 1
        d_logits *= (mask / np.float32(max(mask.sum(), 1)))[:, None]
        return loss, w - np.float32(lr) * self._gradient(forward, d_logits, w)

    def _forward(self, x: Floats, w: Floats) -> tuple[Floats, ...]:
        w1, b1, w2, b2, w3, b3 = self.parts(w)
        patches = x.reshape(len(x), -1)[:, self._pixels].reshape(-1, WINDOW)
        cells = (patches @ w1).reshape(len(x), POOL, POSITIONS, self._filters)
        pooled = np.maximum(cells.max(1) + b1, 0).reshape(len(x), -1)
        hidden = np.maximum(pooled @ w2 + b2, 0)
        return patches, cells, pooled, hidden, hidden @ w3 + b3

    def _gradient(self, forward: tuple[Floats, ...], d_logits: Floats, w: Floats) -> Floats:
        patches, cells, pooled, hidden, _ = forward
        _, _, w2, _, w3, _ = self.parts(w)
        d_hidden = (d_logits @ w3.T) * (hidden > 0)
        d_pooled = ((d_hidden @ w2.T) * (pooled > 0)).reshape(-1, 1, POSITIONS, self._filters)
        d_cells = np.zeros_like(cells)
        np.put_along_axis(d_cells, cells.argmax(1)[:, None], d_pooled, 1)
        pieces = (
            patches.T @ d_cells.reshape(-1, self._filters),
            d_pooled.sum((0, 1, 2)),
            pooled.T @ d_hidden,
            d_hidden.sum(0),
            hidden.T @ d_logits,
            d_logits.sum(0),
        )
        return np.concatenate([piece.ravel() for piece in pieces])


def _softmax(logits: Floats) -> Floats:
    exponents: Floats = np.exp(logits - logits.max(1, keepdims=True))
    exponents /= exponents.sum(1, keepdims=True)
    return exponents


def _loss(probabilities: Floats, y: NDArray[np.int32], mask: Floats) -> float:
    chosen = np.maximum(probabilities[np.arange(len(y)), y], np.float32(1e-30))
    return float(-(np.log(chosen) * mask).sum() / max(mask.sum(), 1))
