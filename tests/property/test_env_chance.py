"""The tick law: what uniform draws decide stays within its bounds, and its means are the scenario's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circadia.energy.profile_file import shipped_profile
from circadia.observation import DAY_S
from circadia.pacing import RETRY_S, SPACING_S
from circadia.physics import dynamics
from circadia.physics.params import Params, make_params
from circadia.physics.scenario import BOARD, PHONE
from circadia.physics.surroundings import delivers
from circadia_lab.data.traces.day_trace import DayTrace
from circadia_lab.policy.env.chance import DRAWS, around, clearness_at, draw, recorded
from circadia_lab.policy.env.fixed import CATALOGUE, FACTS, INDEX
from circadia_lab.policy.env.problem import TickLaw

if TYPE_CHECKING:
    from circadia.physics.state import Noise, State

pytestmark = pytest.mark.slow

PHONE_PARAMS = make_params(shipped_profile("pixel-3"), PHONE)
BOARD_PARAMS = make_params(shipped_profile("pi-solar"), BOARD)
LAW = TickLaw()
SLEEP = INDEX["sleep"]
# Multiples of 2⁻²⁴, as JAX draws them: 0 is among them.
uniforms = st.lists(st.integers(0, 2**24 - 1).map(lambda i: i / 2**24), min_size=DRAWS, max_size=DRAWS).map(
    np.array
)
laws = st.builds(
    TickLaw,
    period_s=st.floats(1, 3600),
    doze_periods=st.sampled_from([(1.0, 3.0, 12.0), (1.0, 2.0, 30.0)]),
    burst_sizes=st.sampled_from([(1.0, 2.0, 4.0, 8.0), (3.0, 5.0, 7.0, 9.0)]),
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Params, State, int]:
    params = draw(st.sampled_from([PHONE_PARAMS, BOARD_PARAMS]))
    state = dynamics.initial_state(params, np.float64(draw(st.floats(0, 1))), draw(st.floats(0, 3 * DAY_S)))
    counts = {
        name: np.float64(draw(st.integers(0, 40)))
        for name in ("queue_length", "stored_examples", "unsent_examples", "spooled_updates")
    }
    state = state._replace(
        **counts,
        user_active=np.float64(draw(st.booleans())),
        link=np.float64(draw(st.integers(0, 2))),
        clearness=np.float64(draw(st.floats(0.05, 1.05))),
        versions_behind=np.float64(draw(st.integers(0, 2))),
    )
    return params, state, draw(st.integers(0, len(CATALOGUE) - 1))


@given(situation=situations(), u=uniforms, law=laws)
def test_a_tick_outlasts_its_work_and_holds_its_events(
    situation: tuple[Params, State, int], u: Any, law: TickLaw
) -> None:
    params, state, action = situation
    noise = draw(state, action, u, params, law, np)
    busy = dynamics.busy_s(state, action, params, np)
    assert noise.dt_s >= max(busy, SPACING_S)
    assert noise.dt_s <= max(law.period_s * max(law.doze_periods), busy, SPACING_S)
    assert 0 <= noise.arrival_age_s <= noise.dt_s
    assert 0 <= noise.published_age_s <= noise.dt_s
    for count in (noise.arrivals, noise.examples, noise.published):
        assert count >= 0
        assert count % 1 == 0
    assert noise.arrivals == 0 or noise.arrivals >= min(law.burst_sizes)
    assert abs(noise.cloud_z) <= np.sqrt(3)
    _, result = dynamics.step(state, action, noise, params, np)
    assert result.dt_s == noise.dt_s
    assert result.busy_s == busy


@given(situation=situations(), u=uniforms)
def test_only_who_is_left_alone_dozes(situation: tuple[Params, State, int], u: Any) -> None:
    params, state, action = situation
    noise = draw(state, action, u, params, LAW, np)
    attended = state.user_active > 0 or delivers(state, params, np)
    if noise.dt_s > LAW.period_s and attended:
        assert noise.dt_s == dynamics.busy_s(state, action, params, np)
    sleeper = draw(state, SLEEP, u, params, LAW, np)
    if not attended and sleeper.arrivals == 0 and state.queue_length == 0:
        periods = 1 if u[0] < 0.85 else 3 if u[0] < 0.95 else 12
        assert sleeper.dt_s == periods * LAW.period_s


@given(situation=situations(), u=uniforms)
def test_who_holds_a_queue_looks_at_it_soon(situation: tuple[Params, State, int], u: Any) -> None:
    params, state, action = situation
    noise = draw(state, action, u, params, LAW, np)
    least = max(dynamics.busy_s(state, action, params, np), SPACING_S)
    if state.queue_length > FACTS.answers[action]:
        soon = least if FACTS.serves[action] else max(least, RETRY_S)
        assert noise.dt_s == soon or (noise.arrivals > 0 and least <= noise.dt_s <= soon)


@given(situation=situations(), u=uniforms)
def test_a_burst_wakes_a_sleeper_at_once(situation: tuple[Params, State, int], u: Any) -> None:
    params, state, _ = situation
    noise = draw(state, SLEEP, u, params, LAW, np)
    busy = max(dynamics.busy_s(state, SLEEP, params, np), SPACING_S)
    if noise.arrivals > 0 and noise.dt_s > busy:
        assert noise.arrival_age_s == 0
        assert noise.arrivals in LAW.burst_sizes


@given(u=uniforms)
def test_where_nobody_asks_nothing_arrives(u: Any) -> None:
    silent = PHONE_PARAMS._replace(requests_per_hour=np.zeros(24))
    state = dynamics.initial_state(silent, np.float64(0.5), 0)
    noise = draw(state, SLEEP, u, silent, LAW, np)
    assert noise.arrivals == 0
    assert noise.dt_s >= LAW.period_s


def test_several_bursts_of_a_busy_device() -> None:
    # 60 bursts an hour, one a minute; 100 s of work: the first at −ln(½) min, then ⌊58.4 s / 60 s + 0.5⌋ = 1 more
    law = TickLaw(burst_sizes=(1.0, 3.0), burst_shares=(0.5, 0.5))
    params = PHONE_PARAMS._replace(
        requests_per_hour=np.full(24, 60.0 * law.mean_burst), wake_up_s=np.float64(100)
    )
    state = dynamics.initial_state(params, np.float64(0.5), 0)
    u = np.zeros(DRAWS)
    u[[1, 2, 3]] = 0.5, 0.5, 0.75
    noise = draw(state, SLEEP, u, params, law, np)
    assert noise.dt_s == 100
    assert noise.arrival_age_s == pytest.approx(100 - 60 * np.log(2))
    assert noise.arrivals == 2 * 3


def lived(params: Params, action: int, days: float, devices: int) -> tuple[State, list[Noise], Any]:
    """First state, every tick's noise and 1 within the days that count, else 0."""
    random = np.random.default_rng(5)
    first = state = dynamics.initial_state(params, np.full(devices, 0.9), np.zeros(devices))
    noises, counted = [], []
    while (state.time_s < days * DAY_S).any():
        noise = draw(state, np.full(devices, action), random.random((devices, DRAWS)), params, LAW, np)
        noises.append(noise)
        counted.append((state.time_s < days * DAY_S) * 1.0)
        state, _ = dynamics.step(state, np.full(devices, action), noise, params, np)
    return first, noises, np.array(counted)


