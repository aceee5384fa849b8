"""A device's settled ticks, read from its store without touching it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import StoreError
from circadia.store.reading import StoreReader
from circadia.types import Load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.types import Phase

SAME_S = 1e-6
"""Ticks follow each other without a hole if one begins where the other ends."""


COLUMNS = ("t_s", "duration_s", "action", "load_s", "energy_j", "gap_s", "bound_j", "served")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ticks:
    """N ticks in order of time."""

    t_s: NDArray[np.float64]
    """(N,) when each began."""
    duration_s: NDArray[np.float64]
    """(N,) until the next."""
    action: NDArray[np.str_]
    """(N,) stable names."""
    load_s: NDArray[np.float64]
    """(N, loads) seconds under each load; what the phases leave is rest, in `DEEP_SLEEP`."""
    energy_j: NDArray[np.float64]
    """(N,)"""
    gap_s: NDArray[np.float64]
    bound_j: NDArray[np.float64]
    """(N,) how far `energy_j` can be off by clocks and gaps, and by sampling of steady loads."""
    served: NDArray[np.int64]
    """(N,) requests."""
    source: str
    """`measured`, `modelled` or `simulated`, the same for all."""
    unsettled: int
    """Ticks that have no joules, or not all of them: the meter was off for a while."""

    @property
    def count(self) -> int:
        """N."""
        return len(self.t_s)

    def begun(self, start_s: float, end_s: float) -> Ticks:
        """Those that began from `start_s` on and before `end_s`."""
        return self.rows((self.t_s >= start_s) & (self.t_s < end_s))

    def rows(self, chosen: NDArray[Any] | slice) -> Ticks:
        """Some of them, in the same order."""
        columns = {name: getattr(self, name)[chosen] for name in COLUMNS}
        return replace(self, **columns)


def read_ticks(path: Path) -> Ticks:
    """`StoreError` for a file that is no store, has no ended tick, no settled one, or figures of several sources."""
    with StoreReader(path) as store:
        stored = store.ticks()
    ended = [(tick, after) for tick, after in pairwise(stored) if after.tick_id == tick.tick_id + 1]
    measured = [(tick, after) for tick, after in ended if tick.energy_source is not None]
    settled = [(tick, after) for tick, after in measured if tick.lost_s == 0]
    if not settled:
        raise StoreError(f"{path}: {_why_none(len(stored), len(ended), len(measured))}")
    ticks = [tick for tick, _ in settled]
    sources = {str(tick.energy_source) for tick in ticks}
    if len(sources) > 1:
        raise StoreError(
            f"{path}: has {' and '.join(sorted(sources))} joules; figures of different sources do not mix"
        )
    t_s = np.array([tick.t_s for tick in ticks])
    duration_s = np.array([after.t_s - tick.t_s for tick, after in settled])
    bound_j = np.array([tick.bound_j for tick in ticks])
    return Ticks(
        t_s=t_s,
        duration_s=duration_s,
        action=np.array([tick.action for tick in ticks]),
        load_s=_load_s([tick.phases for tick in ticks], t_s.tolist(), duration_s.tolist()),
        energy_j=np.array([tick.energy_j for tick in ticks]),
        gap_s=np.array([tick.gap_s for tick in ticks]),
        bound_j=np.where(np.isnan(bound_j), 0.0, bound_j),
        served=np.array([tick.served for tick in ticks]),
        source=sources.pop(),
        unsettled=sum(tick.energy_source is None or tick.lost_s > 0 for tick in stored[:-1]),
    )


def _why_none(stored: int, ended: int, measured: int) -> str:
    """Why no tick has joules, of so many that there are, that ended, and that the meter saw something of."""
    if not ended:
        ticks = f"{stored} tick{'s' if stored != 1 else ''}"
        return f"has {ticks} and none that ended: one does when the next begins; let the device run on"
    if not measured:
        return f"none of {ended} ticks has joules; did the device have a meter?"
    return f"the meter was away for a part of each of {measured} ticks; look at its cable"


def _load_s(
    phases: Sequence[Sequence[Phase]], t_s: Sequence[float], duration_s: Sequence[float]
) -> NDArray[np.float64]:
    """(N, loads) seconds. What outlasts its tick goes on in the next one, before that one's own phases."""
    seconds = np.zeros((len(phases), len(Load)))
    pending: list[tuple[Load, float]] = []
    end_s = -np.inf
    for row, (own, start_s, whole_s) in enumerate(zip(phases, t_s, duration_s, strict=True)):
        if abs(start_s - end_s) > SAME_S:
            pending = []
        pending += [(phase.load, phase.duration_s) for phase in own]
        end_s, left_s = start_s + whole_s, whole_s
        while pending and left_s > 0:
            load, part_s = pending.pop(0)
            now_s = min(part_s, left_s)
            seconds[row, load] += now_s
            left_s -= now_s
            if part_s > now_s:
                pending.insert(0, (load, part_s - now_s))
        seconds[row, Load.DEEP_SLEEP] += left_s
    return seconds
