"""The loop around the agent: pacing, waking, errors, the end."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, INDEX
from circadia.config import parse_config
from circadia.energy.profile_file import shipped_profile
from circadia.errors import CircadiaError, ConnectionLost, SensorError, StoreError
from circadia.listeners import STRIKES
from circadia.physics.scenario import scenario_for
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedMeter, SimulatedPlatform
from circadia.status import State
from circadia.store.reading import StoreReader
from circadia.store.sqlite import SqliteStore
from circadia.types import ModelUpdate, Observation, Phase, TickRecord
from circadia.wiring import Parts, build
from circadia.workload import LearningWorkload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.runtime import Runtime

PATIENCE_S = 30.0


class Serve:
    """A policy that always serves, and stumbles over its first ticks."""

    name = "serve"
    offered = np.ones(len(CATALOGUE), bool)

    def __init__(self, stumbles: int = 0) -> None:
        self.stumbles = stumbles

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.stumbles:
            self.stumbles -= 1
            raise RuntimeError("the policy stumbles")
        scores = np.zeros(len(CATALOGUE), np.float32)
        scores[INDEX["serve/high/small"]] = 100.0
        return scores


def runtime(tmp_path: Path, *, scale: float, period_s: float, **options: Any) -> Runtime:
    table: dict[str, Any] = {
        "agent": {"policy": "charging-only", "period_s": period_s},
        "platform": {"scale": scale},
        "store": {"path": str(tmp_path / "device.db"), "retention": options.pop("retention", {})},
    }
    return build(parse_config(table), **options)


def image(loop: Runtime) -> NDArray[np.float32]:
    return np.zeros(loop.agent.workload.task.input_shape, np.float32)


@pytest.mark.slow
def test_a_request_wakes_a_device_that_would_sleep_for_hours(tmp_path: Path) -> None:
    loop = runtime(tmp_path, scale=1.0, period_s=1e6)
    loop.agent.policy = Serve()
    with loop as agent:
        assert agent.submit(image(loop)).result(timeout=PATIENCE_S).version == 0
        assert agent.submit(image(loop)).result(timeout=PATIENCE_S).label >= 0
    assert loop.errors == 0


def test_an_example_is_stored_without_a_tick(tmp_path: Path) -> None:
    loop = runtime(tmp_path, scale=1.0, period_s=1e6)
    with loop as agent:
        agent.submit(image(loop)).result(timeout=PATIENCE_S)  # the first ticks are over
        before = loop.ticks
        for label in range(5):
            agent.add_example(image(loop), label)
    count = sqlite3.connect(tmp_path / "device.db").execute("SELECT count(*) FROM examples").fetchone()
    assert count == (5,)
    assert loop.ticks == before


def test_a_tick_that_fails_is_logged_and_the_device_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = runtime(tmp_path, scale=100.0, period_s=60.0)
    loop.agent.policy = Serve(stumbles=3)
    with loop as agent:
        assert agent.submit(image(loop), deadline_s=3600.0).result(timeout=PATIENCE_S).label >= 0
    assert loop.errors == 3
    assert "the policy stumbles" in caplog.text


def test_a_full_store_does_not_stop_the_answers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    loop = runtime(tmp_path, scale=1000.0, period_s=10.0, retention={"max_mb": 0.06})
    loop.agent.policy = Serve()
    with loop as agent:
        for _ in range(200):
            agent.submit(image(loop), deadline_s=3600.0).result(timeout=PATIENCE_S)
            if loop.errors:
                break
        assert agent.submit(image(loop), deadline_s=36000.0).result(timeout=PATIENCE_S).label >= 0
    assert loop.errors > 0
    assert "free some disk space" in caplog.text


def test_nobody_waits_for_an_answer_that_will_not_come(tmp_path: Path) -> None:
    loop = runtime(tmp_path, scale=1.0, period_s=1e6)
    loop.agent.policy = Serve()
    with loop as agent:
        agent.submit(image(loop)).result(timeout=PATIENCE_S)
        loop.agent.policy = Serve(stumbles=10**6)
        waiting = agent.submit(image(loop), deadline_s=1e6)
    with pytest.raises(CircadiaError, match="ended"):
        waiting.result(timeout=0)


def test_a_request_in_the_inbox_at_the_end_is_not_forgotten(tmp_path: Path) -> None:
    loop = runtime(tmp_path, scale=1.0, period_s=1e6)
    late = loop.agent.submit(image(loop))
    loop.agent.close()
    with pytest.raises(CircadiaError, match="ended"):
        late.result(timeout=0)
    with pytest.raises(CircadiaError, match="has ended"):
        loop.agent.submit(image(loop))


def test_a_cancelled_request_does_not_take_the_others_along(tmp_path: Path) -> None:
    loop = runtime(tmp_path, scale=1.0, period_s=1e6)
    answers = [loop.agent.submit(image(loop), deadline_s=1e6) for _ in range(3)]
    assert answers[0].cancel()
    loop.agent.policy = Serve()
    with loop:
        assert [answer.result(timeout=PATIENCE_S).version for answer in answers[1:]] == [0, 0]
    assert loop.errors == 0


class RefusesExamples(SqliteStore):
    """A store on a disk that has no room for examples for a while."""

    refusals = 0

    def add_examples(self, *rows: Any, **more: Any) -> list[int]:
        if self.refusals:
            self.refusals -= 1
            raise StoreError("no room for examples")
        return super().add_examples(*rows, **more)


@pytest.mark.slow
def test_a_store_that_refuses_examples_does_not_stop_the_answers(tmp_path: Path) -> None:
    store = RefusesExamples(tmp_path / "device.db")
    store.refusals = 3
    loop = runtime(tmp_path, scale=20.0, period_s=60.0, parts=Parts(store=store))
    loop.agent.policy = Serve()
    with loop as agent:
        for label in range(5):
            agent.add_example(image(loop), label)
        assert agent.submit(image(loop), deadline_s=3600.0).result(timeout=PATIENCE_S).label >= 0
        end_s = time.monotonic() + PATIENCE_S
        assert isinstance(agent.workload, LearningWorkload)
        while len(agent.workload.examples) < 5 and time.monotonic() < end_s:
            time.sleep(0.05)
    assert loop.errors == 3
    count = sqlite3.connect(tmp_path / "device.db").execute("SELECT count(*) FROM examples").fetchone()
    assert count == (5,)


class DeadLink:
    """A federation link whose thread has died."""

    connected = False
    trouble = "the link has stopped"

    def set_online(self, online: bool) -> None: ...

    def request(self, push: Any, pull: bool) -> None: ...

    def poll(self) -> list[Any]:
        raise ConnectionLost("the link has stopped")


@pytest.mark.slow
def test_a_dead_link_is_reported_once_and_the_device_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = runtime(tmp_path, scale=1.0, period_s=1e6)
    loop.agent.federation = DeadLink()
    loop.agent.policy = Serve()
    with loop as agent:
        for _ in range(3):
            assert agent.submit(image(loop)).result(timeout=PATIENCE_S).label >= 0
    assert loop.errors == 1
    assert "the link has stopped" in caplog.text


class Recorder(DeadLink):
    """A link that notes what is asked of it."""

    def __init__(self) -> None:
        self.online: list[bool] = []
        self.pushed = 0

    def set_online(self, online: bool) -> None:
        self.online.append(online)

    def request(self, push: Any, pull: bool) -> None:  # noqa: ARG002
        self.pushed += len(push)

    def poll(self) -> list[Any]:
        return []


@pytest.mark.parametrize(
    ("unmetered_only", "link", "goes"), [(True, 1.0, False), (True, 2.0, True), (False, 1.0, True)]
)
def test_the_last_updates_obey_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unmetered_only: bool, link: float, goes: bool
) -> None:
    table = {
        "store": {"path": str(tmp_path / "device.db")},
        "limits": {"sync_only_unmetered": unmetered_only},
        "agent": {"policy": "charging-only"},
    }
    agent = build(parse_config(table)).agent
    agent.federation = recorder = Recorder()
    update = ModelUpdate(
        update_id="a" * 32, task="t", base_version=0, examples=1, codec="int8", payload=b"x", created_s=0.0
    )
    assert isinstance(agent.workload, LearningWorkload)
    agent.workload.spool[update.update_id] = update
    seen = agent.platform.observe(agent.clock.now_s())
    monkeypatch.setattr(agent.platform, "observe", lambda _now_s: dataclasses.replace(seen, link=link))
    agent.deliver()
    assert recorder.pushed == int(goes)
    assert recorder.online[-1] is goes
    agent.close()


def test_observers_that_raise_disturb_nobody_and_are_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[TickRecord] = []

    def stumbles(_record: TickRecord) -> None:
        raise RuntimeError("the screen is gone")

    loop = runtime(tmp_path, scale=100.0, period_s=1e6, observers=(stumbles, seen.append))
    loop.agent.policy = Serve()
    with loop as agent:
        for _ in range(STRIKES + 2):
            agent.submit(image(loop), deadline_s=3600.0).result(timeout=PATIENCE_S)
    assert len(seen) == loop.ticks >= STRIKES + 2
    assert (loop.errors, loop.observer_errors) == (0, STRIKES)
    assert "the screen is gone" in caplog.text
    assert "dropped" in caplog.text


def test_an_observer_that_recovers_is_kept(tmp_path: Path) -> None:
    calls = 0

    def stumbles_twice_in_three(_record: TickRecord) -> None:
        nonlocal calls
        calls += 1
        if calls % 3:
            raise RuntimeError("busy")

    loop = runtime(tmp_path, scale=100.0, period_s=1e6, observers=(stumbles_twice_in_three,))
    loop.agent.policy = Serve()
    with loop as agent:
        for _ in range(7):
            agent.submit(image(loop), deadline_s=3600.0).result(timeout=PATIENCE_S)
    assert calls == loop.ticks


class Closes(SimulatedPlatform):
    """A body that notes when it is let go of."""

    closed = 0
    looked_at_after_close = False

    def observe(self, now_s: float) -> Observation:
        self.looked_at_after_close |= bool(self.closed)
        return super().observe(now_s)

    def close(self) -> None:
        self.closed += 1


def test_the_body_is_closed_after_the_last_look_at_it(tmp_path: Path) -> None:
    profile = shipped_profile("pixel-3")
    body = Closes(profile, scenario_for(profile), 0)
    loop = runtime(tmp_path, scale=1.0, period_s=1e6, parts=Parts(platform=body, measure=SimulatedMeter))
    with loop as agent:
        agent.submit(image(loop), deadline_s=0.0)
    assert body.closed == 1
    assert not body.looked_at_after_close


class Busy(SimulatedPlatform):
    """A body whose bus is busy when the work of an inference is to be paid."""

    refusals = 0

    def spend(self, phases: Sequence[Phase]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise SensorError("the bus is busy")
        super().spend(phases)


def test_an_answer_that_cannot_be_paid_does_not_end_the_agent(tmp_path: Path) -> None:
    profile = shipped_profile("pixel-3")
    body = Busy(profile, scenario_for(profile), 0)
    loop = runtime(tmp_path, scale=100.0, period_s=1e6, parts=Parts(platform=body, measure=SimulatedMeter))
    loop.agent.policy = Serve()
    with loop as agent:
        agent.submit(image(loop), deadline_s=3600.0).result(timeout=PATIENCE_S)
        body.refusals = 1
        first = agent.infer(image(loop))
        agent.wake()
        assert agent.submit(image(loop), deadline_s=3600.0).result(timeout=PATIENCE_S).version == 0
    assert (loop.errors, loop.failure, body.refusals) == (1, None, 0)
    with StoreReader(tmp_path / "device.db") as store:
        assert first.request_id in {request.request_id for request in store.requests()}


def test_what_ends_the_agent_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    loop = runtime(tmp_path, scale=1.0, period_s=1e6, observers=(lambda _record: sys.exit(3),))
    with loop as agent:
        loop.join()
        assert "SystemExit: 3" in agent.status().failure
        assert agent.status().state is State.ENDED
    assert isinstance(loop.failure, SystemExit)
    assert loop.errors == 1
    assert "does not survive" in caplog.text


def test_requests_do_not_pass_over_the_pause_after_a_failed_tick(tmp_path: Path) -> None:
    """Not even on a body that measures, whose ticks may follow each other in milliseconds."""
    clock, table = HandClock(1e6), {
        "platform": {"kind": "linux", "mains": True},
        "limits": {"thermometer": False},
        "store": {"path": str(tmp_path / "device.db")},
    }  # fmt: skip
    loop = build(parse_config(table), parts=Parts(clock=clock, policy=Serve(stumbles=10**6)))
    for _ in range(500):
        loop.agent.submit(image(loop), deadline_s=0.5)
        loop.turn()
        clock.t_s += 0.01
    loop.agent.close()
    assert 3 <= loop.errors <= 6


def test_an_agent_whose_thread_does_not_start_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = runtime(tmp_path, scale=1.0, period_s=1e6)

    def refuses(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuses)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            loop.start()
    loop.stop()
    SqliteStore(tmp_path / "device.db").close()  # nobody holds it


ALONE = """
    import logging, os, sys, time
    from circadia.config import parse_config
    from circadia.events import Decided
    from circadia.wiring import launch
    runtime = launch(parse_config({"store": {"path": "device.db"}}))
"""


def alone(tmp_path: Path, script: str) -> subprocess.CompletedProcess[str]:
    """A program of its own, that begins with a device."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ALONE + script)],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip


def test_a_fork_of_a_running_device_ends_and_leaves_it_alone(tmp_path: Path) -> None:
    done = alone(
        tmp_path,
        """
    with runtime as agent:
        child = os.fork()
        if not child:
            sys.exit(7)  # through the end of this block and of the interpreter
        end_s = time.monotonic() + 20.0
        ended, status = 0, 0
        while not ended and time.monotonic() < end_s:
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.01)
        if not ended:
            os.kill(child, 9)
            os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), agent.status().state.value)
    """,
    )
    assert done.stdout.split() == ["7", "running"], done.stderr
    assert "did not stop" not in done.stderr


def test_a_device_that_a_listener_stopped_was_not_forgotten(tmp_path: Path) -> None:
    done = alone(
        tmp_path,
        """
    runtime.agent.on(Decided, lambda _event: runtime.stop())
    runtime.start()
    runtime.join()
    """,
    )
    assert done.stderr == ""
