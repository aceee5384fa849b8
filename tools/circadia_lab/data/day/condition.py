"""What a device's camera does to an image, and which classes come before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = 10
SHIFT_PX = 0.4
"""Every image is moved by up to this much, either way: no two are alike."""
NOISE = 0.03
"""Standard deviation of the noise on every pixel; the range of a pixel is 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a device sees the world for a while."""

    rotation_deg: float = 0.0
    """Counter-clockwise."""
    contrast: float = 1.0
    brightness: float = 0.0
    """A pixel p becomes brightness + contrast · p, within [0, 1]."""
    class_weights: tuple[float, ...] = (1.0,) * CLASSES
    """How much likelier than its share in the shard each class is to appear."""

    def render(self, images: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
        """(n, 8, 8, 1) in [0, 1] → the same shape and range, as this camera sees them today."""
        shifts = random.uniform(-SHIFT_PX, SHIFT_PX, (len(images), 2))
        seen = rotate(images[..., 0], self.rotation_deg, shifts)
        seen = self.brightness + self.contrast * seen + random.normal(0, NOISE, seen.shape)
        rendered: NDArray[np.float32] = np.clip(seen, 0, 1).astype(np.float32)[..., None]
        return rendered


def rotate(images: NDArray[np.float32], degrees: float, shifts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, side, side) turned counter-clockwise about their centre, then moved by (n, 2) pixels down and right.

    Bilinear; what comes in from outside is 0.
    """
    side = images.shape[1]
    centre, angle = (side - 1) / 2, np.deg2rad(degrees)
    down, right = np.meshgrid(np.arange(side) - centre, np.arange(side) - centre, indexing="ij")
    down, right = down - shifts[:, 0, None, None], right - shifts[:, 1, None, None]
    # A row counts downwards, so counter-clockwise on the screen is clockwise in (down, right).
    row = np.cos(angle) * down + np.sin(angle) * right + centre
    column = -np.sin(angle) * down + np.cos(angle) * right + centre
    return _sample(images, row, column)


def _sample(
    images: NDArray[np.float32], row: NDArray[np.float64], column: NDArray[np.float64]
) -> NDArray[np.float64]:
    side = images.shape[1]
    margin = side  # wide enough that every index below is inside
    padded = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    low, near = row - top, column - left
    which = np.arange(len(images))[:, None, None]

    def at(i: NDArray[np.int_], j: NDArray[np.int_]) -> NDArray[np.float32]:
        pixels: NDArray[np.float32] = padded[which, i + margin, j + margin]
        return pixels

    upper = (1 - near) * at(top, left) + near * at(top, left + 1)
    lower = (1 - near) * at(top + 1, left) + near * at(top + 1, left + 1)
    sampled: NDArray[np.float64] = (1 - low) * upper + low * lower
    return sampled
