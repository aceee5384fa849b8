"""The physics of a device: one tick to the next, as pure functions over an array module.

Everything works on scalars, on batches (…,) and under JAX's tracing: no branch depends on a value, nothing draws a
random number and nothing reads a clock. `xp` is `numpy` or `jax.numpy`.

    battery′ = clip(battery + η · income − Σ power · time − background, 0, capacity)
    T′       = T∞ + (T − T∞) · exp(−t / RC),   T∞ = ambient + R · power     (for each phase in turn)

The world around the device is in `surroundings`, what waits on it in `backlog`; the arrays they all share are in
`params` and `state`.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.actions import FACTS
from circadia.energy.battery import energy_j, soc_of
from circadia.observation import DAY_S, NO_DEADLINE_S, TABLE
from circadia.physics.backlog import examples_after, queue_after
from circadia.physics.params import (
    LOADS,
    SERVES,
    TRAINS,
    radio_session_j,
    sleep_w,
    training_step_j,
    wake_up_j,
)
from circadia.physics.state import Drained, Result, State
from circadia.physics.surroundings import (
    ambient_c,
    charge_forecast,
    delivers,
    in_day,
    income_j,
    surroundings_after,
)
from circadia.practice import PRACTICE_S
from circadia.types import NAN, Link, Load, WakeOn

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.actions import ActionFacts
    from circadia.physics.params import Params
    from circadia.physics.state import Noise

WORKING = (Load.WAKE_UP, Load.SERVE_LOW, Load.SERVE_HIGH, Load.TRAIN_LOW, Load.TRAIN_HIGH, Load.RADIO)
IN_TIME = (*WORKING, Load.AWAKE, Load.DEEP_SLEEP)
"""The order in which the loads of one tick follow each other."""
REMEMBERED = (
    "trained_age_s",
    "contact_age_s",
    "recent_error",
    "error_age_s",
    "requests_per_hour",
    "training_gain",
)
"""Features that are fields of a state as they are."""
REMEMBERING = (*REMEMBERED, "known_behind", "drift", "newest_drift")
"""Fields of a state that nobody keeps up where ticks have a fixed length."""
COOL_C = 25.0
"""Where the thermal headroom is 1."""
_FIXED = np.eye(LOADS)[[Load.WAKE_UP, Load.RADIO]]
_REST = np.eye(LOADS)[[Load.DEEP_SLEEP, Load.AWAKE]]


def initial_state(params: Params, soc: Any, time_s: Any, xp: Any = np) -> State:
    """A device at rest at that local time, on an unmetered link, the sky as usual. `soc` (…,) sets the shape."""
    battery_j = energy_j(soc, params.battery, xp)
    zero = battery_j * 0
    time = zero + time_s
    return State(
        time_s=time,
        dt_s=zero,
        battery_j=battery_j,
        temperature_c=zero + ambient_c(time, params, xp),
        user_active=zero,
        link=zero + float(Link.FREE),
        clearness=zero + params.clearness_mean,
        queue_length=zero,
        queue_age_s=zero,
        queue_slack_s=zero + NO_DEADLINE_S,
        stored_examples=zero,
        fresh_examples=zero,
        fresh_age_s=zero,
        unsent_examples=zero,
        practice=zero,
        spooled_updates=zero,
        versions_behind=zero,
        model_age_s=zero,
        newest_age_s=zero,
        queue_together=zero,
        **dict.fromkeys(REMEMBERING, zero + NAN),
    )


# The body


def phase_durations(
    work_load: Any, units: tuple[Any, Any], sync_bytes: Any, link: Any, params: Params, xp: Any
) -> Any:
    """(…, loads) 1 at the work's loads, answers and steps (…,) each, bytes on the air, link → (…, loads) seconds.

    Every tick has woken the device, the one that decides to sleep on too. Without a link the slower one's time is
    taken: an upper bound for who plans ahead.
    """
    answers, steps, sync_bytes = (xp.asarray(x)[..., None] for x in (*units, sync_bytes))
    rate = _bytes_per_s(link, params, xp)
    overhead = xp.asarray(SERVES) * params.batch_overhead_s[..., None] * (answers > 0)
    invocations = xp.ceil(answers / params.answers[..., None])
    counts = xp.asarray(SERVES) * invocations + xp.asarray(TRAINS) * steps
    work = xp.asarray(work_load) * (counts * params.unit_s + overhead)
    radio = (sync_bytes > 0) * (params.radio_setup_s[..., None] + sync_bytes / rate[..., None])
    hot = xp.asarray(_FIXED)
    return work + hot[0] * params.wake_up_s[..., None] + hot[1] * radio


def _bytes_per_s(link: Any, params: Params, xp: Any) -> Any:
    free, metered = params.bytes_per_s[..., int(Link.FREE)], params.bytes_per_s[..., int(Link.METERED)]
    return xp.where(xp.asarray(link) >= int(Link.FREE), free, metered)


def with_rest(durations_s: Any, dt_s: Any, params: Params, xp: Any) -> Any:
    """(…, loads) phases → the same with what is left of `dt_s` under DEEP_SLEEP, or AWAKE if it cannot."""
    rest = xp.maximum(dt_s - xp.sum(durations_s, axis=-1), 0)[..., None]
    sleeps = params.can_deep_sleep[..., None]
    hot = xp.asarray(_REST)
    return durations_s + rest * (sleeps * hot[0] + (1 - sleeps) * hot[1])


def load_power_w(user_active: Any, params: Params, xp: Any) -> Any:
    """(…, loads) watts; training costs less while the user keeps the processor awake."""
    saving = xp.asarray(user_active * params.co_running_saving)[..., None]
    return params.power_w * (1 - saving * xp.asarray(TRAINS))


def drain(
    state: State, durations_s: Any, dt_s: Any, income: Any, params: Params, xp: Any, used: Any = None
) -> Drained:
    """The phases, then rest until `dt_s` is over, with `income` joules on offer from charger and panel.

    Charging and drawing are netted over the stretch before the battery's ends clip them. `used`: the share of it that
    somebody uses the device; None: as at its start. Raises nothing: phases longer than `dt_s` just take their time.
    """
    durations = with_rest(durations_s, dt_s, params, xp)
    power = load_power_w(state.user_active, params, xp)
    background_w = (state.user_active if used is None else used) * params.user_w
    length = xp.sum(durations, axis=-1)
    asked = durations * power
    background = background_w * length
    wanted = xp.sum(asked, axis=-1) + background
    balance = state.battery_j + params.charge_efficiency * income - wanted
    unmet = xp.maximum(-balance, 0)
    spilled = xp.maximum(balance - params.capacity_j, 0) / params.charge_efficiency
    fed = xp.where(wanted > 0, 1 - unmet / xp.where(wanted > 0, wanted, 1), 1)
    charged = income - spilled
    loss_w = (1 - params.charge_efficiency) * charged / xp.maximum(length, 1e-6)
    end, peak = _heat(state, durations, (power, background_w + loss_w, fed), params, xp)
    return Drained(
        battery_j=xp.clip(balance, 0, params.capacity_j),
        temperature_c=end,
        peak_c=peak,
        durations_s=durations,
        energy_j=asked * fed[..., None],
        background_j=background * fed,
        charged_j=charged,
        spilled_j=spilled,
        unmet_j=unmet,
    )


def _heat(
    state: State, durations: Any, sources: tuple[Any, Any, Any], params: Params, xp: Any
) -> tuple[Any, Any]:
    """Temperature at the end and at its highest phase boundary: the exact solution, phase by phase."""
    power, other_w, fed = sources
    ambient = ambient_c(state.time_s, params, xp)
    tau = params.resistance_k_per_w * params.heat_capacity_j_per_k
    now = peak = state.temperature_c
    for load in map(int, IN_TIME):
        settled = ambient + params.resistance_k_per_w * (power[..., load] * fed + other_w)
        now = settled + (now - settled) * xp.exp(-durations[..., load] / tau)
        peak = xp.maximum(peak, now)
    return now, peak


# The federation


class _Deed(NamedTuple):
    """The action's rows of the catalogue's facts, as numbers."""

    work_load: Any
    """(…, loads)"""
    steps: Any
    answers: Any
    pushes: Any
    pulls: Any


@functools.cache
def _deeds(facts: ActionFacts) -> _Deed:
    """Of every action of a catalogue: (actions, …) each."""
    return _Deed(*(getattr(facts, name) * 1.0 for name in _Deed._fields))


def _deed(action: Any, facts: ActionFacts, xp: Any) -> _Deed:
    return _Deed(*(xp.asarray(column)[action] for column in _deeds(facts)))


class _Exchange(NamedTuple):
    made: Any
    pushed: Any
    pulled: Any
    down_bytes: Any
    bytes: Any
    spooled: Any
    unsent: Any


def _exchange(state: State, deed: _Deed, rows: Any, params: Params) -> _Exchange:
    """An update is made from what is unsent; with a link the spool empties and the newest model comes in."""
    pushes, pulls = deed.pushes, deed.pulls
    unsent = state.unsent_examples + rows
    made = pushes * (unsent > 0) * (state.spooled_updates < params.spool_limit)
    spool = state.spooled_updates + made
    online = (state.link >= int(Link.METERED)) * 1.0
    pushed = pushes * online * spool
    pulled = pulls * online * (state.versions_behind > 0)
    down = pulls * (params.poll_bytes + (state.versions_behind > 0) * params.model_bytes)
    size = down + pushes * spool * params.update_bytes
    return _Exchange(made, pushed, pulled, down, size, spool - pushed, unsent * (1 - made))


def _versions_after(state: State, exchange: _Exchange, noise: Noise, xp: Any) -> dict[str, Any]:
    installed = xp.where(exchange.pulled > 0, state.newest_age_s, state.model_age_s)
    return {
        "versions_behind": state.versions_behind * (1 - exchange.pulled) + noise.published,
        "model_age_s": installed + noise.dt_s,
        "newest_age_s": xp.where(noise.published > 0, noise.published_age_s, state.newest_age_s + noise.dt_s),
    }


# One tick


class _Work(NamedTuple):
    steps: Any
    served: Any
    rows: Any
    exchange: _Exchange


def _work(state: State, deed: _Deed, params: Params, xp: Any) -> _Work:
    steps = deed.steps * (state.stored_examples > 0)
    rows = steps * xp.minimum(params.batch_examples, state.stored_examples)
    return _Work(
        steps=steps,
        served=xp.minimum(state.queue_length, deed.answers),
        rows=rows,
        exchange=_exchange(state, deed, rows, params),
    )


def _durations(state: State, deed: _Deed, work: _Work, params: Params, xp: Any) -> Any:
    units = work.served, work.steps
    return phase_durations(deed.work_load, units, work.exchange.bytes, state.link, params, xp)


def _answered_s(state: State, work: _Work, durations: Any, params: Params, xp: Any) -> Any:
    """(…,) from the tick's start until requests are answered: what is pulled comes before that, a push after."""
    down, total = work.exchange.down_bytes, work.exchange.bytes
    up_s = (total - down) / _bytes_per_s(state.link, params, xp)
    pulled_s = (down > 0) * (durations[..., int(Load.RADIO)] - up_s)
    serving_s = xp.sum(durations * xp.asarray(SERVES), axis=-1)
    return durations[..., int(Load.WAKE_UP)] + pulled_s + serving_s