@pytest.mark.parametrize(("params", "action"), [(PHONE_PARAMS, "sleep"), (BOARD_PARAMS, "sleep/sync-pull")])
def test_means_over_days_are_the_scenarios(params: Params, action: str) -> None:
    days, devices = 3, 400
    _, noises, counted = lived(params, INDEX[action], days, devices)
    wanted = {
        "arrivals": params.requests_per_hour.sum(),
        "examples": params.examples_per_hour.sum(),
        "published": 24 * params.versions_per_hour,
        "dt_s": DAY_S,
    }
    for name, a_day in wanted.items():
        total = sum((getattr(n, name) * c).sum() for n, c in zip(noises, counted, strict=True))
        # A doze of an hour takes the rates of its beginning along, and ticks overlap the last midnight.
        assert total / (days * devices) == pytest.approx(a_day, rel=0.02), name


def test_work_does_not_change_how_much_arrives() -> None:
    """E[1 + later] of a tick that is cut by nothing: rate · dt, whatever part of it is work."""
    size, busy = 400_000, np.float64(240)
    params = PHONE_PARAMS._replace(requests_per_hour=np.full(24, 30.0), wake_up_s=busy)
    random = np.random.default_rng(0)
    state = dynamics.initial_state(params, np.full(size, 0.5), 12 * 3600.0)._replace(
        user_active=np.ones(size)
    )
    noise = draw(state, np.full(size, SLEEP), random.random((size, DRAWS)), params, LAW, np)
    assert (noise.dt_s >= busy).all()
    assert noise.arrivals.sum() / noise.dt_s.sum() * 3600 == pytest.approx(30, rel=0.01)


