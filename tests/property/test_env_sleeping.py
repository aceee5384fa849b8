"""What chance decides over a sleep of any length has the means of a plain simulation, event by event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.actions import FACTS, INDEX
from circadia.observation import DAY_S, HOUR_S
from circadia.physics import dynamics
from circadia.physics.surroundings import until_expected, within_hours
from circadia.types import WakeOn
from circadia_lab.policy.env.chance import JUST_BEFORE
from circadia_lab.policy.env.fleet_versions import versions_per_s
from circadia_lab.policy.env.problem import Problem, WakeLaw, find_problem
from circadia_lab.policy.env.sleeping import DRAWS, Asked, draw, margin_s
from circadia_lab.policy.env.wakes import WakeFleet

if TYPE_CHECKING:
    from circadia.physics.params import Params
    from circadia.physics.state import Noise

pytestmark = pytest.mark.slow

DAY = find_problem("wake-day")
KINDS = list(WakeOn)
DEVICES = 20_000
TEN_S = 10 * HOUR_S
hours = st.lists(st.sampled_from([0.0, 0.1, 1.0, 40.0]), min_size=24, max_size=24).map(np.array)


@given(table=hours, start=st.floats(0, 2 * DAY_S), events=st.floats(0.01, 500))
def test_the_time_until_events_are_expected_is_the_inverse_of_what_is_expected(
    table: Any, start: float, events: float
) -> None:
    took = until_expected(table, start, events, np)
    if table.sum() == 0:
        assert took > 1e8
    else:
        assert within_hours(table, start, took, np) == pytest.approx(events, abs=1e-6)


@given(table=hours, start=st.floats(0, DAY_S), first=st.floats(0, DAY_S), second=st.floats(0, DAY_S))
def test_what_is_expected_adds_up(table: Any, start: float, first: float, second: float) -> None:
    parts = within_hours(table, start, first, np) + within_hours(table, start + first, second, np)
    assert within_hours(table, start, first + second, np) == pytest.approx(parts, abs=1e-6)


class Seen(NamedTuple):
    """Means over many stretches that begin with an empty queue."""

    dt_s: float
    waiting: float
    lapsed: float
    ages_s: float


def event_by_event(params: Params, problem: Problem, kind: WakeOn, start: float, length_s: float) -> Seen:
    """Bursts one by one, thinned from a steady stream, each with its own deadline."""
    random, law, table = np.random.default_rng(9), problem.ticks, params.requests_per_hour
    longest = int(table.max() / law.mean_burst / HOUR_S * length_s * 1.2 + 40)
    gaps = random.exponential(law.mean_burst * HOUR_S / table.max(), (DEVICES, longest))
    times = np.cumsum(gaps, axis=1)
    rate = table[((start + times) % DAY_S / HOUR_S).astype(int)]
    came = (random.random(times.shape) * table.max() < rate) & (times <= length_s)
    sizes = random.choice(law.burst_sizes, p=law.burst_shares, size=times.shape)
    first = np.where(came, times, np.inf).min(axis=1)
    patience = float(params.deadline_s) * JUST_BEFORE
    wait = {WakeOn.DUE: np.inf, WakeOn.REQUEST: 0, WakeOn.DEADLINE: patience - margin_s(params, np)}[kind]
    end = np.minimum(first + wait, length_s)
    ages = end[:, None] - times
    counts = sizes * came * (ages >= 0)
    late = ages > patience
    found = end, (counts * ~late).sum(1), (counts * late).sum(1), (ages * counts * ~late).sum(1)
    return Seen(*(float(np.mean(x)) for x in found))


def in_one(params: Params, problem: Problem, kind: WakeOn, start: float, length_s: float) -> Seen:
    """The same from the environment's law."""
    u = np.random.default_rng(8).random((DEVICES, DRAWS))
    none = np.zeros(DEVICES)
    state = dynamics.initial_state(params, none + 0.5, none + start)
    asked = Asked(none + length_s, np.full(DEVICES, KINDS.index(kind)))
    noise = draw(state, np.zeros(DEVICES, int), asked, u, params, problem, none, np, FACTS)
    n = noise.arrivals
    of_each = noise.arrival_age_s * (n + 1 + noise.together) / 2
    return Seen(*(float(np.mean(x)) for x in (noise.dt_s, n, noise.lapsed, of_each)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("start_h", "length_s"), [(8.5, 1.5 * HOUR_S), (15.0, 6 * HOUR_S), (20.0, TEN_S)])
def test_a_sleep_brings_what_a_simulation_of_its_events_brings(
    kind: WakeOn, start_h: float, length_s: float
) -> None:
    fleet = WakeFleet(DAY, 1)
    params = fleet.params._replace(
        requests_per_hour=fleet.params.requests_per_hour[0, 0],
        deadline_s=fleet.params.deadline_s[0, 0],
        wake_up_s=np.float64(0),
    )
    params = type(params)(
        *(x if i == 0 or np.ndim(x) == 0 or x.ndim == 1 else x[0, 0] for i, x in enumerate(params))
    )
    plain = event_by_event(params, DAY, kind, start_h * HOUR_S, length_s)
    ours = in_one(params, DAY, kind, start_h * HOUR_S, length_s)
    assert ours.dt_s == pytest.approx(plain.dt_s, rel=0.04, abs=2)
    assert ours.waiting == pytest.approx(plain.waiting, rel=0.04, abs=0.05)
    assert ours.lapsed == pytest.approx(plain.lapsed, rel=0.04, abs=0.05)
    assert ours.ages_s == pytest.approx(plain.ages_s, rel=0.05, abs=30)


uniforms = st.lists(st.integers(0, 2**24 - 1).map(lambda i: i / 2**24), min_size=DRAWS, max_size=DRAWS).map(
    np.array
)


def drawn(
    kind: WakeOn, length_s: float, u: Any, work: str = "sleep", queue: float = 0
) -> tuple[Noise, float]:
    """One device of `DAY` at nine o'clock, → its noise and how long its work takes."""
    fleet = WakeFleet(DAY, 1)
    state = dynamics.initial_state(fleet.params, np.full((1, 1), 0.5), 9 * HOUR_S)
    state = state._replace(
        queue_length=np.full((1, 1), queue),
        queue_age_s=np.full((1, 1), 600.0 * (queue > 0)),
        queue_slack_s=np.full((1, 1), 3000.0 if queue else 3600.0),
    )
    action = np.full((1, 1), INDEX[work])
    asked = Asked(np.full((1, 1), length_s), np.full((1, 1), KINDS.index(kind)))
    noise = draw(state, action, asked, u[None, None], fleet.params, DAY, np.zeros((1, 1)), np, FACTS)
    return noise, float(dynamics.busy_s(state, action, fleet.params, np, FACTS)[0, 0])


@given(u=uniforms, kind=st.sampled_from(KINDS), length_s=st.floats(4, 6 * HOUR_S), queue=st.integers(0, 40))
def test_a_sleep_ends_as_it_was_asked_for(u: Any, kind: WakeOn, length_s: float, queue: int) -> None:
    noise, busy = drawn(kind, length_s, u, "serve/low/small" if queue else "sleep", queue)
    dt = float(noise.dt_s[0, 0])
    assert busy <= dt <= busy + length_s + 1e-6
    assert 0 <= noise.arrival_age_s[0, 0] <= min(dt, 3600)
    for count in (noise.arrivals, noise.lapsed, noise.examples):
        assert count[0, 0] >= 0
        assert count[0, 0] % 1 == 0
    early = dt < busy + length_s - 1e-6
    came = noise.arrivals[0, 0] + noise.lapsed[0, 0] > 0
    if queue > 8:  # it has answered eight, and others wait
        assert dt == busy
    elif dt > busy + 1e-6 and kind is WakeOn.DUE:
        assert not early
    elif dt > busy + 1e-6 and kind is WakeOn.REQUEST and early:
        assert came
        assert noise.arrival_age_s[0, 0] == pytest.approx(0, abs=1e-6)
    elif early:
        assert came


@pytest.mark.parametrize("per_hour", [0.05, 0.5, 5.0, 50.0])
def test_versions_appear_as_the_aggregators_rule_has_it(per_hour: float) -> None:
    law, random = WakeLaw(), np.random.default_rng(3)
    gaps = random.exponential(HOUR_S / per_hour / law.devices, 200_000)
    versions, count, since = 0, 0, 0.0
    for gap in gaps:
        since += gap
        if count and since > law.timeout_s:
            versions, count = versions + 1, 0
        count, since = count + 1, since if count else 0.0
        if count >= law.buffer:
            versions, count = versions + 1, 0
    plain = versions / gaps.sum()
    assert versions_per_s(per_hour / HOUR_S, law, np) == pytest.approx(plain, rel=0.15)
