"""How a database of ours meets a program of another version: it is migrated, used as it is, or left alone.

`PRAGMA user_version` is the schema; the one row of table `schema` says from which schema on a program may open the file,
to read it and to write it. Schemas only grow: a program names the columns that it writes and reads, so it passes over
what a later one has added.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


class NewerFile(StoreError):
    """A later version of Circadia wrote the file, and says that this one must not open it."""


MAGIC = b"SQLite format 3\0"
"""How a database file begins."""
READABLE_FROM = "CREATE TABLE schema (readable_from INTEGER NOT NULL)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From one schema to the next."""

    run: Callable[[sqlite3.Connection], None]
    """Within a transaction that it neither begins nor ends."""
    additive: bool = True
    """Whether all that the schema before had is still there and means the same. If not, a copy of the file is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What this program writes into one kind of file, and what it can make of earlier ones."""

    kind: str
    """What the file is, for errors: `a store of Circadia`."""
    landmark: str
    """A table that every file of this kind has had, whatever its schema."""
    version: int
    readable_from: int
    """The oldest schema whose programs may open the file."""
    tables: str
    """SQL that makes an empty file one of this version."""
    steps: Mapping[int, Step]
    """By the schema that they start from; without a hole up to `version`."""

    @property
    def oldest(self) -> int:
        """The first schema that can be read and migrated."""
        return min(self.steps, default=self.version)

    def meet(self, db: sqlite3.Connection, path: Path) -> int:
        """The file's schema, 0 for an empty file; `StoreError` for one that is cut off or that this version must not open.

        Only reads.
        """
        _check_whole(path)
        (found,) = db.execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not found and not tables:
            return 0
        if self.landmark not in tables:
            raise StoreError(
                f"{path}: is not {self.kind}: it has no table of {self.landmark}; name another file"
            )
        if found < self.oldest:
            raise StoreError(
                f"{path}: has schema {found}, this version of Circadia reads {self.oldest} to {self.version}; "
                "open it with a version in between, or name another file"
            )
        if found > self.version:
            self._meet_newer(db, path, found, tables)
        return int(found)

    def _meet_newer(self, db: sqlite3.Connection, path: Path, found: int, tables: set[str]) -> None:
        least = found
        if "schema" in tables and (row := db.execute("SELECT readable_from FROM schema").fetchone()):
            (least,) = row
        if least > self.version:
            copy = self.copy_of(path)
            kept = f"; {copy} is the copy that it was migrated from" if copy else ""
            raise NewerFile(
                f"{path}: has schema {found}, which takes a version of Circadia with schema {least} or later; this one has "
                f"{self.version}: update Circadia, or name another file{kept}"
            )

    def copy_of(self, path: Path) -> Path | None:
        """The copy that a later version kept before it migrated the file, if this version can open it."""
        copies = (_copy_name(path, schema) for schema in range(self.version, self.oldest - 1, -1))
        return next((copy for copy in copies if copy.is_file()), None)

    def look(self, path: Path) -> int:
        """As `meet`, by a connection of its own that changes nothing; 0 for a file that is not there yet."""
        if not path.is_file() or not path.stat().st_size:
            return 0
        try:
            with closing(looking(path)) as db:
                return self.meet(db, path)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
                raise
            # What a kill left half done has to be undone, which a connection that cannot write may not.
            with closing(sqlite3.connect(path)) as db:
                return self.meet(db, path)

    def prepare(self, db: sqlite3.Connection, path: Path) -> None:
        """Make the tables of an empty file, or migrate an earlier one, in one transaction; for a connection that writes.

        Whatever ends it, a full disk or a kill, leaves the file as it was.
        """
        found = self.meet(db, path)
        if found >= self.version:
            return
        steps = [self.steps[schema] for schema in range(found, self.version)] if found else []
        if not all(step.additive for step in steps):
            _keep_copy(db, _copy_name(path, found))
        db.execute("PRAGMA synchronous = FULL")
        with _transaction(db):
            for statement in self.tables.split(";") if not found else ():
                db.execute(statement)
            for step in steps:
                step.run(db)
            db.execute("DELETE FROM schema")
            db.execute("INSERT INTO schema (readable_from) VALUES (?)", (self.readable_from,))
            db.execute(f"PRAGMA user_version = {self.version:d}")


def _check_whole(path: Path) -> None:
    """`StoreError` for a file that was cut off. SQLite takes half a last page for a whole one, and fills it with zeros."""
    log = path.with_name(path.name + "-wal")
    if not path.is_file() or (log.is_file() and log.stat().st_size):
        return  # there is nothing yet, or what is missing may be in the log
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) == 100 and not header.startswith(MAGIC):
        return  # no database at all, as SQLite will say
    page, pages = (int.from_bytes(header[a:b], "big") for a, b in ((16, 18), (28, 32)))
    wanted, there = max((page if page > 1 else 65_536) * pages, len(header) and 100), path.stat().st_size
    if there < wanted:
        raise StoreError(f"{path}: was cut off: {there} of {wanted} bytes are there; restore it from a copy")


def looking(path: Path, wait_s: float = 10.0) -> sqlite3.Connection:
    """A connection that cannot write; it waits so long for one that locks the file."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=wait_s, isolation_level=None
    )


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _copy_name(path: Path, schema: int) -> Path:
    return path.with_name(f"{path.name}.schema{schema}")


def _keep_copy(db: sqlite3.Connection, copy: Path) -> None:
    """Whole and on the disk, or not there at all."""
    new = copy.with_name(copy.name + ".new")
    new.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(new)) as target:
            db.backup(target)
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.replace(copy)
    finally:
        new.unlink(missing_ok=True)
