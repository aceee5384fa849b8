"""The physics of a device and of its day: pure functions over an array module.

Everything works on scalars, on batches (…,) and under JAX's tracing: no branch depends on a value, nothing draws a
random number and nothing reads a clock. `xp` is `numpy` or `jax.numpy`.

    battery′ = clip(battery + η · income − Σ power · time − background, 0, capacity)
    T′       = T∞ + (T − T∞) · exp(−t / RC),   T∞ = ambient + R · power     (for each phase in turn)

Who uses the device and which link it has are drawn anew at a constant rate from the hour's shares, so that one step of
any length is exact: with probability exp(−dt / hold) nothing changed. Requests and unseen examples are cohorts: a
count and the age of the oldest, the others spread evenly in between; exact for one, a good mean for many.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.actions import CATALOGUE, LOCAL_STEPS, SERVE_LIMIT
from circadia.energy.battery import Battery, battery_of, capacity_j, energy_j, soc_of
from circadia.observation import DAY_S, HOUR_S, NO_DEADLINE_S, TABLE
from circadia.types import ClockLevel, Link, Load, Mode, Sync

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia.energy.profile import DeviceProfile
    from circadia.platforms.scenario import Scenario

LOADS = len(Load)
WORKING = (Load.WAKE_UP, Load.SERVE_LOW, Load.SERVE_HIGH, Load.TRAIN_LOW, Load.TRAIN_HIGH, Load.RADIO)
IN_TIME = (*WORKING, Load.AWAKE, Load.DEEP_SLEEP)
"""The order in which the loads of one tick follow each other."""
FORECAST_S = 6 * HOUR_S
_NEVER_S = 1e9
COOL_C = 25.0
"""Where the thermal headroom is 1."""


class State(NamedTuple):
    """A device at the start of a tick; every field is (…,)."""

    time_s: Any
    """Local time since midnight of the first day."""
    dt_s: Any
    """Since the tick before."""
    battery_j: Any
    temperature_c: Any
    user_active: Any
    """0 or 1."""
    link: Any
    """A `Link`, as a number."""
    clearness: Any
    """Irradiance over that of a clear sky."""
    queue_length: Any
    queue_age_s: Any
    queue_slack_s: Any
    """Until the first deadline; `NO_DEADLINE_S` with an empty queue."""
    stored_examples: Any
    fresh_examples: Any
    fresh_age_s: Any
    unsent_examples: Any
    spooled_updates: Any
    versions_behind: Any
    model_age_s: Any
    """Since the installed version was published."""
    newest_age_s: Any
    """Since the federation's newest version was published."""


class Noise(NamedTuple):
    """All that chance decides in one step; every field is (…,)."""

    dt_s: Any
    """Until the next tick; stretched if the work takes longer."""
    arrivals: Any
    """Requests, spread evenly over the step."""
    deadline_s: Any
    """How long each of them waits."""
    examples: Any
    """Labelled examples that arrive by themselves."""
    feedback_u: Any
    """Uniform: rounds the number of labels that come back for served requests."""
    user_u: Any
    """Uniform: whether somebody uses the device afterwards."""
    link_u: Any
    """Uniform: which link there is afterwards."""
    cloud_z: Any
    """Standard normal: the clouds' innovation."""
    published: Any
    """Versions that the federation publishes."""
    published_age_s: Any
    """Age of the last of them at the end of the step."""


class Params(NamedTuple):
    """A device and its day as arrays: (…,) each, but (…, loads), (…, links) and (…, hours) where said."""

    battery: Battery
    capacity_j: Any
    charge_efficiency: Any
    charge_w: Any
    panel_w: Any
    """At 1,000 W/m², derated."""
    power_w: Any
    """(…, loads)"""
    unit_s: Any
    """(…, loads) one training step or one answer under the load that does it; 0 elsewhere."""
    batch_overhead_s: Any
    wake_up_s: Any
    """0 for a device that never sleeps."""
    radio_setup_s: Any
    bytes_per_s: Any
    """(…, links) what is observed: 0 without a link."""
    can_deep_sleep: Any
    """0 or 1."""
    resistance_k_per_w: Any
    heat_capacity_j_per_k: Any
    limit_c: Any
    user_w: Any
    co_running_saving: Any
    plug_in_s: Any
    plugged_s: Any
    """How long it stays on the charger."""
    user_share: Any
    """(…, hours)"""
    user_hold_s: Any
    cpu_load_idle: Any
    cpu_load_user: Any
    power_save_soc: Any
    link_free: Any
    """(…, hours)"""
    link_metered: Any
    """(…, hours)"""
    link_hold_s: Any
    ambient_c: Any
    ambient_swing_c: Any
    sunrise_s: Any
    sunset_s: Any
    clear_w_m2: Any
    clearness_mean: Any
    clearness_sd: Any
    clearness_hold_s: Any
    requests_per_hour: Any
    """(…, hours)"""
    deadline_s: Any
    examples_per_hour: Any
    """(…, hours)"""
    feedback_share: Any
    versions_per_hour: Any
    batch_examples: Any
    queue_limit: Any
    example_limit: Any
    spool_limit: Any
    model_bytes: Any
    update_bytes: Any
    poll_bytes: Any


