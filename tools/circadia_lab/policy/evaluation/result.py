"""An evaluation as one flat table of numbers, for JSON.

How the limits are kept is told by maxima, over the training seeds, the kinds of device and the scenarios that were
trained in: no average may hide one that breaks them. Beside them stand each scenario's, each kind's and the spread over
the seeds; `unseen_…` are the maxima over the scenarios that were not trained in. Other figures are means over
preferences, seeds and all devices of a scenario, unless they say.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.writing import whole_text
from circadia_lab.policy.env.interface import COSTS
from circadia_lab.policy.evaluation.evaluation import APART, FLOATS, OURS, RANDOM
from circadia_lab.policy.evaluation.figures import (
    by_kind,
    coupling_gain,
    expected_utility,
    feasible,
    hypervolume,
    int8_added_violations,
    int8_loss,
    transfer_ratio,
    utilities,
    violating_fractions,
    worst_costs,
)
from circadia_lab.policy.evaluation.foretold import joules_off, points_off

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from circadia_lab.policy.evaluation.arm import Arm
    from circadia_lab.policy.evaluation.confidence import Interval
    from circadia_lab.policy.evaluation.evaluation import Evaluation, Scenario
    from circadia_lab.policy.evaluation.played import Played

MEANS: dict[str, Callable[[Played], Any]] = {
    "battery_life_h": lambda p: p.battery_life_h,
    "agent_drain_per_day": lambda p: p.agent_drain,
    "joules_per_served": lambda p: p.j_per_served,
    "accuracy": lambda p: p.accuracy,
    "latency_median_s": lambda p: p.latency_s(0.5),
    "latency_p95_s": lambda p: p.latency_s(0.95),
    "staleness_mean_s": lambda p: p.staleness_mean_s,
    "staleness_p95_s": lambda p: p.staleness_s(0.95),
    "expired_share": lambda p: p.expired_share,
}
"""Figures by preference, of which the table has the mean over preferences and seeds. Energy is simulated."""


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """The first scenario's figures by their plain names, the others' with the scenario's name before them.

    The certified optimum's begin with `oracle_`, unless there is nothing else.
    """
    found = _of_all(evaluation.scenarios) if evaluation.scenarios else {}
    if evaluation.oracle:
        before = "oracle_" if evaluation.scenarios else ""
        found |= {f"{before}{key}": value for key, value in evaluation.oracle.summary().items()}
    if told := evaluation.foretold:
        found |= {"foretold_points_off": points_off(told), "foretold_joules_off": joules_off(told)}
    if evaluation.not_foretold:
        found["not_foretold"] = ", ".join(evaluation.not_foretold)
    for row in (each for each in told if each.arm == told[0].arm):
        found |= {f"foretold_{slug(row.name)}": row.foretold, f"run_{slug(row.name)}": row.found}
    if evaluation.notes:
        found["notes"] = " ".join(evaluation.notes)
    about = {"machine": evaluation.machine, "date": evaluation.date, "seconds": round(evaluation.seconds, 1)}
    return {key: _plain(value) for key, value in (found | about).items()}


def _of_all(scenarios: Sequence[Scenario]) -> dict[str, Any]:
    head, *others = scenarios
    seen, unseen = ([s for s in scenarios if s.unseen is apart] for apart in (False, True))
    found: dict[str, Any] = {
        "scenario": head.name,
        "seeds": len(head.ours.plays),
        "preferences": len(head.ours.plays[0].preferences),
        **_of_scenario(head),
        **_of_rounding(seen or [head]),
        **_of_limits(seen or [head]),
        **{f"unseen_{key}": value for key, value in _of_limits(unseen).items()},
        **{f"{slug(head.name)}_{key}": value for key, value in _of_limits([head]).items()},
        **_of_kinds(scenarios),
    }
    for scenario in others:
        found |= {f"{slug(scenario.name)}_{key}": value for key, value in _of_scenario(scenario).items()}
    ratios = {slug(s.name): ratio for s in others if s.unseen and (ratio := transfer(head, s)) is not None}
    if ratios:
        found |= {f"{name}_transfer_ratio": ratio for name, ratio in ratios.items()}
        found["transfer_ratio"] = min(ratios.values())
    return found


def write_summary(evaluation: Evaluation, path: Path) -> None:
    """As JSON, whole or not at all."""
    with whole_text(path) as file:
        file.write(json.dumps(summary(evaluation), indent=2, allow_nan=False) + "\n")


def mean(arm: Arm, name: str) -> float:
    """One of `MEANS` over preferences and seeds; NaN where no preference has it."""
    values = np.array([MEANS[name](played) for played in arm.plays])
    return float(np.nanmean(values)) if np.isfinite(values).any() else math.nan


def volume(arm: Arm) -> float:
    """Mean hypervolume over the seeds."""
    return float(np.mean([hypervolume(played.reward) for played in arm.plays]))


def coupling(scenario: Scenario) -> Interval | None:
    """What deciding together is worth, where both arms are there; float networks are compared with float networks."""
    together, apart = scenario.arm(FLOATS) or scenario.ours, scenario.arm(APART)
    if apart is None or len(apart.plays) != len(together.plays):
        return None
    return coupling_gain(together, apart)


def best_rival(scenario: Scenario) -> Arm | None:
    """The rule or file of the highest utility among those that keep the limits."""
    able = [arm for arm in scenario.rivals if feasible(arm)]
    return max(able, key=lambda arm: expected_utility(arm).mean, default=None)


def transfer(seen: Scenario, unseen: Scenario) -> float | None:
    """See `figures.transfer_ratio`; `None` without the random policy or a rule that keeps the limits."""
    found = []
    for scenario in (seen, unseen):
        random, rival = scenario.arm(RANDOM), best_rival(scenario)
        if random is None or rival is None:
            return None
        arms = (scenario.ours, random, rival)
        ours, chance, rule = (expected_utility(arm).mean for arm in arms)
        found.append((ours, chance, rule))
    return transfer_ratio(found[0], found[1])


def slug(name: str) -> str:
    """`drift-plus-penalty, per preference` → `drift_plus_penalty_per_preference`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _of_scenario(scenario: Scenario) -> dict[str, Any]:
    ours, gain, rival = scenario.ours, coupling(scenario), best_rival(scenario)
    own = expected_utility(ours)
    found: dict[str, Any] = {
        "utility": own.mean,
        "utility_low": own.low,
        "utility_high": own.high,
        **dict(zip(("utility_min", "utility_median", "utility_max"), spread(utilities(ours)), strict=True)),
        **_of_limits([scenario]),
        "avoidable_crossings": int(sum(played.crossings.sum() for played in ours.plays)),
        "hypervolume": volume(ours),
        **{name: mean(ours, name) for name in MEANS},
    }
    for arm in scenario.arms:
        if arm.name != OURS:
            found[f"utility_{slug(arm.name)}"] = float(np.mean(utilities(arm)))
            found[f"violating_fraction_{slug(arm.name)}"] = max(violating_fractions(arm))
    if rival:
        found |= {
            "best_feasible_baseline": rival.name,
            "over_best_feasible_baseline": own.mean - expected_utility(rival).mean,
        }
    if gain:
        found |= {"coupling_gain": gain.mean, "coupling_gain_low": gain.low, "coupling_gain_high": gain.high}
    return found


