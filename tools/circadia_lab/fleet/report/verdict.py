"""The figures that an arm is judged by, side by side, with their difference whatever its sign."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia_lab.fleet.report import curve
from circadia_lab.page.style import arm_colour, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia_lab.data.day.result import ArmResult

ABSENT = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One arm's figure."""

    arm: str
    colour: str
    value: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure of all arms."""

    title: str
    cells: list[Cell]
    difference: str
    """First arm against second in words, or what the figure means; may be empty."""


def share(value: float | None) -> str:
    """As per cent, or a dash."""
    return f"{100 * value:.1f} %" if value is not None and math.isfinite(value) else ABSENT


def duration(seconds: float | None) -> str:
    """In the unit that suits it, or a dash."""
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def number(value: float, digits: int = 1) -> str:
    """With separators, or a dash."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else ABSENT


def joules(arm: ArmResult) -> float:
    """Simulated, of the whole fleet; NaN when nothing was settled."""
    known = [value for value in arm.energy_j.values() if math.isfinite(value)]
    return sum(known) if known else math.nan


def joules_per_served(arm: ArmResult) -> float:
    """All joules over all served requests; NaN when none was served."""
    return joules(arm) / arm.served if arm.served else math.nan


def latency(arm: ArmResult, level: float) -> float:
    """That quantile over all served requests; NaN without any."""
    return curve.percentile([x for device in arm.devices for x in device.latency_s], level)


def right(arm: ArmResult) -> float:
    """Share of right answers among the served requests; NaN when none was served."""
    return sum(device.served_correct for device in arm.devices) / arm.served if arm.served else math.nan


def drifted(arm: ArmResult) -> bool:
    """Whether the world changed within the time that the arm covers."""
    return any(drift.t_s < arm.day_s for drift in arm.drifts)


def fall(arm: ArmResult) -> float:
    """Accuracy before the first drift less the lowest after it; NaN without a drift or accuracy around it."""
    t_s, value = curve.finite(arm.accuracy)
    if not drifted(arm):
        return math.nan
    before, after = value[t_s < arm.drifts[0].t_s], value[t_s >= arm.drifts[0].t_s]
    return float(before[-1] - after.min()) if len(before) and len(after) else math.nan


def recovery(arm: ArmResult) -> str:
    """How long accuracy took to come back, or why there is no such figure."""
    if not drifted(arm):
        return "no drift"
    if arm.recovery_s is None or not math.isfinite(arm.recovery_s):
        return "not that day"
    return duration(arm.recovery_s) if arm.recovery_s >= 60 else "at once"


def tiles(arms: Sequence[ArmResult]) -> list[Tile]:
    """The strip of key figures."""

    def tile(
        title: str,
        value: Callable[[ArmResult], str],
        note: Callable[[ArmResult], str],
        difference: Callable[[ArmResult, ArmResult], str] | str,
    ) -> Tile:
        cells = [
            Cell(arm=arm.arm, colour=arm_colour(i), value=value(arm), note=note(arm))
            for i, arm in enumerate(arms)
        ]
        told = difference if isinstance(difference, str) else difference(*arms) if len(arms) == 2 else ""
        return Tile(title=title, cells=cells, difference=told)

    return [
        tile(
            "Federated accuracy, at the end",
            lambda a: share(a.federated_accuracy),
            lambda a: f"on devices’ own data {share(a.federated_accuracy_own)}",
            lambda a, b: _points(a.federated_accuracy, b.federated_accuracy, a.arm),
        ),
        tile(
            "Alone, and with all data in one place",
            lambda a: f"{share(a.own_accuracy)} / {share(a.centralised_accuracy)}",
            lambda a: f"on own data {share(a.own_accuracy_own)} / {share(a.centralised_accuracy_own)}",
            "each device’s log replayed alone / one model on all data with equally many steps",
        ),
        tile(
            "Recovery after the drift",
            recovery,
            lambda a: f"fell by {100 * fall(a):.1f} points" if math.isfinite(fall(a)) else "",
            lambda a, b: (
                _seconds(a.recovery_s, b.recovery_s, a.arm) or "back: within two points of before the drift"
            ),
        ),
        tile(
            "Requests served / expired",
            lambda a: f"{a.served:,} / {a.expired:,}",
            lambda a: f"{share(right(a))} of the answers right",
            lambda a, b: _points(right(a), right(b), a.arm, "points right"),
        ),
        tile(
            "Simulated joules per served request",
            lambda a: f"{number(joules_per_served(a))} J" if a.served else "none served",
            lambda a: f"fleet {number(joules(a) / 1e3)} kJ, all included",
            lambda a, b: _relative(joules_per_served(a), joules_per_served(b), a.arm),
        ),
        tile(
            "Latency, 95th percentile",
            lambda a: duration(latency(a, 0.95)),
            lambda a: f"median {duration(latency(a, 0.5))}",
            lambda a, b: _seconds(latency(a, 0.95), latency(b, 0.95), a.arm),
        ),
        tile(
            "Updates lost",
            lambda a: f"{a.updates_lost:,} of {a.updates_made:,}",
            lambda a: f"{len(a.versions.t_s)} versions published",
            "lost: made, but neither accepted nor refused with a reason",
        ),
        tile(
            "Overruns",
            lambda a: f"{a.overruns:,}",
            lambda a: f"of {sum(len(d.stays) for d in a.devices):,} ticks; {_restarts(a)}",
            "overrun: real work took longer than its simulated time",
        ),
    ]


