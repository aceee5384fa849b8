"""The front of returns: hypervolume and where it is sparse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def hypervolume(returns: Floats, reference: Floats) -> float:
    """Of the (n, objectives) returns above the (objectives,) reference; points that are not above it add nothing.

    NaN where a return is: moocore would take the process down.
    """
    import moocore

    if np.isnan(returns).any():
        return float("nan")
    return float(moocore.hypervolume(returns, ref=reference, maximise=True))


def undominated(returns: Floats) -> NDArray[np.bool_]:
    """(n,) whether no other row is at least as good in all and better in one."""
    as_good = (returns[:, None] >= returns[None]).all(-1)
    better = (returns[:, None] > returns[None]).any(-1)
    dominated: NDArray[np.bool_] = (as_good & better).any(0)
    return ~dominated


def crowding(returns: Floats) -> Floats:
    """(n,) Σ over the objectives of the gap between a row's neighbours, in shares of the range; ∞ at the ends.

    Deb et al., NSGA-II, 2002.
    """
    distance = np.zeros(len(returns))
    for column in returns.T:
        order = np.argsort(column, kind="stable")
        span = max(float(np.ptp(column)), 1e-12)
        distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
        distance[order[[0, -1]]] = np.inf
    return distance
