"""The store's tables, and how values become their rows."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import INDEX
from circadia.types import Source

if TYPE_CHECKING:
    import sqlite3

    from circadia.types import Decision, EnergyReading, Model, ModelUpdate, Outcome, TickRecord, Training

SCHEMA_VERSION = 3
SCHEMA = """
CREATE TABLE ticks (
    id INTEGER PRIMARY KEY, t_s REAL NOT NULL, observation BLOB NOT NULL, proposed TEXT NOT NULL,
    action TEXT NOT NULL, feasible INTEGER NOT NULL, masked TEXT, phases TEXT NOT NULL, version INTEGER NOT NULL,
    served INTEGER NOT NULL, expired INTEGER NOT NULL, overrun_s REAL NOT NULL,
    energy_j REAL, energy_source TEXT, gap_s REAL, lost_s REAL, bound_j REAL, joules_by_load TEXT);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY, tick INTEGER NOT NULL, label INTEGER, confidence REAL, latency_s REAL, version INTEGER,
    truth INTEGER);
CREATE TABLE examples (
    id INTEGER PRIMARY KEY, x BLOB NOT NULL, label INTEGER NOT NULL, t_s REAL NOT NULL,
    used INTEGER NOT NULL DEFAULT 0, evicted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE trainings (
    tick INTEGER PRIMARY KEY, steps INTEGER NOT NULL, examples INTEGER NOT NULL, loss REAL NOT NULL,
    width INTEGER NOT NULL, batches BLOB NOT NULL);
CREATE TABLE model (
    id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, published_s REAL, base BLOB NOT NULL,
    weights BLOB NOT NULL, unsent_examples INTEGER NOT NULL, practice REAL NOT NULL, practice_s REAL NOT NULL);
CREATE TABLE updates (
    id TEXT PRIMARY KEY, task TEXT NOT NULL, base_version INTEGER NOT NULL, examples INTEGER NOT NULL,
    codec TEXT NOT NULL, payload BLOB, created_s REAL NOT NULL, accepted INTEGER, reason TEXT) WITHOUT ROWID;
"""


def floats(blob: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(n,) float32 out of a blob; a copy that may be written to."""
    return np.frombuffer(blob, np.float32).copy()


def insert_tick(db: sqlite3.Connection, record: TickRecord) -> int:
    """The tick's own row; returns its id."""
    decision, outcome = record.decision, record.outcome
    row = (
        record.t_s,
        np.array(astuple(record.observation), np.float32).tobytes(),
        decision.proposed.name,
        decision.action.name,
        decision.feasible,
        json.dumps(_bits(decision)) if decision.masked else None,
        json.dumps([(phase.load.name, round(phase.duration_s, 6)) for phase in outcome.phases]),
        record.version,
        len(outcome.served),
        len(outcome.expired),
        outcome.overrun_s,
    )
    cursor = db.execute(
        """INSERT INTO ticks (t_s, observation, proposed, action, feasible, masked, phases, version, served,
           expired, overrun_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        row,
    )
    return int(cursor.lastrowid or 0)


def _bits(decision: Decision) -> dict[str, int]:
    """For each limit, what it forbade as a set over the catalogue's indices."""
    return {limit: sum(1 << INDEX[name] for name in names) for limit, names in decision.masked}


def insert_requests(db: sqlite3.Connection, tick_id: int, outcome: Outcome) -> None:
    """A row for each request that was served or expired."""
    db.executemany(
        """INSERT OR REPLACE INTO requests (id, tick, label, confidence, latency_s, version)
           VALUES (?, ?, ?, ?, ?, ?)""",
        [(s.request_id, tick_id, s.label, s.confidence, s.latency_s, s.version) for s in outcome.served],
    )
    db.executemany(
        "INSERT OR REPLACE INTO requests (id, tick) VALUES (?, ?)", [(i, tick_id) for i in outcome.expired]
    )


def insert_training(db: sqlite3.Connection, tick_id: int, training: Training) -> None:
    """The training's log, and the marks of the examples that it used."""
    width = training.batches.shape[1]
    row = (
        tick_id,
        training.steps,
        training.examples,
        training.loss,
        width,
        training.batches.astype("<i4").tobytes(),
    )
    db.execute("INSERT INTO trainings VALUES (?, ?, ?, ?, ?, ?)", row)
    used = sorted({int(i) for i in training.batches.ravel() if i >= 0})
    db.executemany("UPDATE examples SET used = 1 WHERE id = ? AND used = 0", ((i,) for i in used))


def replace_model(db: sqlite3.Connection, model: Model) -> None:
    """The one row of weights."""
    row = (
        model.version,
        model.published_s,
        model.base.astype(np.float32).tobytes(),
        model.weights.astype(np.float32).tobytes(),
        model.unsent_examples,
        model.practice.rows,
        model.practice.t_s,
    )
    db.execute("INSERT OR REPLACE INTO model VALUES (1, ?, ?, ?, ?, ?, ?, ?)", row)


def insert_update(db: sqlite3.Connection, update: ModelUpdate) -> None:
    """An update enters the spool."""
    row = (
        update.update_id,
        update.task,
        update.base_version,
        update.examples,
        update.codec,
        update.payload,
        update.created_s,
    )
    db.execute(
        """INSERT INTO updates (id, task, base_version, examples, codec, payload, created_s)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        row,
    )


def settle(db: sqlite3.Connection, settlements: list[tuple[int, EnergyReading]]) -> None:
    """Readings join the rows of their ticks, unless these have one already."""
    rows = [
        (
            reading.energy_j,
            Source(reading.source).value,
            reading.gap_s,
            reading.lost_s,
            reading.bound_j,
            json.dumps({load.name: round(joules, 9) for load, joules in reading.by_load.items() if joules}),
            tick_id,
        )
        for tick_id, reading in settlements
    ]
    db.executemany(
        """UPDATE ticks SET energy_j = ?, energy_source = ?, gap_s = ?, lost_s = ?, bound_j = ?, joules_by_load = ?
           WHERE id = ? AND energy_source IS NULL""",
        rows,
    )
