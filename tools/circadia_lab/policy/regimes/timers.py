"""Serving and learning decided apart, their timers shifted together by an operating system: simulated, in free time.

Each controller sets its own timer; a timer may fire early by the slack at a wake that the other one asked for, as
alarms are coalesced. Serving polls, or is woken by a request at once or in time for its deadline, where the body can.
Timers and mode are searched: the fewest joules that keep the limits. Timers wander by parts of a hundred, so that the
two of them meet in all phases.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.types import WakeOn
from circadia_lab.policy.regimes.regime import DAY_S, Stale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.regime import Regime

    Floats = NDArray[np.float64]

DEVICES, WAKES, SETTLING = 400, 460, 60
"""Simulated for each setting, the first wakes of each device not counted."""
QUICK_WAKES = 200
SERVING_JITTER, LEARNING_JITTER = 0.01, 0.004
STRETCHES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8)
"""Of the slack: how much longer learning's timer is tried, since slack makes it fire early."""
SPARE_ERRORS = 2.0
"""A limit is taken for kept within so many standard errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """A setting; seconds."""

    serve_s: float
    """From a serving to the next if it polls; from a request to its serving if it is held."""
    learn_s: float
    wake_on: WakeOn
    """What wakes the serving controller; `DUE`: its timer alone."""


class Mean(NamedTuple):
    """A ratio of means over devices and its standard error."""

    value: float
    error: float


class Coalesced(NamedTuple):
    """The best setting for one slack."""

    slack_s: float
    joules: Mean
    """A day."""
    late: Mean
    aged: Mean
    """What the age limit counts, over time."""
    wakes: Mean
    """A day."""
    timers: Timers


class _Lives(NamedTuple):
    """(devices,) sums over a simulation."""

    time_s: Floats
    joules: Floats
    wakes: Floats
    requests: Floats
    late: Floats
    aged: Floats


def coalesced(regime: Regime, slack_s: float, seed: int = 0, wakes: int = WAKES) -> Coalesced | None:
    """Searched with one seed, told with the next; none if no setting keeps the limits."""
    ranked = sorted(
        ((_told(regime, slack_s, timers, seed, wakes), timers) for timers in _settings(regime, slack_s)),
        key=lambda pair: pair[0].joules.value,
    )
    for found, timers in ranked:
        if _kept(regime, found):
            again = _told(regime, slack_s, timers, seed + 1, wakes)
            if _kept(regime, again):
                return again
    return None


def _kept(regime: Regime, found: Coalesced) -> bool:
    limit = regime.age.share if isinstance(regime.age, Stale) else regime.age.at_most_s
    return all(
        mean.value <= most * (1 + 1e-9) + SPARE_ERRORS * mean.error
        for mean, most in ((found.late, regime.late), (found.aged, limit))
    )


def _settings(regime: Regime, slack_s: float) -> Iterator[Timers]:
    learn = [regime.age.timer_s + share * slack_s for share in (STRETCHES if slack_s else (0.0,))]
    for wake_on, learn_s in product((kind for kind in WakeOn if kind in regime.wakes_on), learn):
        spare = 1 - regime.late if wake_on is WakeOn.DUE else 1
        yield Timers(serve_s=regime.deadline_s / spare, learn_s=learn_s, wake_on=wake_on)


def _told(regime: Regime, slack_s: float, timers: Timers, seed: int, wakes: int) -> Coalesced:
    lives = _simulated(regime, slack_s, timers, seed, wakes)
    return Coalesced(
        slack_s=slack_s,
        joules=_ratio(lives.joules * DAY_S, lives.time_s),
        late=_ratio(lives.late, lives.requests),
        aged=_ratio(lives.aged, lives.time_s),
        wakes=_ratio(lives.wakes * DAY_S, lives.time_s),
        timers=timers,
    )


def _ratio(above: Floats, below: Floats) -> Mean:
    """Σ above / Σ below, with the error of the linearised ratio over independent devices."""
    value = float(above.sum() / below.sum())
    spread = above - value * below
    return Mean(value, float(np.sqrt((spread**2).sum() * len(spread) / (len(spread) - 1)) / below.sum()))


def _simulated(regime: Regime, slack_s: float, timers: Timers, seed: int, wakes: int) -> _Lives:
    random, body = np.random.default_rng(seed), regime.body
    rate = regime.requests_a_day / DAY_S
    learnt_s = -random.uniform(0, timers.learn_s, DEVICES)
    served_s = np.zeros(DEVICES)
    next_s = random.exponential(1 / rate, DEVICES)
    sums = _Lives(*np.zeros((len(_Lives._fields), DEVICES)))
    now_s = begun_s = np.zeros(DEVICES)
    for wake in range(wakes):
        if wake == SETTLING:
            sums, begun_s = _Lives(*np.zeros((len(_Lives._fields), DEVICES))), now_s.copy()
        learn_at_s = learnt_s + timers.learn_s * (
            1 + random.uniform(-LEARNING_JITTER, LEARNING_JITTER, DEVICES)
        )
        serve_at_s = _serve_at_s(timers, served_s, next_s, random)
        now_s = np.minimum(learn_at_s, serve_at_s)
        learns = now_s >= learn_at_s - slack_s
        serves = (now_s >= serve_at_s - slack_s) & _may(timers, next_s, now_s)
        waiting, late = _answered(regime, next_s, now_s, serves, random)
        busy = serves & ((waiting > 0) | regime.remote)
        session = learns | (busy & regime.answers_by_radio)
        sums.joules[:] += body.wake_j.value + busy * body.serve_j.value + session * body.radio_j.value
        sums.joules[:] += learns * (body.train_j.value + body.exchange_j.value)
        sums.wakes[:] += 1
        sums.requests[:] += waiting
        sums.late[:] += late
        sums.aged[:] += learns * _aged(regime, now_s - learnt_s)
        learnt_s, served_s = np.where(learns, now_s, learnt_s), np.where(serves, now_s, served_s)
        next_s = np.where(serves & (next_s <= now_s), now_s + random.exponential(1 / rate, DEVICES), next_s)
    return sums._replace(time_s=now_s - begun_s)


def _serve_at_s(timers: Timers, served_s: Floats, next_s: Floats, random: np.random.Generator) -> Floats:
    if timers.wake_on is WakeOn.REQUEST:
        return next_s
    if timers.wake_on is WakeOn.DEADLINE:
        return next_s + timers.serve_s
    jitter = random.uniform(-SERVING_JITTER, SERVING_JITTER, len(served_s))
    found: Floats = served_s + timers.serve_s * (1 + jitter)
    return found


def _may(timers: Timers, next_s: Floats, now_s: Floats) -> NDArray[np.bool_]:
    """A controller that is woken by requests knows that none waits."""
    return (next_s <= now_s) | (timers.wake_on is WakeOn.DUE)


def _answered(
    regime: Regime, next_s: Floats, now_s: Floats, serves: NDArray[np.bool_], random: np.random.Generator
) -> tuple[Floats, Floats]:
    """(devices,) requests that wait, and those past their deadline: the first came at `next_s`, the others since."""
    rate = regime.requests_a_day / DAY_S
    some = serves & (next_s <= now_s)
    past_s = np.where(some, np.maximum(now_s - regime.deadline_s - next_s, 0), 0)
    others_s = np.where(some, now_s - next_s, 0) - past_s
    first_late = some & (now_s - next_s > regime.deadline_s + 1e-6)
    late = first_late + random.poisson(rate * past_s)
    on_time = (some & ~first_late) + random.poisson(rate * others_s)
    return late + on_time, late.astype(np.float64)


def _aged(regime: Regime, interval_s: Floats) -> Floats:
    """What the age limit counts from one learning to the next: seconds beyond its bound, or the integral of the age."""
    if isinstance(regime.age, Stale):
        found: Floats = np.maximum(interval_s - regime.age.after_s, 0)
        return found
    return interval_s**2 / 2