@st.composite
def traces(draw: st.DrawFn) -> DayTrace:
    bin_s = draw(st.sampled_from([60.0, 300.0, 900.0, 3600.0, 21600.0]))
    bins = round(DAY_S / bin_s) * draw(st.integers(1, 3))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    requests = random.poisson(draw(st.sampled_from([0.01, 0.3, 4.0])), bins).astype(float)
    requests[random.integers(bins)] += 1
    return DayTrace(bin_s=bin_s, requests=requests, clearness=random.uniform(0.05, 1.05, bins))


@settings(max_examples=25)
@given(trace=traces(), dtype=st.sampled_from([np.float64, np.float32]), seed=st.integers(0, 2**32 - 1))
def test_a_replayed_round_delivers_each_request_once(trace: DayTrace, dtype: Any, seed: int) -> None:
    """Requests up to any tick are those of the bins that are over, in float32 too, with time kept in its round."""
    random = np.random.default_rng(seed)
    replay = recorded(trace, np)
    params, devices = PHONE_PARAMS, 4
    state = dynamics.initial_state(params, np.full(devices, 0.5), np.floor(random.random(devices) * 600))
    state = state._replace(time_s=state.time_s.astype(dtype))
    start, rounds, came = state.time_s.copy(), np.zeros(devices), np.zeros(devices)
    before = np.concatenate([[0.0], np.cumsum(trace.requests)])
    for _ in range(400):
        noise = draw(
            state, random.integers(0, 3, devices), random.random((devices, DRAWS)), params, LAW, np, replay
        )
        came += noise.arrivals
        end = state.time_s + noise.dt_s.astype(dtype)
        assert end.dtype == dtype
        rounds += np.floor(end / dtype(replay.length_s))
        state = state._replace(time_s=around(end, replay.length_s, np))
        passed = rounds * trace.requests.sum() + before[np.floor(state.time_s / trace.bin_s).astype(int)]
        np.testing.assert_array_equal(came, passed - before[np.floor(start / trace.bin_s).astype(int)])
    assert (rounds > 0).any() or trace.days > 1 or trace.requests.sum() > 40


def test_a_record_wakes_when_a_bin_with_requests_ends() -> None:
    requests = np.zeros(288)
    requests[[3, 200]] = 2, 5
    trace = DayTrace(bin_s=300.0, requests=requests, clearness=np.linspace(0.1, 0.9, 288))
    replay = recorded(trace, np)
    u = np.zeros(DRAWS)
    u[0] = 0.99  # an hour of doze
    state = dynamics.initial_state(BOARD_PARAMS, np.float64(0.5), 500.0)
    noise = draw(state, SLEEP, u, BOARD_PARAMS, LAW, np, replay)
    assert (noise.dt_s, noise.arrivals, noise.arrival_age_s) == (700, 2, 0)
    late = draw(state._replace(time_s=np.float64(202 * 300)), SLEEP, u, BOARD_PARAMS, LAW, np, replay)
    assert late.arrivals == 0
    # over midnight, into the next round
    noise = draw(state._replace(time_s=np.float64(DAY_S - 100)), SLEEP, u, BOARD_PARAMS, LAW, np, replay)
    assert (noise.dt_s, noise.arrivals) == (1300, 2)
    assert clearness_at(np.float64(2 * DAY_S - 1), replay, np) == 0.9
    assert clearness_at(np.float64(2 * DAY_S), replay, np) == 0.1


def test_a_busy_device_finds_what_came_meanwhile() -> None:
    requests = np.zeros(288)
    requests[[0, 1]] = 2, 5
    replay = recorded(DayTrace(bin_s=300.0, requests=requests, clearness=np.full(288, 0.5)), np)
    params = PHONE_PARAMS._replace(wake_up_s=np.float64(700))
    state = dynamics.initial_state(params, np.float64(0.5), 0)
    noise = draw(state, SLEEP, np.zeros(DRAWS), params, LAW, np, replay)
    assert (noise.dt_s, noise.arrivals, noise.arrival_age_s) == (700, 7, 400)
