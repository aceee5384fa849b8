"""What follows a wake: until when a device sleeps, what ends it, and bodies that wake when they should not."""

from __future__ import annotations

import dataclasses
import logging
import math
import socket
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, INDEX
from circadia.config import parse_config
from circadia.energy.profile import Rest
from circadia.energy.profile_file import shipped_profile
from circadia.errors import DeadlineExpired
from circadia.federation.device.events import ManifestSeen
from circadia.pacing import HELD_S, RETRY_S
from circadia.physics.scenario import scenario_named
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.policy.sleeps import SleepOptions
from circadia.rest import EXCHANGE_S
from circadia.store.reading import StoreReader
from circadia.types import Preference, WakeOn
from circadia.watchdog import Watchdog
from circadia.wiring import Parts, build, make_policy
from circadia.workload import LearningWorkload
from circadia_lab.policy.replay.comparison import replay
from circadia_lab.policy.replay.trace import read_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.agent import Agent
    from circadia.inbox import Answer
    from circadia.runtime import Runtime
    from circadia.types import Action

HOUR_S = 3600.0
DEADLINE_S = 600.0
OPTIONS = SleepOptions(edges_s=(HOUR_S, HOUR_S * 1.0001))
DUE, DEADLINE, REQUEST = WakeOn.DUE, WakeOn.DEADLINE, WakeOn.REQUEST


class Sleepy:
    """Wants one action, then an hour's sleep of one kind."""

    name = "sleepy"
    offered = np.ones(len(CATALOGUE), bool)
    sleeps = OPTIONS

    def __init__(self, wake_on: WakeOn, action: str = "sleep", *, until_due_s: float = math.nan) -> None:
        self.wake_on, self.action, self.until_due_s = wake_on, action, until_due_s

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[0], scores[INDEX[self.action]] = 0.0, 100.0
        return scores

    def sleep_scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        place = OPTIONS.wake_on.index(self.wake_on) * OPTIONS.group
        scores = np.full(OPTIONS.count, -100.0, np.float32)
        scores[place + math.isfinite(self.until_due_s)] = 100.0
        return scores

    def due_s(self, _x: NDArray[np.float32], _action: Action) -> tuple[float, ...]:
        return (self.until_due_s,) * 3


