"""A field test as far as this phone has come: what is shown of it before its end, and after."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia_app.viewmodels.tokens import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDay:
    """One period of the plan."""

    __test__ = False  # not one of pytest's

    comparison: int
    """0: with itself; −1: a day to settle in, of which nothing counts."""
    pair: int
    arm: str
    start_s: float
    """By the agent's clock."""
    end_s: float
    energy_j: float = math.nan
    """Of the whole phone; NaN: not over, or not measured."""
    left_out: str = ""
    """By which rule it does not count; empty: it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A day that had to be made again, by the rule that was fixed before."""

    day: int
    """Its place among the days."""
    lost: float
    """Share of it without joules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A relative difference, or one in points, with its 95 % interval."""

    middle: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """What the analysis says once the last day is over."""

    __test__ = False

    energy: Difference
    """Of the other arm's."""
    announced: bool
    """Whether a gain may be announced: none of the margins that were fixed before is crossed."""
    why_not: str
    """Which one is."""
    costs: tuple[tuple[str, str, str], ...]
    """(name, difference, interval) as they are to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTest:
    """One test."""

    first_arm: str
    names: dict[str, str]
    """Arm → the name of its policy, or what the person reads."""
    days: tuple[TestDay, ...]
    """In order."""
    origin: Origin | None
    """Of the joules; None before the first day has some."""
    agreed_s: float
    """Since the Unix epoch; NaN: it is not agreed to, or was stopped."""
    place: int | None = None
    """Of the day that is on, as many as there are days once all are over; None: as the clock has it."""
    again: tuple[Again, ...] = ()
    result: TestResult | None = None

    def today(self, clock_s: float) -> int:
        """The place of the day that is on; the last one's after it."""
        if self.place is not None:
            return min(self.place, len(self.days) - 1)
        return max((i for i, day in enumerate(self.days) if day.start_s <= clock_s), default=0)

    def over(self, clock_s: float) -> bool:
        """Whether the last day is."""
        return clock_s >= self.days[-1].end_s if self.place is None else self.place == len(self.days)
