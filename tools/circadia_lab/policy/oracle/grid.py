"""The grid problem: a device small enough for its optimum to be certified, built from the very physics of the others.

Ticks are even. The world is one of a few joint contexts (`contexts`); requests, examples and versions come in lots at
two values each. For every state, action and lot `circadia.physics.dynamics.step` says what happens; what it leaves
is put back on the grid by stochastic rounding (`axes`), the battery in joules. The shield's mask is that of
`circadia.shield`, rewards and costs are those of `measures`, averaged over the lots.

What differs from the full problem, so that a few ticks matter and all fits the axes: a tick is a quarter of an hour
and a request waits two of them, so that it can be served now or a tick later; training works in smaller batches, so
that a small training takes one lot of examples; the version that waits is as old as such versions are on average;
the body is at rest at every tick, as warm as its context makes it; and states do not count practice, so that accuracy
is that of fleets with steady habits (`accuracy_steady.json`): its scale is not the full problem's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import LOCAL_STEPS
from circadia.energy.battery import energy_j
from circadia.observation import NO_DEADLINE_S
from circadia.physics import dynamics
from circadia.physics.params import make_params
from circadia.platforms.simulated import SimulatedPlatform
from circadia.policy.sampling import probabilities
from circadia.shield import Limits, Shield, action_costs
from circadia.types import Work
from circadia_lab.policy.env.fixed import CATALOGUE
from circadia_lab.policy.env.measures import Measures
from circadia_lab.policy.oracle.axes import Backlog, Ladder, Version
from circadia_lab.policy.oracle.contexts import contexts_of
from circadia_lab.policy.oracle.enumeration import enumerate_chain
from circadia_lab.policy.oracle.spec import Axes, GridSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.energy.profile import DeviceProfile, Quantity
    from circadia.physics.params import Params
    from circadia.physics.scenario import Scenario
    from circadia.physics.state import State
    from circadia_lab.policy.oracle.chain import Chain
    from circadia_lab.policy.oracle.contexts import Contexts

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """A grid problem, ready to be planned in."""

    spec: GridSpec
    device: DeviceProfile
    day: Scenario
    params: Params
    contexts: Contexts
    axes: Axes
    states: State
    """(S,) each: what the physics starts from."""
    measures: Measures
    chain: Chain

    @property
    def shape(self) -> tuple[int, ...]:
        """Points of each axis of `SHAPE`."""
        return (len(self.contexts.names), *self.axes.shape)


def make_grid(spec: GridSpec, progress: Callable[[float], None] | None = None) -> Grid:
    """Enumerate; `progress` is told the share that is done. Seconds for 8,000 states, a minute for 200,000.

    `ConfigError` if an action takes longer than a tick.
    """
    device, day = _device(spec), _day(spec)
    params = make_params(device, day)
    contexts = contexts_of(params, spec.tick_s)
    axes = axes_of(spec, params)
    states = _states(spec, params, contexts, axes)
    costs = spec.costs
    measures = Measures(spec.accuracy, spec.tick_s, costs.stale_s, costs.old_s)
    mask = _admitted(states, params, shield_of(spec.limits, device, day))
    chain = enumerate_chain(spec, params, contexts, axes, states, mask, measures, progress)
    return Grid(
        spec=spec,
        device=device,
        day=day,
        params=params,
        contexts=contexts,
        axes=axes,
        states=states,
        measures=measures,
        chain=chain,
    )


def _device(spec: GridSpec) -> DeviceProfile:
    """With battery and work scaled."""
    cell, duration = spec.profile.battery, spec.profile.duration
    work: dict[str, Any] = {key: _scaled(getattr(duration, key), spec.work_scale) for key in _WORK}
    return replace(
        spec.profile,
        battery=replace(
            cell,
            capacity_c=_scaled(cell.capacity_c, spec.battery_scale),
            capacity_wh=_scaled(cell.capacity_wh, spec.battery_scale),
        ),
        duration=replace(duration, **work),
    )


_WORK = ("train_step_low_s", "train_step_high_s", "serve_request_low_s", "serve_request_high_s")


def _scaled(quantity: Quantity | None, scale: float) -> Quantity | None:
    return None if quantity is None else replace(quantity, value=quantity.value * scale)


def _day(spec: GridSpec) -> Scenario:
    """The scenario, with what the grid has of its own."""
    return replace(
        spec.scenario,
        requests_per_hour=tuple(spec.request_scale * r for r in spec.scenario.requests_per_hour),
        deadline_s=spec.deadline_ticks * spec.tick_s,
        queue_limit=max(spec.queue_lots) * spec.request_lot,
        batch_examples=spec.example_lot / LOCAL_STEPS[Work.SMALL],
        spool_limit=1.0,
        plug_jitter_s=0.0,
    )


def axes_of(spec: GridSpec, params: Params) -> Axes:
    """In SI units."""
    charge = np.linspace(0, 1, spec.battery_levels)
    tick = spec.tick_s
    return Axes(
        battery=Ladder(levels=tuple(map(float, energy_j(charge, params.battery)))),
        queue=Backlog(counts=_times(spec.queue_lots, spec.request_lot), ages=_times(spec.queue_ages, tick)),
        fresh=Backlog(counts=_times(spec.fresh_lots, spec.example_lot), ages=_times(spec.fresh_ages, tick)),
        model=Version(newest=_times(spec.newest_ages, tick), behind=_times(spec.behind_ages, tick)),
        unsent=Ladder(levels=_times(spec.unsent_lots, spec.example_lot)),
    )


def _times(numbers: tuple[float, ...], unit: float) -> tuple[float, ...]:
    return tuple(number * unit for number in numbers)


def _states(spec: GridSpec, params: Params, contexts: Contexts, axes: Axes) -> State:
    """(S,) the state that each grid point stands for."""
    shape = (len(contexts.names), *axes.shape)
    c, battery, queue, fresh, model, unsent = (i.ravel() for i in np.indices(shape))
    length, waited = (points[queue] for points in axes.queue.points)
    examples, held = (points[fresh] for points in axes.fresh.points)
    age, behind = (points[model] for points in axes.model.points)
    at_rest = dynamics.initial_state(params, np.zeros(len(c)), contexts.time_s[c])
    return at_rest._replace(
        dt_s=np.full(len(c), spec.tick_s),
        battery_j=np.array(axes.battery.levels)[battery],
        temperature_c=at_rest.temperature_c
        + params.resistance_k_per_w * params.user_w * contexts.user_active[c],
        user_active=contexts.user_active[c],
        link=contexts.link[c],
        clearness=contexts.clearness[c],
        queue_length=length,
        queue_age_s=waited,
        queue_slack_s=np.where(length > 0, params.deadline_s - waited, NO_DEADLINE_S),
        stored_examples=np.full(len(c), float(params.example_limit)),
        fresh_examples=examples,
        fresh_age_s=held,
        unsent_examples=np.array(axes.unsent.levels)[unsent],
        versions_behind=behind,
        model_age_s=age,
        newest_age_s=np.where(behind > 0, np.minimum(age, waiting_age_s(spec, params)), age),
    )


def waiting_age_s(spec: GridSpec, params: Params) -> float:
    """Mean age of the newest version when at least one came: geometric, (1 − p) / p ticks."""
    share = spec.published_share(params)
    return spec.tick_s * (1 - share) / share if share > 0 else 0.0


def shield_of(limits: Limits, device: DeviceProfile, day: Scenario) -> Shield:
    """The device's own, with the most that an exchange may put on the air."""
    body = SimulatedPlatform(device, day, 0)
    at_most = day.poll_bytes + day.model_bytes + day.spool_limit * day.update_bytes
    return Shield(limits, action_costs(body, device, round(at_most), CATALOGUE), CATALOGUE)


