"""What a regime costs a day under each way of deciding: together, apart, by the rule, with a fixed tick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from circadia.types import WakeOn
from circadia_lab.policy.regimes.chain import Part, make_chain
from circadia_lab.policy.regimes.optimum import TOLERANCE, Optimum, optimum
from circadia_lab.policy.regimes.regime import MeanAge, Stale
from circadia_lab.policy.regimes.rule import MINUTE_S, QUICK_WINDOWS_S, WINDOWS_S, BestDue, best_due
from circadia_lab.policy.regimes.timers import QUICK_WAKES, WAKES, Coalesced, coalesced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia_lab.policy.regimes.regime import Regime

FIXED_S = 300.0
"""Today's tick."""
MENU_S = (300.0, 900.0, 1800.0, 3600.0, 10_800.0)
"""Five sleeps to choose from, for comparison with free lengths."""
SLACKS_S = (5 * MINUTE_S, 15 * MINUTE_S, 60 * MINUTE_S)
HARDLY = 1e-6
"""Of the time, that a limit of nothing allows."""
NEARLY = 1e-3
"""Of the time, short of all of it."""


class Effort(NamedTuple):
    """How much is searched."""

    tolerance: float = TOLERANCE
    windows_s: Sequence[float] = WINDOWS_S
    slacks_s: Sequence[float] = SLACKS_S
    wakes: int = WAKES
    more: bool = True
    """Also the menu, the other limits and how the age limit is gamed."""


QUICK = Effort(1e-3, QUICK_WINDOWS_S, SLACKS_S[1:2], QUICK_WAKES, more=False)


class Apart(NamedTuple):
    """Two controllers, each with its own wakes, solved exactly; their joules are added."""

    serving: Optimum
    learning: Optimum

    @property
    def joules(self) -> float:
        """A day."""
        return self.serving.joules + self.learning.joules


class Gamed(NamedTuple):
    """An age limit on the share of time is kept by learning in time for the rest of the time and never in that share."""

    joules: float
    """A day, mean over both."""
    over: float
    """Than the optimum under the limit, relative."""
    never: float
    """Share of the optimum itself in which it does not learn at all."""


class Ages(NamedTuple):
    """Under a limit on the mean age instead."""

    limit: MeanAge
    joint: Optimum
    apart: Apart
    fixed: Optimum


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """All arms of a regime."""

    regime: Regime
    joint: Optimum
    apart: Apart
    fixed: Optimum
    rule: BestDue | None
    coalesced: tuple[Coalesced, ...]
    """One for each slack with which the limits can be kept."""
    menu: Optimum | None = None
    ages: Ages | None = None
    gamed: Gamed | None = None

    @property
    def largest_gap(self) -> float:
        """Of the optima, relative."""
        gaps = [self.joint.gap, self.apart.serving.gap, self.apart.learning.gap, self.fixed.gap]
        if self.ages:
            gaps += [
                self.ages.joint.gap,
                self.ages.apart.serving.gap,
                self.ages.apart.learning.gap,
                self.ages.fixed.gap,
            ]
        return max(gaps)

    def saved(self, rival_j: float) -> float:
        """Share of the device's joules that the joint optimum saves over so many of the agent's a day."""
        return 1 - (self.joint.joules + self.regime.base_j) / (rival_j + self.regime.base_j)

    def saved_by_agent(self, rival_j: float) -> float:
        """Share of the agent's joules."""
        return 1 - self.joint.joules / rival_j

    def with_slack(self, slack_s: float) -> Coalesced | None:
        """Of that slack."""
        return next((found for found in self.coalesced if found.slack_s == slack_s), None)


def row_of(regime: Regime, effort: Effort, tell: Callable[[str], None] = lambda _: None) -> Row:
    """Solve, search and simulate; `tell` hears what is under way."""
    tell("optimum")
    chain = make_chain(regime)
    joint = optimum(chain, effort.tolerance)
    apart = apart_of(regime, effort.tolerance)
    tell("fixed tick")
    fixed = fixed_of(regime, effort.tolerance)
    tell("rule")
    rule = best_due(chain, effort.windows_s)
    tell("timers")
    shifted = [coalesced(regime, slack_s, wakes=effort.wakes) for slack_s in effort.slacks_s]
    more: dict[str, Any] = {}
    if effort.more:
        tell("other limits")
        more = {
            "menu": optimum(make_chain(replace(regime, sleeps_s=MENU_S)), effort.tolerance),
            "ages": _ages(regime, effort.tolerance),
            "gamed": _gamed(regime, joint, apart.serving, effort.tolerance),
        }
    return Row(
        regime=regime,
        joint=joint,
        apart=apart,
        fixed=fixed,
        rule=rule,
        coalesced=tuple(found for found in shifted if found is not None),
        **more,
    )


def apart_of(regime: Regime, tolerance: float = TOLERANCE) -> Apart:
    """Both controllers' optima."""
    serving, learning = (
        optimum(make_chain(regime, part), tolerance) for part in (Part.SERVING, Part.LEARNING)
    )
    return Apart(serving, learning)


def fixed_of(regime: Regime, tolerance: float = TOLERANCE) -> Optimum:
    """The best that can be done at each tick of `FIXED_S`, which must be a slot."""
    return optimum(
        make_chain(replace(regime, sleeps_s=(FIXED_S,), wakes_on=frozenset({WakeOn.DUE}))), tolerance
    )


def _ages(regime: Regime, tolerance: float) -> Ages:
    limit = MeanAge()
    changed = replace(regime, age=limit)
    return Ages(
        limit,
        optimum(make_chain(changed), tolerance),
        apart_of(changed, tolerance),
        fixed_of(changed, tolerance),
    )


def _gamed(regime: Regime, joint: Optimum, serving: Optimum, tolerance: float) -> Gamed | None:
    if not isinstance(regime.age, Stale):
        return None
    punctual = optimum(make_chain(replace(regime, age=replace(regime.age, share=HARDLY))), tolerance)
    share = regime.age.share
    joules = (1 - share) * punctual.joules + share * serving.joules
    shares = zip(joint.shares.tolist(), joint.columns, strict=True)
    never = sum(part for part, column in shares if column.averages.costs[1] > 1 - NEARLY)
    return Gamed(joules, joules / joint.joules - 1, never)
