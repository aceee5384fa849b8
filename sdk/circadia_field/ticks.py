"""A device's settled ticks, read from its store without touching it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import StoreError
from circadia.store import tables
from circadia.types import Load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

QUERY = """
SELECT a.t_s, b.t_s - a.t_s, a.action, a.phases, a.energy_j, a.energy_source, a.gap_s, a.bound_j, a.served
FROM ticks a JOIN ticks b ON b.id = a.id + 1 WHERE a.energy_source IS NOT NULL AND a.lost_s = 0 ORDER BY a.id"""
UNSETTLED = "SELECT count(*) FROM ticks WHERE (energy_source IS NULL OR lost_s > 0) AND id < (SELECT max(id) FROM ticks)"

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
    """(N,) how far `energy_j` can be off by clocks, gaps and sampling."""
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
    """`StoreError` for a file that is no store, has no settled tick, or figures of several sources."""
    if not path.is_file():
        raise StoreError(f"{path}: no such file; name the [store] path of a device's configuration")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version != tables.SCHEMA_VERSION:
                raise StoreError(
                    f"{path}: has store schema {version}, this version of Circadia reads {tables.SCHEMA_VERSION}"
                )
            rows = db.execute(QUERY).fetchall()
            (unsettled,) = db.execute(UNSETTLED).fetchone()
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path}: is not a store of Circadia that can be read ({error})") from error
    if not rows:
        raise StoreError(f"{path}: no tick has joules; did the device have a meter?")
    t_s, duration_s, action, phases, energy_j, source, gap_s, bound_j, served = zip(*rows, strict=True)
    if len(set(source)) > 1:
        raise StoreError(
            f"{path}: has {' and '.join(sorted(set(source)))} joules; figures of different sources do not mix"
        )
    return Ticks(
        t_s=np.array(t_s),
        duration_s=np.array(duration_s),
        action=np.array(action),
        load_s=_load_s(phases, t_s, duration_s),
        energy_j=np.array(energy_j),
        gap_s=np.array(gap_s),
        bound_j=np.array([value or 0.0 for value in bound_j]),
        served=np.array(served),
        source=source[0],
        unsettled=unsettled,
    )


def _load_s(phases: Sequence[str], t_s: Sequence[float], duration_s: Sequence[float]) -> NDArray[np.float64]:
    """(N, loads) seconds. What outlasts its tick goes on in the next one, before that one's own phases."""
    seconds = np.zeros((len(phases), len(Load)))
    pending: list[tuple[Load, float]] = []
    end_s = -np.inf
    for row, (text, start_s, whole_s) in enumerate(zip(phases, t_s, duration_s, strict=True)):
        if abs(start_s - end_s) > SAME_S:
            pending = []
        pending += [(Load[name], part_s) for name, part_s in json.loads(text)]
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
