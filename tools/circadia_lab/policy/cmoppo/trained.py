"""The outcome of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circadia_lab.policy.cmoppo.actor import actor_like, scorer_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.actor import Layers, Scorer
    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.cmoppo.history import Point
    from circadia_lab.policy.cmoppo.rollout import DrawFrom


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A policy and how it came about."""

    config: Config
    seed: int
    layers: dict[str, Layers]
    """By network: `actor`, or `serve` and `other` of the separate architecture; `sleep` the second output of the first."""
    parameters: Any
    """The same for JAX."""
    ranges: Any
    multipliers: NDArray[np.float64]
    """(kinds, anchors, costs) at the end, in rewards per limit."""
    judged: Point
    """On devices of its own, as it runs in 8 bits."""
    history: tuple[Point, ...]
    steps: int
    seconds: float
    steps_per_s: float

    @property
    def feasible(self) -> bool:
        """Whether every cost held at every anchor when it was judged."""
        return self.judged.worst <= 1

    def draw_from(self, *, rounded: bool = False) -> DrawFrom:
        """Of the policy in JAX; `rounded` as in 8 bits."""
        actor = actor_like(self.config, self.parameters)
        return actor.draw_from(self.parameters, ranges=self.ranges, rounded=rounded)


def scorer(trained: Trained) -> Scorer:
    """(…, WIDTH) int8 and (…, actions) bool → (…, actions) log-probabilities, in NumPy."""
    return scorer_of(trained.layers)
