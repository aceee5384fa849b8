"""Distributions in fixed bins: twenty a decade, so that a quantile is right to 6 %."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PER_DECADE = 20
LATENCY_EDGES_S: Floats = np.concatenate([[0.0], 10.0 ** np.linspace(-2, 5, 7 * PER_DECADE + 1)])
"""0, then 0.01 s to 100,000 s."""
AGE_EDGES_S: Floats = np.concatenate([[0.0], 10.0 ** np.linspace(1, 7, 6 * PER_DECADE + 1)])
"""0, then 10 s to 10,000,000 s."""


def bin_of(x: Any, edges: Floats) -> NDArray[np.intp]:
    """(…,) the bin that x falls into; what lies beyond the edges goes into the first or the last."""
    found: NDArray[np.intp] = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    return found


def quantile(counts: Floats, edges: Floats, q: float) -> Floats:
    """(…, bins) → (…,) the value below which a share `q` lies, linear within its bin; NaN of nothing."""
    total = counts.sum(-1)
    below = np.cumsum(counts, -1)
    wanted = q * total
    place = np.minimum((below < wanted[..., None]).sum(-1), len(edges) - 2)
    inside = np.take_along_axis(counts, place[..., None], -1)[..., 0]
    before = np.take_along_axis(below, place[..., None], -1)[..., 0] - inside
    share = (wanted - before) / np.where(inside > 0, inside, 1)
    value = edges[place] + np.clip(share, 0, 1) * (edges[place + 1] - edges[place])
    return np.where(total > 0, value, np.nan)
