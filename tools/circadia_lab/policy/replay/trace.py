"""A device's recorded ticks, read from its store without touching it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import INDEX, NAMES
from circadia.errors import ArtifactError, StoreError
from circadia.observation import TABLE
from circadia.store import tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

QUERY = "SELECT id, t_s, observation, proposed, action, feasible, masked FROM ticks ORDER BY id"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """What a device saw, what was forbidden, what it did."""

    t_s: NDArray[np.float64]
    """(ticks,)"""
    x: NDArray[np.float32]
    """(ticks, features) values as in `circadia.observation.values`."""
    admitted: NDArray[np.bool_]
    """(ticks, actions) what no limit forbade."""
    proposed: NDArray[np.int64]
    """(ticks,) catalogue indices drawn from the scores as they were …"""
    action: NDArray[np.int64]
    """… and what was done."""
    feasible: NDArray[np.bool_]
    """(ticks,) False where nothing was admissible."""

    @property
    def ticks(self) -> int:
        """How many."""
        return len(self.t_s)


def read_trace(path: Path) -> Trace:
    """Every tick of a store, oldest first; a device may be running on it.

    `StoreError` for a file that is no store or has no ticks, `ArtifactError` for other features or actions.
    """
    rows = _rows(path)
    if not rows:
        raise StoreError(f"{path}: has no ticks yet; let the device run first")
    ids, t_s, observations, proposed, action, feasible, masked = zip(*rows, strict=True)
    return Trace(
        t_s=np.array(t_s, np.float64),
        x=_observations([_observation(*row, path) for row in zip(ids, observations, strict=True)], path),
        admitted=np.array([_admitted(*row, path) for row in zip(ids, masked, strict=True)]),
        proposed=_indices(proposed, path),
        action=_indices(action, path),
        feasible=np.array(feasible, bool),
    )


def _rows(path: Path) -> list[tuple[int, float, bytes, str, str, int, str | None]]:
    if not path.is_file():
        raise StoreError(f"{path}: no such file; name the [store] path of a device's configuration")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            _check_version(db, path)
            return db.execute(QUERY).fetchall()
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{path}: is not a store of Circadia that can be read ({error}); name another"
        ) from error


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables_found,) = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'ticks'").fetchone()
    if not tables_found:
        raise StoreError(f"{path}: is not a store of Circadia: it has no table of ticks; name another file")
    if version != tables.SCHEMA_VERSION:
        raise StoreError(
            f"{path}: has store schema {version}, this version of Circadia reads {tables.SCHEMA_VERSION}; "
            "replay it with the version that wrote it"
        )


def _observation(tick: int, blob: bytes, path: Path) -> NDArray[np.float32]:
    try:
        return np.frombuffer(blob, np.float32)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{path}: the observation of tick {tick} is damaged ({error})") from error


def _observations(rows: Sequence[NDArray[np.float32]], path: Path) -> NDArray[np.float32]:
    odd = {len(row) for row in rows} - {len(TABLE)}
    if odd:
        raise ArtifactError(
            f"{path}: holds observations of {', '.join(map(str, sorted(odd)))} features, this version observes "
            f"{len(TABLE)}; replay it with the version that recorded it"
        )
    return np.stack(rows)


def _admitted(tick: int, masked: str | None, path: Path) -> NDArray[np.bool_]:
    forbidden = 0
    try:
        for bits in dict(json.loads(masked)).values() if masked else ():
            forbidden |= int(bits)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{path}: what was forbidden in tick {tick} is damaged ({error})") from error
    return np.array([not forbidden >> i & 1 for i in range(len(NAMES))])


def _indices(names: Sequence[str], path: Path) -> NDArray[np.int64]:
    unknown = sorted(set(names) - INDEX.keys())
    if unknown:
        raise ArtifactError(
            f"{path}: recorded actions that this version does not know: {', '.join(unknown)}; update Circadia"
        )
    return np.array([INDEX[name] for name in names])