class Drained(NamedTuple):
    """What a stretch of time did to battery and body. Δbattery = η · charged − Σ energy − background, exactly."""

    battery_j: Any
    temperature_c: Any
    peak_c: Any
    """The warmest end of a phase."""
    durations_s: Any
    """(…, loads) with the rest of the time under DEEP_SLEEP or AWAKE."""
    energy_j: Any
    """(…, loads) delivered; an empty battery delivers less than was asked for."""
    background_j: Any
    """Delivered to the user's screen and applications."""
    charged_j: Any
    """Taken in from charger and panel, before the losses."""
    spilled_j: Any
    """Came in, and the full battery had no room for it."""
    unmet_j: Any
    """Asked for, and the empty battery had nothing left."""


class Result(NamedTuple):
    """What one step did; every field is (…,) unless said."""

    durations_s: Any
    """(…, loads)"""
    energy_j: Any
    """(…, loads)"""
    dt_s: Any
    """The real length of the step."""
    busy_s: Any
    background_j: Any
    charged_j: Any
    spilled_j: Any
    unmet_j: Any
    peak_c: Any
    sync_bytes: Any
    requests_served: Any
    requests_expired: Any
    """Deadlines that passed, and arrivals that found the queue full."""
    latency_s: Any
    """Summed over the served requests, from arrival to the end of the phases."""
    steps: Any
    """Training steps done."""
    examples_trained: Any
    """Rows that went through a training step."""
    fresh_trained: Any
    """Examples seen for the first time."""
    updates_made: Any
    updates_pushed: Any
    pulled: Any
    """1 when a newer version was installed."""


class Demand(NamedTuple):
    """Expected events at a state's hour, per second; every field is (…,)."""

    requests_per_s: Any
    examples_per_s: Any
    versions_per_s: Any


def _work_load(mode: Mode, clock: ClockLevel) -> Load:
    return Load[f"{mode.name}_{clock.name}"]


def _one_hot(load: Load | None) -> list[float]:
    return [float(load is not None and i == load) for i in range(LOADS)]


WORK_LOAD = np.array(
    [_one_hot(None if a.mode is Mode.SLEEP else _work_load(a.mode, a.clock)) for a in CATALOGUE]
)
"""(actions, loads) 1 at the load of the action's work."""
STEPS = np.array([LOCAL_STEPS[a.work] if a.mode is Mode.TRAIN else 0 for a in CATALOGUE], np.float64)
ANSWERS = np.array([SERVE_LIMIT[a.work] if a.mode is Mode.SERVE else 0 for a in CATALOGUE], np.float64)
PULLS = np.array([a.sync is not Sync.NONE for a in CATALOGUE], np.float64)
PUSHES = np.array([a.sync is Sync.INT8 for a in CATALOGUE], np.float64)
TRAINS = np.array([1.0 if load.name.startswith("TRAIN") else 0.0 for load in Load])
SERVES = np.array([1.0 if load.name.startswith("SERVE") else 0.0 for load in Load])


def make_params(profile: DeviceProfile, scenario: Scenario, xp: Any = np, dtype: Any = np.float64) -> Params:
    """The arrays of one device in one scenario. Stack several for a batch of different devices."""
    values = _from_profile(profile) | _from_scenario(scenario)
    battery = Battery(*(xp.asarray(x, dtype) for x in values.pop("battery")))
    return Params(battery=battery, **{key: xp.asarray(value, dtype) for key, value in values.items()})


