"""Recorded days for replay through the physics: requests and clearness in even bins from midnight on.

`python -m circadia_lab.data.traces.recorded_days ARRIVALS --scenario FILE --out TRACE.npz` makes one.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia.observation import DAY_S
from circadia_lab.data.traces.clearness import LEAST, MOST
from circadia_lab.data.traces.source_file import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FORMAT = "circadia.day-trace/1"
MOST_BINS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DayTrace:
    """Whole days in bins; `ConfigError` names what is wrong with them."""

    bin_s: float
    """A whole number of bins makes a day."""
    requests: Floats
    """(bins,) whole numbers, at least one above 0."""
    clearness: Floats
    """(bins,) within [0.05, 1.05]."""
    notes: tuple[str, ...] = ()
    """What was done to the recordings."""

    def __post_init__(self) -> None:
        a_day = bins_a_day(self.bin_s)
        for name in ("requests", "clearness"):
            values = getattr(self, name)
            if values.ndim != 1 or not len(values) or len(values) % a_day:
                raise ConfigError(f"day trace: {name} has shape {values.shape}; must be days of {a_day} bins")
            if not np.isfinite(values).all():
                raise ConfigError(
                    f"day trace: {name} is not finite in bin {int(np.isfinite(values).argmin())}"
                )
        if len(self.requests) != len(self.clearness):
            raise ConfigError(
                f"day trace: {len(self.requests)} bins of requests, {len(self.clearness)} of clearness"
            )
        if (self.requests < 0).any() or (self.requests % 1).any() or not self.requests.any():
            raise ConfigError("day trace: requests must be whole numbers, 0 or more, and not all 0")
        if self.clearness.min() < LEAST or self.clearness.max() > MOST:
            raise ConfigError(f"day trace: clearness must lie within {LEAST} and {MOST}")

    @property
    def days(self) -> int:
        """How many."""
        return len(self.requests) // bins_a_day(self.bin_s)


def bins_a_day(bin_s: float) -> int:
    """`ConfigError` if a day is no whole number of bins."""
    bins = round(DAY_S / bin_s) if bin_s > 0 else 0
    if not 1 <= bins <= MOST_BINS or abs(bins * bin_s - DAY_S) > 1e-6 * bin_s:
        raise ConfigError(f"day trace: bin_s {bin_s:g} does not cut a day into whole bins")
    return bins


def save_day_trace(trace: DayTrace, path: Path) -> None:
    """Write an .npz file, whole or not at all."""
    arrays = {
        "format": np.array(FORMAT),
        "bin_s": np.array(trace.bin_s),
        "requests": trace.requests,
        "clearness": trace.clearness,
        "notes": np.array(json.dumps(trace.notes)),
    }
    write_whole(path, lambda file: np.savez_compressed(file, **arrays))


def load_day_trace(path: Path) -> DayTrace:
    """Read what `save_day_trace` wrote; `ConfigError` names the file and what is wrong with it."""
    try:
        # Opened here: NumPy leaves the file open when it holds no archive.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return _trace(file)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: not a day trace: {error}") from error
    except KeyError as error:
        raise ConfigError(f"{path}: not a day trace: has no {error}") from error


def _trace(file: Any) -> DayTrace:
    if str(file["format"]) != FORMAT:
        raise ConfigError(f"this version reads {FORMAT!r}, not {str(file['format'])!r}")
    return DayTrace(
        bin_s=float(file["bin_s"]),
        requests=np.asarray(file["requests"], np.float64),
        clearness=np.asarray(file["clearness"], np.float64),
        notes=tuple(map(str, json.loads(str(file["notes"])))),
    )
