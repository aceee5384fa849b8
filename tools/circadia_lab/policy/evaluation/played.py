"""What became of a policy's days: sums by preference, device and copy, and the figures that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.types import Mode
from circadia_lab.policy.env.fixed import FACTS
from circadia_lab.policy.evaluation.histogram import AGE_EDGES_S, LATENCY_EDGES_S, quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_lab.policy.env.accuracy import AccuracyModel

    Floats = NDArray[np.float64]

MODES = tuple(mode.value for mode in Mode)
MODE_OF = FACTS.modes.astype(np.float64)
"""(actions, modes)"""
_WHOLE_FLEET = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Added up over the days that count; every field is (preferences, devices, copies, …)."""

    reward: Floats
    """(…, objectives)"""
    cost: Floats
    """(…, costs)"""
    weight: Floats
    """Time in periods."""
    days: Floats
    agent_j: Floats
    """Delivered to the loads of the catalogue: everything but the user's screen and applications."""
    total_j: Floats
    """With the user's."""
    charges: Floats
    """`agent_j` in capacities of the battery."""
    total_charges: Floats
    """`total_j` in capacities of the battery."""
    served: Floats
    expired: Floats
    latency_s: Floats
    """Summed over the served."""
    latencies: Floats
    """(…, bins of LATENCY_EDGES_S) requests."""
    model_age_s: Floats
    """Times days: the age at the end of each tick, for the tick's length."""
    ages: Floats
    """(…, bins of AGE_EDGES_S) days."""
    ticks: Floats
    actions: Floats
    """(…, actions) ticks."""
    crossings: Floats
    """Ticks whose action led from above the battery floor to below it; see `circadia_lab.policy.env.crossings`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A policy's days under each preference. A replicate is a copy of the whole fleet."""

    preferences: Floats
    """(preferences, objectives)"""
    limits: Floats
    """(costs,)"""
    accuracy_model: AccuracyModel
    sums: Sums
    devices: tuple[str, ...]
    """(devices,) their names: those of one name are of one kind."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The different names, in the devices' order."""
        return tuple(dict.fromkeys(self.devices))

    @property
    def reward(self) -> Floats:
        """(preferences, objectives) averages over all devices, Σ reward / Σ weight."""
        return _ratio(self.sums.reward, self.sums.weight[..., None], (1, 2))

    @property
    def cost(self) -> Floats:
        """(preferences, costs) averages of the kind of device that has most of that cost."""
        found: Floats = self.kind_cost.max(1)
        return found

    @property
    def kind_cost(self) -> Floats:
        """(preferences, kinds, costs) averages over the devices of a kind: each is held to the limits for itself."""
        own = np.array([[name == kind for name in self.devices] for kind in self.kinds])
        sums = (self.sums.cost, self.sums.weight[..., None])
        cost, weight = (np.einsum("kd,pdc...->pk...", own * 1.0, x) for x in sums)
        return _ratio(cost, weight, ())

    @property
    def replicate_reward(self) -> Floats:
        """(preferences, replicates, objectives)"""
        return _ratio(self.sums.reward, self.sums.weight[..., None], 1)

    @property
    def utilities(self) -> Floats:
        """(preferences,) Σ weight · reward average."""
        found: Floats = (self.preferences * self.reward).sum(-1)
        return found

    @property
    def excess(self) -> Floats:
        """(preferences, costs) average over limit, less 1, of the worst kind: above 0 is a violation, strictly."""
        found: Floats = self.cost / self.limits - 1
        return found

    @property
    def kind_excess(self) -> Floats:
        """(preferences, kinds, costs) the same of each kind."""
        found: Floats = self.kind_cost / self.limits - 1
        return found

    @property
    def j_per_served(self) -> Floats:
        """(preferences,) the agent's joules over the served requests, simulated."""
        return _ratio(self.sums.agent_j, self.sums.served, _WHOLE_FLEET)

    @property
    def agent_drain(self) -> Floats:
        """(preferences,) share of the battery that the agent's loads take in a day, deep sleep included, simulated."""
        return _ratio(self.sums.charges, self.sums.days, _WHOLE_FLEET)

    @property
    def battery_life_h(self) -> Floats:
        """(preferences,) how long a full battery lasts without charger and sun at the mean total drain, simulated."""
        return 24 / _ratio(self.sums.total_charges, self.sums.days, _WHOLE_FLEET)

    @property
    def accuracy(self) -> Floats:
        """(preferences,) the accuracy model's mean over time: modelled, not measured."""
        lost: Floats = (1 - self.reward[:, 0]) * self.accuracy_model.total_loss
        return self.accuracy_model.best - lost

    @property
    def latency_mean_s(self) -> Floats:
        """(preferences,) of the served requests."""
        return _ratio(self.sums.latency_s, self.sums.served, _WHOLE_FLEET)

    def latency_s(self, q: float) -> Floats:
        """(preferences,) a quantile over the served requests."""
        return quantile(self.sums.latencies.sum((1, 2)), LATENCY_EDGES_S, q)

    @property
    def staleness_mean_s(self) -> Floats:
        """(preferences,) mean age of the model in service over time."""
        return _ratio(self.sums.model_age_s, self.sums.days, _WHOLE_FLEET)

    def staleness_s(self, q: float) -> Floats:
        """(preferences,) a quantile over time."""
        return quantile(self.sums.ages.sum((1, 2)), AGE_EDGES_S, q)

    @property
    def expired_share(self) -> Floats:
        """(preferences,) of all requests that came to an end."""
        return _ratio(self.sums.expired, self.sums.expired + self.sums.served, _WHOLE_FLEET)

    @property
    def crossings(self) -> Floats:
        """(preferences,) avoidable crossings of the battery floor."""
        found: Floats = self.sums.crossings.sum((1, 2))
        return found

    @property
    def action_shares(self) -> Floats:
        """(preferences, actions) of the ticks."""
        return _ratio(self.sums.actions, self.sums.ticks[..., None], (1, 2))

    @property
    def mode_shares(self) -> Floats:
        """(preferences, modes) of the ticks, in the order of `MODES`."""
        found: Floats = self.action_shares @ MODE_OF
        return found

    def at(self, rows: Any) -> Played:
        """Some of the preferences."""
        return replace(self, preferences=self.preferences[rows], sums=_each(lambda a: a[rows], self.sums))

    def for_all(self, preferences: Floats) -> Played:
        """What was played once, by a policy that does not look at the preference, as if played under each of these."""
        rows = np.zeros(len(preferences), int)
        return replace(self.at(rows), preferences=np.asarray(preferences, np.float64))


def joined(parts: Sequence[Played]) -> Played:
    """Preferences one after another."""
    return replace(
        parts[0],
        preferences=np.concatenate([part.preferences for part in parts]),
        sums=merged([part.sums for part in parts], axis=0),
    )


def merged(parts: Sequence[Sums], axis: int) -> Sums:
    """Along preferences (0) or copies (2)."""
    return Sums(
        **{f.name: np.concatenate([getattr(part, f.name) for part in parts], axis=axis) for f in fields(Sums)}
    )


def _each(change: Any, sums: Sums) -> Sums:
    return Sums(**{f.name: change(getattr(sums, f.name)) for f in fields(Sums)})


def _ratio(above: Floats, below: Floats, axis: Any) -> Floats:
    """Of the sums; NaN of nothing."""
    total = below.sum(axis)
    found: Floats = np.divide(
        above.sum(axis), total, out=np.full_like(above.sum(axis), np.nan), where=total > 0
    )
    return found