def _from_profile(profile: DeviceProfile) -> dict[str, Any]:
    duration, thermal, user = profile.duration, profile.thermal, profile.user
    charger, harvest = profile.charger, profile.harvest
    battery = battery_of(profile.battery)
    unit_s = np.zeros(LOADS)
    unit_s[Load.SERVE_LOW] = duration.serve_request_low_s.value
    unit_s[Load.SERVE_HIGH] = duration.serve_request_high_s.value
    unit_s[Load.TRAIN_LOW] = duration.train_step_low_s.value
    unit_s[Load.TRAIN_HIGH] = duration.train_step_high_s.value
    return {
        "battery": battery,
        "capacity_j": capacity_j(battery),
        "charge_efficiency": profile.battery.charge_efficiency.value,
        "charge_w": charger.charge_w.value if charger else 0,
        "panel_w": harvest.panel_w.value * harvest.derating.value if harvest else 0,
        "power_w": [profile.power_w(load) for load in Load],
        "unit_s": unit_s,
        "batch_overhead_s": duration.serve_batch_overhead_s.value,
        "wake_up_s": duration.wake_up_s.value * profile.can_deep_sleep,
        "radio_setup_s": duration.radio_setup_s.value,
        "bytes_per_s": [0, profile.link.metered_bytes_per_s.value, profile.link.free_bytes_per_s.value],
        "can_deep_sleep": profile.can_deep_sleep,
        "resistance_k_per_w": thermal.resistance_k_per_w.value,
        "heat_capacity_j_per_k": thermal.capacity_j_per_k.value,
        "limit_c": thermal.limit_c.value,
        "user_w": user.active_w.value,
        "co_running_saving": user.co_running_saving.value,
    }


_NOT_PARAMS = {"name", "unplug_s", "plug_jitter_s"}


def _from_scenario(scenario: Scenario) -> dict[str, Any]:
    values = {f.name: getattr(scenario, f.name) for f in fields(scenario) if f.name not in _NOT_PARAMS}
    return values | {"plugged_s": (scenario.unplug_s - scenario.plug_in_s) % DAY_S}


def stack_params(devices: Sequence[Params], xp: Any = np) -> Params:
    """Several devices → one `Params` with a leading axis (devices,). Their voltage curves need as many points each."""
    battery = Battery(*(xp.stack(column) for column in zip(*(d.battery for d in devices), strict=True)))
    columns = zip(*(d[1:] for d in devices), strict=True)
    return Params(battery, *(xp.stack(column) for column in columns))


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
        spooled_updates=zero,
        versions_behind=zero,
        model_age_s=zero,
        newest_age_s=zero,
    )


# The surroundings


def by_hour(table: Any, time_s: Any, xp: Any) -> Any:
    """(…, hours) table and (…,) local time → (…,) the value of its hour. A sum, so that both may be batched."""
    hour = xp.floor(xp.mod(time_s, DAY_S) / HOUR_S)
    return xp.sum(xp.where(xp.asarray(hour)[..., None] == xp.arange(24), table, 0), axis=-1)


def ambient_c(time_s: Any, params: Params, xp: Any) -> Any:
    """Coldest at 03:00, warmest at 15:00."""
    angle = 2 * math.pi * (xp.mod(time_s, DAY_S) - 15 * HOUR_S) / DAY_S
    return params.ambient_c + params.ambient_swing_c * xp.cos(angle)


def plugged_in(time_s: Any, params: Params, xp: Any) -> Any:
    """(…,) 1 while the device is on its charger."""
    since = xp.mod(time_s - params.plug_in_s, DAY_S)
    return (since < params.plugged_s) * 1.0


def _plugged_until(since_s: Any, params: Params, xp: Any) -> Any:
    days = xp.floor(since_s / DAY_S)
    return days * params.plugged_s + xp.minimum(since_s - days * DAY_S, params.plugged_s)


def charger_j(time_s: Any, dt_s: Any, params: Params, xp: Any) -> Any:
    """(…,) joules that the charger offers from `time_s` on, exact for any `dt_s`."""
    since = xp.mod(time_s - params.plug_in_s, DAY_S)
    return params.charge_w * (_plugged_until(since + dt_s, params, xp) - _plugged_until(since, params, xp))


def _sun_until(local_s: Any, params: Params, xp: Any) -> Any:
    """∫ sin(π (t − rise) / (set − rise)) dt over the daylight since midnight, in seconds of full sun."""
    length = params.sunset_s - params.sunrise_s
    days = xp.floor(local_s / DAY_S)
    x = xp.clip((local_s - days * DAY_S - params.sunrise_s) / length, 0, 1)
    return length / math.pi * (2 * days + 1 - xp.cos(math.pi * x))


