"""What a training tells about itself while it goes on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia_lab.policy.cmoppo.front import hypervolume
from circadia_lab.policy.env.interface import OBJECTIVES
from circadia_lab.policy.env.preferences import ANCHORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A line of it."""

    updates: int
    steps: int
    of: int
    """Steps in all."""
    seconds: float
    steps_per_s: float
    utility: float
    """Mean over the anchors."""
    worst_violation: float
    """Largest cost as a share of its limit, less 1: above 0 is too much."""
    feasible_share: float
    """Of the anchors."""
    hypervolume: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Averages by anchor over the updates since the point before, or on devices apart (`judged`).

    Costs are those of the kind of device that has most of them.
    """

    steps: int
    judged: bool
    stage: int
    returns: list[list[float]]
    """(anchors, objectives)"""
    costs: list[list[float]]
    """(anchors, costs) as shares of their limits."""
    hypervolume: float
    entropy: float = 0.0
    divergence: float = 0.0
    explained: list[float] | None = None
    """Share of the variance of each reward's and cost's returns that the critic explained."""
    multipliers: list[list[list[float]]] | None = None
    """(kinds, anchors, costs)"""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @property
    def utility(self) -> Floats:
        """(anchors,) weight times return."""
        return utilities(np.array(self.returns))

    @property
    def worst(self) -> float:
        """Largest cost as a share of its limit."""
        return float(np.max(self.costs))

    @property
    def feasible_share(self) -> float:
        """Of the anchors whose costs all hold."""
        return float((np.array(self.costs) <= 1).all(-1).mean())


def point(gains: Floats, reference: Floats, *, steps: int, judged: bool, stage: int, **more: Any) -> Point:
    """From (anchors, objectives + costs) averages."""
    returns = gains[:, : len(OBJECTIVES)]
    return Point(
        steps=steps,
        judged=judged,
        stage=stage,
        returns=returns.tolist(),
        costs=gains[:, len(OBJECTIVES) :].tolist(),
        hypervolume=hypervolume(returns, reference),
        **more,
    )


def utilities(returns: Floats) -> Floats:
    """(anchors, objectives) → (anchors,)."""
    total: Floats = (ANCHORS * returns).sum(-1)
    return total
