"""The files that irradiance comes in, each as readings in the order of the file.

TMY3: Wilcox & Marion, "Users Manual for TMY3 Data Sets", NREL/TP-581-43156. An hour's row carries the hour's end.
SURFRAD: NOAA's README_SURFRAD. A minute's row carries Universal Time, made local mean solar time here.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from circadia.errors import ConfigError
from circadia.observation import DAY_S, HOUR_S
from circadia_lab.data.traces.source_file import Row, cell_of, csv_rows, number_in, text_of

if TYPE_CHECKING:
    from pathlib import Path

TMY3_DATE, TMY3_TIME, TMY3_GHI = "Date (MM/DD/YYYY)", "Time (HH:MM)", "GHI (W/m^2)"
SURFRAD_DOWN = 8
"""Column of the downwelling solar irradiance, counted from 0; the next one is its quality flag, 0 for good."""
LOWEST_SENTINEL = -9000.0
"""TMY3 writes −9900 and SURFRAD −9999.9 for what is missing."""
S_PER_DEGREE = DAY_S / 360
TYPICAL_YEAR = 2001
"""No leap year, as typical years have none; which year a month comes from does not matter."""


class Reading(NamedTuple):
    """What the sun gave over one step."""

    line: int
    """From 1."""
    t_s: float
    """The step's start in local time, since midnight of the first day."""
    ghi_w_m2: float
    """On the horizontal; NaN where the file says that it is missing."""


def readings(path: Path) -> list[Reading]:
    """The file's readings, whichever of TMY3, SURFRAD and plain CSV it is; `ConfigError` names file and line."""
    lines = text_of(path).splitlines()
    if len(lines) > 1 and TMY3_DATE in lines[1]:
        return _tmy3(path)
    if len(lines) > 1 and _station(lines[1]) is not None:
        return _surfrad(path, lines)
    return _plain(path)


def _present(value: float) -> float:
    return math.nan if value <= LOWEST_SENTINEL else value


def _number(path: Path, row: Row, index: int, column: str) -> float:
    cell = cell_of(path, row, index, column)
    number = number_in(cell)
    if number is None:
        raise ConfigError(f"{path} line {row.line}: column {column!r}: {cell!r} is not a number")
    return number


# TMY3


def _tmy3(path: Path) -> list[Reading]:
    _, header, *rows = csv_rows(path)
    for name in (TMY3_DATE, TMY3_TIME, TMY3_GHI):
        if name not in header.cells:
            raise ConfigError(f"{path} line {header.line}: no column {name!r}, which TMY3 has")
    date, time, ghi = (header.cells.index(name) for name in (TMY3_DATE, TMY3_TIME, TMY3_GHI))
    found = []
    for row in rows:
        start_s = _hour_start_s(path, row, date, time)
        found.append(Reading(row.line, start_s, _present(_number(path, row, ghi, TMY3_GHI))))
    first_day_s = found[0].t_s // DAY_S * DAY_S if found else 0
    return [r._replace(t_s=r.t_s - first_day_s) for r in found]


def _hour_start_s(path: Path, row: Row, date: int, time: int) -> float:
    day, hour = cell_of(path, row, date, TMY3_DATE), cell_of(path, row, time, TMY3_TIME)
    try:
        month, of_month, _ = map(int, day.split("/"))
        hours, minutes = map(int, hour.split(":"))
        of_year = datetime(TYPICAL_YEAR, month, of_month, tzinfo=UTC).timetuple().tm_yday
    except ValueError as error:
        raise ConfigError(
            f"{path} line {row.line}: {day!r} {hour!r} is no date and hour of a typical year"
        ) from error
    if not 1 <= hours <= 24 or minutes != 0:
        raise ConfigError(f"{path} line {row.line}: column {TMY3_TIME!r}: {hour!r} is not 01:00 to 24:00")
    return (of_year - 1) * DAY_S + (hours - 1) * HOUR_S


# SURFRAD


def _station(line: str) -> tuple[float, float] | None:
    """Latitude and longitude west in degrees from a file's second line: `37.70 105.92 2317 m version 1`."""
    words = line.split()
    place = [number_in(word) for word in words[:2]]
    if words[3:5] != ["m", "version"] or None in place:
        return None
    return place[0] or 0.0, place[1] or 0.0


def _surfrad(path: Path, lines: list[str]) -> list[Reading]:
    station = _station(lines[1])
    assert station is not None
    solar = timedelta(seconds=-station[1] * S_PER_DEGREE)
    found: list[Reading] = []
    midnight = None
    for line, text in enumerate(lines[2:], start=3):
        if not text.strip():
            continue
        row = Row(line, text.split())
        time = _universal_time(path, row) + solar
        midnight = midnight or time.replace(hour=0, minute=0, second=0, microsecond=0)
        found.append(Reading(line, (time - midnight).total_seconds(), _surfrad_ghi(path, row)))
    return found


def _universal_time(path: Path, row: Row) -> datetime:
    if len(row.cells) < 6:
        raise ConfigError(f"{path} line {row.line}: has {len(row.cells)} columns, a SURFRAD row has 48")
    year, _, month, day, hour, minute = row.cells[:6]
    try:
        return datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=UTC)
    except ValueError as error:
        raise ConfigError(
            f"{path} line {row.line}: {' '.join(row.cells[:6])!r} is no date and time: {error}"
        ) from error


def _surfrad_ghi(path: Path, row: Row) -> float:
    value = _present(_number(path, row, SURFRAD_DOWN, "dw_solar"))
    good = _number(path, row, SURFRAD_DOWN + 1, "dw_solar's flag") == 0
    return value if good else math.nan


# Plain


def _plain(path: Path) -> list[Reading]:
    rows = csv_rows(path)
    if rows[0].cells and number_in(rows[0].cells[0]) is None:
        rows = rows[1:]
    for row in rows:
        if len(row.cells) != 2:
            raise ConfigError(
                f"{path} line {row.line}: has {len(row.cells)} columns; a plain file has seconds and W/m²"
            )
    return [
        Reading(row.line, _number(path, row, 0, "seconds"), _present(_number(path, row, 1, "W/m²")))
        for row in rows
    ]
