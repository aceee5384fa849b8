"""Trainings in exact chains: what each reached against the certified optimum and against the searched rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.due import DueLimits
from circadia_lab.policy.regimes.chain import make_chain
from circadia_lab.policy.regimes.optimum import optimum
from circadia_lab.policy.regimes.rule import best_due, policy_of
from circadia_lab.policy.regimes.worlds.report import day_night_lead, harvest_lead
from circadia_lab.policy.study.exact_chain import ExactChain
from circadia_lab.policy.study.exact_world import ExactWorld
from circadia_lab.policy.study.mirror import Course, learn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia_lab.policy.regimes.chain import Chain
    from circadia_lab.policy.regimes.regime import Regime
    from circadia_lab.policy.regimes.rule import BestDue
    from circadia_lab.policy.regimes.worlds.daynight import DayNight
    from circadia_lab.policy.regimes.worlds.harvest import Harvest
    from circadia_lab.policy.regimes.worlds.report import Lead

    Told = Callable[[str, float], None]

IN_REGIMES = Course(rounds=16, steps=40, pull=2.0)
"""Prices have to follow, so that a round may not change much."""
IN_WORLDS = Course()
QUICK = Course(lessons=20, rounds=4, steps=4, rows=300)


def in_regime(regime: Regime, *, seeds: Sequence[int], quick: bool, tell: Told) -> list[dict[str, Any]]:
    """A training a seed in a regime, in 8 bits: joules over the optimum's, limits, what teacher and optimum bring."""
    tell(f"{regime.name}: optimum", 0.0)
    chain = make_chain(regime)
    least = optimum(chain)
    tell(f"{regime.name}: rule", 0.0)
    rule = best_due(chain)
    if rule is None:
        raise AssertionError(f"{regime.name}: no rule keeps the limits")
    exact = ExactChain(chain, due_limits(chain, rule))
    teacher, time = exact.tables(rule.shares, [policy_of(chain, one) for one in rule.rules])
    prices = np.maximum(rule.prices * chain.limits / rule.joules * regime.slots_a_day, 1e-3)
    course = QUICK if quick else IN_REGIMES
    best, its_time = exact.tables(least.shares, [column.policy for column in least.columns])
    tell(f"{regime.name}: optimum distilled", 0.0)
    distilled = learn(exact, best, its_time, prices, seed=0, course=course, rounds=0)
    distilled_j, distilled_over = exact.exactly(distilled.tables)
    rows = []
    for seed in seeds:
        found = learn(
            exact, teacher, time, prices, seed=seed, course=course,
            tell=lambda share: tell(f"{regime.name}: trained", share),
        )  # fmt: skip
        joules, over = exact.exactly(found.tables)
        rows.append(
            {
                "name": regime.name,
                "seed": seed,
                "optimum_j": least.joules,
                "policy_j": joules,
                "over_optimum": joules / least.joules - 1,
                "worst_cost_over_limit": float(over.max()),
                "due_j": rule.joules,
                "due_over_optimum": rule.joules / least.joules - 1,
                "distilled_over_optimum": distilled_j / least.joules - 1,
                "distilled_worst_cost_over_limit": float(distilled_over.max()),
                "taught_over_optimum": found.taught.cost / least.joules - 1,
                "taught_worst_cost_over_limit": float(found.taught.over_limit.max()),
            }
        )
    return rows


def due_limits(chain: Chain, rule: BestDue) -> DueLimits:
    """What is due by the rule that most devices of its mixture follow."""
    main = rule.rules[int(rule.shares.argmax())]
    learn_s = main.learn_after * chain.regime.slot_s
    return DueLimits(fresh_limit_s=learn_s, contact_limit_s=learn_s, margin_s=0.0, margin_share=0.0)


def in_harvest(given: Harvest, *, seeds: Sequence[int], quick: bool, tell: Told) -> list[dict[str, Any]]:
    """Where the sun limits what can be done."""
    tell(f"{given.name}: optimum and rule", 0.0)
    return _in_world(harvest_lead(given), DueLimits(), seeds, tell, quick=quick)


def in_day_night(given: DayNight, *, seeds: Sequence[int], quick: bool, tell: Told) -> list[dict[str, Any]]:
    """Where requests come by day."""
    tell(f"{given.name}: optimum and rule", 0.0)
    lead = day_night_lead(given)
    longest = max(rule.learn_after for rule in lead.due.rules) * lead.world.slot_s
    limits = DueLimits(fresh_limit_s=longest, contact_limit_s=longest, margin_s=0.0, margin_share=0.0)
    return _in_world(lead, limits, seeds, tell, quick=quick)


def _in_world(
    lead: Lead, limits: DueLimits, seeds: Sequence[int], tell: Told, *, quick: bool
) -> list[dict[str, Any]]:
    exact, nothing, course = ExactWorld(lead.world, limits), np.zeros(0), QUICK if quick else IN_WORLDS
    name, due = lead.world.name, lead.due.played.cost
    best, its_time = exact.tables(lead.best.tables())
    tell(f"{name}: optimum distilled", 0.0)
    distilled = learn(exact, best, its_time, nothing, seed=0, course=course, rounds=0)
    teacher, time = exact.tables(lead.due.tables)
    ceiling = exact.exactly(distilled.tables)
    rows = []
    for seed in seeds:
        found = learn(
            exact, teacher, time, nothing, seed=seed, course=course,
            tell=lambda share: tell(f"{name}: trained", share),
        )  # fmt: skip
        cost = exact.exactly(found.tables)
        rows.append(
            {
                "name": name,
                "seed": seed,
                "optimum": lead.best.upper,
                "due": due,
                "policy": cost,
                "over_due": 1 - cost / due,
                "optimum_over_due": lead.over_due[0],
                "share_of_lead": (1 - cost / due) / max(lead.over_due[0], 1e-9),
                "distilled": ceiling,
                "taught": found.taught.cost,
            }
        )
    return rows
