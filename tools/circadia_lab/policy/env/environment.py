"""The full environment: the physics on irregular ticks, in batches, with the shield in the loop.

`Fleet` is the computation, over NumPy or JAX, with chance passed in as uniforms. `TrainingEnvironment` is the trainer's
view of it, with JAX's keys.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.actions import facts_of, units_of
from circadia.errors import ConfigError
from circadia.idle import lacking_in, needs_of
from circadia.learning.personal import most_steps
from circadia.observation import DAY_S, HOUR_S, encode
from circadia.physics import dynamics
from circadia.physics.params import make_params, stack_params
from circadia.physics.scenario import HOURS
from circadia.platforms.simulated import SimulatedPlatform
from circadia.shield import Shield, action_costs
from circadia_lab.policy.env import chance
from circadia_lab.policy.env.fixed import CATALOGUE, SEEN
from circadia_lab.policy.env.interface import Outcome, Seen
from circadia_lab.policy.env.measures import outcome, promise
from circadia_lab.policy.env.mixture import worlds_of
from circadia_lab.policy.env.problem import check_fixed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from circadia.physics.params import Params
    from circadia.physics.state import Result, State
    from circadia.types import Action, Units
    from circadia_lab.policy.env.measures import Measures
    from circadia_lab.policy.env.mixture import Mixture
    from circadia_lab.policy.env.problem import Device, Problem

STARTS = 7
"""Uniforms that a device's first state takes."""
LOWEST_SOC = 0.3
LONGEST_AGE_S = 4 * HOUR_S
BEHIND_SHARE = 0.7
"""Of devices that start with an older version than the newest."""
MOST_PRACTICE = 4096.0


class Advanced(NamedTuple):
    """A tick later."""

    state: State
    outcome: Outcome
    result: Result


