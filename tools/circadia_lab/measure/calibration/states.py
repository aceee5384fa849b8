"""What a device saw of its battery and its user at both ends of every tick, read from its store without touching it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import StoreError
from circadia.store import tables
from circadia.types import Observation

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia_field.ticks import Ticks

QUERY = """
SELECT a.t_s, b.t_s, CASE WHEN a.lost_s = 0 THEN a.energy_j END, a.observation, b.observation
FROM ticks a JOIN ticks b ON b.id = a.id + 1 ORDER BY a.id"""
COLUMN = {field.name: place for place, field in enumerate(fields(Observation))}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class States:
    """N ticks in order of time, settled or not. NaN is what a device does not know."""

    t_s: NDArray[np.float64]
    """(N,) when each began."""
    end_s: NDArray[np.float64]
    """(N,) when the next began."""
    energy_j: NDArray[np.float64]
    """(N,) NaN without all of its joules."""
    soc: NDArray[np.float64]
    """(N, 2) state of charge at begin and end."""
    charging: NDArray[np.float64]
    """(N, 2) 1 while energy comes in."""
    user_active: NDArray[np.float64]
    """(N, 2) 1 while somebody uses the device."""

    @property
    def in_use(self) -> NDArray[np.bool_]:
        """(N,) whether somebody was seen to use the device at an end of the tick."""
        seen: NDArray[np.bool_] = (self.user_active > 0).any(axis=1)
        return seen


def read_states(path: Path) -> States:
    """Of a store that `read_ticks` has read; `StoreError` if its observations are of another version."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            rows = db.execute(QUERY).fetchall()
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path}: is not a store of Circadia that can be read ({error})") from error
    if any(len(blob) != 4 * len(COLUMN) for row in rows for blob in row[3:]):
        raise StoreError(
            f"{path}: its observations have not {len(COLUMN)} figures; it is of another version of Circadia"
        )
    begin_s, end_s, energy_j, *blobs = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    seen = np.stack([_observations(column) for column in blobs], axis=1)
    return States(
        t_s=np.array(begin_s, float),
        end_s=np.array(end_s, float),
        energy_j=np.array(energy_j, float),
        soc=seen[:, :, COLUMN["battery_soc"]],
        charging=seen[:, :, COLUMN["charging"]],
        user_active=seen[:, :, COLUMN["user_active"]],
    )


def _observations(blobs: tuple[bytes, ...]) -> NDArray[np.float64]:
    """(N, features)."""
    return tables.floats(b"".join(blobs)).reshape(-1, len(COLUMN)).astype(float)


def quiet(ticks: Ticks, states: States) -> NDArray[np.bool_]:
    """(ticks,) those in which nobody was seen to use the device: a screen's watts are not the agent's."""
    return ~np.isin(ticks.t_s, states.t_s[states.in_use])
