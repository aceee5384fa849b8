"""How the values of waking and of deciding together move with one number at a time: lower and higher than assumed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from circadia_lab.policy.regimes.arms import apart_of, fixed_of
from circadia_lab.policy.regimes.chain import make_chain
from circadia_lab.policy.regimes.optimum import optimum
from circadia_lab.policy.regimes.regime import Sourced
from circadia_lab.policy.regimes.shipped import BARRED, regime_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia_lab.policy.regimes.regime import Regime

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
QUICK_FACTORS = (0.5, 1.0, 2.0)
TOLERANCE = 1e-3


class Point(NamedTuple):
    """Shares of the device's joules saved."""

    value: float
    """Of the number that is varied."""
    joint_j: float
    coupling: float
    """Against two controllers, each alone."""
    waking: float
    """Against the fixed tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A regime and which of its numbers is varied."""

    regime: Regime
    factor: str
    """The number's name and unit."""
    varied: tuple[tuple[float, Regime], ...]

    @property
    def title(self) -> str:
        """For who waits."""
        return f"{self.regime.title}: {self.factor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The outcome."""

    regime: str
    title: str
    factor: str
    points: tuple[Point, ...]


def _body(regime: Regime, part: str, factor: float) -> tuple[float, Regime]:
    found: Sourced = getattr(regime.body, part)
    changed = Sourced(value=found.value * factor, source=f"assumed: {factor:g} times {found.source}")
    parts: dict[str, Any] = {part: changed}
    return changed.value, replace(regime, body=replace(regime.body, **parts))


def _deadline(regime: Regime, factor: float) -> tuple[float, Regime]:
    deadline_s = regime.deadline_s * factor
    return deadline_s / 60, replace(regime, deadline_s=deadline_s)


def _rate(regime: Regime, factor: float) -> tuple[float, Regime]:
    rate = regime.requests_a_day * factor
    return rate, replace(regime, requests_a_day=rate)


VARIED: dict[str, Callable[[Regime, float], tuple[float, Regime]]] = {
    "a wake-up, J": lambda regime, factor: _body(regime, "wake_j", factor),
    "a radio session, J": lambda regime, factor: _body(regime, "radio_j", factor),
    "sleep, W": lambda regime, factor: _body(regime, "sleep_w", factor),
    "deadline, minutes": _deadline,
    "requests a day": _rate,
}


def plans(*, quick: bool = False, names: Sequence[str] = BARRED) -> tuple[Plan, ...]:
    """One for each number of each regime."""
    factors = QUICK_FACTORS if quick else FACTORS
    return tuple(
        Plan(regime=regime, factor=name, varied=tuple(vary(regime, factor) for factor in factors))
        for regime in map(regime_named, names)
        for name, vary in VARIED.items()
    )


def solve(plan: Plan) -> Line:
    """All its points, certified to `TOLERANCE`."""
    points = []
    for value, regime in plan.varied:
        joint_j = optimum(make_chain(regime), TOLERANCE).joules
        base_j = regime.base_j
        rivals = apart_of(regime, TOLERANCE).joules, fixed_of(regime, TOLERANCE).joules
        coupling, waking = (1 - (joint_j + base_j) / (rival_j + base_j) for rival_j in rivals)
        points.append(Point(value, joint_j, coupling, waking))
    return Line(regime=plan.regime.name, title=plan.regime.title, factor=plan.factor, points=tuple(points))


def table(lines: Sequence[Line]) -> str:
    """A line a number: its values, and what is saved at each."""
    rows = ["what the device saves, against separate / against 300 s, with one number lower and higher", ""]
    for line in lines:
        cells = (f"{p.value:g}: {p.coupling:.1%} / {p.waking:.1%}" for p in line.points)
        rows.append(f"{line.regime:8}{line.factor:20}" + "   ".join(cells))
    return "\n".join(rows)


def figures_of(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """For JSON."""
    return [
        {"regime": line.regime, "factor": line.factor, "points": [point._asdict() for point in line.points]}
        for line in lines
    ]
