"""How values become rows of the store's tables; `rows.py` is the way back."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from circadia.observation import values
from circadia.types import Away, Outcome, Pace, Source

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from circadia.learning.identity import TaskIdentity
    from circadia.store.names import Names
    from circadia.types import (
        EnergyReading,
        Model,
        ModelUpdate,
        Personal,
        Phase,
        Served,
        TickRecord,
        Training,
    )


def insert_tick(db: sqlite3.Connection, names: Names, record: TickRecord, room: int) -> int:
    """The tick's own row, with so many bytes kept free for its joules; returns its id."""
    decision, outcome = record.decision, record.outcome
    names.begin()
    masked = [(limit, names.set_of(forbidden)) for limit, forbidden in decision.masked]
    row = (
        record.t_s,
        values(record.observation).tobytes(),
        names.observation_table,
        decision.proposed.name,
        decision.action.name,
        decision.feasible,
        _compact(masked) if masked else None,
        _compact(_marks(outcome.phases)),
        record.version,
        len(outcome.served),
        len(outcome.expired),
        outcome.overrun_s,
        bytes(room) if room else None,
        decision.draw,
        decision.sleep_draw,
        None if decision.sleep is None else decision.sleep.length_s,
        None if decision.sleep is None else decision.sleep.wake_on.value,
    )
    cursor = db.execute(
        """INSERT INTO ticks (t_s, observation, observation_table, proposed, action, feasible, masked, phases, version,
           served, expired, overrun_s, room, draw, sleep_draw, sleep_s, wake_on)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        row,
    )
    return int(cursor.lastrowid or 0)


def _marks(phases: Iterable[Phase]) -> list[tuple[str, float]]:
    return [(phase.load.name, round(phase.duration_s, 6)) for phase in phases]


def _compact(value: object) -> str:
    """Every byte of a row is written once a tick, and four rows fit a page only just."""
    return json.dumps(value, separators=(",", ":"))


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
    db.execute(
        "INSERT INTO trainings (tick, steps, examples, loss, width, batches) VALUES (?, ?, ?, ?, ?, ?)", row
    )
    used = sorted({int(i) for i in training.batches.ravel() if i >= 0})
    db.executemany("UPDATE examples SET used = 1 WHERE id = ? AND used = 0", ((i,) for i in used))


def keep_task(db: sqlite3.Connection, task: TaskIdentity) -> None:
    """The one row of the task."""
    query = "SELECT EXISTS (SELECT 1 FROM model) OR EXISTS (SELECT 1 FROM examples) OR EXISTS (SELECT 1 FROM ticks)"
    (adopted,) = db.execute(query).fetchone()
    db.execute(
        "INSERT INTO task (id, digest, identity, adopted) VALUES (1, ?, ?, ?)",
        (task.digest, task.text, adopted),
    )


def misfit(db: sqlite3.Connection, task: TaskIdentity, parameters: int) -> str:
    """What a store that does not name its task holds of another; nothing if all fits."""
    last = db.execute("SELECT task FROM updates ORDER BY created_s DESC, id LIMIT 1").fetchone()
    if last is not None and last[0] != task.model:
        return f"its last update is for the model file {last[0][:12]}…, this task's is {task.model[:12]}…"
    weights = db.execute("SELECT length(weights) / 4 FROM model").fetchone()
    if weights is not None and weights[0] != parameters:
        return f"it holds {weights[0]} weights, this task has {parameters}"
    size = math.prod(task.input_shape)
    query = "SELECT length(x) / 4, label FROM examples WHERE length(x) != ? OR label >= ? LIMIT 1"
    if other := db.execute(query, (4 * size, len(task.labels))).fetchone():
        return f"it holds an example of {other[0]} numbers with label {other[1]}, this task takes {size} and {len(task.labels)} labels"
    return ""


def replace_model(db: sqlite3.Connection, model: Model) -> None:
    """The one row of weights, and that of the device's own answer."""
    row = (
        model.version,
        model.published_s,
        model.base.astype("<f4").tobytes(),
        model.weights.astype("<f4").tobytes(),
        model.unsent_examples,
        model.practice.rows,
        model.practice.t_s,
        np.array(sorted(model.unsent_ids), "<i8").tobytes(),
        model.unsent_left,
    )
    db.execute(
        """INSERT OR REPLACE INTO model (id, version, published_s, base, weights, unsent_examples, practice, practice_s,
           unsent, unsent_left) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        row,
    )
    if model.personal is None:
        db.execute("DELETE FROM personal")
    else:
        _replace_personal(db, model.personal)


def _replace_personal(db: sqlite3.Connection, personal: Personal) -> None:
    weights, losses = personal.weights.astype("<f4").tobytes(), _compact(personal.losses)
    db.execute(
        "INSERT OR REPLACE INTO personal (id, weights, share, losses, scored) VALUES (1, ?, ?, ?, ?)",
        (weights, personal.share, losses, personal.scored),
    )


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


def write_away(db: sqlite3.Connection, outcome: Outcome) -> None:
    """What went away and what came back."""
    db.executemany("DELETE FROM away WHERE id = ?", ((work_id,) for work_id in outcome.back))
    db.executemany(
        "INSERT OR REPLACE INTO away (id, requests, sent_s, due_s, note) VALUES (?, ?, ?, ?, ?)",
        [(w.work_id, json.dumps(w.requests), w.sent_s, w.due_s, w.note) for w in outcome.away],
    )


def read_away(db: sqlite3.Connection) -> list[Away]:
    """What is away, longest first."""
    rows = db.execute("SELECT id, requests, sent_s, due_s, note FROM away ORDER BY sent_s, id").fetchall()
    return [
        Away(work_id=i, requests=tuple(json.loads(requests)), sent_s=sent_s, due_s=due_s, note=note)
        for i, requests, sent_s, due_s, note in rows
    ]


def amend(db: sqlite3.Connection, tick_id: int, phases: Iterable[Phase], served: Sequence[Served]) -> None:
    """Work between two ticks joins the earlier one's row, unless that has gone: a phase goes on with its load's."""
    row = db.execute("SELECT phases FROM ticks WHERE id = ?", (tick_id,)).fetchone()
    if row is None:
        return
    seconds: dict[str, float] = {}
    for load, duration_s in [*json.loads(row[0]), *_marks(phases)]:
        seconds[load] = round(seconds.get(load, 0.0) + duration_s, 6)
    db.execute(
        "UPDATE ticks SET phases = ?, served = served + ? WHERE id = ?",
        (_compact(list(seconds.items())), len(served), tick_id),
    )
    insert_requests(db, tick_id, Outcome(served=tuple(served)))


def write_paces(db: sqlite3.Connection, paces: Iterable[Pace]) -> None:
    """Each in the place of the action's earlier one."""
    rows = [(pace.action, pace.samples, pace.unit_s) for pace in paces]
    db.executemany("INSERT OR REPLACE INTO paces (action, samples, unit_s) VALUES (?, ?, ?)", rows)


def read_paces(db: sqlite3.Connection) -> list[Pace]:
    """All."""
    rows = db.execute("SELECT action, samples, unit_s FROM paces ORDER BY action").fetchall()
    return [Pace(action=action, samples=samples, unit_s=unit_s) for action, samples, unit_s in rows]


def settle(db: sqlite3.Connection, settlements: list[tuple[int, EnergyReading]]) -> None:
    """Readings join the rows of their ticks, unless these have one already."""
    rows = [
        (
            reading.energy_j,
            Source(reading.source).value,
            reading.gap_s,
            reading.lost_s,
            reading.bound_j,
            _by_load(reading),
            tick_id,
        )
        for tick_id, reading in settlements
    ]
    db.executemany(
        """UPDATE ticks SET energy_j = ?, energy_source = ?, gap_s = ?, lost_s = ?, bound_j = ?, joules_by_load = ?,
           room = NULL WHERE id = ? AND energy_source IS NULL""",
        rows,
    )


def room_for(reading: EnergyReading) -> int:
    """Bytes that a reading takes in its row: text as it is, numbers 8, and none for a zero."""
    numbers = (reading.energy_j, reading.gap_s, reading.lost_s, reading.bound_j)
    return 8 * sum(map(bool, numbers)) + len(Source(reading.source).value) + len(_by_load(reading))


def _by_load(reading: EnergyReading) -> str:
    return _compact({load.name: round(joules, 9) for load, joules in reading.by_load.items() if joules})
