"""The environment of wakes: work of the whole catalogue and a free sleep after it, in batches, the shield in the loop.

`WakeFleet` is the computation, over NumPy or JAX, with chance passed in as uniforms. `WakeEnvironment` is the trainer's
view of it, with JAX's keys.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.actions import CATALOGUE
from circadia.due import Done, next_s
from circadia.errors import ConfigError
from circadia.observation import DAY_S, HOUR_S, encode
from circadia.physics import dynamics, learnt, wake
from circadia.policy.prior import Prior
from circadia.policy.sleeps import SLEEPS, Drawn
from circadia.practice import PRACTICE_S
from circadia.types import WakeOn
from circadia_lab.policy.env import sleeping
from circadia_lab.policy.env.environment import STARTS, Fleet, kinds_of
from circadia_lab.policy.env.fleet_versions import (
    LEAST_PER_S,
    MEMORY_S,
    updates_after,
    usual_updates_per_s,
    versions_per_s,
)
from circadia_lab.policy.env.interface import Choice, Outcome, Seen
from circadia_lab.policy.env.measures import promise
from circadia_lab.policy.env.sleeping import Asked
from circadia_lab.policy.env.wake_measures import measures_of, outcome

if TYPE_CHECKING:
    from circadia.physics.state import State
    from circadia.physics.wake import Woken
    from circadia.policy.prior import PriorSettings
    from circadia.policy.sleeps import SleepOptions
    from circadia_lab.policy.env.problem import Problem

EVEN = np.full(3, 1 / 3)
OWN_ANSWERS = 0.5
"""Of the wrong answers of shared weights, what a device's own make right; in two runs 0.27 to 0.78, by arm and seed."""
USUAL_ROWS = 512.0
"""Of an update: a large training's."""
MOST_KNOWN = 30_000.0
"""Rows, where an environment starts."""
PROMISED_S = 6 * HOUR_S
"""How long what a push brings the federation counts before it comes back."""
KNOWN = ("known", "present", "newest_known", "newest_present", "practice", "unsent_examples")
"""What is lost where a federation begins anew."""
BEGINS = sleeping.DRAWS - 1
"""Which of a wake's draws says whether it does."""


class Living(NamedTuple):
    """A fleet between two wakes of each of its devices."""

    bodies: State
    updates_per_s: Any
    """(fleets,) that one device of each pushes, in the mean."""
    told_per_s: Any
    """(fleets,) rows that these are worth."""


class Awoken(NamedTuple):
    """Each device's next wake."""

    living: Living
    outcome: Outcome
    woken: Woken


