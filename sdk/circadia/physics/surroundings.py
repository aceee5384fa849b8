"""What a device meets and cannot change: air, charger, sun, user, link, and how often something arrives.

Who uses the device and which link it has are drawn anew at a constant rate from the hour's shares, so that one step of
any length is exact: with probability exp(−dt / hold) nothing changed. Pure functions over an array module `xp`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from circadia.observation import DAY_S, HOUR_S
from circadia.types import Link

if TYPE_CHECKING:
    from circadia.physics.params import Params
    from circadia.physics.state import Noise, State

FORECAST_S = 6 * HOUR_S
FOREVER_S = 1e9
LEAST_A_DAY = 1e-6
"""Below so many events a day there are none."""


class Demand(NamedTuple):
    """Expected events at a state's hour, per second; every field is (…,)."""

    requests_per_s: Any
    examples_per_s: Any
    versions_per_s: Any


def in_day(time_s: Any, xp: Any) -> Any:
    """(…,) seconds since midnight, in [0, DAY_S]; the very day where rounding makes it so.

    The modulus, but where NumPy and XLA call a function for each element of that, this is plain arithmetic.
    """
    return xp.maximum(time_s - DAY_S * xp.floor(time_s / DAY_S), 0)


def by_hour(table: Any, time_s: Any, xp: Any) -> Any:
    """(…, hours) table and (…,) local time → (…,) the value of its hour. A sum, so that both may be batched."""
    hour = xp.minimum(xp.floor(in_day(time_s, xp) / HOUR_S), 23)
    return xp.sum(xp.where(xp.asarray(hour)[..., None] == xp.arange(24), table, 0), axis=-1)


def over_hours(table: Any, time_s: Any, xp: Any) -> Any:
    """(…, hours) table, (…,) local time ≥ 0 → (…,) its integral over the time since the first midnight, per hour · s."""
    days = xp.floor(time_s / DAY_S)
    local = xp.asarray(time_s - days * DAY_S)[..., None] - HOUR_S * xp.arange(24)
    return days * HOUR_S * xp.sum(table, axis=-1) + xp.sum(table * xp.clip(local, 0, HOUR_S), axis=-1)


def within_hours(table: Any, time_s: Any, dt_s: Any, xp: Any) -> Any:
    """(…,) events that an hourly table has expected between `time_s` and `dt_s` later, exact for any length."""
    since = in_day(time_s, xp)
    return (over_hours(table, since + dt_s, xp) - over_hours(table, since, xp)) / HOUR_S


def until_expected(table: Any, time_s: Any, events: Any, xp: Any) -> Any:
    """(…,) seconds from `time_s` until so many events were expected: the inverse of `within_hours`.

    `FOREVER_S` where the table holds nothing.
    """
    since = in_day(time_s, xp)
    total = xp.sum(table, axis=-1)
    wanted = over_hours(table, since, xp) / HOUR_S + events
    days = xp.floor(wanted / xp.maximum(total, LEAST_A_DAY))
    rest = xp.asarray(wanted - days * total)[..., None] - (xp.cumsum(table, axis=-1) - table)
    passed = xp.where(table > 0, xp.clip(rest / xp.maximum(table, LEAST_A_DAY), 0, 1), (rest > 0) * 1.0)
    at = days * DAY_S + HOUR_S * xp.sum(passed, axis=-1)
    return xp.where(total > LEAST_A_DAY, xp.maximum(at - since, 0), FOREVER_S)


def ambient_c(time_s: Any, params: Params, xp: Any) -> Any:
    """Coldest at 03:00, warmest at 15:00."""
    angle = 2 * math.pi * (in_day(time_s, xp) - 15 * HOUR_S) / DAY_S
    return params.ambient_c + params.ambient_swing_c * xp.cos(angle)


def plugged_in(time_s: Any, params: Params, xp: Any) -> Any:
    """(…,) 1 while the device is on its charger."""
    since = in_day(time_s - params.plug_in_s, xp)
    return (since < params.plugged_s) * 1.0


def _plugged_until(since_s: Any, params: Params, xp: Any) -> Any:
    days = xp.floor(since_s / DAY_S)
    return days * params.plugged_s + xp.minimum(since_s - days * DAY_S, params.plugged_s)


def charger_j(time_s: Any, dt_s: Any, params: Params, xp: Any) -> Any:
    """(…,) joules that the charger offers from `time_s` on, exact for any `dt_s`."""
    since = in_day(time_s - params.plug_in_s, xp)
    return params.charge_w * (_plugged_until(since + dt_s, params, xp) - _plugged_until(since, params, xp))


def _sun_until(local_s: Any, params: Params, xp: Any) -> Any:
    """∫ sin(π (t − rise) / (set − rise)) dt over the daylight since midnight, in seconds of full sun."""
    length = params.sunset_s - params.sunrise_s
    days = xp.floor(local_s / DAY_S)
    x = xp.clip((local_s - days * DAY_S - params.sunrise_s) / length, 0, 1)
    return length / math.pi * (2 * days + 1 - xp.cos(math.pi * x))


