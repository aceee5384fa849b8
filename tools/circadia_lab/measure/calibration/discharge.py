"""A battery's discharge out of a meter's recording: volts, amperes and the charge drawn, placed on the state of charge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError, MeterError
from circadia.types import Source
from circadia_lab.measure.calibration.capacity import LEAST_SOC, WIDEST, Capacity
from circadia_lab.measure.calibration.slope import slope_of, steps
from circadia_meter.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from circadia_lab.measure.calibration.states import States
    from circadia_meter.recording import Span

ROWS = 20_000
"""A longer recording is averaged to so many rows."""
LEAST_ROWS = 30
GAP_S = 5.0
"""Rows further apart than that, and than five times the usual, have a hole between them."""
MOST_HOLES = 0.01
"""Share of the time: the charge that flowed in holes is guessed from both sides."""
TOLD_SD = 0.01
"""How far a state of charge that somebody tells may be off."""
SUFFIX = ".cimr"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingName:
    """What a command was told of a recording: `FILE.cimr`, or `FILE.cimr=1.0:0.05`."""

    path: Path
    soc: tuple[float, float] | None
    """At its begin and its end; None: a device's ticks of the same time say it."""

    @classmethod
    def parse(cls, text: str) -> RecordingName:
        """`ConfigError` says how it is written."""
        name, sign, told = text.partition("=")
        if not sign:
            return cls(path=Path(text), soc=None)
        try:
            first, last = (float(part) for part in told.split(":"))
        except ValueError:
            first = last = np.nan
        if not (0 <= first <= 1 and 0 <= last <= 1):
            raise ConfigError(
                f"{text}: after the = stand two states of charge from 0 to 1, at begin and end: {name}=1.0:0.05"
            )
        return cls(path=Path(name), soc=(first, last))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flow:
    """N rows of a recording in order of time, each a mean over about a second or more."""

    name: str
    source: str
    t_s: NDArray[np.float64]
    """(N,) of the recording host's clock, at the middle."""
    voltage_v: NDArray[np.float64]
    current_a: NDArray[np.float64]
    """(N,) discharge positive."""
    charge_c: NDArray[np.float64]
    """(N,) drawn since the first row."""
    holes: float
    """Share of the time without samples."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Discharge:
    """A flow whose state of charge is known."""

    flow: Flow
    soc: NDArray[np.float64]
    """(N,)"""
    soc_sd: float
    """How far all of them may be off together."""
    capacity: Capacity | str
    """Or why it is not told."""


def read_flow(path: Path) -> Flow:
    """`MeterError` for a file that is none, or has too little in it."""
    with Recording(path) as recording:
        rows = np.array([_means(span) for span in recording.spans()]).reshape(-1, 4)
        source = Source.SIMULATED if recording.about.get("simulated") else Source.MEASURED
    return flow_of(rows, path.name, source.value)


def flow_of(rows: NDArray[np.float64], name: str, source: str) -> Flow:
    """(N, 4) time, volts, amperes and samples → the same as at most `ROWS` rows. `MeterError` for too few."""
    if len(rows) < LEAST_ROWS:
        raise MeterError(
            f"{name}: has {len(rows)} s of samples; a battery's curve needs {LEAST_ROWS} at least"
        )
    rows = _averaged(rows)
    t_s, voltage, current = rows[:, 0], rows[:, 1], rows[:, 2]
    apart = np.diff(t_s)
    hole = apart > max(GAP_S, 5 * float(np.median(apart)))
    return Flow(
        name=name,
        source=source,
        t_s=t_s,
        voltage_v=voltage,
        current_a=current,
        charge_c=np.concatenate([[0.0], np.cumsum(apart * (current[1:] + current[:-1]) / 2)]),
        holes=float(apart[hole].sum() / (t_s[-1] - t_s[0])),
    )


def placed(flow: Flow, told: tuple[float, float] | None, states: Sequence[States]) -> Discharge | str:
    """On the state of charge, as told or as a device's ticks of the same time say; or why it cannot be.

    q = q₀ − Q / C. `ConfigError` if nobody says anything about that time.
    """
    return _as_told(flow, *told) if told else _by_ticks(flow, states)


def _means(span: Span) -> tuple[float, float, float, float]:
    middle_s = (span.t_s[0] + span.t_s[-1]) / 2
    return float(middle_s), float(span.voltage_v.mean()), float(span.current_a.mean()), float(len(span.t_s))


def _averaged(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Groups of neighbours as one row, weighted by their samples."""
    group = np.arange(len(rows)) * min(ROWS, len(rows)) // len(rows)
    weight = np.bincount(group, rows[:, 3])
    return np.stack([np.bincount(group, rows[:, 3] * column) / weight for column in rows[:, :3].T], axis=1)


def _as_told(flow: Flow, first: float, last: float) -> Discharge | str:
    drawn = float(flow.charge_c[-1])
    if abs(first - last) < LEAST_SOC or drawn * (first - last) <= 0:
        return (
            f"{flow.name}: from {first:g} to {last:g} while {drawn:.3g} C were drawn is no discharge of "
            f"{LEAST_SOC:g} or more"
        )
    charge = drawn / (first - last)
    share = np.sqrt(2) * TOLD_SD / abs(first - last)
    return Discharge(
        flow=flow,
        soc=np.clip(first - flow.charge_c / charge, 0, 1),
        soc_sd=TOLD_SD,
        capacity=_unless_holes(flow, charge, float(charge * share), abs(first - last)),
    )


def _by_ticks(flow: Flow, states: Sequence[States]) -> Discharge | str:
    t_s = np.concatenate([np.empty(0), *(one.t_s for one in states)])
    soc = np.concatenate([np.empty(0), *(one.soc[:, 0] for one in states)])
    inside = (t_s >= flow.t_s[0]) & (t_s <= flow.t_s[-1]) & np.isfinite(soc)
    if not inside.any():
        raise ConfigError(
            f"{flow.name}: no tick with a state of charge is of the same time; say what it was at begin and end: "
            f"{flow.name}=1.0:0.05"
        )
    order = np.argsort(t_s[inside])
    t_s, soc = t_s[inside][order], soc[inside][order]
    new = steps(soc)
    moved = float(np.ptp(soc))
    if moved < LEAST_SOC:
        return (
            f"{flow.name}: the state of charge moved by {moved:.3f} only; it must be {LEAST_SOC:g} at least"
        )
    drawn, soc = np.interp(t_s[new], flow.t_s, flow.charge_c), soc[new]
    line = slope_of(drawn, soc, np.zeros(len(new), int))
    if not line.sd < -WIDEST * line.value:
        return f"{flow.name}: the state of charge does not follow the charge that was drawn"
    return Discharge(
        flow=flow,
        soc=np.clip(soc.mean() + line.value * (flow.charge_c - drawn.mean()), 0, 1),
        soc_sd=float(np.hypot(line.residual_sd / np.sqrt(line.count), line.sd * float(np.ptp(drawn)) / 2)),
        capacity=_unless_holes(flow, -1 / line.value, line.sd / line.value**2, moved),
    )


def _unless_holes(flow: Flow, charge_c: float, sd_c: float, moved: float) -> Capacity | str:
    if flow.holes > MOST_HOLES:
        return f"{flow.name}: for {flow.holes:.1%} of the time the meter was away, so the charge drawn is not known"
    return Capacity(charge_c=charge_c, sd_c=sd_c, soc_moved=moved)


def capacities(discharges: Iterable[Discharge]) -> list[Capacity]:
    """Of those that tell it."""
    return [one.capacity for one in discharges if isinstance(one.capacity, Capacity)]
