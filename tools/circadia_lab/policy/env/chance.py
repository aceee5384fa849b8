"""Uniform draws → what chance decides in a tick: when it ends, what arrives, how the world goes on.

A tick lasts as the runtime paces it (`circadia.pacing`): a period, of which the system makes a few if the device dozes;
less while requests wait, and who has those is not put off; until the first burst of requests, which wakes it; as long
as its own work at least. Every draw takes one of finitely many values or is rounded at random, so that all of it can be enumerated:
`u` on a grid of midpoints gives expectations. Pure functions over an array module `xp`.

    bursts arrive at rate b = requests / mean burst;  first after −ln(1 − u) / b;  later ones ⌊b · rest + u⌋
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.pacing import earliest_s, rest_s
from circadia.physics.dynamics import busy_s
from circadia.physics.state import Noise
from circadia.physics.surroundings import delivers, demand
from circadia_lab.policy.env.fixed import FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia.actions import ActionFacts
    from circadia.physics.params import Params
    from circadia.physics.state import State
    from circadia_lab.data.traces.day_trace import DayTrace
    from circadia_lab.policy.env.problem import TickLaw

DRAWS = 10
"""Uniforms that a tick takes."""
NEVER_S = 1e12
JUST_BEFORE = 1 - 1e-6
"""Of a deadline: who is looked at again exactly then has waited in vain, as with the agent's queue."""
_WIDE = math.sqrt(12)
"""√12 (u − ½) has mean 0 and variance 1."""


class Recorded(NamedTuple):
    """A trace as arrays over its bins, which repeat for ever."""

    bin_s: float
    length_s: float
    """A whole number of days."""
    before: Any
    """(bins + 1,) requests before each bin."""
    due_s: Any
    """(bins,) when the next bin with a request ends, the present one included; it may be in the next round."""
    clearness: Any
    """(bins,)"""
    lived: Any = True
    """(devices, 1) whose days are recorded; True for all."""


class Laws(NamedTuple):
    """Laws of devices side by side: a `TickLaw` with arrays (devices, 1) in place of numbers."""

    period_s: Any
    doze_periods: tuple[Any, ...]
    doze_shares: tuple[Any, ...]
    burst_sizes: tuple[Any, ...]
    burst_shares: tuple[Any, ...]
    mean_burst: Any


def laws_of(laws: Sequence[TickLaw], dtype: Any) -> TickLaw | Laws:
    """Of the devices in turn; a single one where they are all alike. Shorter tables end in shares of 0."""
    if len(set(laws)) == 1:
        return laws[0]

    def column(values: Sequence[float]) -> Any:
        return np.array(values, dtype)[:, None]

    def table(name: str, filling: float | None) -> tuple[Any, ...]:
        rows = [getattr(law, name) for law in laws]
        longest = max(map(len, rows))
        full = [(*row, *[row[-1] if filling is None else filling] * (longest - len(row))) for row in rows]
        return tuple(column(values) for values in zip(*full, strict=True))

    return Laws(
        period_s=column([law.period_s for law in laws]),
        doze_periods=table("doze_periods", None),
        doze_shares=table("doze_shares", 0.0),
        burst_sizes=table("burst_sizes", None),
        burst_shares=table("burst_shares", 0.0),
        mean_burst=column([law.mean_burst for law in laws]),
    )


def recorded(trace: DayTrace, xp: Any) -> Recorded:
    """The trace, prepared; it has a request (`DayTrace` sees to that)."""
    counts = np.asarray(trace.requests, np.float64)
    twice = np.flatnonzero(np.concatenate([counts, counts]) > 0)
    ends = twice[np.searchsorted(twice, np.arange(len(counts)))] + 1.0
    return Recorded(
        bin_s=float(trace.bin_s),
        length_s=float(trace.bin_s) * len(counts),
        before=xp.asarray(np.concatenate([[0.0], np.cumsum(counts)])),
        due_s=xp.asarray(ends * trace.bin_s),
        clearness=xp.asarray(trace.clearness),
    )


