"""The bursts that requests come in, as a small table from which an environment draws."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_lab.data.traces.arrivals import Arrivals


class BurstTable(NamedTuple):
    """How many requests a burst has."""

    sizes: tuple[float, ...]
    """Whole and rising."""
    shares: tuple[float, ...]
    """Of the bursts; they sum to 1."""

    @property
    def mean(self) -> float:
        """Requests in a burst."""
        return float(np.dot(self.sizes, self.shares))


def burst_lengths(arrivals: Arrivals, window_s: float) -> NDArray[np.int64]:
    """(bursts,) requests in each: those with less than `window_s` from one to the next belong together."""
    if not window_s > 0:
        raise ConfigError(f"window_s {window_s:g} must be positive")
    ends = np.flatnonzero(np.diff(arrivals.t_s) >= window_s) + 1
    lengths: NDArray[np.int64] = np.diff(np.concatenate([[0], ends, [len(arrivals.t_s)]]))
    return lengths


def burst_table(arrivals: Arrivals, window_s: float, sizes: Sequence[int]) -> BurstTable:
    """The arrivals' bursts on the given sizes, with the same mean.

    A burst of s requests, a ≤ s ≤ b with a and b neighbours among `sizes`, counts as (b − s) / (b − a) of size a and
    (s − a) / (b − a) of size b. `ConfigError` unless `sizes` are whole, rise and reach from the smallest burst to the
    largest.
    """
    grid, lengths = _checked(sizes), burst_lengths(arrivals, window_s)
    if lengths.min() < grid[0] or lengths.max() > grid[-1]:
        raise ConfigError(
            f"{arrivals.where}: bursts have {lengths.min()} to {lengths.max()} requests, sizes reach from {grid[0]:g} "
            f"to {grid[-1]:g}; widen them, or choose another window_s than {window_s:g}"
        )
    weights = np.zeros(len(grid))
    upper = np.maximum(np.searchsorted(grid, lengths), min(1, len(grid) - 1))
    lower = np.maximum(upper - 1, 0)
    above = (lengths - grid[lower]) / np.maximum(grid[upper] - grid[lower], 1)
    np.add.at(weights, lower, 1 - above)
    np.add.at(weights, upper, above)
    return BurstTable(tuple(map(float, grid)), tuple(map(float, weights / weights.sum())))


def _checked(sizes: Sequence[int]) -> NDArray[np.float64]:
    whole = all(size >= 1 and size == int(size) for size in sizes)
    if not sizes or not whole or any(a >= b for a, b in pairwise(sizes)):
        raise ConfigError(f"burst sizes {list(sizes)}: must be whole, 1 or more, and rise")
    return np.array(sizes, np.float64)