def sun_j(time_s: Any, dt_s: Any, clearness: Any, params: Params, xp: Any) -> Any:
    """(…,) joules that the panel offers from `time_s` on at that clearness, exact for any `dt_s`."""
    local = xp.mod(time_s, DAY_S)
    sun_s = _sun_until(local + dt_s, params, xp) - _sun_until(local, params, xp)
    return params.panel_w * params.clear_w_m2 / 1000 * clearness * sun_s


def income_j(state: State, dt_s: Any, params: Params, xp: Any) -> Any:
    """(…,) joules on offer from charger and panel for `dt_s`, before the losses of charging."""
    sun = sun_j(state.time_s, dt_s, state.clearness, params, xp)
    return charger_j(state.time_s, dt_s, params, xp) + sun


def _kept(u: Any, dt_s: Any, hold_s: Any, xp: Any) -> tuple[Any, Any]:
    """Whether nothing was drawn anew in `dt_s`, and the uniform that is left for the draw."""
    stay = xp.exp(-dt_s / hold_s)
    return u < stay, xp.clip((u - stay) / xp.maximum(1 - stay, 1e-12), 0, 1)


def surroundings(state: State, noise: Noise, params: Params, xp: Any) -> State:
    """The state `noise.dt_s` later, as far as nobody's action matters: time, user, link and clouds."""
    time = state.time_s + noise.dt_s
    kept, u = _kept(noise.user_u, noise.dt_s, params.user_hold_s, xp)
    user = xp.where(kept, state.user_active, (u < by_hour(params.user_share, time, xp)) * 1.0)
    kept, u = _kept(noise.link_u, noise.dt_s, params.link_hold_s, xp)
    free = by_hour(params.link_free, time, xp)
    known = free + by_hour(params.link_metered, time, xp)
    drawn = xp.where(u < free, float(Link.FREE), xp.where(u < known, float(Link.METERED), float(Link.NONE)))
    decay = xp.exp(-noise.dt_s / params.clearness_hold_s)
    spread = params.clearness_sd * xp.sqrt(xp.maximum(1 - decay**2, 0))
    clouds = (
        params.clearness_mean + (state.clearness - params.clearness_mean) * decay + spread * noise.cloud_z
    )
    return state._replace(
        time_s=time,
        user_active=user,
        link=xp.where(kept, state.link, drawn),
        clearness=xp.clip(clouds, 0.05, 1.05),
    )


def demand(state: State, params: Params, xp: Any) -> Demand:
    """The rates from which a lab draws arrivals, examples and versions."""
    return Demand(
        requests_per_s=by_hour(params.requests_per_hour, state.time_s, xp) / HOUR_S,
        examples_per_s=by_hour(params.examples_per_hour, state.time_s, xp) / HOUR_S,
        versions_per_s=params.versions_per_hour / HOUR_S + state.time_s * 0,
    )


# The body


def phase_durations(action: Any, units: Any, sync_bytes: Any, link: Any, params: Params, xp: Any) -> Any:
    """(…,) catalogue index, units of work, bytes on the air, link → (…, loads) seconds.

    Every tick has woken the device, the one that decides to sleep on too. Without a link the slower one's time is
    taken: an upper bound for who plans ahead.
    """
    units, sync_bytes = xp.asarray(units)[..., None], xp.asarray(sync_bytes)[..., None]
    free, metered = params.bytes_per_s[..., int(Link.FREE)], params.bytes_per_s[..., int(Link.METERED)]
    rate = xp.where(xp.asarray(link) >= int(Link.FREE), free, metered)
    overhead = xp.asarray(SERVES) * params.batch_overhead_s[..., None] * (units > 0)
    work = xp.asarray(WORK_LOAD)[action] * (units * params.unit_s + overhead)
    radio = (sync_bytes > 0) * (params.radio_setup_s[..., None] + sync_bytes / rate[..., None])
    hot = xp.asarray(_FIXED)
    return work + hot[0] * params.wake_up_s[..., None] + hot[1] * radio


_FIXED = np.array([_one_hot(Load.WAKE_UP), _one_hot(Load.RADIO)])
_REST = np.array([_one_hot(Load.DEEP_SLEEP), _one_hot(Load.AWAKE)])


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