class Body(SimulatedPlatform):
    """Powers down: `oversleeps` says by how much it wakes beside its time, of which it knows nothing."""

    def __init__(self, clock: HandClock, *, wakes_on: frozenset[WakeOn] = frozenset(WakeOn)) -> None:
        super().__init__(shipped_profile("pixel-3"), scenario_named("phone"), 0)
        self.clock = clock
        self.can = wakes_on
        self.beside_s = 0.0
        self.slept: list[tuple[float, WakeOn]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    @property
    def wakes_on(self) -> frozenset[WakeOn]:
        return self.can

    def sleep(self, until_s: float, wake_on: WakeOn) -> bool:
        self.slept.append((until_s, wake_on))
        self.meanwhile()
        self.clock.t_s = until_s + self.beside_s
        return True


def device(folder: Path, policy: Any, **parts: Any) -> Runtime:
    config = parse_config(
        {
            "agent": {"period_s": 60.0, "deadline_s": DEADLINE_S},
            "store": {"path": str(folder / "device.db")},
            "platform": {"initial_soc": 0.8},
        }
    )
    folder.mkdir(exist_ok=True)
    parts.setdefault("clock", HandClock(9 * HOUR_S))
    return build(config, parts=Parts(policy=policy, **parts))


def after(loop: Runtime, seconds: float) -> bool:
    """Whether there was a tick by then."""
    before, clock = loop.ticks, loop.agent.clock
    assert isinstance(clock, HandClock)
    clock.t_s += seconds
    loop.turn()
    assert loop.errors == 0
    return loop.ticks > before


def asked(agent: Agent, deadline_s: float = DEADLINE_S) -> Answer:
    return agent.submit(np.zeros(agent.workload.task.input_shape, np.float32), deadline_s)


def begun(folder: Path, policy: Any, **parts: Any) -> Runtime:
    loop = device(folder, policy, **parts)
    loop.turn()
    assert loop.ticks == 1
    loop.turn()
    assert loop.ticks == 1
    return loop


def left_s(loop: Runtime) -> float:
    return loop.due_s - loop.agent.clock.now_s()


@pytest.mark.parametrize("kind", list(WakeOn))
def test_a_chosen_sleep_begins_when_the_work_is_over(tmp_path: Path, kind: WakeOn) -> None:
    loop = begun(tmp_path, Sleepy(kind))
    busy_s = loop.agent.status().decided_s
    assert left_s(loop) == pytest.approx(HOUR_S + 1, abs=1)
    assert loop.agent.status().next_wake_s == loop.due_s
    sleep = loop.agent.status().sleep
    assert sleep is not None
    assert sleep.wake_on is kind
    assert not after(loop, HOUR_S - 5)
    assert after(loop, 10)
    assert busy_s == 9 * HOUR_S
    loop.stop()


def test_a_request_wakes_at_once_in_time_or_not_at_all(tmp_path: Path) -> None:
    loops = {kind: begun(tmp_path / kind.value, Sleepy(kind)) for kind in WakeOn}
    for loop in loops.values():
        assert not after(loop, 100.0)
        asked(loop.agent)
    assert after(loops[REQUEST], 0.0)
    assert not after(loops[DEADLINE], 0.0)
    margin_s = DEADLINE_S - left_s(loops[DEADLINE])
    # what serving takes at most, with the wake-up, beside a share of the deadline
    assert 5 < margin_s - HELD_S < 60
    assert not after(loops[DUE], 0.0)
    assert left_s(loops[DUE]) == pytest.approx(HOUR_S - 99, abs=1)
    for loop in loops.values():
        loop.stop()


def test_a_request_that_waits_already_is_kept_in_time(tmp_path: Path) -> None:
    for kind, wait_s in ((REQUEST, DEADLINE_S), (DEADLINE, DEADLINE_S), (DUE, HOUR_S)):
        loop = device(tmp_path / kind.value, Sleepy(kind))
        asked(loop.agent)
        loop.turn()
        held_s = 0.0 if kind is DUE else HELD_S
        assert wait_s - 60 < left_s(loop) + held_s < wait_s + 2
        loop.stop()


def test_a_queue_that_is_being_served_goes_on_at_once(tmp_path: Path) -> None:
    loop = device(tmp_path, Sleepy(DUE, "serve/high/small"))
    answers = [asked(loop.agent) for _ in range(10)]
    loop.turn()
    assert left_s(loop) < 60
    assert after(loop, left_s(loop))
    assert all(answer.done() for answer in answers)
    assert left_s(loop) > HOUR_S - 1
    loop.stop()


def test_a_request_while_the_body_is_still_at_work_is_heard(tmp_path: Path) -> None:
    loop = begun(tmp_path, Sleepy(DUE))
    asked(loop.agent)  # the wake-up of the first tick is not over
    assert after(loop, 2.0)
    loop.stop()


def test_the_application_always_wakes_it(tmp_path: Path) -> None:
    loop = begun(tmp_path, Sleepy(DUE))
    agent = loop.agent

    def prefer() -> None:
        agent.set_preference(Preference(accuracy=1.0, latency=0.0, energy=0.0))

    for call in (agent.wake, agent.pause, agent.resume, prefer):
        assert not after(loop, 60.0)
        call()
        assert after(loop, 0.0)
    assert not after(loop, 60.0)
    loop.stop()


def test_no_sleep_is_longer_than_the_longest(tmp_path: Path) -> None:
    loop = device(tmp_path, Sleepy(DUE))
    loop.agent.longest_sleep_s = 300.0
    loop.turn()
    assert left_s(loop) == pytest.approx(300.5, abs=1)
    loop.stop()


def test_sleeping_until_due_is_clipped_to_the_options(tmp_path: Path) -> None:
    loop = begun(tmp_path, Sleepy(REQUEST, until_due_s=1e9))
    assert left_s(loop) == pytest.approx(HOUR_S * 1.0001, abs=2)
    loop.stop()


def test_what_was_chosen_and_drawn_is_stored(tmp_path: Path) -> None:
    loop = begun(tmp_path, Sleepy(DEADLINE))
    loop.stop()
    with StoreReader(tmp_path / "device.db") as store:
        newest = store.newest()
    assert newest is not None
    assert newest.wake_on == "deadline"
    assert newest.sleep_s == pytest.approx(HOUR_S, rel=1e-3)
    assert 0 <= newest.draw < 1
    assert 0 <= newest.sleep_draw < 1


def test_a_policy_without_sleeps_draws_once_and_ticks_by_its_period(tmp_path: Path) -> None:
    loop = device(tmp_path, make_policy("threshold"))
    loop.turn()
    loop.stop()
    with StoreReader(tmp_path / "device.db") as store:
        newest = store.newest()
    assert newest is not None
    assert (newest.wake_on, 0 <= newest.draw < 1) == (None, True)
    assert math.isnan(newest.sleep_s)
    assert math.isnan(newest.sleep_draw)


def test_a_life_by_the_rule_is_replayed_to_the_tick(tmp_path: Path) -> None:
    loop = device(tmp_path, make_policy("due"))
    agent, clock, random = loop.agent, loop.agent.clock, np.random.default_rng(0)
    assert isinstance(clock, HandClock)
    answers = []
    for _ in range(60):
        loop.turn()
        clock.t_s = min(clock.t_s + random.exponential(600.0), max(loop.due_s, clock.t_s + 1))
        if random.random() < 0.4:
            answers.append(asked(agent))
        agent.add_example(random.random(agent.workload.task.input_shape).astype(np.float32), 1)
    while not all(answer.done() for answer in answers):
        loop.turn()
        clock.t_s = loop.due_s
    assert all(answer.result(timeout=0).latency_s < DEADLINE_S for answer in answers)
    assert max(answer.result(timeout=0).latency_s for answer in answers) > DEADLINE_S / 2  # held
    loop.stop()
    assert loop.errors == 0
    found = replay(read_trace(tmp_path / "device.db"), make_policy("due"))
    assert found.sleeps is not None
    assert found.ticks == found.sleeps.ticks == loop.ticks
    assert (found.same_actions, found.sleeps.same_sleeps) == (1.0, 1.0)
    assert found.recorded_modes["serve"] + found.recorded_modes["train"] > 0.3


def test_a_body_that_nothing_wakes_is_offered_no_other_sleep(tmp_path: Path) -> None:
    clock = HandClock(9 * HOUR_S)
    loop = begun(tmp_path, Sleepy(REQUEST), platform=Body(clock, wakes_on=frozenset({DUE})), clock=clock)
    sleep = loop.agent.status().sleep
    assert sleep is not None
    assert sleep.wake_on is DUE
    assert loop.agent.status().decided_s == 9 * HOUR_S
    assert not after(loop, 30.0)
    asked(loop.agent)
    assert not after(loop, 0.0)
    loop.stop()


def test_on_such_a_body_requests_wait_for_the_period_of_a_policy_without_sleeps(tmp_path: Path) -> None:
    off = dataclasses.replace(shipped_profile("pi-solar"), sleep=Rest(off=True, wakes_on=frozenset({DUE})))
    body = SimulatedPlatform(off, scenario_named("board"), 0)
    loop = begun(tmp_path, make_policy("threshold"), platform=body)
    assert not after(loop, 30.0)
    asked(loop.agent)
    assert not after(loop, 0.0)
    assert after(loop, 31.0)
    loop.stop()


def slept(tmp_path: Path, kind: WakeOn, **body: Any) -> tuple[Runtime, Body]:
    clock = HandClock(9 * HOUR_S)
    made = Body(clock, **body)
    return begun(tmp_path, Sleepy(kind), platform=made, clock=clock), made


def test_a_body_powers_down_until_the_next_wake(tmp_path: Path) -> None:
    loop, body = slept(tmp_path, DEADLINE)
    due_s = loop.due_s
    loop._wait()
    ((until_s, kind),) = body.slept
    assert until_s == pytest.approx(due_s)
    assert kind is DEADLINE
    loop.turn()
    assert loop.ticks == 2
    loop.stop()


@pytest.mark.parametrize(("beside_s", "word"), [(600.0, "late"), (-1200.0, "early")])
def test_a_body_that_wakes_beside_its_time_is_told_of_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, beside_s: float, word: str
) -> None:
    loop, body = slept(tmp_path, DUE)
    body.beside_s, due_s = beside_s, loop.due_s
    assert not after(loop, 60.0)
    answer = asked(loop.agent, deadline_s=1e5)
    assert not after(loop, 0.0)
    loop._wait()  # the bell was rung: nobody powers down
    assert body.slept == []
    with caplog.at_level(logging.WARNING):
        loop._wait()
    assert f"s {word} from a sleep" in caplog.text
    loop.turn()
    assert loop.ticks == (2 if beside_s > 0 else 1)
    assert not answer.done()
    if beside_s < 0:  # what is left is waited for awake, not asked of the same body again and again
        assert not loop._rest.power_down(due_s)
        assert loop.due_s == pytest.approx(due_s)
        assert after(loop, left_s(loop))
    loop.stop()


