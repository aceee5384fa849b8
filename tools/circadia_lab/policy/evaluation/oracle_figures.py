"""How near trained networks come to the certified optimum of a grid problem, all evaluated exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia_lab.policy.oracle.optimum import hypervolume, normalised

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.oracle.optimum import Optimum

    Floats = NDArray[np.float64]

NAIL = 1e-9
"""Relative: what an exact average may be above its limit by rounding alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleFigures:
    """Of `seeds` networks under each preference, and of the optimum itself."""

    grid: str
    states: int
    largest_gap: float
    """Between the certified bounds, relative."""
    preferences: Floats
    """(preferences, objectives)"""
    limits: Floats
    """(costs,)"""
    reward: Floats
    """(seeds, preferences, objectives)"""
    cost: Floats
    """(seeds, preferences, costs)"""
    optimum_reward: Floats
    """(preferences, objectives)"""
    optimum_cost: Floats
    """(preferences, costs)"""
    random_reward: Floats
    """(objectives,)"""
    hypervolume_reference: Floats
    """(objectives,)"""
    distilled_reward: Floats | None = None
    """(preferences, objectives) of the optimum taught to the same int8 network: a ceiling."""
    distilled_cost: Floats | None = None
    alone_reward: Floats | None = None
    """(seeds, preferences, objectives) of a network of its own for each preference, at the same ticks in all."""
    alone_cost: Floats | None = None
    coupling: Floats | None = None
    """(preferences,) optimum less the best that decides training and serving apart, both certified."""

    def normalised(self, reward: Any) -> Floats:
        """(…, preferences, objectives) → (…, preferences): 0 is drawing evenly, 1 the optimum."""
        best = (self.preferences * self.optimum_reward).sum(-1)
        found: Floats = normalised(
            (self.preferences * reward).sum(-1), self.preferences @ self.random_reward, best
        )
        return found

    def regret(self, reward: Any) -> Floats:
        """(…, preferences, objectives) → (…, preferences): (w · optimum − w · reward) / Σ w |optimum|.

        What is missing, as a share of what is at stake: it does not grow where random and optimum lie close together.
        """
        lost = (self.preferences * (self.optimum_reward - reward)).sum(-1)
        found: Floats = lost / (self.preferences * np.abs(self.optimum_reward)).sum(-1)
        return found

    def violating(self, cost: Any) -> NDArray[np.bool_]:
        """(…, preferences, costs) → (…, preferences), strictly."""
        found: NDArray[np.bool_] = (cost > self.limits * (1 + NAIL)).any(-1)
        return found

    def hypervolume_ratio(self, reward: Floats) -> float:
        """(preferences, objectives) → to the optimum's."""
        reference = self.hypervolume_reference
        return hypervolume(reward, reference) / hypervolume(self.optimum_reward, reference)

    def summary(self) -> dict[str, float | str]:
        """Flat, for JSON: medians over the seeds, but for broken limits, which are the worst seed's; the spread beside."""
        found: dict[str, float | str] = {
            "grid": self.grid,
            "states": self.states,
            "largest_gap": self.largest_gap,
            "seeds": len(self.reward),
            **self._of(self.reward, self.cost),
        }
        if self.alone_reward is not None and self.alone_cost is not None:
            alone = self._of(self.alone_reward, self.alone_cost)
            found |= {f"per_preference_{name}": value for name, value in alone.items()}
            found["per_preference_seeds"] = len(self.alone_reward)
        if self.distilled_reward is not None:
            distilled = self.normalised(self.distilled_reward)
            found |= {
                "distilled_normalised_mean": float(distilled.mean()),
                "distilled_normalised_min": float(distilled.min()),
            }
        if self.distilled_cost is not None:
            found["distilled_violating_fraction"] = float(self.violating(self.distilled_cost).mean())
        if self.coupling is not None:
            found |= {
                "oracle_coupling_mean": float(self.coupling.mean()),
                "oracle_coupling_max": float(self.coupling.max()),
            }
        return found

    def _of(self, reward: Floats, cost: Floats) -> dict[str, float]:
        """(seeds, preferences, …) of networks."""
        n, regret = self.normalised(reward), self.regret(reward)
        broken = self.violating(cost).mean(-1)
        over_limit = (cost / self.limits).max((-1, -2))
        return {
            "normalised_mean": float(np.median(n.mean(-1))),
            "normalised_mean_min": float(n.mean(-1).min()),
            "normalised_mean_max": float(n.mean(-1).max()),
            "normalised_min": float(np.median(n.min(-1))),
            "normalised_min_min": float(n.min()),
            "normalised_min_max": float(n.min(-1).max()),
            "regret_mean": float(np.median(regret.mean(-1))),
            "regret_max": float(np.median(regret.max(-1))),
            "regret_max_max": float(regret.max()),
            "hypervolume_ratio": float(np.median([self.hypervolume_ratio(r) for r in reward])),
            "violating_fraction": float(broken.max()),
            "violating_fraction_median": float(np.median(broken)),
            "worst_cost_over_limit": float(over_limit.max()),
            "worst_cost_over_limit_median": float(np.median(over_limit)),
            "worst_cost_over_limit_min": float(over_limit.min()),
        }


def oracle_figures(
    found: Optimum, reward: Any, cost: Any, *, grid: str, states: int, limits: Any, **more: Any
) -> OracleFigures:
    """From an optimum, and (seeds, preferences, …) exact averages of networks; `more` are `OracleFigures`' last five."""
    return OracleFigures(
        grid=grid,
        states=states,
        largest_gap=float(found.gaps.max()),
        preferences=found.preferences,
        limits=np.asarray(limits, np.float64),
        reward=np.asarray(reward, np.float64),
        cost=np.asarray(cost, np.float64),
        optimum_reward=found.returns,
        optimum_cost=found.costs,
        random_reward=found.random_returns,
        hypervolume_reference=found.reference,
        **more,
    )
