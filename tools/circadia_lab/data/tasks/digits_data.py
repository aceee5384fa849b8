"""Scikit-learn's handwritten digits (real scans from the UCI repository), split for training and testing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_digits

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TEST_EXAMPLES = 500
BRIGHTEST = 16.0


def load_digits_split(
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]:
    """`train_x (1297, 8, 8, 1), train_y, test_x (500, 8, 8, 1), test_y`; x in [0, 1], y in 0 … 9.

    The same seed gives the same split.
    """
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    x = (pixels[order] / BRIGHTEST).astype(np.float32).reshape(-1, 8, 8, 1)
    y = labels[order].astype(np.int32)
    return x[TEST_EXAMPLES:], y[TEST_EXAMPLES:], x[:TEST_EXAMPLES], y[:TEST_EXAMPLES]


def write_digits(path: Path) -> None:
    """All of them as an .npz file of x and y, for a field test."""
    train_x, train_y, test_x, test_y = load_digits_split(0)
    np.savez_compressed(path, x=np.concatenate([train_x, test_x]), y=np.concatenate([train_y, test_y]))