def drain(state: State, durations_s: Any, dt_s: Any, income: Any, params: Params, xp: Any) -> Drained:
    """The phases, then rest until `dt_s` is over, with `income` joules on offer from charger and panel.

    Charging and drawing are netted over the stretch before the battery's ends clip them. Raises nothing: phases
    longer than `dt_s` just take their time.
    """
    durations = with_rest(durations_s, dt_s, params, xp)
    power = load_power_w(state.user_active, params, xp)
    background_w = state.user_active * params.user_w
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


# The queue and the examples


class Cohort(NamedTuple):
    """Things that arrived one after another: a count, and the age of the oldest; the rest evenly younger."""

    count: Any
    age_s: Any


def _take(cohort: Cohort, taken: Any, xp: Any) -> tuple[Cohort, Any]:
    """Without its `taken` oldest members, and the sum of their ages: the i-th is age · (1 − i / n) old."""
    n = xp.maximum(cohort.count, 1)
    ages = cohort.age_s * (taken - taken * (taken - 1) / (2 * n))
    left = cohort.count - taken
    return Cohort(left, xp.where(left > 0, cohort.age_s * (1 - taken / n), 0)), ages


def _older_than(cohort: Cohort, limit_s: Any, xp: Any) -> Any:
    """How many members are older than `limit_s`, which may be negative: then all."""
    age = xp.maximum(cohort.age_s, 1e-9)
    older = xp.clip(xp.ceil(cohort.count * (1 - limit_s / age)), 0, cohort.count)
    return xp.where(cohort.age_s > limit_s, older, 0)


def _grown(cohort: Cohort, new: Cohort, dt_s: Any, xp: Any) -> Cohort:
    """`dt_s` older, with `new` behind."""
    age = xp.where(cohort.count > 0, cohort.age_s + dt_s, new.age_s)
    count = cohort.count + new.count
    return Cohort(count, xp.where(count > 0, age, 0))


def _queue_after(
    state: State, served: Any, noise: Noise, params: Params, xp: Any
) -> tuple[dict[str, Any], Any, Any]:
    """The queue at the next tick, the summed ages of the served, and how many requests were lost."""
    waiting, ages = _take(Cohort(state.queue_length, state.queue_age_s), served, xp)
    dt, none = noise.dt_s, 0 * noise.dt_s
    patience = state.queue_slack_s + state.queue_age_s
    lapsed_old = _older_than(waiting, patience - dt, xp)
    waiting, _ = _take(waiting, lapsed_old, xp)
    old = _grown(waiting, Cohort(none, none), dt, xp)
    new = Cohort(noise.arrivals, xp.where(noise.arrivals > 0, dt, 0))
    lapsed_new = _older_than(new, noise.deadline_s, xp)
    new, _ = _take(new, lapsed_new, xp)
    room = xp.maximum(params.queue_limit - old.count, 0)
    refused = xp.maximum(new.count - room, 0)
    new = Cohort(new.count - refused, new.age_s)
    both = _grown(old, new, none, xp)
    first = xp.minimum(
        xp.where(old.count > 0, patience - old.age_s, _NEVER_S),
        xp.where(new.count > 0, noise.deadline_s - new.age_s, _NEVER_S),
    )
    after = {
        "queue_length": both.count,
        "queue_age_s": both.age_s,
        "queue_slack_s": xp.where(both.count > 0, first, NO_DEADLINE_S),
    }
    return after, ages, lapsed_old + lapsed_new + refused


def _examples_after(
    state: State, seen: Any, served: Any, noise: Noise, params: Params, xp: Any
) -> dict[str, Any]:
    """The example buffer at the next tick; the oldest make room."""
    unseen, _ = _take(Cohort(state.fresh_examples, state.fresh_age_s), seen, xp)
    labels = noise.examples + xp.floor(served * params.feedback_share + noise.feedback_u)
    new = Cohort(labels, xp.where(labels > 0, noise.dt_s, 0))
    fresh = _grown(unseen, new, noise.dt_s, xp)
    fresh, _ = _take(fresh, xp.maximum(fresh.count - params.example_limit, 0), xp)
    return {
        "stored_examples": xp.minimum(state.stored_examples + labels, params.example_limit),
        "fresh_examples": fresh.count,
        "fresh_age_s": fresh.age_s,
    }


# The federation


class _Exchange(NamedTuple):
    made: Any
    pushed: Any
    pulled: Any
    bytes: Any
    spooled: Any
    unsent: Any


