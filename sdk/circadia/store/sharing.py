"""A copy of a store to be given away: what was decided, seen, answered and measured, without anything that was learned from."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from circadia.errors import NothingStored, StoreError
from circadia.schema import looking
from circadia.store.migrations import STORE

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

WAIT_S = 10.0
EMPTIED = ("examples", "model", "personal", "away", "device")
"""Tables of which no row goes along: examples, weights, what was sent elsewhere with its inputs, the device's name."""


def share(path: Path, target: Path, requests: Collection[int]) -> None:
    """Write the copy, one file of the newest schema; the device that writes the store is not held up.

    `requests`: ids of those whose answers go along; of others only how many there were. No update's weights go along.
    `NothingStored` for a store that has not begun, `StoreError` for one of an older schema or that cannot be read, or a disk
    that refuses.
    """
    if not path.is_file():
        raise NothingStored(f"{path}: no such file; name the [store] path of a device's configuration")
    try:
        with closing(looking(path, WAIT_S)) as source, closing(sqlite3.connect(target)) as copy:
            if not STORE.meet(source, path):
                raise NothingStored(f"{path}: is not a store of Circadia yet: it is empty")
            source.backup(copy)
            with copy:
                for table in EMPTIED:
                    copy.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
                copy.execute("UPDATE updates SET payload = NULL")
                copy.execute("CREATE TEMP TABLE shared (id INTEGER PRIMARY KEY)")
                copy.executemany("INSERT OR IGNORE INTO shared VALUES (?)", ((one,) for one in requests))
                copy.execute("DELETE FROM requests WHERE id NOT IN (SELECT id FROM shared)")
            copy.execute("VACUUM")  # or what was deleted would lie in its free pages
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{path}: no copy to be given away can be made of it ({error}); free some disk space, or let a device of this version "
            "run on it first"
        ) from error