class Fleet:
    """`per_device` copies of each device of a problem or of a mixture's worlds.

    Every array has the shape (devices, per_device, …).
    """

    def __init__(
        self,
        problem: Problem | Mixture,
        per_device: int,
        xp: Any = np,
        catalogue: Sequence[Action] = CATALOGUE,
    ) -> None:
        """`ConfigError` for no copies, and for a problem of chosen wakes with the catalogue of ticks of fixed length."""
        if per_device < 1:
            raise ConfigError(f"problem {problem.name}: {per_device} copies of a device; needs one at least")
        self.problem = problem
        worlds = worlds_of(problem)
        if tuple(catalogue) == CATALOGUE:
            for world in worlds:
                check_fixed(world)
        bodies = [(device, world) for world in worlds for device in world.devices]
        self.shape = (len(bodies), per_device)
        self._xp = xp
        self._dtype = np.float64 if xp is np else np.float32
        self.params = _columns(stack_params([_params(*body) for body in bodies]), xp, self._dtype)
        self.catalogue = tuple(catalogue)
        self.facts = facts_of(self.catalogue)
        self._needs = list(zip(*(need.tolist() for need in needs_of(self.facts)), strict=True))
        """(actions, 3): what each can do nothing without."""
        self._limits = _limits(bodies, self.catalogue, xp)
        self._law = chance.laws_of([world.ticks for _, world in bodies], self._dtype)
        self.replay = _replay([world for _, world in bodies], xp)
        self.round_s: Any = DAY_S
        if self.replay:
            self.round_s = xp.where(self.replay.lived, self.replay.length_s, DAY_S)
        self._measures = _measures([world.measures for _, world in bodies], self._dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies are made anew: a module cannot be pickled."""
        return _made, (self.problem, self.shape[1], self._xp.__name__, self.catalogue)

    def start(self, u: Any) -> State:
        """(devices, per_device, STARTS) uniforms → devices at any time of the day or trace, in all sorts of states."""
        xp = self._xp
        state = dynamics.initial_state(
            self.params, LOWEST_SOC + (1 - LOWEST_SOC) * u[..., 0], self.round_s * u[..., 1], xp
        )
        fresh = xp.floor(32 * u[..., 2])
        age = LONGEST_AGE_S * u[..., 4]
        behind = u[..., 5] < BEHIND_SHARE
        started = state._replace(
            stored_examples=fresh + 64,
            fresh_examples=fresh,
            fresh_age_s=xp.where(fresh > 0, LONGEST_AGE_S * u[..., 3], 0),
            model_age_s=age,
            newest_age_s=xp.where(behind, age * u[..., 5] / BEHIND_SHARE, age),
            versions_behind=behind * 1.0,
            practice=MOST_PRACTICE ** u[..., 6] - 1,
        )
        started = self.under_recorded_sky(started)
        return type(state)(*(xp.asarray(x + 0 * u[..., 0], self._dtype) for x in started))

    def look(self, state: State, preference: Any) -> Any:
        """(…, 3) preferences → (…, features) values; NaN beyond the table that ticks of fixed length see."""
        values = dynamics.observe(state, self.params, preference, self._xp)
        return self._xp.where(SEEN, values, np.nan)

    def mask(self, values: Any) -> Any:
        """(…, features) values → (…, actions) what the shield admits; sleeping always."""
        admitted: Any = self._useful(values)
        for limit in self._limits:
            reached = (values[..., limit.feature] * limit.sign) >= limit.thresholds
            admitted = admitted & (reached | limit.exempt)
        return self._xp.moveaxis(admitted, 0, -1)

    def _useful(self, values: Any) -> Any:
        """(actions, …) what has something to do; a few vectors of devices, and each action one of them."""
        there = [~lack for lack in lacking_in(values)]
        sleeps = self._xp.ones_like(there[0])
        rows = {
            needs: functools.reduce(operator.and_, itertools.compress(there, needs), sleeps)
            for needs in set(self._needs)
        }
        return self._xp.stack([rows[needs] for needs in self._needs])

    def advance(self, state: State, action: Any, u: Any) -> Advanced:
        """One tick: (…,) actions, (…, DRAWS) uniforms."""
        xp, params = self._xp, self.params
        noise = chance.draw(state, action, u, params, self._law, xp, self.replay, self.facts)
        after, result = dynamics.step(state, action, noise, params, xp, self.facts)
        after = self.under_recorded_sky(after)
        worth = outcome(state, after, result, params, self._measures, xp)
        return Advanced(after, worth, result)

    def promise(self, state: State) -> Any:
        """(…, objectives)"""
        return promise(state, self._measures, self._xp)

    def wrapped(self, state: State) -> State:
        """The same state with the time within its day, or within the trace: what float32 can tell apart for ever."""
        return state._replace(time_s=chance.around(state.time_s, self.round_s, self._xp))

    def under_recorded_sky(self, state: State) -> State:
        """The same state with the clearness of the problem's trace, where it has one."""
        if self.replay is None:
            return state
        seen = chance.clearness_at(state.time_s, self.replay, self._xp)
        return state._replace(clearness=self._xp.where(self.replay.lived, seen, state.clearness))


def _replay(worlds: Sequence[Problem], xp: Any) -> chance.Recorded | None:
    """Of each device's world; a mixture has one record at most."""
    trace = next((world.trace for world in worlds if world.trace), None)
    if trace is None:
        return None
    lived = np.array([world.trace is not None for world in worlds])
    return chance.recorded(trace, xp)._replace(lived=True if lived.all() else xp.asarray(lived[:, None]))


def _measures(each: Sequence[Measures], dtype: Any) -> Measures:
    """Of each device's world, its numbers (devices, 1) where they differ."""
    first = each[0]
    if all(one == first for one in each):
        return first
    numbers = ("period_s", "stale_s", "old_s")
    columns: dict[str, Any] = {
        name: np.array([getattr(one, name) for one in each], dtype)[:, None] for name in numbers
    }
    return first._replace(**columns)


def _made(problem: Problem | Mixture, per_device: int, module: str, catalogue: tuple[Action, ...]) -> Fleet:
    return Fleet(problem, per_device, importlib.import_module(module), catalogue)


class TrainingEnvironment:
    """A `Fleet` behind the trainer's protocol: flat batches, JAX's arrays and keys."""

    def __init__(self, problem: Problem | Mixture, batch: int) -> None:
        """`batch` devices, a multiple of the number of devices of the problem, or of all worlds of the mixture."""
        from circadia_lab.policy.env import quick_jax

        names = problem.device_names
        devices = len(names)
        if batch < devices or batch % devices:
            raise ConfigError(
                f"problem {problem.name}: a batch of {batch} cannot be dealt to {devices} devices"
            )
        self.name = problem.name
        self.batch = batch
        self.limits = problem.costs.array
        self.kinds = np.repeat(kinds_of(names), batch // devices)
        self.fleet = Fleet(problem, batch // devices, quick_jax)

    def initial(self, key: Any) -> State:
        """Devices in all sorts of states."""
        import jax

        return self.fleet.start(jax.random.uniform(key, (*self.fleet.shape, STARTS)))

    def see(self, state: State, preference: Any) -> Seen:
        """What the policy is given, flat."""
        import jax.numpy as jnp

        values = self.fleet.look(state, preference.reshape(*self.fleet.shape, -1))
        encoded, mask = encode(values, jnp), self.fleet.mask(values)
        return Seen(encoded.reshape(self.batch, -1), mask.reshape(self.batch, -1))

    def step(self, state: State, action: Any, key: Any) -> tuple[State, Outcome]:
        """A tick of every device."""
        after, worth, _ = self.fleet.advance(state, action.reshape(self.fleet.shape), self._uniforms(key))
        flat = Outcome(
            worth.reward.reshape(self.batch, -1), worth.cost.reshape(self.batch, -1), worth.weight.reshape(-1)
        )
        return self.fleet.wrapped(after), flat

    def promise(self, state: State) -> Any:
        """What the devices' practice will have been worth once it has faded."""
        return self.fleet.promise(state).reshape(self.batch, -1)

    def _uniforms(self, key: Any) -> Any:
        """(devices, per_device, DRAWS) by XLA's own generator, Philox: five times as fast on a CPU as Threefry."""
        import jax
        import jax.numpy as jnp

        quick = jax.random.wrap_key_data(jax.random.bits(key, (4,)), impl="rbg")
        return jnp.moveaxis(jax.random.uniform(quick, (chance.DRAWS, *self.fleet.shape)), 0, -1)


def kinds_of(names: Sequence[str]) -> NDArray[np.int64]:
    """(devices,) names → (devices,) which of the different ones each is, counted from 0 in their order."""
    first = list(dict.fromkeys(names))
    return np.array([first.index(name) for name in names])


def _params(device: Device, problem: Problem) -> Params:
    params = make_params(device.profile, device.scenario, step_work=problem.work.step_work)
    if problem.trace is None:
        return params
    per_hour = problem.trace.requests.sum() / (problem.trace.days * HOURS)
    return params._replace(requests_per_hour=np.full(HOURS, per_hour))


def _columns(params: Params, xp: Any, dtype: Any) -> Params:
    """(devices, …) → (devices, 1, …), to go with (devices, per_device) states."""
    arrays = {
        key: xp.asarray(value, dtype)[:, None] for key, value in params._asdict().items() if key != "battery"
    }
    battery = type(params.battery)(*(xp.asarray(x, dtype)[:, None] for x in params.battery))
    return params._replace(battery=battery, **arrays)


class _Limit(NamedTuple):
    """One row of a `LimitTable`, actions first: whole vectors of devices to compare, whatever the number of actions."""

    feature: int
    sign: float
    thresholds: Any
    """(actions, devices, 1)"""
    exempt: Any
    """(actions, devices, 1)"""


def _limits(
    bodies: Sequence[tuple[Device, Problem]], catalogue: tuple[Action, ...], xp: Any
) -> tuple[_Limit, ...]:
    """Of all devices."""
    shields = [_shield(world, device, catalogue) for device, world in bodies]
    first = max(shields, key=lambda shield: len(shield.names))
    rows = [_aligned(shield, first.names) for shield in shields]
    thresholds, exempt = (np.stack(column).T[..., None] for column in zip(*rows, strict=True))
    return tuple(
        _Limit(
            feature=int(first.table.features[i]),
            sign=float(first.table.signs[i]),
            thresholds=xp.asarray(thresholds[:, i]),
            exempt=xp.asarray(exempt[:, i]),
        )
        for i in range(len(first.names))
    )


def _aligned(shield: Shield, names: tuple[str, ...]) -> tuple[Any, Any]:
    """Thresholds and exemptions in the order of `names`; a limit that a device lacks exempts everything.

    Devices of one problem differ in one limit at most: whether there are actions that the platform cannot do.
    """
    actions = len(shield.catalogue)
    nothing = np.zeros(actions, np.float32), np.ones(actions, bool)
    own = dict(
        zip(shield.names, zip(shield.table.thresholds, ~shield.table.applies, strict=True), strict=True)
    )
    thresholds, exempt = zip(*(own.get(name, nothing) for name in names), strict=True)
    return np.stack(thresholds), np.stack(exempt)


def _shield(problem: Problem, device: Device, catalogue: tuple[Action, ...]) -> Shield:
    platform = SimulatedPlatform(device.profile, device.scenario, 0)
    day = device.scenario
    bytes_at_most = day.poll_bytes + day.model_bytes + day.spool_limit * day.update_bytes
    units = _most_personal(round(day.batch_examples)) if problem.work.personal else units_of
    costs = action_costs(platform, device.profile, round(bytes_at_most), catalogue, units)
    return Shield(problem.limits, costs, catalogue)


def _most_personal(batch: int) -> Callable[[Action], Units]:
    """What an action does at most where an answer of the device's own is learned from the same steps."""

    def most(action: Action) -> Units:
        units = units_of(action)
        return units._replace(steps=units.steps + most_steps(units.steps, batch)) if units.steps else units

    return most