def _of_limits(scenarios: Sequence[Scenario]) -> dict[str, Any]:
    """Of the trained policy in the worst of them, with the spread over the seeds, each in its worst of them."""
    if not scenarios:
        return {}
    found: dict[str, Any] = {}
    for name, each in (("violating_fraction", violating_fractions), ("worst_cost_over_limit", worst_costs)):
        least, middle, most = spread(np.max([each(scenario.ours) for scenario in scenarios], axis=0))
        found |= {name: most, f"{name}_median": middle, f"{name}_min": least}
    shares = {cost: [s.binding[cost] for s in scenarios if s.binding] for cost in COSTS}
    if all(shares.values()):
        found |= {f"binding_share_{cost}": min(values) for cost, values in shares.items()}
        found["binding_share"] = min(map(min, shares.values()))
    return found


def _of_kinds(scenarios: Sequence[Scenario]) -> dict[str, Any]:
    """Each kind of device in each scenario."""
    found: dict[str, Any] = {}
    for scenario in scenarios:
        for of in by_kind(scenario.ours):
            name = f"{slug(scenario.name)}_{slug(of.kind)}"
            found[f"{name}_violating_fraction"] = of.violating_fraction
            found[f"{name}_worst_cost_over_limit"] = float(of.over_limit.max())
    return found


def spread(values: Any) -> tuple[float, float, float]:
    """Least, median and largest."""
    return float(np.min(values)), float(np.median(values)), float(np.max(values))


def _of_rounding(scenarios: Sequence[Scenario]) -> dict[str, Any]:
    """In the worst of them."""
    pairs = [(scenario.ours, floats) for scenario in scenarios if (floats := scenario.arm(FLOATS))]
    if not pairs:
        return {}
    return {
        "int8_loss": max(int8_loss(ours, floats) for ours, floats in pairs),
        "int8_added_violations": max(int8_added_violations(ours, floats) for ours, floats in pairs),
    }


def _plain(value: Any) -> Any:
    """What is not a number is null."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