def _admitted(states: State, params: Params, shield: Shield) -> NDArray[np.bool_]:
    """(S, A) what the shield lets through, seen through the sensors.

    States do not count practice, but a device that has stored more than what is fresh has some.
    """
    practised = states._replace(practice=np.maximum(states.stored_examples - states.fresh_examples, 0))
    seen = dynamics.observe(practised, params, np.full(3, 1 / 3), np).astype(np.float32)
    admitted: NDArray[np.bool_] = shield.admitted(seen)
    assert admitted.shape[1] == len(CATALOGUE)
    return admitted


def observations(grid: Grid, preference: Any) -> NDArray[np.float32]:
    """(objectives,) or (S, objectives) preference → (S, features) what a device in each state would see."""
    seen: NDArray[np.float32] = dynamics.observe(grid.states, grid.params, preference, np).astype(np.float32)
    return seen


def network_policy(grid: Grid, scorer: Callable[[Any], Any], preference: Any) -> Floats:
    """(S, A) action probabilities of a policy, as a device draws them: the softmax of its scores under the mask.

    `scorer`: (S, features) values → (S, A) scores, −inf for an action that the policy does not know.
    """
    scores = np.asarray(scorer(observations(grid, preference)), np.float64)
    offered = grid.chain.mask & (scores > -np.inf)
    drawn: Floats = probabilities(scores, offered)
    asleep = np.zeros(grid.chain.actions)
    asleep[0] = 1
    return np.where(offered.any(axis=1, keepdims=True), drawn, asleep)
