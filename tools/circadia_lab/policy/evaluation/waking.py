"""Policies of wakes played in time: what each kind of device gains, what it costs, and three ways to count its joules.

Averages are over the days that count, Σ x / Σ weight, whatever the number of wakes in them. Simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from circadia.errors import ConfigError
from circadia.observation import DAY_S
from circadia_lab.policy.cmoppo.rollout import chosen
from circadia_lab.policy.env.environment import kinds_of
from circadia_lab.policy.env.interface import OBJECTIVES, WAKE_COSTS, Choice
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.env.sleeping import DRAWS
from circadia_lab.policy.env.wakes import WakeEnvironment

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.policy.prior import PriorSettings
    from circadia_lab.policy.cmoppo.rollout import DrawFrom
    from circadia_lab.policy.env.interface import Seen
    from circadia_lab.policy.env.problem import Problem

    Floats = NDArray[np.float64]
    Rule = Callable[[Any, Seen], Choice]
    Chooser = Callable[[Seen, Any, Any], Choice]
    """Of what is seen, (batch, features) values and a key."""

JOULES = ("agent_j", "device_j", "agent_battery_j", "device_battery_j")
"""Of waking, work and radio; with rest; each less what charger and panel paid for."""
CHUNK = 50
"""Wakes that are compiled as one."""
MOST_WAKES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Waking:
    """How much of everything."""

    copies: int = 8
    """Of each device under each preference."""
    days: float = 4.0
    warm_up_days: float = 1.0
    seed: int = 0


class Lived(NamedTuple):
    """(kinds, preferences, …) averages, kinds in the order of `kind_names`; a device that woke more than `MOST_WAKES` times counts what it lived."""

    reward: Floats
    """(…, objectives)"""
    cost: Floats
    """(…, costs) as shares of their limits."""
    joules: Floats
    """(…, JOULES) a day"""
    wakes: Floats
    """A day."""

    @property
    def worst(self) -> Floats:
        """(kinds, preferences) largest cost as a share of its limit."""
        found: Floats = self.cost.max(-1)
        return found

    def utility(self, preferences: Floats) -> Floats:
        """(kinds, preferences)"""
        found: Floats = (preferences * self.reward).sum(-1)
        return found

    def as_dict(self, kind: int) -> dict[str, Any]:
        """Of one kind of device: means over the preferences, and the worst of them."""
        rewards = dict(zip(OBJECTIVES, self.reward[kind].mean(0).tolist(), strict=True))
        worst = dict(zip(WAKE_COSTS, self.cost[kind].max(0).tolist(), strict=True))
        costs = dict(zip(WAKE_COSTS, self.cost[kind].mean(0).tolist(), strict=True))
        joules = dict(zip(JOULES, self.joules[kind].mean(0).tolist(), strict=True))
        return {
            **rewards,
            **{f"{name}_a_day": value for name, value in joules.items()},
            "wakes_a_day": float(self.wakes[kind].mean()),
            "costs_over_limit": costs,
            "worst_costs_over_limit": worst,
            "violating_fraction": float((self.worst[kind] > 1).mean()),
        }


def kind_names(problem: Problem) -> tuple[str, ...]:
    """(kinds,) the different names of a problem's devices."""
    return tuple(dict.fromkeys(problem.device_names))


def by_draws(draw_from: DrawFrom) -> Chooser:
    """A network."""
    return lambda seen, _, key: chosen(seen, draw_from, key)


def by_rule(rule: Rule) -> Chooser:
    """What chooses by the values and draws nothing."""
    return lambda seen, values, _: rule(values, seen)


def lived(
    problem: Problem,
    choose: Chooser,
    extent: Waking,
    preferences: Floats = ANCHORS,
    *,
    prior: PriorSettings | None = None,
) -> Lived:
    """(preferences, objectives) → what became of each kind of device under each; those of one preference are a fleet.

    `ConfigError` for no time.
    """
    if not extent.days > 0 or extent.copies < 1:
        raise ConfigError(
            f"problem {problem.name}: {extent.copies} copies for {extent.days:g} days; needs some of both"
        )
    devices, each = len(problem.devices), len(preferences) * extent.copies
    environment = WakeEnvironment(problem, devices * each, fleets=len(preferences), prior=prior)
    preference = jnp.asarray(
        np.tile(np.repeat(preferences, extent.copies, axis=0), (devices, 1)), jnp.float32
    )
    begin, end = (d * DAY_S for d in (extent.warm_up_days, extent.warm_up_days + extent.days))
    fleet = environment.fleet

    def wake(carried: Any, key: Any) -> Any:
        living, elapsed, sums = carried
        acting, chance = jax.random.split(key)
        values = fleet.look(living, preference.reshape(*fleet.shape, -1)).reshape(environment.batch, -1)
        choice = choose(environment.see(living, preference), values, acting)
        dealt = environment.dealt(choice)
        u = jax.random.uniform(chance, (*fleet.shape, DRAWS))
        awoken = fleet.advance(living, dealt.work, fleet.asked(living, dealt), u)
        worth, woken = awoken.outcome, awoken.woken
        joules = jnp.stack([getattr(woken.paid, name) for name in JOULES], -1)
        one = jnp.ones((*fleet.shape, 1))
        found = jnp.concatenate([worth.reward, worth.cost, joules, one, worth.weight[..., None]], -1)
        counted = (elapsed >= begin) & (elapsed < end)
        sums += jnp.where(counted[..., None], found, 0.0)
        return (fleet.wrapped(awoken.living), elapsed + woken.result.dt_s, sums), None

    @jax.jit
    def some(carried: Any, key: Any) -> Any:
        return jax.lax.scan(wake, carried, jax.random.split(key, CHUNK))[0]

    of_world, key = jax.random.split(jax.random.PRNGKey(extent.seed))
    width = len(OBJECTIVES) + len(WAKE_COSTS) + len(JOULES) + 2
    carried = environment.initial(of_world), jnp.zeros(fleet.shape), jnp.zeros((*fleet.shape, width))
    for _ in range(MOST_WAKES // CHUNK):
        key, now = jax.random.split(key)
        carried = some(carried, now)
        if float(carried[1].min()) >= end:
            break
    return _averaged(np.asarray(carried[2], np.float64), problem, environment.limits, len(preferences))


def _averaged(sums: Floats, problem: Problem, limits: Floats, preferences: int) -> Lived:
    devices = sums.reshape(len(sums), preferences, -1, sums.shape[-1]).sum(2)
    total = np.zeros((len(kind_names(problem)), *devices.shape[1:]))
    np.add.at(total, kinds_of(problem.device_names), devices)
    rest, weight = total[..., :-1], total[..., -1:]
    edges = np.cumsum([len(OBJECTIVES), len(WAKE_COSTS), len(JOULES)])
    reward, cost, joules, wakes = np.split(rest / weight, edges, axis=-1)
    a_day = DAY_S / problem.ticks.period_s
    return Lived(reward, cost / limits, joules * a_day, wakes[..., 0] * a_day)
