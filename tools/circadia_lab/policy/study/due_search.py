"""The rule `due` with searched settings: the best for each preference, found on a chance of its own.

All settings live side by side, each with a fleet of its own under each preference. The best of those that keep the
limits has the highest utility; where none keeps them, the one that breaks them least is taken.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.due import DueLimits
from circadia.observation import HOUR_S
from circadia.policy.due_rule import DueRule, DueSettings
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.evaluation.search import best
from circadia_lab.policy.evaluation.waking import Waking, by_rule, lived
from circadia_lab.policy.study.played_rule import SideBySideRules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.waking import Chooser, Lived

LIMITS_S = tuple(hours * HOUR_S for hours in (0.5, 1, 2, 4))
"""How old an example may get, and the federation's last answer: all pairs are tried …"""
WITHIN_S = (0.0, 1200.0, 3600.0)
"""… each so far ahead; while energy comes in, as far as the shipped rule."""
SEED = 1_000_003
"""Of the search's chance: none that an evaluation counts from 0."""
SEARCH = Waking(copies=1, days=1.5, warm_up_days=0.25, seed=SEED)
QUICK = replace(SEARCH, days=0.25, warm_up_days=0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the search chose."""

    tried: tuple[DueSettings, ...]
    best: NDArray[np.intp]
    """(preferences,) of `tried`."""

    def for_each(self, problem: Problem, copies: int) -> Chooser:
        """Each preference's best, as `lived` lays its devices out under `ANCHORS`."""
        return _played(self.tried, self.best, problem, copies)

    @property
    def settings(self) -> list[dict[str, Any]]:
        """For JSON: each preference's."""
        return [
            {"preference": preference.tolist(), **settings_of(self.tried[i])}
            for preference, i in zip(ANCHORS, self.best, strict=True)
        ]


def settings_of(settings: DueSettings) -> dict[str, float]:
    """What is searched of them."""
    limits = asdict(settings.limits)
    names = ("fresh_limit_s", "contact_limit_s")
    return {**{name: limits[name] for name in names}, "within_s": settings.within_s}


def grid(*, quick: bool = False) -> tuple[DueSettings, ...]:
    """All settings that are tried, the shipped one first."""
    shipped = DueSettings()
    hours, aheads = (LIMITS_S[:2], WITHIN_S[:2]) if quick else (LIMITS_S, WITHIN_S)
    every = [
        replace(
            shipped,
            limits=replace(DueLimits(), fresh_limit_s=fresh, contact_limit_s=contact),
            within_s=within,
        )
        for fresh, contact, within in product(hours, hours, aheads)
    ]
    return (shipped, *(one for one in every if one != shipped))


def searched(
    problem: Problem, extent: Waking = SEARCH, tried: tuple[DueSettings, ...] | None = None
) -> Found:
    """The best of `tried`, or of `grid()`."""
    tried = tried or grid()
    preferences = np.tile(ANCHORS, (len(tried), 1))
    chosen = np.repeat(np.arange(len(tried)), len(ANCHORS))
    found = lived(problem, _played(tried, chosen, problem, extent.copies), extent, preferences)
    return chosen_of(found, tried)


def chosen_of(found: Lived, tried: tuple[DueSettings, ...]) -> Found:
    """(kinds, settings × anchors) lives → the best of the settings."""
    shape = (len(tried), len(ANCHORS))
    utility = found.utility(np.tile(ANCHORS, (len(tried), 1))).mean(0).reshape(shape)
    excess = np.maximum(found.worst.max(0).reshape(shape) - 1, 0)
    each = [best(utility[:, i], excess[:, i]) for i in range(len(ANCHORS))]
    return Found(tried=tried, best=np.array(each))


def _played(
    tried: tuple[DueSettings, ...], chosen: NDArray[np.intp], problem: Problem, copies: int
) -> Chooser:
    rows = np.tile(np.repeat(chosen, copies), len(problem.devices))
    return by_rule(SideBySideRules([DueRule(settings) for settings in tried], rows).choice)
