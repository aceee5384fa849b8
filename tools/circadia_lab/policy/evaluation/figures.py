"""The figures that policies are judged by, from what became of them. Everything follows from the formulas here.

utility        mean over the anchors of Σ weight · average reward
normalised     (utility − random's) / (optimum's − random's), per preference
hypervolume    of the anchors' average rewards above REFERENCE, over that of the box up to (1, 0, 0)
violation      a kind of device's average above its limit, strictly;  violating fraction: preferences with one at least
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import moocore
import numpy as np

from circadia.errors import ConfigError
from circadia_lab.policy.evaluation.confidence import Interval, interval, paired

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_lab.policy.evaluation.arm import Arm
    from circadia_lab.policy.evaluation.played import Played

    Floats = NDArray[np.float64]

REFERENCE = (0.0, -1.0, -4.0)
"""Nothing fresh; every request lost; the whole battery a day."""
BEST = (1.0, 0.0, 0.0)
FEASIBLE_FRACTION = 0.05
"""Largest violating fraction of an arm that still counts as a rival: of 21 preferences, one."""


def utility(played: Played) -> float:
    """Mean over the preferences."""
    return float(played.utilities.mean())


def utilities(arm: Arm) -> list[float]:
    """By training seed."""
    return [utility(played) for played in arm.plays]


def expected_utility(arm: Arm) -> Interval:
    """Over the training seeds."""
    return interval(utilities(arm))


def normalised(utility: Any, random: Any, optimum: Any) -> Any:
    """(…, preferences) each: 0 is random's, 1 the optimum's. `ConfigError` where the optimum is not above random."""
    if not np.all(np.asarray(optimum) > np.asarray(random)):
        raise ConfigError("normalising needs an optimum above the random policy under every preference")
    return (np.asarray(utility) - random) / (np.asarray(optimum) - random)


def hypervolume(reward: Any, reference: Sequence[float] = REFERENCE, best: Sequence[float] = BEST) -> float:
    """(points, objectives) → in [0, 1]; points that are not above the reference everywhere add nothing.

    NaN where a reward is: moocore would take the process down.
    """
    if np.isnan(reward).any():
        return float("nan")
    box = float(np.prod(np.subtract(best, reference)))
    volume = moocore.hypervolume(np.asarray(reward, np.float64), ref=np.asarray(reference), maximise=True)
    return float(volume) / box


def violating(played: Played) -> NDArray[np.bool_]:
    """(preferences,) whether any cost's average is above its limit for any kind of device, strictly."""
    found: NDArray[np.bool_] = (played.excess > 0).any(-1)
    return found


def violating_fraction(played: Played) -> float:
    """Share of the preferences."""
    return float(violating(played).mean())


def worst_cost(played: Played) -> float:
    """Largest cost over its limit, of all preferences and kinds of device."""
    return float(1 + played.excess.max())


def worst_costs(arm: Arm) -> list[float]:
    """By training seed."""
    return [worst_cost(played) for played in arm.plays]


class OfKind(NamedTuple):
    """How a kind of device keeps the limits."""

    kind: str
    violating_fraction: float
    """Of the preferences, the largest of the seeds."""
    over_limit: Floats
    """(costs,) largest average over limit, of all preferences and seeds."""


def by_kind(arm: Arm) -> list[OfKind]:
    """In the problem's order."""
    excess = np.stack([played.kind_excess for played in arm.plays])
    return [
        OfKind(
            kind=kind,
            violating_fraction=float((excess[:, :, i] > 0).any(-1).mean(-1).max()),
            over_limit=1 + excess[:, :, i].max((0, 1)),
        )
        for i, kind in enumerate(arm.plays[0].kinds)
    ]


def violating_fractions(arm: Arm) -> list[float]:
    """By training seed."""
    return [violating_fraction(played) for played in arm.plays]


def feasible(arm: Arm) -> bool:
    """Whether the arm keeps the limits, in the median over its seeds, so that its utility may be compared."""
    return float(np.median(violating_fractions(arm))) <= FEASIBLE_FRACTION


def coupling_gain(coupled: Arm, separate: Arm) -> Interval:
    """Mean utility of deciding training and serving together, less that of deciding them apart, seed by seed."""
    return paired(utilities(coupled), utilities(separate))


def int8_loss(int8: Arm, floats: Arm) -> float:
    """Utility lost to rounding in closed loop: median over the seeds of (float − int8) / |float|."""
    pairs = zip(utilities(floats), utilities(int8), strict=True)
    return float(np.median([(real - rounded) / abs(real) for real, rounded in pairs]))


def int8_added_violations(int8: Arm, floats: Arm) -> int:
    """Violated (seed, preference, cost) that the float network keeps."""
    pairs = zip(int8.plays, floats.plays, strict=True)
    return int(sum(((rounded.excess > 0) & ~(real.excess > 0)).sum() for rounded, real in pairs))


def transfer_ratio(seen: tuple[float, float, float], unseen: tuple[float, float, float]) -> float:
    """Each (policy's, random's, best feasible rule's) utility:  score(unseen) / score(seen).

        score = (policy − random) / (rule − random)

    The rule is searched anew on each, so the ratio leaves out how hard the devices are.
    """
    scores = [(policy - random) / (rule - random) for policy, random, rule in (unseen, seen)]
    return scores[0] / scores[1]
