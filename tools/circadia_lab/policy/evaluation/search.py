"""Constants of a rule by search: those that keep the limits first, then those of the highest utility.

The search plays on chance of its own, all candidates side by side, and holds every cost of every kind of device to `AIM`
of its limit, so that what keeps the limits in the search is likely to keep them in the evaluation. What it tried also
tells whether the limits bind: a limit that the best setting keeps of itself when it is freed of it asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.evaluation.arm import Arm, Conditions
from circadia_lab.policy.evaluation.scorers import of_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from circadia.ports import Policy
    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.played import Played
    from circadia_lab.policy.evaluation.scorers import Scorer

    Floats = NDArray[np.float64]
    Progress = Callable[[float], None] | None

AIM = 0.92
SEARCH = Conditions(per_device=8, days=2.0, warm_up_days=0.5, seed=7_001)
"""Another seed than any evaluation's."""
_ANY = np.full((1, ANCHORS.shape[1]), 1 / ANCHORS.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A setting of a rule."""

    constants: Mapping[str, Any]
    rule: Policy

    @property
    def text(self) -> str:
        """For tables."""
        return ", ".join(f"{key} {value}" for key, value in self.constants.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A rule with all settings that the search tries."""

    name: str
    candidates: tuple[Candidate, ...]
    observes: bool
    """Whether it looks at the preference; if not, it is played once for all of them."""
    note: str = ""


class SideBySide:
    """A `Scorer` of several: row p of the preferences' axis is scored by `scorers[chosen[p]]`."""

    def __init__(self, scorers: Sequence[Scorer], chosen: Any) -> None:
        self._scorers = scorers
        self._rows = [np.nonzero(np.asarray(chosen) == i)[0] for i in range(len(scorers))]

    def __call__(
        self, values: NDArray[np.float32], encoded: NDArray[np.int8], mask: NDArray[np.bool_]
    ) -> NDArray[Any]:
        """(devices, preferences, copies, …)."""
        scores = np.empty(mask.shape)
        for scorer, rows in zip(self._scorers, self._rows, strict=True):
            if rows.size:
                scores[:, rows] = scorer(values[:, rows], encoded[:, rows], mask[:, rows])
        return scores


class Tried(NamedTuple):
    """What became of every setting in the search."""

    utility: Floats
    """(candidates, preferences)"""
    over_limit: Floats
    """(candidates, preferences, costs) average over limit, of the worst kind of device."""

    @property
    def excess(self) -> Floats:
        """(candidates, preferences, costs) beyond `AIM` of the limits."""
        return np.maximum(self.over_limit / AIM - 1, 0)


class Searched(NamedTuple):
    """Of a family."""

    arms: tuple[Arm, ...]
    tried: Tried


def searched(
    problem: Problem,
    family: Family,
    conditions: Conditions,
    *,
    search: Conditions = SEARCH,
    progress: Progress = None,
) -> Searched:
    """The family's best setting for all anchors, and an arm with the best for each where they differ."""
    halves = _halves(progress)
    plays = _tried(problem, family, search, halves[0])
    tried = Tried(
        np.stack([played.utilities for played in plays]), np.stack([1 + played.excess for played in plays])
    )
    utility, excess = tried.utility, tried.excess.sum(-1)
    one = best(utility.mean(-1), excess.mean(-1))
    each = np.array([best(utility[:, p], excess[:, p]) for p in range(len(ANCHORS))])
    chosen = _played(problem, family, conditions, np.stack([np.full(len(ANCHORS), one), each]), halves[1])
    count = len(family.candidates)
    arms = [
        Arm(
            name=family.name,
            kind="rule",
            plays=(chosen[0],),
            constants=family.candidates[one].text,
            note=family.note,
        ),
        Arm(
            name=f"{family.name}, per preference",
            kind="rule",
            plays=(chosen[1],),
            constants=f"{len(set(each.tolist()))} of {count} settings: a best one for each preference",
            note=family.note,
        ),
    ]
    return Searched(tuple(arms if (each != one).any() else arms[:1]), tried)


def binding_shares(tried: Sequence[Tried]) -> Floats:
    """(costs,) share of the preferences under which the best of all settings, freed of that limit alone, breaks it."""
    utility = np.concatenate([each.utility for each in tried])
    excess = np.concatenate([each.excess for each in tried])
    over_limit = np.concatenate([each.over_limit for each in tried])
    preferences, costs = range(utility.shape[1]), range(excess.shape[2])
    broken = np.zeros((len(preferences), len(costs)))
    for cost in costs:
        others = np.delete(excess, cost, axis=-1).sum(-1)
        for p in preferences:
            broken[p, cost] = over_limit[best(utility[:, p], others[:, p]), p, cost] > 1
    found: Floats = broken.mean(0)
    return found


def best(utility: Floats, excess: Floats) -> int:
    """(candidates,) each: the highest utility among those without excess, or else the least excess."""
    return int(np.lexsort((-utility, np.round(excess, 9)))[0])


def _tried(problem: Problem, family: Family, search: Conditions, progress: Progress) -> list[Played]:
    """Every candidate under every anchor."""
    own = ANCHORS if family.observes else _ANY
    count = len(family.candidates)
    scorers = [of_rule(candidate.rule) for candidate in family.candidates]
    chosen = np.repeat(np.arange(count), len(own))
    played = search.play(problem, SideBySide(scorers, chosen), np.tile(own, (count, 1)), progress)
    parts = [played.at(chosen == i) for i in range(count)]
    return parts if family.observes else [part.for_all(ANCHORS) for part in parts]


def _played(
    problem: Problem, family: Family, conditions: Conditions, chosen: NDArray[np.intp], progress: Progress
) -> list[Played]:
    """(choices, anchors) candidates by number → the choices' days under the evaluation's conditions."""
    scorers = [of_rule(candidate.rule) for candidate in family.candidates]
    if family.observes:
        both = np.tile(ANCHORS, (len(chosen), 1))
        played = conditions.play(problem, SideBySide(scorers, chosen.ravel()), both, progress)
        return [played.at(slice(i * len(ANCHORS), (i + 1) * len(ANCHORS))) for i in range(len(chosen))]
    used, where = np.unique(chosen, return_inverse=True)
    few = SideBySide([scorers[i] for i in used], np.arange(len(used)))
    played = conditions.play(problem, few, np.repeat(_ANY, len(used), axis=0), progress)
    return [replace(played.at(rows), preferences=ANCHORS) for rows in where.reshape(chosen.shape)]


def _halves(progress: Progress) -> tuple[Progress, Progress]:
    if progress is None:
        return None, None
    told = progress
    return (lambda done: told(done / 2)), (lambda done: told(0.5 + done / 2))
