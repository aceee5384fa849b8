"""What a device's store tells after its day: ticks, requests, trainings, updates. Read only."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import StoreError
from circadia.observation import COLUMN
from circadia.store.tables import SCHEMA_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRow:
    """One tick. NaN where the sensor was silent or no energy was settled."""

    tick_id: int
    t_s: float
    action: str
    busy_s: float
    version: int
    overrun_s: float
    battery_soc: float
    charging: float
    energy_j: float
    by_load_j: dict[str, float]

    @property
    def mode(self) -> str:
        """`sleep`, `serve` or `train`."""
        return self.action.split("/", 1)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A request that was served, or expired in the queue."""

    request_id: int
    tick: int
    """Index into the ticks."""
    label: int | None
    """The answer; None: expired."""
    latency_s: float
    truth: int | None
    """As the user told; None where nobody did."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingRow:
    """A training action."""

    tick: int
    """Index into the ticks."""
    batches: NDArray[np.int64]
    """(steps, batch) example ids, −1 where a batch was padded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRow:
    """An update that the device made, and what it heard of it."""

    update_id: str
    created_s: float
    accepted: bool | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Labelled examples, in order of arrival."""

    ids: NDArray[np.int64]
    """(n,) rising."""
    x: Floats
    """(n, …)"""
    labels: NDArray[np.int32]
    t_s: NDArray[np.float64]

    def rows(self, ids: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int32]]:
        """(m,) ids → x (m, …), labels (m,); `StoreError` names one that is gone."""
        places = np.searchsorted(self.ids, ids)
        there = places < len(self.ids)
        there[there] = self.ids[places[there]] == ids[there]
        if not there.all():
            raise StoreError(
                f"example {ids[~there][0]} was trained on and is gone; the training cannot be replayed"
            )
        return self.x[places], self.labels[places]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredModel:
    """The weights at the end."""

    version: int
    weights: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviceLog:
    """A device's day, oldest first."""

    path: Path
    ticks: list[TickRow]
    requests: list[RequestRow]
    trainings: list[TrainingRow]
    updates: list[UpdateRow]
    examples: Examples
    model: StoredModel | None

    @property
    def steps(self) -> int:
        """Training steps in all."""
        return sum(len(row.batches) for row in self.trainings)

    def batches(self, row: TrainingRow, shape: tuple[int, ...]) -> list[tuple[Floats, NDArray[np.int32]]]:
        """The x (n, *shape) and y (n,) of every step of a training."""
        try:
            steps = [self.examples.rows(ids[ids >= 0]) for ids in row.batches]
        except StoreError as error:
            raise StoreError(f"{self.path}: {error}") from error
        return [(x.reshape(-1, *shape), y) for x, y in steps]


def read_log(path: Path) -> DeviceLog:
    """The log in a device's store; `StoreError` names a file that is missing, damaged or not ours."""
    if not path.is_file():
        raise StoreError(
            f"{path}: there is no such store; the device never got as far as opening it, see its log"
        )
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return _read(db, path)
    except (sqlite3.Error, ValueError) as error:
        raise StoreError(f"{path}: not a store that can be read: {error}") from error


def _read(db: sqlite3.Connection, path: Path) -> DeviceLog:
    (schema,) = db.execute("PRAGMA user_version").fetchone()
    if schema != SCHEMA_VERSION:
        raise StoreError(f"{path}: store schema {schema}, this version reads {SCHEMA_VERSION}")
    ticks = _ticks(db)
    index = {tick.tick_id: i for i, tick in enumerate(ticks)}
    return DeviceLog(
        path=path,
        ticks=ticks,
        requests=_requests(db, index),
        trainings=_trainings(db, index),
        updates=_updates(db),
        examples=_examples(db),
        model=_model(db),
    )


def _ticks(db: sqlite3.Connection) -> list[TickRow]:
    query = """
        SELECT id, t_s, observation, action, phases, version, overrun_s, energy_j, joules_by_load
        FROM ticks ORDER BY id"""
    return [_tick(*row) for row in db.execute(query)]


def _tick(
    tick_id: int,
    t_s: float,
    observation: bytes,
    action: str,
    phases: str,
    version: int,
    overrun_s: float,
    energy_j: float | None,
    by_load: str | None,
) -> TickRow:
    seen = np.frombuffer(observation, np.float32)
    return TickRow(
        tick_id=tick_id,
        t_s=t_s,
        action=action,
        busy_s=sum(seconds for _, seconds in json.loads(phases)),
        version=version,
        overrun_s=overrun_s,
        battery_soc=float(seen[COLUMN["battery_soc"]]),
        charging=float(seen[COLUMN["charging"]]),
        energy_j=float("nan") if energy_j is None else energy_j,
        by_load_j=json.loads(by_load) if by_load else {},
    )


def _requests(db: sqlite3.Connection, index: dict[int, int]) -> list[RequestRow]:
    query = "SELECT id, tick, label, latency_s, truth FROM requests ORDER BY tick, id"
    return [
        RequestRow(
            request_id=request_id,
            tick=index[tick],
            label=label,
            latency_s=float("nan") if latency_s is None else latency_s,
            truth=truth,
        )
        for request_id, tick, label, latency_s, truth in db.execute(query)
        if tick in index
    ]


def _trainings(db: sqlite3.Connection, index: dict[int, int]) -> list[TrainingRow]:
    rows = db.execute("SELECT tick, width, batches FROM trainings ORDER BY tick")
    return [
        TrainingRow(
            tick=index[tick], batches=np.frombuffer(batches, "<i4").reshape(-1, width).astype(np.int64)
        )
        for tick, width, batches in rows
        if tick in index
    ]


def _updates(db: sqlite3.Connection) -> list[UpdateRow]:
    rows = db.execute("SELECT id, created_s, accepted, reason FROM updates ORDER BY created_s, id")
    return [
        UpdateRow(
            update_id=update_id,
            created_s=created_s,
            accepted=None if accepted is None else bool(accepted),
            reason=reason or "",
        )
        for update_id, created_s, accepted, reason in rows
    ]


def _examples(db: sqlite3.Connection) -> Examples:
    rows = db.execute("SELECT id, x, label, t_s FROM examples ORDER BY id").fetchall()
    return Examples(
        ids=np.array([row[0] for row in rows], np.int64),
        x=np.stack([np.frombuffer(row[1], np.float32) for row in rows])
        if rows
        else np.empty((0, 0), np.float32),
        labels=np.array([row[2] for row in rows], np.int32),
        t_s=np.array([row[3] for row in rows], np.float64),
    )


def _model(db: sqlite3.Connection) -> StoredModel | None:
    row: Any = db.execute("SELECT version, weights FROM model").fetchone()
    if row is None:
        return None
    return StoredModel(version=row[0], weights=np.frombuffer(row[1], np.float32))
