"""The aggregator's ledger: one SQLite file. What `commit` returned from survives a SIGKILL and a power cut."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
from contextlib import ExitStack, closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError, NothingStored, StoreError
from circadia.federation.aggregate.records import UpdateRecord, Verdict, Version
from circadia.federation.wire.messages import is_digest
from circadia.learning.identity import TaskIdentity
from circadia.schema import READABLE_FROM, Schema, Step, looking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

TABLES = f"""
{READABLE_FROM};
CREATE TABLE federation (task TEXT NOT NULL, parameters INTEGER NOT NULL, identity TEXT, name TEXT);
CREATE TABLE versions (
    version INTEGER PRIMARY KEY, published_s REAL NOT NULL, weights BLOB, sha256 TEXT NOT NULL,
    updates INTEGER NOT NULL, examples INTEGER NOT NULL);
CREATE TABLE updates (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, update_id TEXT NOT NULL, base_version INTEGER, staleness INTEGER,
    examples INTEGER, codec TEXT, received_s REAL NOT NULL, accepted INTEGER NOT NULL, reason TEXT NOT NULL,
    version INTEGER REFERENCES versions, payload BLOB, UNIQUE (device, update_id));
CREATE INDEX buffered ON updates (id) WHERE accepted AND version IS NULL
"""


def _from_1(db: sqlite3.Connection) -> None:
    """From here on a file says who may open it."""
    db.execute(READABLE_FROM)


def _from_2(db: sqlite3.Connection) -> None:
    """A ledger has its federation's name, and its task's labels and input; one from before takes those of its next use."""
    db.execute("ALTER TABLE federation ADD COLUMN identity TEXT")
    db.execute("ALTER TABLE federation ADD COLUMN name TEXT")


LEDGER = Schema(
    kind="a ledger of Circadia",
    landmark="federation",
    version=3,
    readable_from=2,
    tables=TABLES,
    steps={1: Step(run=_from_1), 2: Step(run=_from_2)},
)
"""Schema 1 itself opens no other; from 2 on a program opens what says that it may."""
_COLUMNS = (
    "device, update_id, accepted, reason, received_s, base_version, staleness, examples, codec, payload"
)


class Ledger:
    """Versions and verdicts of one federation. One thread at a time, one aggregator at a time."""

    def __init__(
        self,
        path: Path | str,
        *,
        task: str,
        parameters: int,
        identity: TaskIdentity | None = None,
        keep_versions: int | None = None,
        keep_bytes: int | None = None,
        most_bytes: int | None = None,
        read_only: bool = False,
        schema: Schema = LEDGER,
    ) -> None:
        """Open or create the file at `path`; one of an earlier schema is migrated.

        `identity` is kept in a ledger that has none, for the same model file; from then on no other opens it. Who only
        looks may leave it out.
        `keep_versions`: weights of older versions are dropped, and of those beyond `keep_bytes`, never the newest's; None
        keeps all. `most_bytes` is a budget for the file. `read_only` looks on beside an aggregator, and migrates
        nothing. `StoreError` when the file belongs to another task, is not ours, is damaged, of a later version that does
        not allow it, or another aggregator has it open.
        """
        self.path = Path(path)
        if not is_digest(task):
            raise ConfigError(f"task {task!r}: give the SHA-256 of its model file, 64 hexadecimal digits")
        self.task = task
        self.parameters = parameters
        self._kept_versions = _kept_versions(keep_versions, keep_bytes, 4 * parameters)
        with ExitStack() as opened, self._blame():
            if not read_only:
                self._take_lock(opened)
                schema.look(self.path)
            self._db = looking(self.path) if read_only else _connect(self.path)
            opened.callback(self._db.close)
            if not read_only:
                self._set_up(schema, most_bytes)
            elif not schema.meet(self._db, self.path):
                raise NothingStored(f"{self.path}: is not a ledger yet: it is empty")
            self._check_owner()
            if identity is not None:
                self._check_identity(identity, read_only=read_only)
            self._open = opened.pop_all()

    def close(self) -> None:
        """Undo what was not committed, let go of the file."""
        self._open.close()

    def claim(self, federation: str) -> None:
        """From now on it is this federation's; `StoreError` when it is another's. Durable at once."""
        with self._change():
            (name,) = self._db.execute("SELECT name FROM federation").fetchone()
            if name not in {None, federation}:
                raise StoreError(
                    f"{self.path}: belongs to the federation {name!r}, not {federation!r}; name another file"
                )
            self._db.execute("UPDATE federation SET name = ?", (federation,))
        self.commit()

    # Reading

    def newest(self) -> Version | None:
        """The newest version; None in a new ledger."""
        with self._blame():
            row = self._db.execute("SELECT max(version) FROM versions").fetchone()
        return None if row[0] is None else self.version(row[0])

    def version(self, number: int) -> Version:
        """One version; `StoreError` when it was never made, its weights were dropped, or they are damaged."""
        query = "SELECT published_s, weights, sha256, updates, examples FROM versions WHERE version = ?"
        with self._blame():
            row = self._db.execute(query, (number,)).fetchone()
        if row is None or row[1] is None:
            raise StoreError(f"{self.path}: holds no weights of version {number}; kept are {self.kept()}")
        published_s, blob, digest, updates, examples = row
        return Version(
            number=number,
            published_s=published_s,
            weights=self._weights(number, blob, digest),
            updates=updates,
            examples=examples,
        )

    def kept(self) -> list[int]:
        """The numbers of the versions whose weights are here."""
        with self._blame():
            rows = self._db.execute("SELECT version FROM versions WHERE weights IS NOT NULL ORDER BY version")
            return [row[0] for row in rows]

    def verdict(self, device: str, update_id: str) -> Verdict | None:
        """What became of an update; None when it is not decided."""
        query = "SELECT accepted, reason FROM updates WHERE device = ? AND update_id = ?"
        with self._blame():
            row = self._db.execute(query, (device, update_id)).fetchone()
        return None if row is None else Verdict(accepted=bool(row[0]), reason=row[1])

    def buffered(self) -> list[UpdateRecord]:
        """Accepted updates that no version holds yet, in the order they came."""
        return self._records("WHERE accepted AND version IS NULL ORDER BY id")

    def updates(self) -> list[UpdateRecord]:
        """Every update ever decided, in the order they came."""
        return self._records("ORDER BY id")

    def _records(self, condition: str) -> list[UpdateRecord]:
        with self._blame():
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM updates {condition}").fetchall()  # noqa: S608 - constants
        return [_record(row) for row in rows]

    # Writing

    def keep_update(self, record: UpdateRecord) -> None:
        """Add a record. Durable after `commit`."""
        verdict = record.verdict
        row = (
            record.device, record.update_id, verdict.accepted, verdict.reason, record.received_s,
            record.base_version, record.staleness, record.examples, record.codec, record.payload,
        )  # fmt: skip
        with self._change():
            self._db.execute(f"INSERT INTO updates ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608

    def keep_version(self, version: Version) -> None:
        """Add a version; it holds all accepted updates that none held. Durable after `commit`."""
        blob = version.weights.astype("<f4").tobytes()
        row = (
            version.number, version.published_s, blob, sha256(blob).hexdigest(), version.updates, version.examples,
        )  # fmt: skip
        with self._change():
            self._db.execute(
                """INSERT INTO versions (version, published_s, weights, sha256, updates, examples)
                   VALUES (?, ?, ?, ?, ?, ?)""",
                row,
            )
            self._db.execute(
                "UPDATE updates SET version = ?, payload = NULL WHERE accepted AND version IS NULL",
                (version.number,),
            )
            if self._kept_versions is not None:
                self._db.execute(
                    "UPDATE versions SET weights = NULL WHERE version <= ? AND weights IS NOT NULL",
                    (version.number - self._kept_versions,),
                )

    def commit(self) -> None:
        """Everything since the last commit is on the disk when this returns; `StoreError` and none of it otherwise."""
        if self._db.in_transaction:
            with self._change():
                self._db.execute("COMMIT")

    # Inside

    def _take_lock(self, opened: ExitStack) -> None:
        lock = opened.enter_context(self.path.with_name(f"{self.path.name}.lock").open("wb"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"{self.path}: another aggregator has this ledger open; stop it first"
            ) from error

    def _set_up(self, schema: Schema, most_bytes: int | None) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        schema.prepare(self._db, self.path)
        self._db.execute("PRAGMA synchronous = FULL")
        if most_bytes is not None:
            page = self._db.execute("PRAGMA page_size").fetchone()[0]
            self._db.execute(f"PRAGMA max_page_count = {max(most_bytes // page, 1)}")
        if not self._db.execute("SELECT 1 FROM federation").fetchone():
            self._db.execute(
                "INSERT INTO federation (task, parameters) VALUES (?, ?)", (self.task, self.parameters)
            )

    def _check_owner(self) -> None:
        task, parameters = self._db.execute("SELECT task, parameters FROM federation").fetchone()
        if (task, parameters) != (self.task, self.parameters):
            raise StoreError(
                f"{self.path}: belongs to task {task[:12]}… of {parameters} parameters, "
                f"not {self.task[:12]}… of {self.parameters}; name another file"
            )

    def _check_identity(self, identity: TaskIdentity, *, read_only: bool) -> None:
        """A ledger without an identity belongs to this one from now on; its model file is the same."""
        if "identity" not in {name for _, name, *_ in self._db.execute("PRAGMA table_info(federation)")}:
            return  # of an earlier schema, which a look does not migrate
        (text,) = self._db.execute("SELECT identity FROM federation").fetchone()
        if text is None and not read_only:
            self._db.execute("UPDATE federation SET identity = ?", (identity.text,))
        elif text is not None and (what := TaskIdentity.parse(text).differences(identity)):
            raise StoreError(
                f"{self.path}: belongs to another task: {what}; take that task, or name another file"
            )

    def _weights(self, number: int, blob: bytes, digest: str) -> NDArray[np.float32]:
        weights = np.frombuffer(blob, "<f4").astype(np.float32)
        if sha256(blob).hexdigest() != digest or weights.size != self.parameters:
            raise StoreError(f"{self.path}: the weights of version {number} are damaged; restore the file")
        return weights

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._blame():
            try:
                if not self._db.in_transaction:
                    self._db.execute("BEGIN IMMEDIATE")
                yield
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _blame(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self.path}: {error}; {self._free()} free on its disk") from error

    def _free(self) -> str:
        try:
            return f"{shutil.disk_usage(self.path.parent).free / 1e6:.0f} MB"
        except OSError:
            return "nothing"


def _kept_versions(versions: int | None, most_bytes: int | None, version_bytes: int) -> int | None:
    """How many fit both; None for all."""
    if versions is not None and versions < 1:
        raise ConfigError(f"keep_versions is {versions}; it must be 1 or more, the newest is needed")
    fitting = None if most_bytes is None else max(most_bytes // version_bytes, 1)
    return min((limit for limit in (versions, fitting) if limit is not None), default=None)


def progress(path: Path) -> tuple[int, int]:
    """(newest version, updates accepted) of a ledger, beside its aggregator; `StoreError` when it cannot be read."""
    query = "SELECT (SELECT coalesce(max(version), 0) FROM versions), (SELECT count(*) FROM updates WHERE accepted)"
    try:
        with closing(looking(path)) as db:
            if not LEDGER.meet(db, path):
                raise NothingStored(f"{path}: is not a ledger yet: it is empty")
            version, accepted = db.execute(query).fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"{path}: is not a ledger that can be read ({error})") from error
    return int(version), int(accepted)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def _record(row: tuple[Any, ...]) -> UpdateRecord:
    device, update_id, accepted, reason, received_s, base, staleness, examples, codec, payload = row
    return UpdateRecord(
        device=device,
        update_id=update_id,
        verdict=Verdict(accepted=bool(accepted), reason=reason),
        received_s=received_s,
        base_version=base,
        staleness=staleness,
        examples=examples,
        codec=codec,
        payload=payload,
    )
