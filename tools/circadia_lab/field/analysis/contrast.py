"""The first arm against another by one kind of joules, with what the meter leaves open."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia_field.plan import LEAST_PAIRS
from circadia_lab.field.analysis.comparison import Comparison, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia_field.plan import Plan
    from circadia_lab.field.analysis.period_figures import PeriodFigures

AGENT, DEVICE, BATTERY = "agent", "device", "battery"
WATTS: dict[str, Callable[[PeriodFigures], float]] = {
    AGENT: lambda one: one.agent_w,
    DEVICE: lambda one: one.device_w,
    BATTERY: lambda one: one.battery_w,
}
"""What is compared: joules over the same time; `battery`: of the time without a charger, which is what a battery's life
depends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The first arm against another, by one kind of joules."""

    what: str
    """`agent`, `device` or `battery`."""
    comparison: Comparison | None
    """None if there are too few pairs or a figure is not above 0."""
    low: float
    high: float
    """Of the change, with the meter's error budget."""
    budget: float
    """One deviation of ln(first / other) by the meter."""
    true_change: float
    """In these very periods, of all that flowed, where that is known; NaN elsewhere, and but for the whole device."""

    @property
    def seen(self) -> bool:
        """Whether both tests see a difference that is larger than the meter's own errors may be."""
        return self.comparison is not None and self.comparison.seen and not self.low <= 0 <= self.high


def contrast_of(plan: Plan, pairs: Sequence[tuple[PeriodFigures, PeriodFigures]], what: str) -> Contrast:
    """Of one kind of joules, `agent`, `device` or `battery`; (first arm's, other's) pairs."""
    watts = WATTS[what]
    ours, theirs = (np.array([watts(pair[side]) for pair in pairs]) for side in (0, 1))
    usable = len(pairs) >= LEAST_PAIRS and bool((ours > 0).all() and (theirs > 0).all())
    comparison = compare(theirs, ours, seed=plan.seed) if usable else None
    budget = _budget(plan, pairs, what) if usable else math.nan
    low, high = comparison.widened(budget) if comparison else (math.nan, math.nan)
    truth = [math.log(a.true_w / b.true_w) for a, b in pairs if a.true_w > 0 and b.true_w > 0]
    known = what == DEVICE and truth and len(truth) == len(pairs)
    return Contrast(
        what=what,
        comparison=comparison,
        low=low,
        high=high,
        budget=budget,
        true_change=math.expm1(float(np.mean(truth))) if known else math.nan,
    )


def _budget(plan: Plan, pairs: Sequence[tuple[PeriodFigures, PeriodFigures]], what: str) -> float:
    """One deviation of the mean ln(a / b) by one meter.

    Its gain is the same in both and cancels. Its offset o adds as many watts to both,  o · |1/P_a − 1/P_b|; from the agent's
    joules it goes with the rest. Clocks, gaps and sampling differ from period to period:  √Σ (σ/P)² / n.
    """
    watts = WATTS[what]
    ours, theirs = (np.array([watts(pair[side]) for pair in pairs]) for side in (0, 1))
    clocks = np.array([[one.clocks_w / watts(one) for one in pair] for pair in pairs])
    offset_w = 0.0 if what == AGENT else plan.meter_offset_w
    offset = offset_w * abs(float((1 / ours - 1 / theirs).mean()))
    return math.hypot(offset, float(np.sqrt((clocks**2).sum())) / len(pairs))
