"""Uniform draws → what chance decides in a wake and the sleep after it, however long that is.

A sleep ends as the runtime ends it (`circadia.rest`): when it is over, later if the system puts the device off; or before,
as it was asked for and the body can: at the first burst of requests (REQUEST), in time for the first deadline of those that
wait (DEADLINE), or by nothing (DUE). Who has answered some while others wait, and who was asked while at work, goes on at
once when the work is over. Bursts are a Poisson process with the hours' rates:

    first after t:  Λ(t) = −ln(1 − u),  Λ = ∫ bursts per s;      of later ones ⌊Λ(first, last) + u⌋

are still waiting at the end, if their deadline lies beyond it, or have lapsed; each of both is rounded by itself, so that
both have the mean of the process. Pure functions over an array module `xp`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from circadia import pacing
from circadia.actions import SERVE_LIMIT
from circadia.pacing import earliest_s, sleep_s
from circadia.physics.dynamics import busy_s
from circadia.physics.state import Noise
from circadia.physics.surroundings import FOREVER_S, delivers, until_expected, within_hours
from circadia.types import Load, WakeOn, Work
from circadia_lab.policy.env.chance import JUST_BEFORE, around, due_bin_s, picked, requests_until

if TYPE_CHECKING:
    from circadia.actions import ActionFacts
    from circadia.physics.params import Params
    from circadia.physics.state import State
    from circadia_lab.policy.env.chance import Recorded
    from circadia_lab.policy.env.problem import Problem, TickLaw, WakeLaw

DRAWS = 14
"""Uniforms that a wake takes."""
DAY_S = 86_400.0
KINDS = list(WakeOn)
_WIDE = math.sqrt(12)
"""√12 (u − ½) has mean 0 and variance 1."""


class Asked(NamedTuple):
    """The sleep that a policy chose; (…,) each."""

    length_s: Any
    """From the end of the work."""
    wake_on: Any
    """Place in `WakeOn`."""


class Arrived(NamedTuple):
    """When the next wake is, and the requests until then; (…,) each."""

    dt_s: Any
    waiting: Any
    age_s: Any
    """Of the first that waits."""
    lapsed: Any
    together: Any


def draw(
    state: State,
    action: Any,
    asked: Asked,
    u: Any,
    params: Params,
    problem: Problem,
    published_per_s: Any,
    xp: Any,
    facts: ActionFacts,
    replay: Recorded | None = None,
) -> Noise:
    """(…,) states, actions and sleeps, (…, DRAWS) uniforms in [0, 1) → the noise of the wake and its sleep."""
    law: WakeLaw = problem.wake  # type: ignore[assignment]
    busy = busy_s(state, action, params, xp, facts)
    earliest = earliest_s(busy, xp=xp)
    rest = _rest_s(state, action, asked, earliest, params, facts, xp)
    late = xp.where(rest < asked.length_s, 0.0, _late_s(state, u[..., 0], params, law, xp))
    bounds = earliest, earliest + rest + late
    came = _recorded if replay is not None else _drawn
    arrived = came(state, asked, bounds, u[..., 1:5], params, problem.ticks, replay, xp)
    dt = arrived.dt_s
    examples = xp.floor(within_hours(params.examples_per_hour, state.time_s, dt, xp) + u[..., 5])
    published = xp.floor(published_per_s * dt + u[..., 6])
    jumps = xp.floor(law.jumps_per_day / DAY_S * dt + u[..., 11])
    return Noise(
        dt_s=dt,
        arrivals=arrived.waiting,
        arrival_age_s=arrived.age_s,
        deadline_s=params.deadline_s * JUST_BEFORE + 0 * dt,
        examples=examples,
        feedback_u=u[..., 7],
        user_u=u[..., 8],
        link_u=u[..., 9],
        cloud_z=_WIDE * (u[..., 10] - 0.5),
        published=published,
        published_age_s=dt / (published + 1),
        lapsed=arrived.lapsed,
        together=arrived.together,
        example_delay_s=dt / (examples + 1),
        moved=law.drift_per_day / DAY_S * dt + jumps,
        label_u=u[..., 12],
    )


def margin_s(params: Params, xp: Any) -> Any:
    """(…,) how long before a deadline a held request is woken for, which is served with all that one wake can."""
    unit_s = xp.minimum(params.unit_s[..., Load.SERVE_LOW], params.unit_s[..., Load.SERVE_HIGH])
    invocations = xp.ceil(SERVE_LIMIT[Work.LARGE] / params.answers)
    serving_s = params.wake_up_s + params.batch_overhead_s + invocations * unit_s
    return pacing.margin_s(serving_s, params.deadline_s, xp)


def _late_s(state: State, u: Any, params: Params, law: WakeLaw, xp: Any) -> Any:
    awake = (state.user_active > 0) | delivers(state, params, xp) | (params.user_w <= 0)
    return xp.where(awake, 0.0, picked(u, law.late_s, law.late_shares, xp))


def _rest_s(
    state: State, action: Any, asked: Asked, after_s: Any, params: Params, facts: ActionFacts, xp: Any
) -> Any:
    """(…,) from the end of the work, `after_s` after its start, until the wake that nothing brings forward."""
    served = xp.minimum(state.queue_length, xp.asarray(facts.answers)[action])
    left = state.queue_length - served
    passed = state.queue_age_s * served / xp.maximum(state.queue_length, 1)
    slack = state.queue_slack_s + passed - after_s
    return sleep_s(
        length_s=asked.length_s,
        answered=served,
        waiting=left,
        hears=asked.wake_on != KINDS.index(WakeOn.DUE),
        deadline_s=xp.where(left > 0, slack, FOREVER_S),
        margin_s=margin_s(params, xp),
        xp=xp,
    )


def _ended(asked: Asked, first: Any, bounds: tuple[Any, Any], params: Params, xp: Any) -> Any:
    """(…,) the next wake, from this one's start on."""
    earliest, latest = bounds
    at_once = (asked.wake_on == KINDS.index(WakeOn.REQUEST)) | (first < earliest)
    in_time = asked.wake_on == KINDS.index(WakeOn.DEADLINE)
    deadline = first + params.deadline_s - margin_s(params, xp)
    woken = xp.where(at_once, first, xp.where(in_time, deadline, FOREVER_S))
    return xp.maximum(xp.minimum(woken, latest), earliest)


