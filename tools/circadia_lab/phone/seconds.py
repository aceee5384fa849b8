"""A store whose last day was decided every second: what a screen has to open within a second."""

from __future__ import annotations

import shutil
import sqlite3
from bisect import bisect_right
from typing import TYPE_CHECKING

from circadia.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

TICKS = 86_400


def every_second(lived: Path, path: Path) -> float:
    """A copy of the store `lived`, its last day's decisions repeated each second until the next → when its newest was made.

    A request stays with the second in which it was answered; joules are shared among the seconds. `StoreError` for a store
    of less than a day.
    """
    shutil.copyfile(lived, path)
    with sqlite3.connect(path) as store:
        columns = [row[1] for row in store.execute("PRAGMA table_info(ticks)")]
        number, time, served, expired, joules = map(
            columns.index, ("id", "t_s", "served", "expired", "energy_j")
        )
        rows = store.execute("SELECT * FROM ticks ORDER BY t_s").fetchall()
        if not rows or rows[-1][time] - rows[0][time] < TICKS:
            raise StoreError(f"{lived}: a day of seconds is made of a store of at least a day")
        end_s, first = rows[-1][time], rows[-1][number] + 1
        times = [row[time] for row in rows]
        made, before = [], None
        for second in range(TICKS):
            t_s = end_s - TICKS + 1 + second
            place = bisect_right(times, t_s) - 1
            row = list(rows[place])
            if place == before:
                row[served] = row[expired] = 0
            until_s = times[place + 1] if place + 1 < len(times) else end_s + 1
            if row[joules] is not None:
                row[joules] /= max(until_s - times[place], 1.0)
            row[number], row[time] = first + second, t_s
            made.append(row)
            before = place
        store.execute("DELETE FROM ticks WHERE t_s > ?", (end_s - TICKS,))
        store.executemany(f"INSERT INTO ticks VALUES ({', '.join('?' * len(columns))})", made)
    return float(end_s)
