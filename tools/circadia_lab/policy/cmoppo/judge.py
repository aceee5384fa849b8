"""Judging a policy on devices and chances that training does not see, and keeping the best that holds the limits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from circadia_lab.policy.cmoppo.averages import counted, dealt, portions, shared
from circadia_lab.policy.cmoppo.errors import TrainingDiverged
from circadia_lab.policy.cmoppo.history import utilities
from circadia_lab.policy.env.interface import OBJECTIVES
from circadia_lab.policy.env.preferences import ANCHORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.update import Learner, Trainer

    Floats = NDArray[np.float64]

OBJECTIVE_COUNT = len(OBJECTIVES)


class Kept(NamedTuple):
    """The policy to come out of a training, so far."""

    parameters: Any
    ranges: Any
    gains: Any
    """(anchors, objectives + costs) averages when it was judged: rewards over the kinds of device, costs of the worst."""
    updates: Any


class Judge:
    """Compiled once for a training."""

    def __init__(self, trainer: Trainer, seed: int) -> None:
        self._trainer = trainer
        self._key = jax.random.fold_in(jax.random.PRNGKey(seed), 1_000_003)
        self._count = jax.jit(self._counted, static_argnames=("ticks",))
        self._exact = self._exactly if hasattr(trainer.environment, "exact") else None
        self._draw = jax.jit(self._drawn)

    def gains(self, parameters: Any, ranges: Any, preferences: Floats, ticks: int) -> Floats:
        """(n, objectives) → (n, objectives + costs) averages of the rounded policy, costs as shares of limits.

        Rewards are means over the kinds of device, costs those of the kind, in the world, that has most of them. Exact where
        the environment knows how.
        `TrainingDiverged` if one is not finite.
        """
        if self._exact is not None:
            return self._exact(parameters, ranges, preferences)
        kinds = self._trainer.environment.kinds
        found = []
        for i, rows in enumerate(portions(preferences, kinds)):
            key = jax.random.fold_in(self._key, i)
            sums = self._count(parameters, ranges, dealt(rows, kinds), key, ticks=ticks)
            found.append(shared(sums, len(rows), kinds))
        gains = np.concatenate(found)
        if not np.isfinite(gains).all():
            raise TrainingDiverged(
                "training diverged: on the devices that the policy is judged by, an average is not finite; "
                "see what the environment brings there"
            )
        return gains

    def kept(self, learner: Learner) -> Kept:
        """The averaged actor, as far as it is trusted, judged at the anchors."""
        config, actor = self._trainer.config, self._trainer.actor
        parameters, ranges = actor.softened(learner.average, learner.ranges, config.trust)
        gains = self.gains(parameters, ranges, ANCHORS, config.judged_ticks)
        return Kept(parameters, ranges, gains, np.asarray(learner.updates))

    def better(self, new: Kept, old: Kept) -> bool:
        """Clear of the limits before near or beyond them; then the mean utility, or else the smaller cost."""
        if not self._trainer.config.constrained:
            return utility(new) >= utility(old)
        if max(worst(new), worst(old)) > self._trainer.config.judged_limit:
            return worst(new) <= worst(old)
        return utility(new) >= utility(old)

    def _exactly(self, parameters: Any, ranges: Any, preferences: Floats) -> Floats:
        environment: Any = self._trainer.environment
        found: Floats = environment.exact(partial(self._draw, parameters, ranges), preferences)
        return found

    def _drawn(self, parameters: Any, ranges: Any, seen: Any) -> Any:
        return self._trainer.actor.draw_from(parameters, ranges=ranges, rounded=True)(seen)

    def _counted(self, parameters: Any, ranges: Any, preference: Any, key: Any, ticks: int) -> Any:
        trainer = self._trainer

        draw_from = trainer.actor.draw_from(parameters, ranges=ranges, rounded=True)

        return counted(
            trainer.environment,
            draw_from,
            preference,
            key,
            ticks=ticks,
            warm_up=trainer.config.judged_warm_up,
        )


def utility(kept: Kept) -> float:
    """Mean over the anchors."""
    return float(utilities(np.asarray(kept.gains, np.float64)[:, :OBJECTIVE_COUNT]).mean())


def worst(kept: Kept) -> float:
    """Largest cost as a share of its limit."""
    return float(np.max(np.asarray(kept.gains)[:, OBJECTIVE_COUNT:]))