class WakeFleet:
    """`per_device` copies of each of a problem's devices; every array has the shape (devices, per_device, …)."""

    def __init__(
        self,
        problem: Problem,
        per_device: int,
        xp: Any = np,
        sleeps: SleepOptions = SLEEPS,
        fleets: int = 1,
        prior: PriorSettings | None = None,
        *,
        alike: bool = False,
    ) -> None:
        """`fleets`: federations that the copies are dealt to, as many to each, one after another.

        `alike`: instead, each device has a federation whose devices all do as it does. Who trains one among many learns
        that what it pushes is worth next to nothing to itself, and leaves it to the others.

        `prior`: of the policy that decides; something is due as its rule has it.

        `ConfigError` for a problem whose ticks have a fixed length, and for copies that cannot be dealt so.
        """
        if problem.wake is None:
            raise ConfigError(
                f"problem {problem.name}: its ticks have a fixed length; a file with [wake] is one of chosen wakes"
            )
        if fleets < 1 or per_device % fleets:
            raise ConfigError(
                f"problem {problem.name}: {per_device} copies cannot be dealt to {fleets} fleets"
            )
        self.problem = problem
        self.fleets, self.alike = fleets, alike
        self.law = problem.wake
        self.sleeps = sleeps
        self._told = prior
        self.prior = None if prior is None else Prior(prior, xp)
        self._bodies = Fleet(problem, per_device, xp, CATALOGUE)
        self.shape = self._bodies.shape
        self.params = self._bodies.params
        self.facts = self._bodies.facts
        self._xp = xp
        self._measures = measures_of(problem)
        kinds = [[bool(device[kind]) for kind in _places(sleeps)] for device in self.params.wakes_on[:, 0]]
        self.admitted = xp.asarray(np.repeat(kinds, sleeps.group, axis=-1)[:, None])
        """(devices, 1, options) the sleeps that each body can do."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies are made anew: a module cannot be pickled."""
        return _made, (
            self.problem,
            self.shape[1],
            self._xp.__name__,
            self.sleeps,
            self.fleets,
            self._told,
            self.alike,
        )

    def start(self, u: Any) -> Living:
        """(devices, per_device, STARTS) uniforms → devices at any time of the day or trace, in all sorts of states."""
        xp = self._xp
        bodies = wake.remembering(self._bodies.start(u), self.params, xp)
        bodies = bodies._replace(
            contact_age_s=bodies.newest_age_s, trained_age_s=bodies.fresh_age_s, **_learnt(bodies, u, xp)
        )
        bodies = bodies._replace(recent_error=1 - self.right(bodies))
        rate = usual_updates_per_s(xp.mean(self.params.versions_per_hour), self.law, xp)
        dtype = bodies.battery_j.dtype
        whole = (xp.asarray(x + 0 * u[..., 0], dtype) for x in bodies)
        rates = xp.full(self.shape if self.alike else (self.fleets,), rate, dtype)
        return Living(type(bodies)(*whole), rates, rates * learnt.worth(USUAL_ROWS, xp))

    def look(self, living: Living, preference: Any) -> Any:
        """(…, 3) preferences → (…, features) values: of the newest version what is known."""
        bodies = living.bodies
        known = bodies._replace(versions_behind=bodies.known_behind)
        return dynamics.observe(known, self.params, preference, self._xp)

    def mask(self, values: Any) -> Any:
        """(…, features) values → (…, actions) what the shield admits; sleeping always."""
        return self._bodies.mask(values)

    def asked(self, living: Living, choice: Choice) -> Asked:
        """(…,) choices → the sleeps that they ask for."""
        xp, facts = self._xp, self.facts
        values = self.look(living, EVEN) if choice.values is None else choice.values
        trains, syncs = (xp.asarray(flags)[choice.work] for flags in (facts.trains, facts.syncs))
        answers = xp.asarray(facts.answers)[choice.work]
        done = Done((answers > 0) & (living.bodies.queue_length <= answers), trains, syncs)
        heard = [kind is not WakeOn.DUE for kind in self.sleeps.wake_on]
        if self.prior is None:
            due = xp.stack([next_s(values, heard=one, done=done, xp=xp) for one in heard], axis=-1)
        else:
            due = self.prior.due_s(values, choice.work)
        length = self.sleeps.length_s(Drawn(choice.sleep, choice.place), due, xp)
        return Asked(length, xp.asarray(_places(self.sleeps))[self.sleeps.kind(choice.sleep)])

    def advance(self, living: Living, work: Any, asked: Asked, u: Any) -> Awoken:
        """To each device's next wake: (…,) actions and sleeps, (…, DRAWS) uniforms."""
        xp, params, bodies = self._xp, self.params, living.bodies
        published, told = self._versions_per_s(living), self._rows_per_update(living)
        replay = self._bodies.replay
        noise = sleeping.draw(bodies, work, asked, u, params, self.problem, published, xp, self.facts, replay)
        noise = noise._replace(told=told)
        woken = wake.step(bodies, work, noise, params, self.right, xp, self.facts)
        woken = woken._replace(after=self._bodies.under_recorded_sky(woken.after))
        dt = woken.result.dt_s
        woken = woken._replace(after=self._begun(woken.after, dt, u[..., BEGINS]))
        rate = updates_after(living.updates_per_s, woken.result.updates_pushed, dt, xp)
        worth = updates_after(living.told_per_s, woken.told, dt, xp)
        return Awoken(Living(woken.after, rate, worth), outcome(woken, params, self._measures, xp), woken)

    def _begun(self, bodies: State, dt_s: Any, u: Any) -> State:
        """With weights that know nothing, where the federation has begun anew."""
        begins = u < self.law.begins_per_day / DAY_S * dt_s
        new = {name: self._xp.where(begins, 0.0, getattr(bodies, name)) for name in KNOWN}
        begun = bodies._replace(**new)
        error = self._xp.where(begins, 1 - self.right(begun), bodies.recent_error)
        return begun._replace(recent_error=error)

    def _versions_per_s(self, living: Living) -> Any:
        return self._dealt(versions_per_s(living.updates_per_s, self.law, self._xp))

    def _rows_per_update(self, living: Living) -> Any:
        """Rows that an update is worth, in the mean of late."""
        return self._dealt(living.told_per_s / self._xp.maximum(living.updates_per_s, LEAST_PER_S))

    def _dealt(self, of_fleets: Any) -> Any:
        """(fleets,) → (per_device,) of each one's fleet."""
        return of_fleets if self.alike else self._xp.repeat(of_fleets, self.shape[1] // self.fleets)

    def promise(self, living: Living) -> Any:
        """(…, objectives) of what the federation knows, or will of what it was told: a device's own lasts only until it pulls.

        No device sees it, so no critic could tell by the time that it comes back what a push was worth. It counts for
        `PROMISED_S`: somebody else will have learnt as much by then.
        """
        measures = self.problem.measures._replace(accuracy=self._measures.accuracy)
        bodies, told = living.bodies, self._rows_per_update(living)
        coming = MEMORY_S * learnt.VERSION_GAIN * told * self._versions_per_s(living)
        pulled = bodies._replace(known=bodies.newest_known + coming, present=bodies.newest_present + coming)
        return promise(pulled, measures, self._xp) * (PROMISED_S / PRACTICE_S)

    def wrapped(self, living: Living) -> Living:
        """The same with the times within the day, or within the trace: what float32 can tell apart for ever."""
        return living._replace(bodies=self._bodies.wrapped(living.bodies))

    def right(self, state: State) -> Any:
        """(…,) share of right answers: a device with answers of its own gives better ones than the weights that it shares."""
        shared = self._measures.accuracy.accuracy(state, self._xp)
        return shared + OWN_ANSWERS * self.problem.work.personal * (1 - shared)


def _learnt(bodies: State, u: Any, xp: Any) -> dict[str, Any]:
    """Fleets that begin, and such as have learnt for days; since the last jump as much or less."""
    newest = MOST_KNOWN ** u[..., 6] - 1
    since = newest * u[..., 3]
    lag = xp.where(bodies.versions_behind > 0, 0.5 + 0.5 * u[..., 5], 1.0)
    return {"known": newest * lag, "present": since * lag, "newest_known": newest, "newest_present": since}


def _places(sleeps: SleepOptions) -> list[int]:
    """Of its kinds, in `WakeOn`."""
    return [list(WakeOn).index(kind) for kind in sleeps.wake_on]


def _made(problem: Problem, per_device: int, module: str, *rest: Any) -> WakeFleet:
    *places, alike = rest
    return WakeFleet(problem, per_device, importlib.import_module(module), *places, alike=alike)


class WakeEnvironment:
    """A `WakeFleet` behind the trainer's protocol: flat batches, JAX's arrays and keys."""

    def __init__(
        self,
        problem: Problem,
        batch: int,
        sleeps: SleepOptions = SLEEPS,
        fleets: int = 1,
        prior: PriorSettings | None = None,
        *,
        alike: bool = False,
    ) -> None:
        """`batch` devices, a multiple of the problem's number of devices; the others as of `WakeFleet`."""
        from circadia_lab.policy.env import quick_jax

        devices = len(problem.devices)
        if batch < devices or batch % devices:
            raise ConfigError(
                f"problem {problem.name}: a batch of {batch} cannot be dealt to {devices} devices"
            )
        self.name = problem.name
        self.batch = batch
        self.limits = problem.costs.of_wakes
        self.kinds = np.repeat(kinds_of(problem.device_names), batch // devices)
        self.fleet = WakeFleet(problem, batch // devices, quick_jax, sleeps, fleets, prior, alike=alike)
        self.prior = self.fleet.prior
        self.actions = len(CATALOGUE)
        self.options = sleeps.count

    def initial(self, key: Any) -> Living:
        """Devices in all sorts of states."""
        import jax

        return self.fleet.start(jax.random.uniform(key, (*self.fleet.shape, STARTS)))

    def see(self, state: Living, preference: Any) -> Seen:
        """What the policy is given, flat."""
        import jax.numpy as jnp

        values = self.fleet.look(state, preference.reshape(*self.fleet.shape, -1))
        encoded, mask = encode(values, jnp), self.fleet.mask(values)
        sleeps = jnp.broadcast_to(self.fleet.admitted, (*self.fleet.shape, self.options))
        prior = self.fleet.prior
        told = () if prior is None else (prior.work(values), prior.sleep(values), values)
        return Seen(*(x.reshape(self.batch, -1) for x in (encoded, mask, sleeps, *told)))

    def step(self, state: Living, choice: Choice, key: Any) -> tuple[Living, Outcome]:
        """Every device to its next wake."""
        asked = self.fleet.asked(state, dealt := self.dealt(choice))
        living, worth, _ = self.fleet.advance(state, dealt.work, asked, self._uniforms(key))
        flat = Outcome(
            worth.reward.reshape(self.batch, -1), worth.cost.reshape(self.batch, -1), worth.weight.reshape(-1)
        )
        return self.fleet.wrapped(living), flat

    def dealt(self, choice: Choice) -> Choice:
        """Of the fleet's shape."""
        shape = self.fleet.shape
        values = None if choice.values is None else choice.values.reshape(*shape, -1)
        work, sleep, place = (x.reshape(shape) for x in choice[:3])
        return Choice(work, sleep, place, values)

    def promise(self, state: Living) -> Any:
        """What the devices' practice will have been worth once it has faded."""
        return self.fleet.promise(state).reshape(self.batch, -1)

    def _uniforms(self, key: Any) -> Any:
        """(devices, per_device, DRAWS) by XLA's own generator, Philox: five times as fast on a CPU as Threefry."""
        import jax
        import jax.numpy as jnp

        quick = jax.random.wrap_key_data(jax.random.bits(key, (4,)), impl="rbg")
        return jnp.moveaxis(jax.random.uniform(quick, (sleeping.DRAWS, *self.fleet.shape)), 0, -1)
