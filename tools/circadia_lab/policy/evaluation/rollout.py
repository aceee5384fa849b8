"""A policy's days in the full environment, all preferences side by side, under chance that all policies share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.errors import ConfigError
from circadia.observation import DAY_S, encode
from circadia.policy.sampling import sample
from circadia_lab.policy.env.chance import DRAWS
from circadia_lab.policy.env.crossings import avoidable_crossings
from circadia_lab.policy.env.environment import STARTS, Fleet
from circadia_lab.policy.env.fixed import CATALOGUE
from circadia_lab.policy.evaluation.draws import keys, moments, uniforms
from circadia_lab.policy.evaluation.histogram import AGE_EDGES_S, LATENCY_EDGES_S, bin_of
from circadia_lab.policy.evaluation.played import Played, Sums, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from circadia.physics.state import Result, State
    from circadia_lab.policy.env.environment import Advanced
    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.scorers import Scorer

    Floats = NDArray[np.float64]

ROWS = 4096
"""Devices at a time, at most, unless a single copy under every preference needs more."""


class Tick(NamedTuple):
    """One tick of all devices of a chunk; every field is (devices, preferences · copies, …)."""

    before: State
    action: Any
    advanced: Advanced
    counted: Any
    """1 within the days that count, else 0."""
    crossed: Any
    """Where the action itself led below the battery floor."""


def play(
    problem: Problem,
    scorer: Scorer,
    preferences: Any,
    *,
    per_device: int = 32,
    days: float = 4.0,
    warm_up_days: float = 1.0,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Played:
    """(preferences, objectives) → what became of `per_device` copies of each device under each of them.

    Ticks that begin in the `days` after `warm_up_days` count. The same seed is the same chance for every policy and
    preference, and copy i is the same whatever `per_device` is. `progress` is told the share that is done.
    `ConfigError` for no preference, no copy or no time.
    """
    preferences = np.atleast_2d(np.asarray(preferences, np.float64))
    if per_device < 1 or not days > 0 or not warm_up_days >= 0 or not preferences.size:
        raise ConfigError(
            f"problem {problem.name}: {len(preferences)} preferences, {per_device} copies, {days:g} days after "
            f"{warm_up_days:g}; needs one preference and one copy at least, days above 0, a warm-up of 0 or more"
        )
    at_once = max(1, ROWS // (len(preferences) * len(problem.devices)))
    chunks = [range(i, min(i + at_once, per_device)) for i in range(0, per_device, at_once)]
    parts = []
    for i, copies in enumerate(chunks):
        way = Way(problem, preferences, copies, seed)
        tally = _Tally(way)
        for done, tick in way.ticks(scorer, warm_up_days, days):
            tally.add(tick)
            if progress:
                progress((i + done) / len(chunks))
        parts.append(tally.sums())
    return Played(
        preferences=preferences,
        limits=problem.costs.array,
        accuracy_model=problem.accuracy,
        sums=merged(parts, axis=2),
        devices=problem.device_names,
    )


class Way:
    """Some copies of every device, under every preference, through time."""

    def __init__(self, problem: Problem, preferences: Floats, copies: range, seed: int) -> None:
        self.preferences, self.copies = len(preferences), len(copies)
        self.fleet = Fleet(problem, self.preferences * self.copies)
        self._period_s = problem.ticks.period_s
        self._floor = problem.limits.battery_floor
        own = keys(seed, len(problem.devices), copies)
        self._keys = np.tile(own, (1, self.preferences))
        self._preference = np.broadcast_to(
            np.repeat(preferences, self.copies, axis=0), (*self.fleet.shape, preferences.shape[-1])
        )

    def start(self) -> State:
        """The first state, which a copy has under every preference."""
        return self.fleet.start(uniforms(moments(self._keys, 0, 0), STARTS))

    def ticks(self, scorer: Scorer, warm_up_days: float, days: float) -> Iterator[tuple[float, Tick]]:
        """Until the days of every device are over, with the share of the time that the slowest is through."""
        state = self.start()
        first, period = state.time_s, np.full(self.fleet.shape, -1)
        number = np.zeros(self.fleet.shape, int)  # 0 is the start's
        begin, end = warm_up_days * DAY_S, (warm_up_days + days) * DAY_S
        while (elapsed := state.time_s - first).min() < end:
            now = np.floor(state.time_s / self._period_s).astype(int)
            number = np.where(now == period, number + 1, 1)
            period = now
            u = uniforms(moments(self._keys, period, number), DRAWS + 1)
            action = self._act(state, scorer, u[..., DRAWS])
            advanced = self.fleet.advance(state, action, u[..., :DRAWS])
            counted = ((elapsed >= begin) & (elapsed < end)) * 1.0
            crossed = avoidable_crossings(state, action, advanced.result, self.fleet.params, self._floor)
            yield min(elapsed.min() / end, 1.0), Tick(state, action, advanced, counted, crossed)
            state = advanced.state

    def _act(self, state: State, scorer: Scorer, u: Any) -> Any:
        values = self.fleet.look(state, self._preference).astype(np.float32)
        mask = self.fleet.mask(values)
        seen = (self._cut(values), self._cut(encode(values)), self._cut(mask))
        scores = np.asarray(scorer(*seen))
        return sample(scores.reshape(mask.shape), mask & (scores.reshape(mask.shape) > -np.inf), u)

    def _cut(self, x: Any) -> Any:
        """(devices, preferences · copies, …) → (devices, preferences, copies, …)."""
        return x.reshape(x.shape[0], self.preferences, self.copies, *x.shape[2:])


class _Tally:
    """`Sums` in the making, (devices, preferences · copies, …)."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._capacity_j = way.fleet.params.capacity_j
        rows = self._rows = np.arange(np.prod(way.fleet.shape))
        self._latencies = np.zeros((len(rows), len(LATENCY_EDGES_S) - 1))
        self._ages = np.zeros((len(rows), len(AGE_EDGES_S) - 1))
        self._actions = np.zeros((len(rows), len(CATALOGUE)))
        self._plain: dict[str, Any] = {}

    def add(self, tick: Tick) -> None:
        """A tick."""
        counted, result, worth = tick.counted, tick.advanced.result, tick.advanced.outcome
        agent_j = result.energy_j.sum(-1)
        total_j = agent_j + result.background_j
        days, age = result.dt_s / DAY_S, tick.advanced.state.model_age_s
        found = {
            "weight": worth.weight,
            "days": days,
            "agent_j": agent_j,
            "total_j": total_j,
            "charges": agent_j / self._capacity_j,
            "total_charges": total_j / self._capacity_j,
            "served": result.requests_served,
            "expired": result.requests_expired,
            "latency_s": result.latency_s,
            "model_age_s": age * days,
            "ticks": np.ones_like(counted),
            "crossings": tick.crossed,
        }
        for name, x in found.items():
            self._plain[name] = self._plain.get(name, 0.0) + counted * x
        for name, x in (("reward", worth.reward), ("cost", worth.cost)):
            self._plain[name] = self._plain.get(name, 0.0) + counted[..., None] * x
        self._actions[self._rows, tick.action.ravel()] += counted.ravel()
        self._ages[self._rows, bin_of(age, AGE_EDGES_S).ravel()] += (counted * days).ravel()
        rows, latency_s = latencies(tick.before, result, counted)
        np.add.at(self._latencies, (rows, bin_of(latency_s, LATENCY_EDGES_S)), 1.0)

    def sums(self) -> Sums:
        """(preferences, devices, copies, …)"""
        tables = {"latencies": self._latencies, "ages": self._ages, "actions": self._actions}
        return Sums(**{name: self._dealt(x) for name, x in (self._plain | tables).items()})

    def _dealt(self, x: Floats) -> Floats:
        devices, rows = self._way.fleet.shape
        more = x.shape[2:] if x.shape[:2] == (devices, rows) else x.shape[1:]
        return np.moveaxis(x.reshape(devices, self._way.preferences, self._way.copies, *more), 1, 0)


def latencies(before: State, result: Result, counted: Any) -> tuple[NDArray[np.intp], Floats]:
    """Flat row and latency of each request that was served, one by one.

    The i-th oldest of n that waited is age · (1 − i / n) old; all are answered when the tick's work is over.
    """
    served = (counted * result.requests_served).astype(int).ravel()
    rows = np.repeat(np.arange(served.size), served)
    i = np.arange(len(rows)) - np.repeat(np.cumsum(served) - served, served)
    waited = before.queue_age_s.ravel()[rows] * (1 - i / np.maximum(before.queue_length.ravel()[rows], 1))
    return rows, waited + result.busy_s.ravel()[rows]
