"""A look at a device's store: beside a running device or at a copy, of every schema that this version knows.

Nothing is written, migrated or locked.
"""

from __future__ import annotations

import math
import sqlite3
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from circadia.errors import NothingStored, StoreError
from circadia.learning.identity import TaskIdentity
from circadia.schema import looking
from circadia.store import columns, rows
from circadia.store.migrations import STORE
from circadia.store.tables import read_paces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.history import Requests, Ticks
    from circadia.types import Model, Pace

PIECE = 1024
"""Rows that are read at once."""


class StoreReader:
    """What a store held when it was opened: a device that writes meanwhile is neither seen nor held up. A context."""

    def __init__(self, path: Path, *, wait_s: float = 10.0) -> None:
        """`NothingStored` for a file that is not there or empty, `StoreError` for one that cannot be read.

        `wait_s`: how long to wait for somebody who has locked the file.
        """
        self.path = path
        if not path.is_file():
            raise NothingStored(f"{path}: no such file; name the [store] path of a device's configuration")
        with ExitStack() as opened, self._blame():
            self._db = looking(path, wait_s)
            opened.callback(self._db.close)
            self._db.execute("BEGIN")
            self.schema = STORE.meet(self._db, path)
            if not self.schema:
                raise NothingStored(f"{path}: is not a store of Circadia yet: it is empty")
            self._decoder = rows.decoder_of(self._db, self.schema)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @contextmanager
    def _blame(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, *rows.DAMAGE) as error:
            raise StoreError(
                f"{self.path}: is not a store of Circadia that can be read ({error}); restore it from a copy, or name another"
            ) from error

    def ticks(self) -> list[rows.StoredTick]:
        """All, oldest first."""
        return self._ticks("ORDER BY id")

    def history(self, since_s: float = -math.inf, most: int | None = None) -> Ticks:
        """Those that began since then as columns; at most so many, evenly picked, the newest among them."""
        first = self._first_since(since_s)
        (last,) = self._all("SELECT max(id) FROM ticks")[0]
        rows = 0 if last is None else last - first + 1
        if most is None or rows <= most:
            which = f"WHERE id >= {first:d} ORDER BY id"
        else:
            picked = np.unique(np.linspace(first, last, most).round().astype(np.int64)).tolist()
            which = f"WHERE id IN ({','.join(map(str, picked))}) ORDER BY id"
        table = "1" if self.schema == 3 else "observation_table"
        sleep = "sleep_s" if self.schema >= 6 else "NULL"
        query = f"SELECT {table}, {columns.COLUMNS}, {sleep} FROM ticks {which}"  # noqa: S608 - numbers
        with self._blame():
            found = self._db.execute(query)
            return columns.ticks_of(iter(lambda: found.fetchmany(PIECE), []), self._decoder)

    def _first_since(self, since_s: float) -> int:
        """The id of the first tick that began since then; after the last, if none did. Later ticks began later."""
        low, high = self._all("SELECT (SELECT min(id) FROM ticks), (SELECT max(id) + 1 FROM ticks)")[0]
        if low is None:
            return 0
        while low < high:
            middle = (low + high) // 2
            found = self._all("SELECT t_s FROM ticks WHERE id >= ? ORDER BY id LIMIT 1", middle)
            low, high = (low, middle) if found[0][0] >= since_s else (middle + 1, high)
        return int(low)

    def asked(self, since_s: float = -math.inf) -> Requests:
        """The requests of the ticks that began since then, as columns."""
        query = (
            "SELECT ticks.t_s, label, truth, latency_s FROM requests JOIN ticks ON ticks.id = tick"
            " WHERE tick >= ? ORDER BY tick, requests.id"
        )
        found = self._all(query, self._first_since(since_s))
        with self._blame():
            return columns.requests_of(found)

    def taught(self, since_s: float = -math.inf) -> NDArray[np.float64]:
        """(n,) when the examples came that are kept and came since then, rising."""
        found = self._all("SELECT t_s FROM examples WHERE t_s >= ? ORDER BY t_s", since_s)
        with self._blame():
            return np.array([t_s for (t_s,) in found], np.float64)

    def learnt(self) -> dict[int, int]:
        """Tick id → how many different examples it trained on, of each training that is kept."""
        return dict(self._all("SELECT tick, examples FROM trainings ORDER BY tick"))

    def example_rows(self) -> tuple[int, int, float]:
        """How many examples are kept, the bytes of their inputs, and when the oldest came; NaN where there is none."""
        ((count, size, oldest_s),) = self._all("SELECT count(*), total(length(x)), min(t_s) FROM examples")
        return count, int(size), math.nan if oldest_s is None else oldest_s

    def tick_count(self) -> int:
        """How many ticks are kept; their ids have no gaps, for only the oldest go."""
        first, last = self._all("SELECT (SELECT min(id) FROM ticks), (SELECT max(id) FROM ticks)")[0]
        return 0 if first is None else int(last) - int(first) + 1

    def newest(self) -> rows.StoredTick | None:
        """The last one; None before the first."""
        found = self._ticks("ORDER BY id DESC LIMIT 1")
        return found[0] if found else None

    def _ticks(self, which: str) -> list[rows.StoredTick]:
        table = "1" if self.schema == 3 else "observation_table"
        query = f"SELECT {table}, {rows.tick_columns(self.schema)} FROM ticks {which}"  # noqa: S608 - constants
        found, tick_id = self._all(query), 0
        try:
            for table, tick_id, _, blob, *_ in found:  # noqa: B007 - told if it is damaged
                self._decoder.check(table, blob)
            x = self._decoder.x([row[0] for row in found], [row[3] for row in found])
            ticks = []
            for (_, *row), seen in zip(found, x, strict=True):
                tick_id = row[0]
                ticks.append(self._decoder.tick(row, seen))
        except rows.DAMAGE as error:
            raise StoreError(
                f"{self.path}: tick {tick_id} is damaged ({type(error).__name__}: {error}); restore the file from a copy"
            ) from error
        return ticks

    def _all(self, query: str, *values: float) -> list[Any]:
        with self._blame():
            return self._db.execute(query, values).fetchall()

    def requests(self) -> list[rows.StoredRequest]:
        """In the order of their ticks."""
        found = self._all("SELECT id, tick, label, latency_s, truth FROM requests ORDER BY tick, id")
        return [
            rows.StoredRequest(
                request_id=request_id,
                tick_id=tick,
                label=label,
                latency_s=math.nan if latency_s is None else latency_s,
                truth=truth,
            )
            for request_id, tick, label, latency_s, truth in found
        ]

    def trainings(self) -> list[rows.StoredTraining]:
        """In the order of their ticks."""
        found = self._all("SELECT tick, width, batches FROM trainings ORDER BY tick")
        with self._blame():
            return [
                rows.StoredTraining(
                    tick_id=tick, batches=np.frombuffer(batches, "<i4").reshape(-1, width).astype(np.int64)
                )
                for tick, width, batches in found
            ]

    def updates(self) -> list[rows.StoredUpdate]:
        """In the order in which they were made."""
        return [rows.update_of(row) for row in self._all(rows.UPDATES_QUERY)]

    def device(self) -> str:
        """The name that the device began with; empty: it has none yet, or the store is of an earlier schema."""
        found = self._all("SELECT name FROM device") if self.schema >= 5 else []
        return str(found[0][0]) if found else ""

    def task(self) -> TaskIdentity | None:
        """The task that the store belongs to; None: nobody has said it yet, or the store is of an earlier schema."""
        found = self._all("SELECT identity FROM task") if self.schema >= 5 else []
        return TaskIdentity.parse(found[0][0]) if found else None

    def examples(self) -> list[rows.StoredExample]:
        """All that are kept, those that the buffer let go too; oldest first."""
        found = self._all("SELECT id, x, label, t_s, used FROM examples ORDER BY id")
        with self._blame():
            return [
                rows.StoredExample(example_id=i, x=rows.floats(x), label=label, t_s=t_s, used=bool(used))
                for i, x, label, t_s, used in found
            ]

    def paces(self) -> list[Pace]:
        """How long work took on the body; nothing of schemas before 5, which did not keep it."""
        if self.schema < 5:
            return []
        with self._blame():
            return read_paces(self._db)

    def model(self) -> Model | None:
        """The weights; None before the first were kept."""
        with self._blame():
            return rows.read_model(self._db, self.schema)
