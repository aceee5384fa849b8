"""What was drawn when: stretches of constant power under one load, one after the other."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia.types import Load


class Stretch(NamedTuple):
    """From `start_s` to `end_s` the load drew `power_w`."""

    start_s: float
    end_s: float
    load: Load
    power_w: float


class Timeline:
    """The last `keep_s` seconds of stretches, without holes."""

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._stretches: list[Stretch] = []

    def add(self, stretch: Stretch) -> None:
        """Append; it starts where the last one ended. Equal neighbours become one."""
        last = self._stretches[-1] if self._stretches else None
        if last and last.load == stretch.load and last.power_w == stretch.power_w:
            self._stretches[-1] = last._replace(end_s=stretch.end_s)
        else:
            self._stretches.append(stretch)
        if self._stretches[0].end_s < stretch.end_s - 2 * self._keep_s:
            self._forget(stretch.end_s - self._keep_s)

    def within(self, start_s: float, end_s: float) -> Iterator[Stretch]:
        """The stretches from `start_s` to `end_s`, the first and the last cut to it."""
        first = max(bisect_right(self._stretches, start_s, key=lambda s: s.start_s) - 1, 0)
        for stretch in self._stretches[first:]:
            if stretch.start_s >= end_s:
                return
            cut = stretch._replace(start_s=max(stretch.start_s, start_s), end_s=min(stretch.end_s, end_s))
            if cut.end_s > cut.start_s:
                yield cut

    def joules(self, start_s: float, end_s: float) -> tuple[dict[Load, float], float]:
        """Energy by load from `start_s` to `end_s`, and the seconds in it that nothing is known of."""
        by_load: dict[Load, float] = {}
        known_s = 0.0
        for stretch in self.within(start_s, end_s):
            seconds = stretch.end_s - stretch.start_s
            known_s += seconds
            by_load[stretch.load] = by_load.get(stretch.load, 0.0) + stretch.power_w * seconds
        gap_s = end_s - start_s - known_s
        return by_load, gap_s if gap_s > 1e-6 else 0.0

    def _forget(self, before_s: float) -> None:
        self._stretches = [s for s in self._stretches if s.end_s >= before_s]
