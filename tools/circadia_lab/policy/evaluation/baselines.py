"""The policies to beat: rules with searched constants, and references."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.policy.rules import ChargingOnlyRule, DriftPlusPenaltyRule, Weights
from circadia_lab.policy.env.interface import COSTS
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.evaluation.arm import Arm
from circadia_lab.policy.evaluation.rules import NEVER, GatedRule, SleepRule
from circadia_lab.policy.evaluation.scorers import of_rule, uniform
from circadia_lab.policy.evaluation.search import (
    SEARCH,
    Candidate,
    Family,
    Searched,
    Tried,
    binding_shares,
    searched,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.arm import Conditions
    from circadia_lab.policy.evaluation.scorers import Scorer

    Told = Callable[[float], None]

FULL = 0.95
"""State of charge of a full battery."""
_ANY = np.full((1, ANCHORS.shape[1]), 1 / ANCHORS.shape[1])


def families() -> tuple[Family, ...]:
    """Rules and their settings."""
    return (
        Family(
            name="charging-only",
            candidates=(Candidate(constants={}, rule=ChargingOnlyRule()),),
            observes=False,
            note="Trains only while charging, idle and on an unmetered link; serves on demand: the gate of today's phones.",
        ),
        Family(
            name="threshold",
            candidates=tuple(_thresholds()),
            observes=False,
            note="Serves what waits; trains above a charge, from a number of new examples on.",
        ),
        Family(
            name="drift-plus-penalty",
            candidates=tuple(_drifts()),
            observes=True,
            note="Lyapunov's drift plus penalty; it looks at the preference.",
        ),
        Family(
            name="greedy-serve",
            candidates=tuple(_greedy()),
            observes=False,
            note="Serves at once; trains never, or only while nobody uses the device and its battery is full.",
        ),
    )


class Baselines(NamedTuple):
    """On one problem."""

    arms: tuple[Arm, ...]
    binding: dict[str, float]
    """By cost: see `binding_shares`."""


def baselines(
    problem: Problem,
    conditions: Conditions,
    *,
    search: Conditions = SEARCH,
    progress: Callable[[float, str], None] | None = None,
) -> Baselines:
    """All of them on that problem; `progress` is told the share that is done and what is under way."""
    jobs: list[tuple[str, Callable[[Told], Searched | tuple[Arm, ...]]]] = [
        (family.name, partial(_searched, problem, family, conditions, search)) for family in families()
    ]
    jobs += [(name, partial(_reference, problem, conditions, name)) for name in _REFERENCES]
    arms: list[Arm] = []
    tried: list[Tried] = []
    for i, (name, job) in enumerate(jobs):
        found = job(_part(progress, i, len(jobs), name))
        if isinstance(found, Searched):
            tried.append(found.tried)
            found = found.arms
        arms += found
    return Baselines(tuple(arms), dict(zip(COSTS, binding_shares(tried).tolist(), strict=True)))


def _part(progress: Callable[[float, str], None] | None, i: int, count: int, name: str) -> Told:
    def told(done: float) -> None:
        if progress:
            progress((i + done) / count, name)

    return told


def _searched(
    problem: Problem, family: Family, conditions: Conditions, search: Conditions, told: Told
) -> Searched:
    return searched(problem, family, conditions, search=search, progress=told)


_REFERENCES: dict[str, tuple[Scorer, str]] = {
    "random": (uniform, "Any action that the shield admits, each as likely."),
    "always-sleep": (of_rule(SleepRule()), "Never does anything."),
}


def _reference(problem: Problem, conditions: Conditions, name: str, told: Told) -> tuple[Arm, ...]:
    scorer, note = _REFERENCES[name]
    played = conditions.play(problem, scorer, _ANY, told).for_all(ANCHORS)
    return (Arm(name=name, kind="reference", plays=(played,), note=note),)


def _thresholds() -> Iterator[Candidate]:
    amounts = [f"{clock}/{work}" for clock in ("low", "high") for work in ("small", "large")]
    for soc, fresh, train, serve, behind in product(
        (0.2, 0.5), (2, 8, 32, 96), amounts, ("low", "high"), (1, 4)
    ):
        constants = {"soc": soc, "fresh": fresh, "train": train, "serve": serve, "behind": behind}
        rule = GatedRule(soc=soc, fresh=fresh, train=train, serve=serve, behind=behind)
        yield Candidate(constants=constants, rule=rule)


def _greedy() -> Iterator[Candidate]:
    for serve, full in product(("low", "high"), (True, False)):
        rule = GatedRule(
            serve=serve, train="high/large", soc=FULL if full else NEVER, fresh=1, only_idle=True
        )
        constants = {"serve": serve, "trains": f"idle above {FULL:g}" if full else "never"}
        yield Candidate(constants=constants, rule=rule)


def _drifts() -> Iterator[Candidate]:
    for v, temperature, blocking, rehearsal in product(
        (0.5, 1.0, 2.0, 4.0), (0.02, 0.1), (0.3, 2.0), (0.08, 0.0)
    ):
        rule = DriftPlusPenaltyRule(v, temperature, Weights(blocking=blocking, rehearsal=rehearsal))
        constants = {"V": v, "temperature": temperature, "blocking": blocking, "rehearsal": rehearsal}
        yield Candidate(constants=constants, rule=rule)
