"""How long accuracy takes to come back after a drift: to one level for all arms of a run, and to stay."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from circadia_lab.data.day.result import Series

BACK_WITHIN = 0.02
"""Of the level."""
BEFORE_S = 7200.0
"""The level is the mean over so long before the drift."""
STAYS_S = 3600.0
"""Accuracy is back when it stays for so long."""


def level_before(accuracies: Sequence[Series], drift_s: float) -> float | None:
    """The mean of all arms over the time before the drift, each arm as much as another; None without a value there."""
    means = []
    for series in accuracies:
        values = [
            value
            for t_s, value in zip(series.t_s, series.value, strict=True)
            if drift_s - BEFORE_S <= t_s < drift_s
        ]
        if values:
            means.append(sum(values) / len(values))
    return sum(means) / len(means) if means else None


def recovery_s(accuracy: Series, drift_s: float, level: float) -> float | None:
    """From the drift until accuracy stays within `BACK_WITHIN` below `level`, or above it, for `STAYS_S`.

    Straight lines between the values. None when that is not seen: what comes back within the last hour may not stay.
    """
    for start_s, end_s in _above(accuracy, drift_s, level - BACK_WITHIN):
        if end_s - start_s >= STAYS_S:
            return start_s - drift_s
    return None


def _above(accuracy: Series, from_s: float, enough: float) -> Iterator[tuple[float, float]]:
    """(start, end) of the stretches in which straight lines between the values are at `enough` or above."""
    points = [point for point in zip(accuracy.t_s, accuracy.value, strict=True) if point[0] >= from_s]
    start_s = points[0][0] if points and points[0][1] >= enough else None
    for (t0, v0), (t1, v1) in pairwise(points):
        if (v0 >= enough) == (v1 >= enough):
            continue
        crossing_s = t0 + (t1 - t0) * (enough - v0) / (v1 - v0)
        if start_s is None:
            start_s = crossing_s
        else:
            yield start_s, crossing_s
            start_s = None
    if start_s is not None:
        yield start_s, points[-1][0]
