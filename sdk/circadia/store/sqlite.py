"""One SQLite file that survives a SIGKILL: ticks, requests, examples, trainings, weights and the spool of updates.

Every tick is one transaction. Plain ticks are committed with `synchronous=NORMAL` (safe against a killed
process, a power cut may take the last ones); weights and updates with `FULL` (safe against a power cut).
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import sqlite3
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from circadia.errors import StoreError, StoreFull
from circadia.practice import Practice
from circadia.store import tables
from circadia.types import LastTick, Load, Model, ModelUpdate, Observation, Phase, TickRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from circadia.types import EnergyReading

Written = TypeVar("Written")
PAGE_BYTES = 1024
"""Small pages: a tick writes about three of them, and flash wears by the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many rows of each kind are kept; the oldest go first. Updates that wait in the spool never go."""

    ticks: int = 100_000
    requests: int = 100_000
    examples: int = 8_192
    trainings: int = 20_000
    updates: int = 10_000
    max_mb: float = 256.0
    """Size that the file cannot exceed; reaching it is a `StoreError`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredExample:
    """An example as the store keeps it."""

    example_id: int
    x: np.ndarray[Any, np.dtype[np.float32]]
    label: int
    t_s: float
    used: bool


class SqliteStore:
    """The `Store` port on one SQLite file, used by one thread at a time."""

    def __init__(self, path: Path, retention: Retention | None = None) -> None:
        self.path = path
        self._retention = retention or Retention()
        self._settlements: list[tuple[int, EnergyReading]] = []
        self._commits = 0
        with ExitStack() as opened, self._blame():
            opened.enter_context(_locked(path))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            opened.callback(self._db.close)
            self._open()
            self._prune(self._retention)
            self._opened = opened.pop_all()

    def _open(self) -> None:
        run = self._db.execute
        run(f"PRAGMA page_size = {PAGE_BYTES}")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run(f"PRAGMA max_page_count = {int(self._retention.max_mb * 2**20 / PAGE_BYTES)}")
        (version,) = run("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(
                f"BEGIN; {tables.SCHEMA} PRAGMA user_version = {tables.SCHEMA_VERSION}; COMMIT"
            )
        elif version != tables.SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: written by a version of Circadia with store schema {version}, this one has "
                f"{tables.SCHEMA_VERSION}; use that version, or start with a new file"
            )

    @contextmanager
    def _blame(self) -> Iterator[None]:
        """SQLite's errors become one that names the file and says what to do."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            hint = {
                sqlite3.SQLITE_FULL: "free some disk space or raise [store] max_mb",
                sqlite3.SQLITE_CANTOPEN: "check that the folder exists and may be written to",
                sqlite3.SQLITE_READONLY: "make it writable",
                sqlite3.SQLITE_BUSY: "another process holds it; stop that one first",
                sqlite3.SQLITE_CORRUPT: "restore it from a copy, or move it away to start anew",
                sqlite3.SQLITE_NOTADB: "it is not a store of Circadia; name another file",
            }.get(code, "see the message")
            kind = StoreFull if code == sqlite3.SQLITE_FULL else StoreError
            raise kind(f"{self.path}: {error}; {hint}") from error

    @contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """All or nothing. `durable` waits until the disk has it."""
        with self._blame():
            if durable:
                self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            finally:
                if durable:
                    self._db.execute("PRAGMA synchronous = NORMAL")

    # Ticks

    def commit(self, record: TickRecord) -> int:
        """The whole tick, and the readings settled since the last one, in one transaction; returns its id."""
        tick_id = self._with_room(lambda: self._write_tick(record))
        self._settlements = []
        self._commits += 1
        if self._commits % 256 == 0:
            self._prune(self._retention)
        return tick_id

    def _write_tick(self, record: TickRecord) -> int:
        outcome = record.outcome
        durable = outcome.model is not None or outcome.update is not None
        with self._transaction(durable=durable) as db:
            tick_id = tables.insert_tick(db, record)
            tables.insert_requests(db, tick_id, outcome)
            if outcome.training is not None:
                tables.insert_training(db, tick_id, outcome.training)
            if outcome.model is not None:
                tables.replace_model(db, outcome.model)
            if outcome.update is not None:
                tables.insert_update(db, outcome.update)
            tables.settle(db, self._settlements)
        return tick_id

    def _with_room(self, write: Callable[[], Written]) -> Written:
        """A full file is pruned, evicted examples first of all, and gets one more chance."""
        try:
            return write()
        except StoreFull:
            self._prune(dataclasses.replace(self._retention, examples=0))
            return write()

    def settle(self, tick_id: int, reading: EnergyReading) -> None:
        """Attach the energy of a tick. Written with the next commit or on `close`; once a tick."""
        self._settlements.append((tick_id, reading))

    def unsettled(self) -> list[tuple[int, float, float]]:
        """(tick id, start, end) of the ticks that ended without energy yet, oldest first."""
        waiting = {tick_id for tick_id, _ in self._settlements}
        query = """
            SELECT a.id, a.t_s, b.t_s FROM ticks a JOIN ticks b ON b.id = a.id + 1
            WHERE a.energy_source IS NULL AND a.id > ? ORDER BY a.id"""
        with self._blame():
            (newest,) = self._db.execute("SELECT coalesce(max(id), 0) FROM ticks").fetchone()
            rows = self._db.execute(query, (newest - 64,)).fetchall()
        return [row for row in rows if row[0] not in waiting]

    def last_tick(self) -> LastTick | None:
        """The newest tick; None in a new file."""
        query = "SELECT id, t_s, observation, phases FROM ticks ORDER BY id DESC LIMIT 1"
        with self._blame():
            row = self._db.execute(query).fetchone()
        if row is None:
            return None
        return LastTick(
            tick_id=row[0],
            t_s=row[1],
            observation=Observation(
                **dict(zip(Observation.__slots__, tables.floats(row[2]).tolist(), strict=True))
            ),
            phases=tuple(Phase(load=Load[name], duration_s=s) for name, s in json.loads(row[3])),
        )

    # Examples and requests

    def add_examples(
        self, rows: Iterable[tuple[Any, int, float]], truths: Mapping[int, int] | None = None
    ) -> list[int]:
        """(x, label, time of arrival) rows → their ids, and the true labels of requests; a SIGKILL takes neither."""
        examples = [(np.asarray(x, np.float32).tobytes(), int(label), t_s) for x, label, t_s in rows]
        labels = [(label, request_id) for request_id, label in (truths or {}).items()]
        return self._with_room(lambda: self._write_examples(examples, labels))

    def _write_examples(
        self, examples: list[tuple[bytes, int, float]], labels: list[tuple[int, int]]
    ) -> list[int]:
        insert = "INSERT INTO examples (x, label, t_s) VALUES (?, ?, ?)"
        with self._transaction(durable=False) as db:
            db.executemany("UPDATE requests SET truth = ? WHERE id = ?", labels)
            return [int(db.execute(insert, row).lastrowid or 0) for row in examples]

    def mark_evicted(self, evicted: Iterable[int]) -> None:
        """Remember which examples the buffer let go; their rows stay until the retention takes them."""
        with self._transaction(durable=False) as db:
            db.executemany("UPDATE examples SET evicted = 1 WHERE id = ?", ((i,) for i in evicted))

    def examples(self) -> list[StoredExample]:
        """The examples that the buffer holds, oldest first; each x is flat."""
        query = "SELECT id, x, label, t_s, used FROM examples WHERE evicted = 0 ORDER BY id"
        with self._blame():
            rows = self._db.execute(query).fetchall()
        return [
            StoredExample(example_id=i, x=tables.floats(x), label=label, t_s=t_s, used=bool(used))
            for i, x, label, t_s, used in rows
        ]

    def next_request_id(self) -> int:
        """An id above every request that the file knows."""
        with self._blame():
            (newest,) = self._db.execute("SELECT coalesce(max(id), 0) FROM requests").fetchone()
        return int(newest) + 1

    # Model and spool

    def save_model(self, model: Model) -> None:
        """The weights outside a tick: a version that arrived from the federation."""
        with self._transaction(durable=True) as db:
            tables.replace_model(db, model)

    def load_model(self) -> Model | None:
        """The weights as of the last commit; None in a new file."""
        query = "SELECT version, published_s, base, weights, unsent_examples, practice, practice_s FROM model"
        with self._blame():
            row = self._db.execute(query).fetchone()
        if row is None:
            return None
        return Model(
            version=row[0],
            published_s=float("nan") if row[1] is None else row[1],
            base=tables.floats(row[2]),
            weights=tables.floats(row[3]),
            unsent_examples=row[4],
            practice=Practice(row[5], row[6]),
        )

    def spooled(self) -> list[ModelUpdate]:
        """The updates that are not acknowledged yet, oldest first."""
        query = """
            SELECT id, task, base_version, examples, codec, payload, created_s FROM updates
            WHERE payload IS NOT NULL ORDER BY created_s, id"""
        with self._blame():
            rows = self._db.execute(query).fetchall()
        names = ("update_id", "task", "base_version", "examples", "codec", "payload", "created_s")
        return [ModelUpdate(**dict(zip(names, row, strict=True))) for row in rows]

    def acknowledge(self, update_id: str, accepted: bool, reason: str) -> None:
        """Delete the update's payload; its row stays as the record of what became of it. Unknown ids do nothing."""
        query = (
            "UPDATE updates SET payload = NULL, accepted = ?, reason = ? WHERE id = ? AND payload IS NOT NULL"
        )
        with self._transaction(durable=True) as db:
            db.execute(query, (accepted, reason, update_id))

    # The file itself

    def _prune(self, keep: Retention) -> None:
        with self._transaction(durable=False) as db:
            for table, key, count in (
                ("ticks", "id", keep.ticks),
                ("requests", "id", keep.requests),
                ("trainings", "tick", keep.trainings),
            ):
                query = f"DELETE FROM {table} WHERE {key} <= (SELECT max({key}) FROM {table}) - ?"  # noqa: S608 constants
                db.execute(query, (count,))
            db.execute(
                "DELETE FROM examples WHERE evicted = 1 AND id <= (SELECT max(id) FROM examples) - ?",
                (keep.examples,),
            )
            db.execute(
                """DELETE FROM updates WHERE payload IS NULL AND id NOT IN
                   (SELECT id FROM updates ORDER BY created_s DESC LIMIT ?)""",
                (keep.updates,),
            )

    def close(self) -> None:
        """Write what is settled and close the file; a second call does nothing."""
        with self._opened:
            if self._settlements:
                with self._transaction(durable=True) as db:
                    tables.settle(db, self._settlements)
                self._settlements = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _locked(path: Path) -> IO[str]:
    """A file beside the store that only one process at a time can hold; the kernel lets go of a killed one's."""
    try:
        lock = path.with_name(path.name + ".lock").open("w")
    except OSError as error:
        raise StoreError(f"{path}: {error}; check that the folder exists and may be written to") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StoreError(
            f"{path}: another device runs on it; stop that one, or name another [store] path"
        ) from error
    return lock
