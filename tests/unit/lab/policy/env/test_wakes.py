"""The environment of wakes: what long sleeps cost, what a device knows, and what its trainer sees."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, INDEX
from circadia.due import DUE as DUE_LIMITS
from circadia.errors import ConfigError
from circadia.observation import COLUMN, DAY_S, HOUR_S, WIDTH
from circadia.physics.learnt import KEPT, VERSION_GAIN, worth
from circadia.physics.surroundings import income_j, surroundings_over
from circadia.policy.sleeps import LONGEST_S, SLEEPS
from circadia.types import Link, Load, WakeOn
from circadia_lab.policy.env.environment import STARTS
from circadia_lab.policy.env.interface import Choice
from circadia_lab.policy.env.problem import Problem, WakeLaw, find_problem, shipped_wakes
from circadia_lab.policy.env.sleeping import DRAWS, Asked
from circadia_lab.policy.env.wakes import EVEN, Awoken, Living, WakeEnvironment, WakeFleet

if TYPE_CHECKING:
    from circadia.physics.state import State

DUE, DEADLINE, REQUEST = range(len(WakeOn))
SLEEP = INDEX["sleep"]
BOARD = find_problem("wake-board")


def asked(fleet: WakeFleet, seconds: float, kind: int = DUE) -> Asked:
    return Asked(np.full(fleet.shape, seconds), np.full(fleet.shape, kind))


def at_rest(fleet: WakeFleet, **fields: float) -> Living:
    living = fleet.start(np.full((*fleet.shape, STARTS), 0.5))
    changes = {name: np.full(fleet.shape, float(value)) for name, value in fields.items()}
    return living._replace(bodies=living.bodies._replace(**changes))


def lived(fleet: WakeFleet, living: Living, work: str, sleep: Asked, u: float = 0.999) -> Awoken:
    action = np.full(fleet.shape, INDEX[work])
    return fleet.advance(living, action, sleep, np.full((*fleet.shape, DRAWS), u))


def one(x: Any) -> float:
    return float(np.asarray(x).reshape(-1)[0])


def silent(problem: Problem) -> Problem:
    """Where nothing arrives."""
    none = (0.0,) * 24
    devices = tuple(
        replace(d, scenario=replace(d.scenario, requests_per_hour=none, examples_per_hour=none))
        for d in problem.devices
    )
    return replace(problem, devices=devices)


def test_one_long_sleep_costs_what_many_short_ones_do_but_the_wakes() -> None:
    fleet = WakeFleet(silent(BOARD), 1)
    start = at_rest(fleet, fresh_examples=5, fresh_age_s=100, model_age_s=50, practice=300)
    whole = lived(fleet, start, "sleep", asked(fleet, 4 * HOUR_S))
    living, reward, cost, weight = start, np.zeros((1, 1, 3)), np.zeros((1, 1, 3)), np.zeros((1, 1))
    for _ in range(60):
        length = (4 * HOUR_S + 15) / 60 - 15
        living, worth, _ = lived(fleet, living, "sleep", asked(fleet, length), u=0.5)
        reward, cost, weight = reward + worth.reward, cost + worth.cost, weight + worth.weight
    assert one(weight) == pytest.approx(one(whole.outcome.weight))
    assert (cost[0, 0, 1:] / weight[0, 0]).tolist() == pytest.approx(
        (whole.outcome.cost[0, 0, 1:] / whole.outcome.weight[0, 0]).tolist()
    )
    assert reward[0, 0, 0] == pytest.approx(whole.outcome.reward[0, 0, 0], rel=2e-3)
    mean_s = 50 + (4 * HOUR_S + 15) / 2
    assert whole.outcome.cost[0, 0, 1] / whole.outcome.weight[0, 0] == pytest.approx(mean_s / 10_800)
    assert one(whole.living.bodies.practice) == pytest.approx(one(living.bodies.practice))


def test_each_wake_pays_for_its_boot() -> None:
    fleet = WakeFleet(BOARD, 1)
    for seconds in (10, 10_000):
        woken = lived(fleet, at_rest(fleet), "sleep", asked(fleet, seconds)).woken
        assert one(woken.paid.agent_j) == pytest.approx(22.5)
        sleep_j = 0.025 * seconds
        assert one(woken.paid.device_j - woken.paid.agent_j) == pytest.approx(sleep_j, rel=1e-6)
        assert one(woken.result.durations_s[..., Load.WAKE_UP]) == 15


def test_who_is_paid_for_by_charger_or_sun_costs_no_battery() -> None:
    fleet = WakeFleet(find_problem("wake-phone"), 1)
    night = lived(fleet, at_rest(fleet, time_s=2 * HOUR_S), "train/low/large", asked(fleet, 600))
    noon = lived(fleet, at_rest(fleet, time_s=12 * HOUR_S), "train/low/large", asked(fleet, 600))
    assert one(night.woken.paid.device_battery_j) == 0
    assert night.outcome.reward[0, 0, 2] == 0
    assert one(noon.woken.paid.device_battery_j) == pytest.approx(one(noon.woken.paid.device_j))
    assert one(noon.woken.paid.agent_battery_j) == pytest.approx(one(noon.woken.paid.agent_j))
    # off the charger at 22:30, on it from about 23:00: the work before the sleep is the battery's
    evening = lived(fleet, at_rest(fleet, time_s=22.5 * HOUR_S), "train/low/large", asked(fleet, 18_000))
    assert one(evening.woken.paid.agent_battery_j) == pytest.approx(one(evening.woken.paid.agent_j))
    assert one(evening.woken.paid.device_battery_j) == pytest.approx(one(evening.woken.paid.agent_battery_j))


@pytest.mark.parametrize(("problem", "hour"), [("wake-solar", 4), ("wake-solar", 15), ("wake-phone", 20)])
def test_income_of_one_hour_does_not_pay_for_what_another_drew(problem: str, hour: int) -> None:
    fleet = WakeFleet(find_problem(problem), 1)
    living = at_rest(fleet, time_s=hour * HOUR_S)
    woken = lived(fleet, living, "sleep", asked(fleet, 5 * HOUR_S)).woken
    dt, paid, params = one(woken.result.dt_s), woken.paid, fleet.params
    around = surroundings_over(living.bodies, dt, params, np)
    minutes = int(dt / 60)
    until = [one(income_j(around, dt * i / minutes, params, np)) for i in range(minutes + 1)]
    rest_j = one(paid.device_j - paid.agent_j)
    drawn_j = (rest_j + one(woken.result.background_j)) / minutes
    given = np.minimum(one(params.charge_efficiency) * np.diff(until) / drawn_j, 1)
    by_battery_j = one(paid.device_battery_j - paid.agent_battery_j)
    assert by_battery_j == pytest.approx(rest_j * (1 - given).mean(), rel=0.06)
    assert 0.05 * rest_j < by_battery_j < 0.95 * rest_j


def test_each_fleet_has_the_versions_that_it_pushes_for() -> None:
    fleet = pickle.loads(pickle.dumps(WakeFleet(silent(BOARD), 4, fleets=2)))
    living = at_rest(fleet, link=Link.FREE, spooled_updates=1, battery_j=4e4)
    action = np.array([[INDEX["sleep/push-int8"]] * 2 + [SLEEP] * 2])
    u = np.full((*fleet.shape, DRAWS), 0.5)
    pushed = fleet.advance(living, action, asked(fleet, 3600), u)
    assert pushed.woken.result.updates_pushed.tolist() == [[1, 1, 0, 0]]
    before, (first, second) = living.updates_per_s, pushed.living.updates_per_s
    assert second < before[1]
    assert first > second
    slept = fleet.advance(
        pushed.living._replace(updates_per_s=np.array([1.0, 0.0])),
        np.full((1, 4), SLEEP),
        asked(fleet, 6000),
        u,
    )
    assert slept.living.bodies.versions_behind[0, 0] > slept.living.bodies.versions_behind[0, 2]
    with pytest.raises(ConfigError, match="4 copies cannot be dealt to 3 fleets"):
        WakeFleet(BOARD, 4, fleets=3)


def test_fleets_that_do_as_their_device_does_have_what_it_pushes_and_promise_it() -> None:
    fleet = pickle.loads(pickle.dumps(WakeFleet(silent(BOARD), 2, alike=True)))
    living = at_rest(
        fleet, link=Link.FREE, stored_examples=200, unsent_examples=0, battery_j=4e4, newest_known=0
    )
    work = np.array([[INDEX["train/low/large/sync-int8"], INDEX["train/low/large"]]])
    after = fleet.advance(living, work, asked(fleet, 300), np.full((*fleet.shape, DRAWS), 0.5)).living
    pushed, kept = after.updates_per_s[0] - living.updates_per_s[0]
    assert pushed > 0 > kept
    told, own = (fleet.promise(after) - fleet.promise(living))[0, :, 0]
    assert told > own


def test_devices_of_one_name_are_of_one_kind() -> None:
    mixture = find_problem("wake-mixture")
    phone, board, *_ = mixture.devices
    problem = replace(mixture, devices=(phone, board, phone))
    assert WakeEnvironment(problem, 6).kinds.tolist() == [0, 0, 1, 1, 0, 0]


def test_what_the_federation_published_is_known_when_it_was_asked() -> None:
    fleet = WakeFleet(silent(BOARD), 1)
    living = at_rest(fleet, versions_behind=0, known_behind=0, link=Link.FREE, contact_age_s=500)
    living = living._replace(updates_per_s=np.full(1, 1 / 600))
    slept = lived(fleet, living, "sleep", asked(fleet, LONGEST_S), u=0.01).living
    behind = COLUMN["versions_behind"]
    assert one(slept.bodies.versions_behind) > 5
    assert fleet.look(slept, EVEN)[..., behind] == 0
    assert fleet.look(slept, EVEN)[..., COLUMN["contact_age_s"]] == 500 + LONGEST_S + 15
    slept = slept._replace(bodies=slept.bodies._replace(link=np.full((1, 1), float(Link.FREE))))
    pushed = lived(fleet, slept, "train/low/small/push-int8", asked(fleet, 10), u=0.01).living
    assert fleet.look(pushed, EVEN)[..., behind] == one(slept.bodies.versions_behind)
    pulled = lived(fleet, slept, "sleep/sync-pull", asked(fleet, 10), u=0.01).living
    assert fleet.look(pulled, EVEN)[..., behind] == 0
    assert one(pulled.bodies.contact_age_s) < 60
    cut = slept._replace(bodies=slept.bodies._replace(link=np.full((1, 1), float(Link.NONE))))
    lonely = lived(fleet, cut, "sleep/sync-pull", asked(fleet, 10), u=0.01).living
    assert one(lonely.bodies.contact_age_s) > 500


def test_recent_errors_tell_of_a_world_that_moved() -> None:
    fleet = WakeFleet(BOARD, 400)
    random = np.random.default_rng(1)
    known = {"known": 20_000.0, "present": 20_000.0, "unsent_examples": 0.0}

    def error(present: float) -> float:
        living = at_rest(fleet, fresh_examples=0)
        for _ in range(60):
            full = {"queue_length": 32.0, "queue_age_s": 10.0, "queue_slack_s": 3000.0}
            full |= known | {"present": present}
            changes = {name: np.full(fleet.shape, float(value)) for name, value in full.items()}
            living = living._replace(bodies=living.bodies._replace(**changes))
            work = np.full(fleet.shape, INDEX["serve/low/large"])
            living = fleet.advance(
                living, work, asked(fleet, 60), random.random((*fleet.shape, DRAWS))
            ).living
        return float(living.bodies.recent_error.mean())

    for present in (20_000.0, 0.0):
        state: State = at_rest(fleet, **known | {"present": present}).bodies
        told = BOARD.served_accuracy.accuracy(state)
        assert error(present) == pytest.approx(1 - told.mean(), abs=0.02)


def test_training_and_newer_versions_make_up_for_a_jump() -> None:
    fleet = WakeFleet(replace(BOARD, wake=WakeLaw(drift_per_day=0, jumps_per_day=24)), 1)
    rows = {
        "known": 5000,
        "present": 4000,
        "newest_known": 9000,
        "newest_present": 7000,
        "unsent_examples": 0,
    }
    living = at_rest(fleet, stored_examples=200, versions_behind=1, link=Link.FREE, **rows)
    jumped = lived(fleet, living, "sleep", asked(fleet, HOUR_S), u=0.5).living.bodies
    assert one(jumped.known) == 5000
    assert one(jumped.present) == pytest.approx(4000 * KEPT)
    assert one(jumped.newest_present) < 7000
    trained = lived(fleet, living, "train/low/large", asked(fleet, 4), u=0.0).woken.begin
    assert one(trained.present) == pytest.approx(4000 + worth(512.0, np))
    again = lived(
        fleet, living._replace(bodies=trained), "train/low/large", asked(fleet, 4), u=0.0
    ).woken.begin
    assert one(again.known) == pytest.approx(5000 + worth(1024.0, np))
    pulled = lived(fleet, living._replace(bodies=trained), "sleep/sync-pull", asked(fleet, 4), u=0.0)
    assert one(pulled.woken.begin.known) == pytest.approx(9000 + worth(512.0, np))
    assert one(pulled.woken.begin.present) == pytest.approx(7000 + worth(512.0, np))


def test_a_version_is_worth_what_updates_are() -> None:
    fleet = WakeFleet(replace(BOARD, wake=WakeLaw(drift_per_day=0)), 1)
    living = at_rest(fleet, newest_known=100, newest_present=50)
    living = living._replace(updates_per_s=np.full(1, 0.01), told_per_s=np.full(1, 3.0))
    woken = lived(fleet, living, "sleep", asked(fleet, 2 * HOUR_S), u=0.5).woken
    versions = one(woken.after.versions_behind - living.bodies.versions_behind)
    assert versions > 10
    assert one(woken.after.newest_known) == pytest.approx(100 + versions * VERSION_GAIN * 300)
    assert one(woken.after.newest_present) == pytest.approx(50 + versions * VERSION_GAIN * 300)


def test_a_federation_begins_anew_as_often_as_told() -> None:
    fleet = WakeFleet(replace(BOARD, wake=WakeLaw(begins_per_day=6)), 1000)
    living = at_rest(fleet, known=5000, present=4000, newest_known=9000, newest_present=7000, practice=800)
    action, u = np.full(fleet.shape, SLEEP), np.random.default_rng(0).random((*fleet.shape, DRAWS))
    after = fleet.advance(living, action, asked(fleet, HOUR_S), u).living.bodies
    begun = after.known == 0
    assert begun.mean() == pytest.approx(0.25, abs=0.05)
    assert (after.practice[begun] == 0).all()
    assert (after.newest_present[begun] == 0).all()
    assert after.recent_error[begun].min() > after.recent_error[~begun].max()
    assert (after.known[~begun] == 5000).all()
    for wrong in (-1, np.nan, np.inf):
        with pytest.raises(ConfigError, match="how often a federation begins must be numbers from 0 on"):
            WakeLaw(begins_per_day=wrong)


def test_a_fleet_that_never_pushes_has_no_versions() -> None:
    fleet = WakeFleet(BOARD, 50)
    random = np.random.default_rng(2)

    def newest_s(work: str) -> float:
        living = fleet.start(random.random((*fleet.shape, STARTS)))
        action = np.full(fleet.shape, INDEX[work])
        for _ in range(60):
            u = random.random((*fleet.shape, DRAWS))
            living = fleet.advance(living, action, asked(fleet, 2 * HOUR_S), u).living
        return float(living.bodies.newest_age_s.mean())

    assert newest_s("sleep") > 3 * DAY_S
    assert newest_s("train/low/small/push-int8") < HOUR_S


@pytest.mark.parametrize("name", shipped_wakes())
def test_every_shipped_world_lives(name: str) -> None:
    problem = find_problem(name)
    fleet, random = WakeFleet(problem, 40), np.random.default_rng(5)
    living = fleet.start(random.random((*fleet.shape, STARTS)))
    cost, weight = np.zeros(3), 0.0
    for _ in range(40):
        mask = fleet.mask(fleet.look(living, EVEN))
        assert mask[..., SLEEP].all()
        work = (mask * random.random(mask.shape)).argmax(-1)
        options = fleet.admitted * random.random((*fleet.shape, SLEEPS.count))
        sleep = fleet.asked(living, Choice(work, options.argmax(-1), random.random(fleet.shape)))
        assert (
            np.take_along_axis(np.asarray(fleet.params.wakes_on), sleep.wake_on[..., None], -1) == 1
        ).all()
        living, worth, woken = fleet.advance(living, work, sleep, random.random((*fleet.shape, DRAWS)))
        living = fleet.wrapped(living)
        for x in (*living.bodies, *worth, *woken.paid):
            assert np.isfinite(x).all()
        assert (woken.paid.device_battery_j <= woken.paid.device_j * (1 + 1e-9)).all()
        assert (worth.reward[..., 0] <= worth.weight * (1 + 1e-9)).all()
        cost, weight = cost + worth.cost.sum((0, 1)), weight + worth.weight.sum()
    assert 0 <= cost[0] / weight <= 1.5
    assert pickle.loads(pickle.dumps(fleet)).problem == problem


def test_until_due_sleeps_until_something_is() -> None:
    fleet = WakeFleet(BOARD, 1)
    living = at_rest(fleet, queue_length=0, queue_age_s=0, contact_age_s=10_000, fresh_examples=0)
    until = Choice(*(np.full((1, 1), x) for x in (SLEEP, SLEEPS.bins, 0.3)))
    # nothing wakes a board that is off: it looks at its queue before a deadline is over; the exchange is due sooner
    assert one(fleet.asked(living, until).length_s) == pytest.approx(3 * HOUR_S - 10_000)
    asks = until._replace(work=np.full((1, 1), INDEX["sleep/sync-int8"]))
    assert one(fleet.asked(living, asks).length_s) == 3600 - DUE_LIMITS.margin_s


def test_mistakes_are_told() -> None:
    with pytest.raises(ConfigError, match="ticks have a fixed length"):
        WakeFleet(find_problem("board"), 1)
    with pytest.raises(ConfigError, match="buffer must be positive"):
        WakeLaw(buffer=0)
    with pytest.raises(ConfigError, match="late_shares"):
        WakeLaw(late_s=(0, 1), late_shares=(0.5, 0.4))
    with pytest.raises(ConfigError, match="numbers from 0 on"):
        WakeLaw(drift_per_day=-1)
    with pytest.raises(ConfigError, match="cannot be dealt"):
        WakeEnvironment(find_problem("wake-mixture"), 7)


@pytest.mark.slow
def test_the_trainers_view_is_the_same_computation() -> None:
    import jax
    import jax.numpy as jnp

    problem = find_problem("wake-mixture")
    devices = len(problem.devices)
    environment, plain = WakeEnvironment(problem, 48), WakeFleet(problem, 48 // devices)
    state = environment.initial(jax.random.key(0))
    even = jnp.full((48, 3), 1 / 3)
    seen = jax.jit(environment.see)(state, even)
    assert seen.encoded.shape == (48, WIDTH)
    assert seen.mask.shape == (48, environment.actions) == (48, len(CATALOGUE))
    assert seen.sleeps.shape == (48, environment.options) == (48, SLEEPS.count)
    assert environment.limits.tolist() == [0.02, 1, 1]
    assert np.unique(environment.kinds).tolist() == list(range(len(set(problem.device_names))))
    random = np.random.default_rng(3)
    work = (seen.mask * random.random(seen.mask.shape)).argmax(-1).astype(np.int32)
    sleep = (seen.sleeps * random.random(seen.sleeps.shape)).argmax(-1).astype(np.int32)
    choice = Choice(work, sleep, random.random(48).astype(np.float32))
    step = jax.jit(environment.step)
    after, worth = step(state, choice, jax.random.key(1))
    again, _ = step(state, choice, jax.random.key(1))
    assert (np.asarray(after.bodies.time_s) == np.asarray(again.bodies.time_s)).all()
    assert {x.dtype for x in (*after.bodies, *worth)} == {jnp.dtype(jnp.float32)}
    # the same uniforms in NumPy's float64
    u = np.asarray(environment._uniforms(jax.random.key(1)), np.float64)
    living = Living(*jax.tree.map(lambda x: np.asarray(x, np.float64), tuple(state)))
    living = living._replace(bodies=type(state.bodies)(*living.bodies))
    dealt = Choice(*(np.asarray(x).reshape(plain.shape) for x in choice[:3]))
    theirs = plain.advance(living, dealt.work, plain.asked(living, dealt), u)
    np.testing.assert_allclose(
        np.asarray(worth.weight), theirs.outcome.weight.reshape(-1), rtol=2e-3, atol=1e-3
    )
    np.testing.assert_allclose(
        np.asarray(worth.reward), theirs.outcome.reward.reshape(48, -1), rtol=2e-2, atol=2e-3
    )