def busy_s(state: State, action: Any, params: Params, xp: Any, facts: ActionFacts = FACTS) -> Any:
    """(…,) how long the phases of that action take in that state: the least that `step` will last."""
    deed = _deed(action, facts, xp)
    return xp.sum(_durations(state, deed, _work(state, deed, params, xp), params, xp), axis=-1)


def step(
    state: State,
    action: Any,
    noise: Noise,
    params: Params,
    xp: Any,
    facts: ActionFacts = FACTS,
    mean: Callable[[State, Any, Params, Any], State] | None = None,
) -> tuple[State, Result]:
    """From one tick to the next: (…,) state, catalogue index and noise → the next state and what happened.

    What the action found at the tick's start is what it works on. It pulls, serves, trains and pushes, in this order.
    The step lasts `noise.dt_s`, or as long as its phases. `mean`: what state, length, parameters and `xp` make of the
    surroundings over the step, `surroundings_over` say; None: as at its start, which is near enough for minutes.
    """
    deed = _deed(action, facts, xp)
    steps, served, rows, exchange = work = _work(state, deed, params, xp)
    seen = xp.minimum(state.fresh_examples, rows)
    durations = _durations(state, deed, work, params, xp)
    busy = xp.sum(durations, axis=-1)
    late = xp.maximum(busy - noise.dt_s, 0)
    noise = noise._replace(dt_s=noise.dt_s + late, arrival_age_s=noise.arrival_age_s + late)
    around = state if mean is None else mean(state, noise.dt_s, params, xp)
    income = income_j(around, noise.dt_s, params, xp)
    body = drain(state, durations, noise.dt_s, income, params, xp, around.user_active)
    queue, ages, expired = queue_after(state, served, noise, params, xp)
    after = surroundings_after(state, noise, params, xp)._replace(
        dt_s=noise.dt_s,
        battery_j=body.battery_j,
        temperature_c=body.temperature_c,
        unsent_examples=exchange.unsent,
        practice=(state.practice + rows) * xp.exp(-noise.dt_s / PRACTICE_S),
        spooled_updates=exchange.spooled,
        **queue,
        **examples_after(state, seen, served, noise, params, xp),
        **_versions_after(state, exchange, noise, xp),
    )
    return after, Result(
        durations_s=body.durations_s,
        energy_j=body.energy_j,
        dt_s=noise.dt_s,
        busy_s=busy,
        background_j=body.background_j,
        charged_j=body.charged_j,
        spilled_j=body.spilled_j,
        unmet_j=body.unmet_j,
        peak_c=body.peak_c,
        sync_bytes=exchange.bytes,
        requests_served=served,
        requests_expired=expired,
        latency_s=ages + served * _answered_s(state, work, durations, params, xp),
        steps=steps,
        examples_trained=rows,
        fresh_trained=seen,
        updates_made=exchange.made,
        updates_pushed=exchange.pushed,
        pulled=exchange.pulled,
    )


