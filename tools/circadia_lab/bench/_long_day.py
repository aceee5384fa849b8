"""A device's store with a decision a second for a day: rows of a simulated phone, written once more each second."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from circadia.config import parse_config
from circadia.observation import DAY_S
from circadia_field.virtual_device import VirtualDevice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIVED_TICKS = 60
START_S = 9 * 3600.0


def write_long_day(path: Path, ticks: int = round(DAY_S)) -> float:
    """Into a new store at `path`, some 40 MB in two seconds → the agent's clock at its end.

    Actions, observations and joules are those of `LIVED_TICKS` of a simulated phone, in turn; only the times are not.
    """
    device = VirtualDevice(
        parse_config({"platform": {"profile": "pixel-3"}, "store": {"path": str(path)}}), start_s=START_S
    )
    for _ in range(LIVED_TICKS):
        device.tick()
    device.finish()
    device.close()
    with closing(sqlite3.connect(path)) as db, db:
        names = [row[1] for row in db.execute("PRAGMA table_info(ticks)")]
        lived = db.execute("SELECT * FROM ticks WHERE energy_j IS NOT NULL ORDER BY id").fetchall()
        db.execute("DELETE FROM ticks")
        marks = ", ".join("?" * len(names))
        db.executemany(f"INSERT INTO ticks VALUES ({marks})", _rows(lived, names, ticks))
    return START_S + ticks


def _rows(lived: list[tuple[Any, ...]], names: list[str], ticks: int) -> Iterator[list[Any]]:
    identity, time = names.index("id"), names.index("t_s")
    for tick in range(ticks):
        row = list(lived[tick % len(lived)])
        row[identity], row[time] = tick + 1, START_S + tick
        yield row
