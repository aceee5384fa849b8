"""One SQLite file that survives a SIGKILL: ticks, requests, examples, trainings, weights and the spool of updates.

Every tick is one transaction. Plain ticks are committed with `synchronous=NORMAL` (safe against a killed
process, a power cut may take the last ones); weights and updates with `FULL` (safe against a power cut).
"""

from __future__ import annotations

import dataclasses
import fcntl
import logging
import sqlite3
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from circadia.errors import ConfigError, StoreError, StoreFull
from circadia.learning.identity import TaskIdentity
from circadia.schema import NewerFile
from circadia.store import rows, tables
from circadia.store.migrations import STORE
from circadia.store.names import Names
from circadia.store.rows import StoredExample
from circadia.types import LastTick, ModelUpdate, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from circadia.schema import Schema
    from circadia.store.rows import StoredUpdate
    from circadia.types import Away, EnergyReading, Load, Model, Pace, Served, TickRecord

log = logging.getLogger(__name__)

Written = TypeVar("Written")
PRUNE_TICKS, RETRY_TICKS = 256, 16
"""So often old rows go, and so much later it is tried again after an error."""
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


MOST_JOINING = 4096
"""Answers that wait to join a stored tick one by one."""


class _Amendment:
    """What joins a tick that is stored: as large as it gets, however long the disk refuses it."""

    def __init__(self) -> None:
        self.served: list[Served] = []
        self.beyond = 0
        """Answers that there was no room for."""
        self._seconds: dict[Load, float] = {}

    def add(self, phases: Iterable[Phase], served: Sequence[Served]) -> None:
        """More of the same tick."""
        for phase in phases:
            self._seconds[phase.load] = self._seconds.get(phase.load, 0.0) + phase.duration_s
        room = MOST_JOINING - len(self.served)
        self.served.extend(served[:room])
        self.beyond += len(served[room:])

    def phases(self) -> tuple[Phase, ...]:
        """One of each load."""
        return tuple(Phase(load=load, duration_s=seconds) for load, seconds in self._seconds.items())