def sun_j(time_s: Any, dt_s: Any, clearness: Any, params: Params, xp: Any) -> Any:
    """(…,) joules that the panel offers from `time_s` on at that clearness, exact for any `dt_s`."""
    local = in_day(time_s, xp)
    sun_s = _sun_until(local + dt_s, params, xp) - _sun_until(local, params, xp)
    return params.panel_w * params.clear_w_m2 / 1000 * clearness * sun_s


def income_j(state: State, dt_s: Any, params: Params, xp: Any) -> Any:
    """(…,) joules on offer from charger and panel for `dt_s`, before the losses of charging."""
    sun = sun_j(state.time_s, dt_s, state.clearness, params, xp)
    return charger_j(state.time_s, dt_s, params, xp) + sun


def delivers(state: State, params: Params, xp: Any) -> Any:
    """(…,) whether charger or panel gives anything at that moment."""
    local = in_day(state.time_s, xp)
    daylight = (local >= params.sunrise_s) & (local < params.sunset_s)
    mains = (params.charge_w > 0) & (plugged_in(state.time_s, params, xp) > 0)
    return mains | (daylight & (params.panel_w * params.clear_w_m2 * state.clearness > 0))


def _kept(u: Any, dt_s: Any, hold_s: Any, xp: Any) -> tuple[Any, Any]:
    """Whether nothing was drawn anew in `dt_s`, and the uniform that is left for the draw."""
    stay = xp.exp(-dt_s / hold_s)
    return u < stay, xp.clip((u - stay) / xp.maximum(1 - stay, 1e-12), 0, 1)


def surroundings_after(state: State, noise: Noise, params: Params, xp: Any) -> State:
    """The state `noise.dt_s` later, as far as nobody's action matters: time, user, link and clouds."""
    time = state.time_s + noise.dt_s
    kept, u = _kept(noise.user_u, noise.dt_s, params.user_hold_s, xp)
    user = xp.where(kept, state.user_active, (u < by_hour(params.user_share, time, xp)) * 1.0)
    kept, u = _kept(noise.link_u, noise.dt_s, params.link_hold_s, xp)
    free = by_hour(params.link_free, time, xp)
    known = free + by_hour(params.link_metered, time, xp)
    drawn = xp.where(u < free, float(Link.FREE), xp.where(u < known, float(Link.METERED), float(Link.NONE)))
    return state._replace(
        time_s=time,
        user_active=user,
        link=xp.where(kept, state.link, drawn),
        clearness=clearness_after(state.clearness, noise.dt_s, noise.cloud_z, params, xp),
    )


def clearness_after(clearness: Any, dt_s: Any, cloud_z: Any, params: Params, xp: Any) -> Any:
    """(…,) how clear the sky is `dt_s` later, `cloud_z` standard normal."""
    decay = xp.exp(-dt_s / params.clearness_hold_s)
    spread = params.clearness_sd * xp.sqrt(xp.maximum(1 - decay**2, 0))
    clouds = params.clearness_mean + (clearness - params.clearness_mean) * decay + spread * cloud_z
    return xp.clip(clouds, 0.05, 1.05)


def surroundings_over(state: State, dt_s: Any, params: Params, xp: Any) -> State:
    """The state with user and clouds as they are on average over the next `dt_s`, seen from its start.

    mean = m + (now − m) · h / dt · (1 − exp(−dt / h)),   h the holding time, m the mean over those hours
    """
    length = xp.maximum(dt_s, 1e-3)
    share = within_hours(params.user_share, state.time_s, length, xp) * HOUR_S / length
    sky = params.clearness_mean

    def faded(now: Any, mean: Any, hold_s: Any) -> Any:
        return mean + (now - mean) * hold_s / length * (1 - xp.exp(-length / hold_s))

    return state._replace(
        user_active=xp.clip(faded(state.user_active, share, params.user_hold_s), 0, 1),
        clearness=xp.clip(faded(state.clearness, sky, params.clearness_hold_s), 0.05, 1.05),
    )


def demand(state: State, params: Params, xp: Any) -> Demand:
    """The rates from which a lab draws arrivals, examples and versions."""
    return Demand(
        requests_per_s=by_hour(params.requests_per_hour, state.time_s, xp) / HOUR_S,
        examples_per_s=by_hour(params.examples_per_hour, state.time_s, xp) / HOUR_S,
        versions_per_s=params.versions_per_hour / HOUR_S + state.time_s * 0,
    )


def charge_forecast(state: State, params: Params, xp: Any) -> Any:
    """(…,) charge expected within six hours over the capacity, in [0, 1]; the clouds revert to their mean."""
    ratio = FORECAST_S / params.clearness_hold_s
    persistence = (1 - xp.exp(-ratio)) / ratio
    clearness = params.clearness_mean + (state.clearness - params.clearness_mean) * persistence
    offered = charger_j(state.time_s, FORECAST_S, params, xp)
    offered = offered + sun_j(state.time_s, FORECAST_S, clearness, params, xp)
    return xp.clip(params.charge_efficiency * offered / params.capacity_j, 0, 1)
