"""Recorded arrivals of requests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError
from circadia.observation import HOUR_S
from circadia_lab.data.traces.source_file import Row, cell_of, csv_rows, number_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAX_GAP_S = 6 * HOUR_S
TIME_COLUMNS = ("timestamp", "time", "time_s", "t_s", "seconds", "arrival_s")
"""What a column of times is called, in any case of letters, if the caller names none."""
MOST_BINS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrivals:
    """When requests came."""

    where: str
    """The file, for messages."""
    t_s: Floats
    """(n,) seconds since the first, never falling; n ≥ 1."""

    @property
    def duration_s(self) -> float:
        """From the first to the last."""
        return float(self.t_s[-1])

    @property
    def mean_gap_s(self) -> float:
        """Between two in succession; `ConfigError` if all came at once."""
        if self.duration_s <= 0:
            raise ConfigError(f"{self.where}: needs two arrivals at different times, has {len(self.t_s)}")
        return self.duration_s / (len(self.t_s) - 1)

    @property
    def gap_cv(self) -> float:
        """Standard deviation of the gaps over their mean: 1 for a Poisson process, more for bursts."""
        return float(np.diff(self.t_s).std()) / self.mean_gap_s


def read_arrivals(path: str | Path, *, column: str | None = None, max_gap_s: float = MAX_GAP_S) -> Arrivals:
    """The times in one column of a CSV file: ISO dates and times, or plain seconds.

    Without `column` it is the one that `TIME_COLUMNS` knows, or the only one; a file without a header has its times
    first. `ConfigError` names file, line and column: no such column, no arrival, a time that is none, that runs back
    or that comes more than `max_gap_s` after the one before.
    """
    if not max_gap_s > 0:
        raise ConfigError(f"max_gap_s {max_gap_s:g} must be positive")
    path = Path(path)
    rows = csv_rows(path)
    index, name, headed = _column(path, rows[0], column)
    rows = rows[headed:]
    if not rows:
        raise ConfigError(f"{path}: column {name!r} holds no arrival")
    t_s = _times(path, rows, index, name)
    _check_gaps(path, rows, name, t_s, max_gap_s)
    return Arrivals(where=path.name, t_s=t_s - t_s[0])


def _column(path: Path, first: Row, wanted: str | None) -> tuple[int, str, bool]:
    """Which column, what to call it, and whether the first row is a header."""
    names = first.cells
    if wanted is not None:
        if wanted not in names:
            raise ConfigError(f"{path} line {first.line}: no column {wanted!r}; there are {', '.join(names)}")
        return names.index(wanted), wanted, True
    if _seconds(names[0]) is not None:
        return 0, "1", False
    known = [i for i, name in enumerate(names) if name.lower() in TIME_COLUMNS]
    known = known or ([0] if len(names) == 1 else [])
    if len(known) != 1:
        raise ConfigError(
            f"{path} line {first.line}: which column holds the times? name one of {', '.join(names)}"
        )
    return known[0], names[known[0]], True


def _times(path: Path, rows: list[Row], index: int, name: str) -> Floats:
    kinds, times = set(), np.empty(len(rows))
    for i, row in enumerate(rows):
        cell = cell_of(path, row, index, name)
        timed = _seconds(cell)
        if timed is None:
            raise ConfigError(
                f"{path} line {row.line}: column {name!r}: {cell!r} is neither a number of seconds nor a date and time"
            )
        kind, times[i] = timed
        kinds.add(kind)
        if len(kinds) > 1:
            raise ConfigError(
                f"{path} line {row.line}: column {name!r}: {cell!r} is written unlike those before"
            )
    return times


def _seconds(cell: str) -> tuple[str, float] | None:
    """How a time is written, and the seconds that it stands for; None if it is no time."""
    number = number_in(cell)
    if number is not None:
        return "seconds", number
    try:
        time = datetime.fromisoformat(cell)
    except ValueError:
        return None
    if time.tzinfo is None:
        return "local", time.replace(tzinfo=UTC).timestamp()
    return "zoned", time.timestamp()


def _check_gaps(path: Path, rows: list[Row], name: str, t_s: Floats, max_gap_s: float) -> None:
    gaps = np.diff(t_s)
    wrong = np.flatnonzero((gaps < 0) | (gaps > max_gap_s))
    if not wrong.size:
        return
    i = int(wrong[0])
    what = f"{path} line {rows[i + 1].line}: column {name!r}: "
    if gaps[i] < 0:
        raise ConfigError(f"{what}runs {-gaps[i]:g} s back; sort the file by time")
    raise ConfigError(f"{what}{gaps[i]:g} s after the arrival before, max_gap_s is {max_gap_s:g}")


def dilated(arrivals: Arrivals, mean_gap_s: float) -> Arrivals:
    """The same arrivals on a clock that runs so much slower that their mean gap is `mean_gap_s`."""
    if not 0 < mean_gap_s < np.inf:
        raise ConfigError(f"mean_gap_s {mean_gap_s:g} must be positive")
    return replace(arrivals, t_s=arrivals.t_s * (mean_gap_s / arrivals.mean_gap_s))


def binned(arrivals: Arrivals, bin_s: float) -> NDArray[np.int64]:
    """(bins,) arrivals in each [i · bin_s, (i + 1) · bin_s), up to the last arrival's bin."""
    if not bin_s > 0 or arrivals.duration_s / bin_s > MOST_BINS:
        raise ConfigError(
            f"{arrivals.where}: bin_s {bin_s:g} does not cut {arrivals.duration_s:g} s into bins"
        )
    counts: NDArray[np.int64] = np.bincount(np.floor_divide(arrivals.t_s, bin_s).astype(np.int64))
    return counts