class SqliteStore:
    """The `Store` port on one SQLite file, used by one thread at a time."""

    def __init__(self, path: Path, retention: Retention | None = None, schema: Schema = STORE) -> None:
        """A store of an earlier schema is migrated. `StoreError` for a file that is no store, damaged, or in use.

        One of a later schema is opened if it allows that; otherwise the copy that the later version kept beside it is
        used from now on, and without one it is a `StoreError`: the file itself is left alone.
        """
        self.path = path
        self._schema = schema
        self._retention = retention or Retention()
        self._settlements: list[tuple[int, EnergyReading]] = []
        self._amendments: dict[int, _Amendment] = {}
        self._room = 0
        """Bytes that the last reading took; the next one takes about as many."""
        self._commits = 0
        """Since old rows were pruned."""
        with ExitStack() as opened, self._blame():
            opened.enter_context(_locked(path))
            self.path = self._usable(path)
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
            opened.callback(self._db.close)
            self._open()
            self._prune(self._retention)
            self._opened = opened.pop_all()

    def _usable(self, path: Path) -> Path:
        """The file, or after a rollback the copy that a later version kept of it."""
        try:
            self._schema.look(path)
        except NewerFile as error:
            if (copy := self._schema.copy_of(path)) is None:
                raise
            log.warning("%s; going on with the copy", error)
            return copy
        return path

    def _open(self) -> None:
        run = self._db.execute
        run(f"PRAGMA page_size = {PAGE_BYTES}")
        run("PRAGMA journal_mode = WAL")
        self._schema.prepare(
            self._db, self.path
        )  # before the limit, or a store that has reached it never migrates
        run("PRAGMA synchronous = NORMAL")
        with self._transaction(durable=True) as db:  # before the limit, too: it may have to name a table
            self._names = Names(db)
        run(f"PRAGMA max_page_count = {int(self._retention.max_mb * 2**20 / PAGE_BYTES)}")

    @contextmanager
    def _blame(self) -> Iterator[None]:
        """SQLite's errors become one that names the file and says what to do."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            hint = {
                sqlite3.SQLITE_FULL: "free some disk space or raise [store] max_mb",
                sqlite3.SQLITE_IOERR: "free some disk space, or see to the disk",
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
        """The whole tick, and what joined earlier ones since the last, in one transaction; returns its id."""
        tick_id = self._with_room(lambda: self._write_tick(record))
        self._settlements, self._amendments = [], {}
        self._commits += 1
        if self._commits >= PRUNE_TICKS:
            self._prune_in_passing()
        return tick_id

    def _prune_in_passing(self) -> None:
        """The tick is stored already, so that nothing may fail it: what is not pruned now is pruned at a later tick."""
        try:
            self._prune(self._retention)
        except StoreError as error:
            log.warning("old rows stay for now: %s", error)
            self._commits -= RETRY_TICKS
        else:
            self._commits = 0

    def _write_tick(self, record: TickRecord) -> int:
        outcome = record.outcome
        durable = outcome.model is not None or outcome.update is not None
        with self._transaction(durable=durable) as db:
            self._write_what_joined(db)
            tick_id = tables.insert_tick(db, self._names, record, self._room)
            tables.insert_requests(db, tick_id, outcome)
            if outcome.training is not None:
                tables.insert_training(db, tick_id, outcome.training)
            if outcome.model is not None:
                tables.replace_model(db, outcome.model)
            if outcome.update is not None:
                tables.insert_update(db, outcome.update)
            if outcome.away or outcome.back:
                tables.write_away(db, outcome)
            if record.paces:
                tables.write_paces(db, record.paces)
        self._names.keep()
        return tick_id

    def _write_what_joined(self, db: sqlite3.Connection) -> None:
        self._write_amendments(db)
        tables.settle(db, self._settlements)

    def _write_amendments(self, db: sqlite3.Connection) -> None:
        for tick_id, amendment in self._amendments.items():
            tables.amend(db, tick_id, amendment.phases(), amendment.served)
            db.execute("UPDATE ticks SET served = served + ? WHERE id = ?", (amendment.beyond, tick_id))

    def amend(self, tick_id: int, phases: Sequence[Phase], served: Sequence[Served]) -> None:
        """Work that was done between this tick and the next joins it. Written as for `settle`, or with examples.

        While the store refuses, at most `MOST_JOINING` answers of a tick are kept; of those beyond, their number is.
        """
        self._amendments.setdefault(tick_id, _Amendment()).add(phases, served)

    def paces(self) -> list[Pace]:
        """How long work took on this body."""
        with self._blame():
            return tables.read_paces(self._db)

    def sensors(self) -> frozenset[str]:
        """The keys of the sensors that have ever answered."""
        with self._blame():
            return frozenset(key for (key,) in self._db.execute("SELECT key FROM sensors"))

    def note_sensors(self, keys: Collection[str]) -> None:
        """They have answered."""
        with self._transaction(durable=False) as db:
            db.executemany("INSERT OR IGNORE INTO sensors (key) VALUES (?)", ((key,) for key in sorted(keys)))

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
        self._room = tables.room_for(reading)

    def unsettled(self) -> list[tuple[int, float, float]]:
        """(tick id, start, end) of the ticks that ended without energy yet, oldest first."""
        waiting = {tick_id for tick_id, _ in self._settlements}
        query = """
            SELECT a.id, a.t_s, b.t_s FROM ticks a JOIN ticks b ON b.id = a.id + 1
            WHERE a.energy_source IS NULL AND a.id > ? ORDER BY a.id"""
        with self._blame():
            (newest,) = self._db.execute("SELECT coalesce(max(id), 0) FROM ticks").fetchone()
            found = self._db.execute(query, (newest - 64,)).fetchall()
        return [row for row in found if row[0] not in waiting]

    def last_tick(self) -> LastTick | None:
        """The newest tick; None in a new file."""
        query = "SELECT id, t_s, observation, observation_table, phases FROM ticks ORDER BY id DESC LIMIT 1"
        with self._blame():
            row = self._db.execute(query).fetchone()
            decoder = rows.decoder_of(self._db, self._schema.version)
        if row is None:
            return None
        tick_id, t_s, blob, table, phases = row
        try:
            decoder.check(table, blob)
            observation = rows.observation_of(decoder.x([table], [blob])[0])
            return LastTick(tick_id=tick_id, t_s=t_s, observation=observation, phases=decoder.phases(phases))
        except rows.DAMAGE as error:
            raise StoreError(
                f"{self.path}: tick {tick_id} is damaged ({error}); restore it from a copy, or move it away to start anew"
            ) from error

    # Examples and requests

    def add_examples(
        self, rows: Iterable[tuple[Any, int, float]], truths: Mapping[int, int] | None = None
    ) -> list[int]:
        """(x, label, time of arrival) rows → their ids, and the true labels of requests; a SIGKILL takes neither."""
        examples = [(np.asarray(x, np.float32).tobytes(), int(label), t_s) for x, label, t_s in rows]
        labels = [(label, request_id) for request_id, label in (truths or {}).items()]
        ids = self._with_room(lambda: self._write_examples(examples, labels))
        self._amendments = {}
        return ids

    def _write_examples(
        self, examples: list[tuple[bytes, int, float]], labels: list[tuple[int, int]]
    ) -> list[int]:
        insert = "INSERT INTO examples (x, label, t_s) VALUES (?, ?, ?)"
        with self._transaction(durable=False) as db:
            self._write_amendments(db)  # their requests may be those whose labels came
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
            found = self._db.execute(query).fetchall()
        return [
            StoredExample(example_id=i, x=rows.floats(x), label=label, t_s=t_s, used=bool(used))
            for i, x, label, t_s, used in found
        ]

    def next_request_id(self) -> int:
        """An id above every request that the file knows, and above what was reserved."""
        with self._blame():
            (newest,) = self._db.execute("SELECT coalesce(max(id), 0) FROM requests").fetchone()
            (below,) = self._db.execute("SELECT coalesce(max(below), 1) FROM request_ids").fetchone()
        return max([int(below), int(newest) + 1, *(i + 1 for work in self.away() for i in work.requests)])

    def reserve_request_ids(self, below: int) -> None:
        """Ids below it may be given before the file knows of their requests. The last call counts."""
        self._with_room(lambda: self._write_reserve(below))

    def _write_reserve(self, below: int) -> None:
        with self._transaction(durable=True) as db:
            db.execute("INSERT OR REPLACE INTO request_ids (id, below) VALUES (1, ?)", (below,))

    def away(self) -> list[Away]:
        """The work that went away and did not come back, longest away first."""
        with self._blame():
            return tables.read_away(self._db)

    # The task

    def check_task(self, task: TaskIdentity, parameters: int) -> None:
        """`ConfigError` as of `claim`; the store belongs to nobody new."""
        with self._blame():
            self._check_task(self._db, task, parameters)

    def claim(self, task: TaskIdentity, parameters: int) -> None:
        """The store belongs to this task, of so many weights, from now on.

        `ConfigError` naming the difference when it belongs to another. One from before stores knew their task is
        adopted once, by a task that fits what is there: the model of its last update, its weights, its examples.
        """
        with self._transaction(durable=True) as db:
            if not self._check_task(db, task, parameters):
                tables.keep_task(db, task)

    def _check_task(self, db: sqlite3.Connection, task: TaskIdentity, parameters: int) -> bool:
        """Whether it is the task's already; `ConfigError` if it cannot be."""
        row = db.execute("SELECT identity FROM task").fetchone()
        if row is None:
            what = tables.misfit(db, task, parameters)
        else:
            what = TaskIdentity.parse(row[0]).differences(task)
        if what:
            raise ConfigError(
                f"{self.path}: belongs to another task: {what}; take that task, or name another [store] path"
            )
        return row is not None

    # Model and spool

    def save_model(self, model: Model) -> None:
        """The weights outside a tick: a version that arrived from the federation."""
        with self._transaction(durable=True) as db:
            tables.replace_model(db, model)

    def load_model(self) -> Model | None:
        """The weights as of the last commit; None in a new file."""
        with self._blame():
            return rows.read_model(self._db, self._schema.version)

    def spooled(self) -> list[ModelUpdate]:
        """The updates that are not acknowledged yet, oldest first."""
        query = """
            SELECT id, task, base_version, examples, codec, payload, created_s FROM updates
            WHERE payload IS NOT NULL ORDER BY created_s, id"""
        with self._blame():
            found = self._db.execute(query).fetchall()
        names = ("update_id", "task", "base_version", "examples", "codec", "payload", "created_s")
        return [ModelUpdate(**dict(zip(names, row, strict=True))) for row in found]

    def acknowledge(self, update_id: str, accepted: bool, reason: str) -> None:
        """Delete the update's payload; its row stays as the record of what became of it. Unknown ids do nothing."""
        query = (
            "UPDATE updates SET payload = NULL, accepted = ?, reason = ? WHERE id = ? AND payload IS NOT NULL"
        )
        with self._transaction(durable=True) as db:
            db.execute(query, (accepted, reason, update_id))

    def verdicts(self) -> list[StoredUpdate]:
        """Every update that is kept, and what became of it, the oldest first."""
        with self._blame():
            return [rows.update_of(row) for row in self._db.execute(rows.UPDATES_QUERY)]

    # The device

    def device(self) -> str:
        """The name in the federation that it began with; empty before it has one."""
        with self._blame():
            row = self._db.execute("SELECT name FROM device").fetchone()
        return str(row[0]) if row else ""

    def keep_device(self, name: str) -> None:
        """Its name from now on; a store that has one keeps that."""
        with self._transaction(durable=True) as db:
            db.execute("INSERT OR IGNORE INTO device (id, name) VALUES (1, ?)", (name,))

    # The file itself

    def _prune(self, keep: Retention) -> None:
        with self._transaction(durable=False) as db:
            for table, key, count in (
                ("ticks", "id", keep.ticks),
                ("trainings", "tick", keep.trainings),
            ):
                query = f"DELETE FROM {table} WHERE {key} <= (SELECT max({key}) FROM {table}) - ?"  # noqa: S608 constants
                db.execute(query, (count,))
            db.execute(
                "DELETE FROM examples WHERE evicted = 1 AND id <= (SELECT max(id) FROM examples) - ?",
                (keep.examples,),
            )
            db.execute(  # by number: ids that were only reserved leave gaps
                "DELETE FROM requests WHERE id <= (SELECT id FROM requests ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (keep.requests,),
            )
            db.execute(
                """DELETE FROM updates WHERE payload IS NULL AND id NOT IN
                   (SELECT id FROM updates ORDER BY created_s DESC LIMIT ?)""",
                (keep.updates,),
            )

    def close(self) -> None:
        """Write what is settled and close the file; a second call does nothing."""
        with self._opened:
            if self._settlements or self._amendments:
                with self._transaction(durable=True) as db:
                    self._write_what_joined(db)
                self._settlements, self._amendments = [], {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fold(path: Path) -> None:
    """A closed store into one file that can be read where nothing may be written. `StoreError` if the disk does not let it."""
    if not path.is_file():
        return
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path}: {error}; free some disk space, and run it again") from error
    path.with_name(path.name + ".lock").unlink(missing_ok=True)


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