def draw(
    state: State,
    action: Any,
    u: Any,
    params: Params,
    law: TickLaw | Laws,
    xp: Any,
    replay: Recorded | None = None,
    facts: ActionFacts = FACTS,
) -> Noise:
    """(…,) states and actions, (…, DRAWS) uniforms in [0, 1) → the noise of that tick."""
    rates = demand(state, params, xp)
    busy = busy_s(state, action, params, xp, facts)
    earliest = earliest_s(busy, xp=xp)
    latest = xp.maximum(_rest_s(state, action, u[..., 0], params, law, xp, facts), earliest)
    if replay is None:
        came = _bursts(rates.requests_per_s, earliest, latest, u[..., 1:4], law, xp)
    else:
        came = _replayed(state.time_s, earliest, latest, replay, xp)
        if replay.lived is not True:
            drawn = _bursts(rates.requests_per_s, earliest, latest, u[..., 1:4], law, xp)
            came = tuple(xp.where(replay.lived, a, b) for a, b in zip(came, drawn, strict=True))
    dt, arrivals, age = came
    published = xp.floor(rates.versions_per_s * dt + u[..., 5])
    return Noise(
        dt_s=dt,
        arrivals=arrivals,
        arrival_age_s=age,
        deadline_s=params.deadline_s * JUST_BEFORE + 0 * dt,
        examples=xp.floor(rates.examples_per_s * dt + u[..., 4]),
        feedback_u=u[..., 6],
        user_u=u[..., 7],
        link_u=u[..., 8],
        cloud_z=_WIDE * (u[..., 9] - 0.5),
        published=published,
        published_age_s=dt / 2,
    )


def _rest_s(
    state: State, action: Any, u: Any, params: Params, law: TickLaw | Laws, xp: Any, facts: ActionFacts
) -> Any:
    """(…,) until the tick that nothing brings forward."""
    answers = xp.asarray(facts.answers)[action]
    left = xp.maximum(state.queue_length - answers, 0)
    dozes = xp.where(left > 0, 1.0, _doze_periods(state, u, params, law, xp))
    return rest_s(waiting=left, serves=answers > 0, away=False, period_s=law.period_s * dozes, xp=xp)


def _doze_periods(state: State, u: Any, params: Params, law: TickLaw | Laws, xp: Any) -> Any:
    """(…,) a device that somebody uses or something charges is not put off."""
    awake = (state.user_active > 0) | delivers(state, params, xp)
    return xp.where(awake, 1.0, picked(u, law.doze_periods, law.doze_shares, xp))


def picked(u: Any, values: tuple[Any, ...], shares: tuple[Any, ...], xp: Any) -> Any:
    """(…,) the value in whose share u falls."""
    found = values[-1] + 0 * u
    for value, top in list(zip(values, np.cumsum(shares, axis=0), strict=True))[-2::-1]:
        found = xp.where(u < top, value, found)
    return found


def _bursts(
    per_s: Any, earliest: Any, latest: Any, u: Any, law: TickLaw | Laws, xp: Any
) -> tuple[Any, Any, Any]:
    """Tick's length, requests in it, age of the first at its end. Who is busy hears of them afterwards.

    All bursts of one tick are of one size.
    """
    rate = per_s / law.mean_burst
    first = xp.where(rate > 0, -xp.log1p(-u[..., 0]) / xp.maximum(rate, 1e-12), NEVER_S)
    dt = xp.maximum(xp.minimum(first, latest), earliest)
    came = first <= dt
    later = xp.floor(rate * xp.maximum(dt - first, 0) + u[..., 1])
    size = picked(u[..., 2], law.burst_sizes, law.burst_shares, xp)
    return dt, came * (1 + later) * size, xp.where(came, dt - first, 0)


def _replayed(time_s: Any, earliest: Any, latest: Any, replay: Recorded, xp: Any) -> tuple[Any, Any, Any]:
    """The same from a record; a bin's requests come at its end.

    What came is a difference of one function of time, so that ticks on end deliver each request once, whatever the
    rounding.
    """
    local = around(time_s, replay.length_s, xp)
    first = due_bin_s(local, replay, xp) - local
    dt = xp.maximum(xp.minimum(first, latest), earliest)
    arrivals = requests_until(time_s + dt, replay, xp) - requests_until(time_s, replay, xp)
    return dt, arrivals, xp.where(arrivals > 0, xp.maximum(dt - first, 0), 0)


def due_bin_s(local_s: Any, replay: Recorded, xp: Any) -> Any:
    """(…,) when the requests of the first bin with some come, that of `local_s` included; local time as well."""
    return replay.due_s[_bin(local_s, replay, xp)]


def around(time_s: Any, length_s: Any, xp: Any) -> Any:
    """(…,) the time within its round, in [0, length]."""
    return xp.maximum(time_s - length_s * xp.floor(time_s / length_s), 0)


def _bin(local_s: Any, replay: Recorded, xp: Any) -> Any:
    return xp.minimum(xp.floor(local_s / replay.bin_s), len(replay.clearness) - 1).astype(int)


def requests_until(time_s: Any, replay: Recorded, xp: Any) -> Any:
    """(…,) requests of the whole bins before that time, those of earlier rounds included."""
    rounds = xp.floor(time_s / replay.length_s)
    return rounds * replay.before[-1] + replay.before[_bin(around(time_s, replay.length_s, xp), replay, xp)]


def clearness_at(time_s: Any, replay: Recorded, xp: Any) -> Any:
    """(…,) what was recorded for that time."""
    return replay.clearness[_bin(around(time_s, replay.length_s, xp), replay, xp)]