def _exchange(state: State, action: Any, rows: Any, params: Params, xp: Any) -> _Exchange:
    """An update is made from what is unsent; with a link the spool empties and the newest model comes in."""
    pushes, pulls = xp.asarray(PUSHES)[action], xp.asarray(PULLS)[action]
    unsent = state.unsent_examples + rows
    made = pushes * (unsent > 0) * (state.spooled_updates < params.spool_limit)
    spool = state.spooled_updates + made
    online = (state.link >= int(Link.METERED)) * 1.0
    pushed = pushes * online * spool
    pulled = pulls * online * (state.versions_behind > 0)
    size = params.poll_bytes + pushes * spool * params.update_bytes
    size = size + (state.versions_behind > 0) * params.model_bytes
    return _Exchange(made, pushed, pulled, pulls * size, spool - pushed, unsent * (1 - made))


def _versions_after(state: State, exchange: _Exchange, noise: Noise, xp: Any) -> dict[str, Any]:
    installed = xp.where(exchange.pulled > 0, state.newest_age_s, state.model_age_s)
    return {
        "versions_behind": state.versions_behind * (1 - exchange.pulled) + noise.published,
        "model_age_s": installed + noise.dt_s,
        "newest_age_s": xp.where(noise.published > 0, noise.published_age_s, state.newest_age_s + noise.dt_s),
    }


# One tick


def step(state: State, action: Any, noise: Noise, params: Params, xp: Any) -> tuple[State, Result]:
    """From one tick to the next: (…,) state, catalogue index and noise → the next state and what happened.

    What the action found at the tick's start is what it works on; requests are answered when all phases are over.
    The step lasts `noise.dt_s`, or as long as its phases.
    """
    steps = xp.asarray(STEPS)[action] * (state.stored_examples > 0)
    served = xp.minimum(state.queue_length, xp.asarray(ANSWERS)[action])
    rows = steps * xp.minimum(params.batch_examples, state.stored_examples)
    seen = xp.minimum(state.fresh_examples, rows)
    exchange = _exchange(state, action, rows, params, xp)
    durations = phase_durations(action, steps + served, exchange.bytes, state.link, params, xp)
    busy = xp.sum(durations, axis=-1)
    noise = noise._replace(dt_s=xp.maximum(noise.dt_s, busy))
    body = drain(state, durations, noise.dt_s, income_j(state, noise.dt_s, params, xp), params, xp)
    queue, ages, expired = _queue_after(state, served, noise, params, xp)
    after = surroundings(state, noise, params, xp)._replace(
        dt_s=noise.dt_s,
        battery_j=body.battery_j,
        temperature_c=body.temperature_c,
        unsent_examples=exchange.unsent,
        spooled_updates=exchange.spooled,
        **queue,
        **_examples_after(state, seen, served, noise, params, xp),
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
        latency_s=ages + served * busy,
        steps=steps,
        examples_trained=rows,
        fresh_trained=seen,
        updates_made=exchange.made,
        updates_pushed=exchange.pushed,
        pulled=exchange.pulled,
    )


# What the agent sees


def charge_forecast(state: State, params: Params, xp: Any) -> Any:
    """(…,) charge expected within six hours over the capacity, in [0, 1]; the clouds revert to their mean."""
    ratio = FORECAST_S / params.clearness_hold_s
    persistence = (1 - xp.exp(-ratio)) / ratio
    clearness = params.clearness_mean + (state.clearness - params.clearness_mean) * persistence
    offered = charger_j(state.time_s, FORECAST_S, params, xp)
    offered = offered + sun_j(state.time_s, FORECAST_S, clearness, params, xp)
    return xp.clip(params.charge_efficiency * offered / params.capacity_j, 0, 1)


def observe(state: State, params: Params, preference: Any, xp: Any) -> Any:
    """(…,) state and (…, 3) preference (accuracy, latency, energy) → (…, features) in the table's order, float."""
    soc = soc_of(state.battery_j, params.battery, xp)
    charging = (income_j(state, 1.0, params, xp) > 0) * 1.0
    angle = 2 * math.pi * xp.mod(state.time_s, DAY_S) / DAY_S
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
        "spooled_updates": state.spooled_updates,
        "versions_behind": state.versions_behind,
        "model_age_s": state.model_age_s,
        "day_sine": xp.sin(angle),
        "day_cosine": xp.cos(angle),
        "charge_forecast": charge_forecast(state, params, xp),
        "preference_accuracy": weights[..., 0],
        "preference_latency": weights[..., 1],
        "preference_energy": weights[..., 2],
    }
    return xp.stack(xp.broadcast_arrays(*(seen[feature.name] for feature in TABLE)), axis=-1)