def test_a_body_that_does_not_wake_for_requests_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop, body = slept(tmp_path, REQUEST)

    def meanwhile() -> None:
        body.clock.t_s += 60.0
        asked(loop.agent, 1e5)

    body.meanwhile = meanwhile
    loop._wait()
    with caplog.at_level(logging.WARNING):
        loop.turn()
    assert "for a body that says that requests wake it" in caplog.text
    assert loop.ticks == 2
    loop.stop()


def test_a_clock_that_goes_back_while_asleep_does_not_prolong_the_sleep(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = begun(tmp_path, Sleepy(DUE))
    assert not after(loop, 600.0)
    remaining_s = left_s(loop)
    assert not after(loop, -2000.0)
    assert "went back by 2000 s" in caplog.text
    assert left_s(loop) == pytest.approx(remaining_s)
    loop.stop()


def test_a_clock_that_goes_forward_while_asleep_ends_it(tmp_path: Path) -> None:
    loop = begun(tmp_path, Sleepy(DUE))
    assert after(loop, 1e5)
    assert left_s(loop) == pytest.approx(HOUR_S, abs=2)
    loop.stop()


class Far:
    """A federation that answers when it is told to."""

    trouble = ""

    def __init__(self) -> None:
        self.connected = False
        self.events: list[Any] = []

    def set_online(self, _online: bool) -> None:
        pass

    def request(self, _push: Any, pull: bool) -> None:
        pass

    def poll(self) -> list[Any]:
        events, self.events = self.events, []
        return events


@pytest.mark.parametrize("connected", [False, True])
def test_a_body_stays_up_for_what_it_asked_of_the_federation_but_not_for_long(
    tmp_path: Path, connected: bool
) -> None:
    clock = HandClock(9 * HOUR_S)
    body, far = Body(clock), Far()
    loop = device(tmp_path, Sleepy(DUE, "sleep/sync-pull"), platform=body, clock=clock)
    loop.agent.federation = far
    far.connected = connected
    loop.turn()
    due_s = loop.due_s
    assert left_s(loop) > HOUR_S - 10
    assert not loop._rest.power_down(due_s)
    assert loop._rest.looks_s(due_s) - due_s + HOUR_S == pytest.approx(EXCHANGE_S, abs=1)
    clock.t_s += 10.0
    far.connected, far.events = True, [ManifestSeen(version=2, published_s=0.0)]
    loop.turn()
    assert not loop._rest.power_down(due_s)  # the model is on its way
    far.events = [ManifestSeen(version=0, published_s=0.0)]
    loop.turn()
    assert loop._rest.looks_s(due_s) == due_s
    assert loop._rest.power_down(due_s)
    loop.stop()


def test_an_exchange_that_nobody_answers_is_given_up(tmp_path: Path) -> None:
    clock = HandClock(9 * HOUR_S)
    body = Body(clock)
    loop = device(tmp_path, Sleepy(DUE, "sleep/sync-pull"), platform=body, clock=clock)
    loop.agent.federation = Far()
    loop.turn()
    clock.t_s = loop._rest.looks_s(loop.due_s)
    loop._wait()
    assert len(body.slept) == 1
    loop.stop()


def test_who_waits_hears_at_once_that_a_deadline_has_passed(tmp_path: Path) -> None:
    loop = begun(tmp_path, Sleepy(DUE))
    assert not after(loop, 100.0)
    early, late = asked(loop.agent, 300.0), asked(loop.agent, 2 * HOUR_S)
    assert not after(loop, 0.0)
    assert loop._rest.looks_s(loop.due_s) == pytest.approx(loop.agent.clock.now_s() + 300)
    assert not after(loop, 301.0)
    with pytest.raises(DeadlineExpired):
        early.result(timeout=0)
    assert loop.agent.workload.waiting == 1
    assert after(loop, left_s(loop))
    assert not late.done()
    with StoreReader(tmp_path / "device.db") as store:
        newest = store.newest()
    assert newest is not None
    assert newest.expired == 1
    loop.stop()


def test_a_sleep_is_short_while_work_is_away(tmp_path: Path) -> None:
    class Busy(LearningWorkload):
        busy = True

    def made(learning: LearningWorkload, _away: Any) -> LearningWorkload:
        learning.__class__ = Busy
        return learning

    loop = begun(tmp_path, Sleepy(DUE), workload=made)
    assert left_s(loop) == pytest.approx(RETRY_S, abs=2)
    loop.stop()


def test_a_body_that_cannot_power_down_after_all_is_waited_for_awake(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop, body = slept(tmp_path, DUE)

    def fails() -> None:
        raise OSError("no such register")

    body.meanwhile = fails
    assert not loop._powers_down(loop.due_s)
    assert "no such register" in caplog.text
    assert "powering the body down" in (loop.agent.status().failure)
    assert loop.errors == 1
    body.meanwhile = lambda: None
    assert not loop._powers_down(loop.due_s)  # in this sleep
    loop.stop()


def test_a_body_that_wakes_a_little_early_is_asked_again(tmp_path: Path) -> None:
    loop, body = slept(tmp_path, DUE)
    body.beside_s = -0.001
    loop._wait()
    assert left_s(loop) == pytest.approx(0.001, abs=1e-4)
    loop._wait()  # too little to power down
    assert len(body.slept) == 1
    body.beside_s = -120.0
    body.clock.t_s -= 3000.0
    loop._wait()
    body.beside_s = 0.0
    loop._wait()
    assert len(body.slept) == 3
    assert left_s(loop) == 0
    loop.stop()


def test_a_watchdog_is_fed_while_it_sleeps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    address, clock = str(tmp_path / "notify"), HandClock(9 * HOUR_S)
    body = Body(clock)
    loop = begun(tmp_path, Sleepy(DUE), platform=body, clock=clock)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listens:
        listens.bind(address)
        loop.watch(Watchdog(address=address, every_s=600.0))
        while loop.ticks == 1:
            loop._wait()
            loop.turn()
            assert listens.recv(64) == b"WATCHDOG=1"
    naps = np.diff([9 * HOUR_S, *(until for until, _ in body.slept)])
    assert len(naps) >= 6
    assert naps.max() <= 601.0
    loop._wait()
    loop._wait()
    assert caplog.text.count("does not listen any more") == 1
    loop.stop()