def _drawn(
    state: State,
    asked: Asked,
    bounds: tuple[Any, Any],
    u: Any,
    params: Params,
    law: TickLaw,
    replay: Recorded | None,  # noqa: ARG001  as `_recorded`
    xp: Any,
) -> Arrived:
    """From a Poisson process of bursts; all bursts of one stretch are of one size."""
    table = params.requests_per_hour

    def bursts(until_s: Any) -> Any:
        return within_hours(table, state.time_s, until_s, xp) / law.mean_burst

    wanted = -xp.log1p(-u[..., 0])
    first = until_expected(table, state.time_s, wanted * law.mean_burst, xp)
    dt = _ended(asked, first, bounds, params, xp)
    lapse = xp.maximum(dt - params.deadline_s * JUST_BEFORE, 0)
    size = picked(u[..., 3], law.burst_sizes, law.burst_shares, xp)
    some, gone = first <= dt, first < lapse
    begun = xp.minimum(first, dt)
    edge = xp.clip(lapse, begun, dt)
    before = xp.where(some, xp.floor(bursts(edge) - bursts(begun) + u[..., 1]), 0)
    later = xp.where(some, xp.floor(bursts(dt) - bursts(edge) + u[..., 2]), 0)
    waiting = later + (some & ~gone)
    age = xp.where(gone, (dt - edge) * waiting / (waiting + 1), dt - begun)
    lapsed = before + (some & gone)
    return Arrived(dt, waiting * size, xp.where(waiting > 0, age, 0), lapsed * size, size - 1)


def _recorded(
    state: State,
    asked: Asked,
    bounds: tuple[Any, Any],
    u: Any,  # noqa: ARG001  as `_drawn`
    params: Params,
    law: TickLaw,  # noqa: ARG001
    replay: Recorded | None,
    xp: Any,
) -> Arrived:
    """From a record; a bin's requests come at its end."""
    if replay is None:  # never: who has none draws
        raise AssertionError
    local = around(state.time_s, replay.length_s, xp)
    first = due_bin_s(local, replay, xp) - local
    dt = _ended(asked, first, bounds, params, xp)
    lapse = xp.maximum(dt - params.deadline_s * JUST_BEFORE, 0)
    start, edge, end = (requests_until(state.time_s + t, replay, xp) for t in (0 * dt, lapse, dt))
    waiting, lapsed = end - edge, edge - start
    gone = first < lapse
    age = xp.where(gone, (dt - lapse) * waiting / (waiting + 1), xp.maximum(dt - first, 0))
    return Arrived(dt, waiting, xp.where(waiting > 0, age, 0), lapsed, 0 * dt)
