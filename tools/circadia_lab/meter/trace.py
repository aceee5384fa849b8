"""Watts over time in bins of equal width, which double when there are too many: any length fits into memory and a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_BINS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """N bins in order of time; where one is missing, nothing was measured."""

    width_s: float
    start_s: NDArray[np.float64]
    """(N,)"""
    mean_w: NDArray[np.float64]
    """(N,)"""
    least_w: NDArray[np.float64]
    most_w: NDArray[np.float64]


class Trace:
    """Takes samples in order of time; its owner guards it."""

    def __init__(self, width_s: float, most: int = MOST_BINS) -> None:
        """Bins of `width_s` at first, `most` of them at most."""
        self.width_s = width_s
        self._most = most
        self._rows: list[tuple[int, int, float, float, float]] = []
        """(index, samples, sum, least, most) of each bin."""

    def add(self, t_s: NDArray[np.float64], power_w: NDArray[np.float64]) -> None:
        """(N,) samples, ascending and after those before."""
        if not len(t_s):
            return
        index = np.floor(t_s / self.width_s).astype(np.int64)
        first = np.flatnonzero(np.diff(index, prepend=index[0] - 1))
        rows = zip(
            index[first].tolist(),
            np.diff(first, append=len(index)).tolist(),
            np.add.reduceat(power_w, first).tolist(),
            np.minimum.reduceat(power_w, first).tolist(),
            np.maximum.reduceat(power_w, first).tolist(),
            strict=True,
        )
        for row in rows:
            self._put(row)
        while len(self._rows) > self._most:
            self._widen()

    def _put(self, row: tuple[int, int, float, float, float]) -> None:
        if self._rows and row[0] <= self._rows[-1][0]:  # an alignment that changed may step back a little
            index, count, total, least, most = self._rows[-1]
            row = (index, count + row[1], total + row[2], min(least, row[3]), max(most, row[4]))
            self._rows[-1] = row
        else:
            self._rows.append(row)

    def _widen(self) -> None:
        rows, self._rows = self._rows, []
        self.width_s *= 2
        for index, *rest in rows:
            self._put((index // 2, *rest))  # type: ignore[arg-type]

    def curve(self, since_s: float = -np.inf) -> Curve:
        """The bins that begin at `since_s` or later."""
        first = len(self._rows)
        while first and self._rows[first - 1][0] * self.width_s >= since_s:
            first -= 1
        table = np.array(self._rows[first:], float).reshape(-1, 5)
        return Curve(
            width_s=self.width_s,
            start_s=table[:, 0] * self.width_s,
            mean_w=table[:, 2] / table[:, 1],
            least_w=table[:, 3],
            most_w=table[:, 4],
        )
