"""A device and its day as arrays: all that the physics takes as given."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.energy.battery import Battery, battery_of, capacity_j
from circadia.observation import DAY_S
from circadia.types import Load, WakeOn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia.energy.profile import DeviceProfile
    from circadia.physics.scenario import Scenario

LOADS = len(Load)


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
    """(…, loads) one training step or one invocation under the load that does it; 0 elsewhere."""
    answers: Any
    """That one invocation gives at most."""
    batch_overhead_s: Any
    wake_up_s: Any
    """0 for a device that never sleeps."""
    wakes_on: Any
    """(…, wakes) 0 or 1, the sleeps that it can do, in the order of `WakeOn`."""
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


TRAINS = np.array([1.0 if load.name.startswith("TRAIN") else 0.0 for load in Load])
SERVES = np.array([1.0 if load.name.startswith("SERVE") else 0.0 for load in Load])


def make_params(
    profile: DeviceProfile,
    scenario: Scenario,
    xp: Any = np,
    dtype: Any = np.float64,
    *,
    step_work: float = 1.0,
) -> Params:
    """The arrays of one device in one scenario. Stack several for a batch of different devices.

    `step_work`: training steps' worth of work that goes with each step of an action, for a simulator that counts the steps
    of actions alone (`circadia.learning.personal.USUAL_WORK` where devices learn answers of their own); a body is told of the others.
    """
    values = _from_profile(profile) | _from_scenario(scenario)
    values["unit_s"] = values["unit_s"] * (1 + (step_work - 1) * TRAINS)
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
        "answers": profile.answers,
        "batch_overhead_s": duration.serve_batch_overhead_s.value,
        "wake_up_s": duration.wake_up_s.value * profile.can_deep_sleep,
        "wakes_on": [one in profile.sleep.wakes_on for one in WakeOn],
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


def wake_up_j(params: Params) -> Any:
    """(…,) joules from sleep until work can begin."""
    return params.power_w[..., int(Load.WAKE_UP)] * params.wake_up_s


def radio_session_j(params: Params) -> Any:
    """(…,) joules to connect, whatever is sent."""
    return params.power_w[..., int(Load.RADIO)] * params.radio_setup_s


def sleep_w(params: Params) -> Any:
    """(…,) watts between two wakes."""
    asleep, awake = (params.power_w[..., int(load)] for load in (Load.DEEP_SLEEP, Load.AWAKE))
    return params.can_deep_sleep * asleep + (1 - params.can_deep_sleep) * awake


def training_step_j(params: Params) -> Any:
    """(…,) joules of one step of training at the low clock."""
    load = int(Load.TRAIN_LOW)
    return params.power_w[..., load] * params.unit_s[..., load]


def stack_params(devices: Sequence[Params], xp: Any = np) -> Params:
    """Several devices → one `Params` with a leading axis (devices,). Their voltage curves need as many points each."""
    battery = Battery(*(xp.stack(column) for column in zip(*(d.battery for d in devices), strict=True)))
    columns = zip(*(d[1:] for d in devices), strict=True)
    return Params(battery, *(xp.stack(column) for column in columns))