def _restarts(arm: ArmResult) -> str:
    count = sum(device.restarts for device in arm.devices)
    return "1 restart" if count == 1 else f"{count} restarts"


def _signed(value: float, digits: int) -> str:
    return "±0" if round(abs(value), digits) == 0 else f"{value:+,.{digits}f}".replace("-", "−")


def _points(a: float, b: float, arm: str, unit: str = "points") -> str:
    return f"{arm} {_signed(100 * (a - b), 1)} {unit}" if math.isfinite(a) and math.isfinite(b) else ""


def _relative(a: float, b: float, arm: str) -> str:
    ratio = _ratio(a, b)
    return f"{arm} {_signed(100 * (ratio - 1), 1)} %" if math.isfinite(ratio) else ""


def _seconds(a: float | None, b: float | None, arm: str) -> str:
    if a is None or b is None or not (math.isfinite(a) and math.isfinite(b)):
        return ""
    sign = "+" if a > b else "−"
    return f"{arm} {sign}{duration(abs(a - b))}" if abs(a - b) >= 0.05 else f"{arm} ±0"


def lead(arms: Sequence[ArmResult]) -> str:
    """The outcome in a few plain sentences."""
    first = arms[0]
    until = "at the end of the day" if first.complete else f"when the run was stopped at {clock(first.day_s)}"
    spent = f"{number(joules(first) / 1e3)} simulated kJ"
    text = f"With {first.arm}, the fleet recognises {share(first.federated_accuracy)} of the common held-out images {until}"
    if not math.isfinite(first.federated_accuracy):
        return f"With {first.arm}, nothing was evaluated. The fleet spent {spent}."
    if len(arms) != 2:
        return f"{text}. It spent {spent}.{_return(arms)}"
    second = arms[1]
    points = _compared(100 * (first.federated_accuracy - second.federated_accuracy), "points")
    per_cent = _compared(100 * (_ratio(joules(first), joules(second)) - 1), "%")
    text += f", {points} {second.arm} ({share(second.federated_accuracy)}). "
    text += f"It spent {spent}, {per_cent} {second.arm} ({number(joules(second) / 1e3)} kJ).{_return(arms)}"
    if first.complete and not second.complete:
        text += f" The run with {second.arm} was stopped at {clock(second.day_s)}: the arms cover different times."
    return text


def _return(arms: Sequence[ArmResult]) -> str:
    told = [f"{recovery(arm)} with {arm.arm}" for arm in arms if recovery(arm) != "no drift"]
    return f" Time until accuracy was back after the drift: {', '.join(told)}." if told else ""


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan


def _compared(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "which cannot be compared with"
    if round(abs(value), 1) == 0:
        return "the same as with"
    return f"{abs(value):.1f} {unit} {'more' if value > 0 else 'less'} than with"