# What the agent sees


def observe(state: State, params: Params, preference: Any, xp: Any) -> Any:
    """(…,) state and (…, 3) preference (accuracy, latency, energy) → (…, features) in the table's order, float.

    NaN for what the state does not keep up: what a device remembers of late.
    """
    soc = soc_of(state.battery_j, params.battery, xp)
    charging = delivers(state, params, xp) * 1.0
    angle = 2 * math.pi * in_day(state.time_s, xp) / DAY_S
    weights = xp.asarray(preference)
    links = [(state.link == link) * params.bytes_per_s[..., link] for link in map(int, Link)]
    seen = {
        "dt_s": state.dt_s,
        "battery_soc": soc,
        "charging": charging,
        "temperature_c": state.temperature_c,
        "thermal_headroom": xp.clip((params.limit_c - state.temperature_c) / (params.limit_c - COOL_C), 0, 1),
        "power_save": (soc < params.power_save_soc) * (1 - charging),
        "user_active": state.user_active,
        "cpu_load": xp.where(state.user_active > 0, params.cpu_load_user, params.cpu_load_idle),
        "link": state.link,
        "link_bytes_per_s": sum(links[1:], links[0]),
        "queue_length": state.queue_length,
        "queue_age_s": state.queue_age_s,
        "queue_slack_s": state.queue_slack_s,
        "fresh_examples": state.fresh_examples,
        "fresh_age_s": state.fresh_age_s,
        "unsent_examples": state.unsent_examples,
        "practice": state.practice,
        "spooled_updates": state.spooled_updates,
        "versions_behind": state.versions_behind,
        "model_age_s": state.model_age_s,
        "day_sine": xp.sin(angle),
        "day_cosine": xp.cos(angle),
        "charge_forecast": charge_forecast(state, params, xp),
        "preference_accuracy": weights[..., 0],
        "preference_latency": weights[..., 1],
        "preference_energy": weights[..., 2],
        **{name: getattr(state, name) for name in REMEMBERED},
        **_waking(params, xp),
    }
    return xp.stack(xp.broadcast_arrays(*(seen[feature.name] for feature in TABLE)), axis=-1)


def _waking(params: Params, xp: Any) -> dict[str, Any]:
    """What wakes this body, what a wake-up, an exchange and sleep cost it, and how long its requests can wait."""
    able = xp.asarray(params.wakes_on) * xp.asarray(_WAKING)
    return {
        "deadline_s": params.deadline_s,
        "wake_on_request": xp.max(able, axis=-1),
        "wake_up_j": wake_up_j(params),
        "radio_session_j": radio_session_j(params),
        "sleep_w": sleep_w(params),
        "training_step_j": training_step_j(params),
    }


_WAKING = np.array([float({WakeOn.DUE: 0, WakeOn.DEADLINE: 1, WakeOn.REQUEST: 2}[kind]) for kind in WakeOn])
