"""The second stage: push the front where it is sparse (C-MORL, Liu et al., ICLR 2025).

At a sparse preference, objective k is maximised while the others stay above a floor:

    maximise r_k + 1/t Σ_{j≠k} log(r_j − floor_j),   floor_j = r_j⁰ − (1 − β) |r_j⁰ − worst_j|

The gradient is that of a weighted sum of returns with the weights 1 and 1 / (t (r_j − floor_j)), in units of the
front's range, so an update of the first stage does it. Costs keep their multipliers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from circadia_lab.policy.cmoppo.front import crowding, hypervolume, undominated
from circadia_lab.policy.cmoppo.update import Aim
from circadia_lab.policy.env.interface import OBJECTIVES
from circadia_lab.policy.env.preferences import lattice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.course import Course
    from circadia_lab.policy.cmoppo.judge import Kept
    from circadia_lab.policy.cmoppo.update import Learner

    Floats = NDArray[np.float64]

PREFERENCES = lattice(10)
"""Where the front is looked at: twice as fine as the anchors."""
LEAST_SLACK = 1e-3
"""In shares of the front's range: nearer to the floor the barrier rises no more."""


def sparsest(returns: Floats, count: int) -> NDArray[np.int64]:
    """(n, objectives) → indices of undominated rows with the widest gaps around them, the ends left out."""
    distance = np.where(undominated(returns), crowding(returns), -np.inf)
    distance[np.isinf(distance)] = -np.inf
    order = np.argsort(-distance, kind="stable")[:count]
    found: NDArray[np.int64] = order[np.isfinite(distance[order])]
    return found


def floors(returns: Floats, keep: float) -> Floats:
    """(n, objectives) what each return must stay above, a share 1 − `keep` of the way down to the worst."""
    floor: Floats = returns - (1 - keep) * (returns - returns.min(0))
    return floor


def barrier_weights(objective: int, returns: Floats, floor: Floats, span: Floats, t: float) -> Floats:
    """(n, objectives) weights of the returns in the barrier's gradient, each row's sum 1; `span` (objectives,)."""
    slack = np.maximum((returns - floor) / span, LEAST_SLACK)
    pull = 1 / (t * slack)
    pull[:, objective] = 1
    weights: Floats = pull / span
    weights /= weights.sum(-1, keepdims=True)
    return weights


def extend(course: Course) -> None:
    """All rounds of the second stage that are not over yet; a round that loses anything is undone."""
    known: Floats | None = None
    for number in range(course.rounds, course.trainer.config.extension_rounds):
        if course.trainer.round_updates:
            known = _round(course, number % len(OBJECTIVES), known)
        course.rounds += 1
        course.save()


def _round(course: Course, objective: int, known: Floats | None) -> Floats:
    """What the best policy brings at `PREFERENCES` after it, from what it brought before, if that is known."""
    trainer, before = course.trainer, (course.learner, course.best)
    config = trainer.config
    old = known
    if old is None:
        old = course.judge.gains(course.best.parameters, course.best.ranges, PREFERENCES, config.judged_ticks)
    chosen = sparsest(old[:, : len(OBJECTIVES)], config.extension_preferences)
    if not len(chosen):
        return old
    course.learner = _aside(course, chosen)
    aim = _aim(course, chosen, old[:, : len(OBJECTIVES)], objective)
    while course.updates < int(before[0].updates) + trainer.round_updates:
        course.advance(aim, stage=2)
    new = course.judge_now(stage=2)
    found = course.judge.gains(new.parameters, new.ranges, PREFERENCES, config.judged_ticks)
    if _gains(course, (new, found), (course.best, old)):
        course.keep(new)
        return found
    updates = course.learner.updates
    course.learner = before[0]._replace(updates=updates)
    return old


def _gains(course: Course, new: tuple[Kept, Floats], old: tuple[Kept, Floats]) -> bool:
    """Whether nothing is lost, neither at the anchors nor of the hypervolume, nor beyond limits."""
    assert course.reference is not None
    volumes = [hypervolume(gains[:, : len(OBJECTIVES)], course.reference) for _, gains in (new, old)]
    return course.judge.better(new[0], old[0]) and volumes[0] >= volumes[1]


def _aside(course: Course, chosen: NDArray[np.int64]) -> Learner:
    """The kept policy, its average made the start, with the free devices at the sparse preferences."""
    preference = course.trainer.crowd.dealt(PREFERENCES[chosen])
    kept = jax.tree.map(jnp.asarray, course.best.parameters)
    return course.learner._replace(
        actor=kept, average=kept, ranges=jax.tree.map(jnp.asarray, course.best.ranges), preference=preference
    )


def _aim(course: Course, chosen: NDArray[np.int64], returns: Floats, objective: int) -> Aim:
    """The anchors' devices go on as before."""
    config = course.trainer.config
    span = np.maximum(np.ptp(returns, axis=0), 1e-9)
    floor = floors(returns, config.keep)
    pulled = barrier_weights(objective, returns[chosen], floor[chosen], span, config.barrier)
    return Aim(course.trainer.crowd.dealt(pulled), jnp.float32(config.extension_rate))
