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


def right_of_hundred(arm: ArmResult) -> float:
    """Right answers given in time to a hundred questions that users asked; NaN without a question."""
    asked = sum(device.asked for device in arm.devices)
    return 100 * sum(device.served_correct for device in arm.devices) / asked if asked else math.nan


def battery_hours(arm: ArmResult) -> dict[str, float]:
    """By kind of device, how long a full battery lasts: the mean over its devices, simulated."""
    found: dict[str, list[float]] = {}
    for device in arm.devices:
        found.setdefault(device.profile, []).append(device.battery_hours)
    return {kind: sum(hours) / len(hours) for kind, hours in found.items()}


def battery_joules(arm: ArmResult) -> float:
    """Of the agents' joules, what batteries paid, simulated; NaN where it is not known."""
    return sum(device.joules.battery_work_j for device in arm.devices)


def whole(hours: float) -> str:
    """Hours without digits, or a dash."""
    return f"{hours:.0f}" if math.isfinite(hours) else ABSENT


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
        told = difference if isinstance(difference, str) else _against(arms, difference)
        return Tile(title=title, cells=cells, difference=told)

    return [
        tile(
            "Right answers of a hundred questions",
            lambda a: number(right_of_hundred(a)),
            lambda a: f"{share(right(a))} of the answers given",
            lambda a, b: _signed_or(right_of_hundred(a) - right_of_hundred(b), ""),
        ),
        tile(
            "Hours of a full battery, simulated",
            lambda a: " / ".join(whole(hours) for hours in battery_hours(a).values()) or ABSENT,
            lambda a: " / ".join(battery_hours(a)),
            "capacity over the mean drain, all included, while the battery pays",
        ),
        tile(
            "Battery joules of the agent, simulated",
            lambda a: f"{number(battery_joules(a) / 1e3)} kJ",
            lambda a: (
                f"of {number(sum(d.joules.work_j for d in a.devices) / 1e3)} kJ; with rest and users "
                f"{number(sum(d.joules.battery_j for d in a.devices) / 1e3)} kJ"
            ),
            lambda a, b: _relative(battery_joules(a), battery_joules(b)),
        ),
        tile(
            "Recovery after the drift",
            recovery,
            lambda a: f"fell by {100 * fall(a):.1f} points" if math.isfinite(fall(a)) else "",
            "until accuracy stays for an hour within two points of one level, all arms’ before the drift",
        ),
        tile(
            "Federated accuracy, at the end",
            lambda a: share(a.federated_accuracy),
            lambda a: f"on devices’ own data {share(a.federated_accuracy_own)}",
            lambda a, b: _points(a.federated_accuracy, b.federated_accuracy),
        ),
        tile(
            "Alone, and with all data in one place",
            lambda a: f"{share(a.own_accuracy)} / {share(a.centralised_accuracy)}",
            lambda a: f"on own data {share(a.own_accuracy_own)} / {share(a.centralised_accuracy_own)}",
            "each device’s log replayed alone / one model on all data with equally many steps",
        ),
        tile(
            "Requests served / expired",
            lambda a: f"{a.served:,} / {a.expired:,}",
            lambda a: f"{share(right(a))} of the answers right",
            lambda a, b: _points(right(a), right(b), "points right"),
        ),
        tile(
            "Simulated joules per served request",
            lambda a: f"{number(joules_per_served(a))} J" if a.served else "none served",
            lambda a: f"fleet {number(joules(a) / 1e3)} kJ, the charger’s too",
            lambda a, b: _relative(joules_per_served(a), joules_per_served(b)),
        ),
        tile(
            "Latency, 95th percentile",
            lambda a: duration(latency(a, 0.95)),
            lambda a: f"median {duration(latency(a, 0.5))}",
            lambda a, b: _seconds(latency(a, 0.95), latency(b, 0.95)),
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


def _against(arms: Sequence[ArmResult], difference: Callable[[ArmResult, ArmResult], str]) -> str:
    """The first arm against each of the others; named, where there are several."""
    first, *others = arms
    told = [(difference(first, other), other.arm) for other in others]
    known = [(text, arm) for text, arm in told if text]
    if not known:
        return ""
    if len(others) == 1:
        return f"{first.arm} {known[0][0]}"
    return f"{first.arm} " + ", ".join(f"{text} against {arm}" for text, arm in known)


def _restarts(arm: ArmResult) -> str:
    count = sum(device.restarts for device in arm.devices)
    return "1 restart" if count == 1 else f"{count} restarts"


def _signed(value: float, digits: int) -> str:
    return "±0" if round(abs(value), digits) == 0 else f"{value:+,.{digits}f}".replace("-", "−")


def _signed_or(value: float, otherwise: str) -> str:
    return _signed(value, 1) if math.isfinite(value) else otherwise


def _points(a: float, b: float, unit: str = "points") -> str:
    return f"{_signed(100 * (a - b), 1)} {unit}" if math.isfinite(a) and math.isfinite(b) else ""


def _relative(a: float, b: float) -> str:
    ratio = _ratio(a, b)
    return f"{_signed(100 * (ratio - 1), 1)} %" if math.isfinite(ratio) else ""


def _seconds(a: float | None, b: float | None) -> str:
    if a is None or b is None or not (math.isfinite(a) and math.isfinite(b)):
        return ""
    sign = "+" if a > b else "−"
    return f"{sign}{duration(abs(a - b))}" if abs(a - b) >= 0.05 else "±0"


def lead(arms: Sequence[ArmResult]) -> str:
    """The outcome in a few plain sentences."""
    first = arms[0]
    until = "at the end of the day" if first.complete else f"when the run was stopped at {clock(first.day_s)}"
    spent = f"{number(joules(first) / 1e3)} simulated kJ"
    text = f"With {first.arm}, the fleet recognises {share(first.federated_accuracy)} of the common held-out images {until}"
    if not math.isfinite(first.federated_accuracy):
        return f"With {first.arm}, nothing was evaluated. The fleet spent {spent}."
    if len(arms) == 1:
        return f"{text}. It spent {spent}.{_return(arms)}"
    others = arms[1:]
    points = [
        f"{_compared(100 * (first.federated_accuracy - b.federated_accuracy), 'points')} {b.arm} ({share(b.federated_accuracy)})"
        for b in others
    ]
    spending = [
        f"{_compared(100 * (_ratio(joules(first), joules(b)) - 1), '%')} {b.arm} ({number(joules(b) / 1e3)} kJ)"
        for b in others
    ]
    text += f", {', '.join(points)}. It spent {spent}, the charger’s included, {', '.join(spending)}.{_return(arms)}"
    for other in others:
        if first.complete and not other.complete:
            text += f" The run with {other.arm} was stopped at {clock(other.day_s)}: the arms cover different times."
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
