"""The application's side of a whole device: what it is told of bad input, hears, asks and forbids; start and end."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia import events
from circadia.actions import CATALOGUE, INDEX, NAMES, action_named
from circadia.config import parse_config
from circadia.errors import CircadiaError, ConfigError, DeadlineExpired, LimitError, StoreError
from circadia.federation.codecs import POLL_BYTES
from circadia.federation.device.events import ModelArrived, UpdateAcknowledged, UpdatesHeld
from circadia.learning.task_file import load_task
from circadia.platforms.clocks import HandClock
from circadia.status import State, UpdateCounts
from circadia.store.reading import StoreReader
from circadia.store.sqlite import SqliteStore
from circadia.testing.store import UPDATE
from circadia.testing.store import tick as stored_tick
from circadia.types import Link, Mode, ModelUpdate, Outcome, Preference, Source, TickRecord
from circadia.wiring import Parts, build
from circadia.workload import LearningWorkload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.agent import Agent
    from circadia.runtime import Runtime

PATIENCE_S = 30.0


class Wants:
    """A policy that wants one action, and else to sleep."""

    name = "wants"
    offered = np.ones(len(CATALOGUE), bool)

    def __init__(self, action: str) -> None:
        self.action = action

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[0] = 0.0
        scores[INDEX[self.action]] = 100.0
        return scores


def device(tmp_path: Path, policy: str = "serve/high/small", **parts: Any) -> Runtime:
    config = parse_config(
        {
            "agent": {"period_s": 60.0},
            "store": {"path": str(tmp_path / "device.db")},
            "platform": {"initial_soc": 0.8},
        }
    )
    return build(config, parts=Parts(policy=Wants(policy), **parts))


def fast(tmp_path: Path) -> Runtime:
    """A hundred times as fast as the day."""
    config = parse_config(
        {
            "agent": {"period_s": 60.0},
            "store": {"path": str(tmp_path / "device.db")},
            "platform": {"initial_soc": 0.8, "scale": 100.0},
        }
    )
    return build(config, parts=Parts(policy=Wants("serve/high/small")))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """In time that is moved by hand."""
    agent = device(tmp_path, clock=HandClock(0.0)).agent
    yield agent
    agent.close()


def tick(agent: Agent, after_s: float = 60.0) -> TickRecord:
    assert isinstance(agent.clock, HandClock)
    agent.clock.t_s += after_s
    agent.ingest()
    agent.learn()
    return agent.tick()


def image(agent: Agent, seed: int = 0) -> NDArray[np.float32]:
    shape = agent.workload.task.input_shape
    return np.random.default_rng(seed).random(shape).astype(np.float32)


# Bad input


@pytest.mark.parametrize("request_id", ["x", 1.0, True, None, np.float32(3)])
def test_feedback_for_what_is_no_request_is_refused(agent: Agent, request_id: Any) -> None:
    with pytest.raises(ConfigError, match="request_id"):
        agent.feedback(request_id, 3)


@pytest.mark.parametrize("label", [2.7, 2.0, True, False, None, np.nan, -1, 10, "x", np.bool_(1), [2]])
def test_what_is_no_label_is_refused(agent: Agent, label: Any) -> None:
    with pytest.raises(ConfigError, match="label"):
        agent.add_example(image(agent), label)
    with pytest.raises(ConfigError, match="label"):
        agent.feedback(1, label)


@pytest.mark.parametrize("label", [7, "7", np.int64(7), np.uint8(7)])
def test_a_label_by_name_or_number_is_taken(agent: Agent, label: Any) -> None:
    agent.add_example(image(agent), label)
    tick(agent)
    (example,) = agent.store.examples()
    assert example.label == 7


@pytest.mark.parametrize("deadline_s", [math.nan, -1.0, "soon", True])
def test_what_is_no_deadline_is_refused(agent: Agent, deadline_s: Any) -> None:
    with pytest.raises(ConfigError, match="deadline_s"):
        agent.submit(image(agent), deadline_s)


@pytest.mark.parametrize("preference", [None, (0.2, 0.4, 0.4), {"latency": 1.0}])
def test_what_is_no_preference_is_refused(agent: Agent, preference: Any) -> None:
    with pytest.raises(ConfigError, match="Preference"):
        agent.set_preference(preference)


# Answers, preference, pause


def test_an_answer_has_its_labels_name_and_all_probabilities(agent: Agent) -> None:
    answer = agent.submit(image(agent), deadline_s=300.0)
    tick(agent)
    served = answer.result(timeout=0)
    labels = agent.workload.task.labels
    assert served.label_name == labels[served.label]
    assert served.probabilities.shape == (len(labels),)
    assert served.probabilities.dtype == np.float32
    assert served.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert served.confidence == served.probabilities.max() == served.probabilities[served.label]
    with pytest.raises(ValueError, match="read-only"):
        served.probabilities[0] = 1.0


def test_a_preference_holds_from_the_next_tick_on(agent: Agent) -> None:
    assert tick(agent).observation.preference_latency == pytest.approx(1 / 3)
    wanted = Preference(accuracy=0.1, latency=0.8, energy=0.1)
    agent.set_preference(wanted)
    assert tick(agent).observation.preference_latency == 0.8
    assert agent.status().preference == wanted


def test_a_paused_device_only_sleeps_and_says_so(agent: Agent) -> None:
    reached: list[str] = []
    agent.on(events.LimitReached, lambda event: reached.append(event.limit))
    agent.pause()
    assert agent.status().state is State.PAUSED
    waits, expires = agent.submit(image(agent), 1e4), agent.submit(image(agent), 30.0)
    record = tick(agent)
    assert record.decision.action.name == "sleep"
    assert record.decision.proposed.mode is Mode.SERVE
    assert dict(record.decision.masked)["paused"] == NAMES[1:]
    assert "paused" in agent.status().why
    assert "paused" in agent.status().limits
    with pytest.raises(DeadlineExpired, match="paused"):
        expires.result(timeout=0)
    tick(agent)
    assert reached.count("paused") == 1
    agent.resume()
    assert agent.ingest()  # worth a tick at once
    tick(agent)
    assert waits.result(timeout=0).label >= 0
    assert agent.status().state is State.READY


def test_nothing_is_inferred_while_paused_and_at_once_after(tmp_path: Path) -> None:
    loop = fast(tmp_path)
    heard: list[int] = []
    loop.agent.on(events.Answered, lambda event: heard.append(event.served.request_id))
    with loop as agent:
        first = agent.infer(image(agent))
        assert first.label_name == agent.workload.task.labels[first.label]
        agent.pause()
        for _ in range(3):
            with pytest.raises(LimitError, match="paused the device"):
                agent.infer(image(agent))
            agent.wake()
            time.sleep(0.05)
        agent.resume()
        second = agent.infer(image(agent))
    assert heard == [first.request_id, second.request_id]
    assert loop.errors == 0


def test_the_pause_is_kept_as_a_limit(agent: Agent) -> None:
    agent.pause()
    tick(agent)
    assert isinstance(agent.store, SqliteStore)
    with StoreReader(agent.store.path) as store:
        assert dict(store.ticks()[0].masked)["paused"] == NAMES[1:]


# Status and events


def test_a_status_before_the_first_tick_knows_what_it_does_not_know(agent: Agent) -> None:
    status = agent.status()
    assert (status.state, status.action, status.why, status.link) == (State.READY, "", "", None)
    assert math.isnan(status.decided_s)
    assert status.updates == UpdateCounts()
    assert status.joules == ()


def test_a_status_tells_of_the_last_tick_queue_and_joules(agent: Agent) -> None:
    answer = agent.submit(image(agent), 300.0)
    assert agent.status().inbox == 1
    agent.ingest()
    assert (agent.status().inbox, agent.status().queue) == (0, 1)
    record = tick(agent)
    status = agent.status()
    assert answer.done()
    assert (status.action, status.decided_s, status.queue) == ("serve/high/small", record.t_s, 0)
    assert status.why == "serve/high/small: the policy's choice"
    assert status.link is Link(int(record.observation.link))
    for _ in range(3):
        tick(agent)
    joules = {(one.action, one.source): one for one in agent.status().joules}
    assert joules["serve/high/small", Source.SIMULATED].ticks == 1
    assert sum(one.ticks for one in joules.values()) == 2  # a tick's joules are known two ticks later
    assert all(one.energy_j > 0 for one in joules.values())


def test_a_status_can_be_asked_from_any_thread_and_is_cheap(tmp_path: Path) -> None:
    loop = fast(tmp_path)
    with loop as agent, ThreadPoolExecutor(4) as pool:
        answers = [agent.submit(image(agent), 1e5) for _ in range(100)]
        began_s = time.perf_counter()
        found = list(pool.map(lambda _: agent.status(), range(2000)))
        each_s = (time.perf_counter() - began_s) / 2000
        for answer in answers:
            answer.result(timeout=PATIENCE_S)
    assert {status.state for status in found} == {State.RUNNING}
    assert each_s < 2e-3
    assert agent.status().state is State.ENDED


def test_what_happens_is_told_in_order(agent: Agent) -> None:
    heard: list[Any] = []
    for kind in events.KINDS:
        agent.on(kind, heard.append)
    answer = agent.submit(image(agent), 300.0)
    record = tick(agent)
    answered, decided = (event for event in heard if not isinstance(event, events.LimitReached))
    assert answered == events.Answered(served=answer.result(timeout=0))
    assert isinstance(decided, events.Decided)
    assert decided.record is record


class Letters:
    """The federation port: hands over what a test wrote, and notes what is asked of it."""

    connected, trouble = True, ""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.online: list[bool] = []
        self.pushed = 0

    def request(self, push: Any, pull: bool) -> None:  # noqa: ARG002
        self.pushed += len(push)

    def set_online(self, online: bool) -> None:
        self.online.append(online)

    def poll(self) -> list[Any]:
        events, self.events = self.events, []
        return events


def hear(agent: Agent, *letters: Any) -> None:
    agent.federation = federation = Letters()
    federation.events += letters
    agent.hear()


def spooled(agent: Agent, *ids: str) -> None:
    assert isinstance(agent.workload, LearningWorkload)
    for update_id in ids:
        agent.workload.spool[update_id] = ModelUpdate(
            update_id=update_id, task="ab" * 32, base_version=0, examples=1, codec="int8", payload=b"x", created_s=0.0
        )  # fmt: skip


def test_a_rejected_update_is_told_once_and_counted(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[events.Rejected] = []
    agent.on(events.Rejected, heard.append)
    spooled(agent, "u1", "u2")
    no = UpdateAcknowledged(update_id="u1", accepted=False, reason="norm: 12, allowed is 10")
    hear(agent, no, no, UpdateAcknowledged(update_id="u2", accepted=True))
    assert heard == [events.Rejected(update_id="u1", reason="norm: 12, allowed is 10")]
    updates = agent.status().updates
    assert (updates.accepted, updates.rejected, updates.last_rejection) == (1, 1, "norm: 12, allowed is 10")
    assert caplog.text.count("norm: 12, allowed is 10") == 1


def test_held_updates_show_in_the_status_until_they_go_again(
    agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    hear(agent, UpdatesHeld(reason="norm: 12", rejected=3, retry_s=3600.0))
    assert agent.status().updates.held == "norm: 12"
    assert "3 updates in a row were rejected (norm: 12)" in caplog.text
    spooled(agent, "u1", "u2")
    assert isinstance(agent.workload, LearningWorkload)
    push = action_named("sleep/sync-int8")
    assert agent.workload._sync_bytes(push, None) == POLL_BYTES  # no radio is reckoned with for them
    hear(agent, UpdatesHeld(reason=""))
    assert agent.status().updates.held == ""
    assert agent.workload._sync_bytes(push, None) == POLL_BYTES + 2


def test_a_device_that_starts_again_knows_what_became_of_its_updates(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "device.db") as store:
        for number in range(5):
            update = dataclasses.replace(
                UPDATE, update_id=f"{number:032x}", created_s=float(number), task=load_task("digits").digest
            )
            store.commit(stored_tick(float(number), Outcome(update=update)))
            if number < 4:
                store.acknowledge(update.update_id, accepted=number == 0, reason="norm: 12" if number else "")
    loop = device(tmp_path, clock=HandClock(60.0))
    updates = loop.agent.status().updates
    assert updates == UpdateCounts(made=5, accepted=1, rejected=3, last_rejection="norm: 12", held="norm: 12")
    assert updates.waiting == 1
    assert isinstance(loop.agent.workload, LearningWorkload)
    assert loop.agent.workload._sync_bytes(action_named("sleep/sync-int8"), None) == POLL_BYTES
    loop.stop()


def test_a_device_that_ends_does_not_wait_for_updates_that_are_held(agent: Agent) -> None:
    hear(agent, UpdatesHeld(reason="norm: 12", rejected=3, retry_s=3600.0))
    assert isinstance(agent.federation, Letters)
    spooled(agent, "u1")
    agent.deliver()
    assert (agent.federation.pushed, agent.delivering) == (0, False)
    hear(agent, UpdatesHeld(reason=""))
    agent.deliver()
    assert agent.delivering
    hear(agent, UpdatesHeld(reason="norm: 12", rejected=3, retry_s=3600.0))
    assert not agent.delivering


def test_a_paused_device_leaves_the_broker_and_sends_nothing_even_at_its_end(agent: Agent) -> None:
    hear(agent)
    spooled(agent, "u1")
    assert isinstance(agent.federation, Letters)
    tick(agent)
    agent.pause()
    assert agent.ingest()  # worth a tick, so that it holds at once
    tick(agent)
    agent.deliver()
    assert agent.federation.online == [True, False]
    assert agent.federation.pushed == 0
    agent.resume()
    tick(agent)
    agent.deliver()
    assert agent.federation.online[2:] == [True, True]
    assert agent.federation.pushed == 1


def test_an_installed_version_is_told(agent: Agent) -> None:
    heard: list[events.Installed] = []
    agent.on(events.Installed, heard.append)
    assert isinstance(agent.workload, LearningWorkload)
    weights = agent.workload.model.weights
    hear(agent, ModelArrived(version=4, published_s=-5.0, weights=weights))
    assert heard == [events.Installed(version=4, published_s=-5.0)]
    assert agent.status().version == 4
    assert agent.status().connected


def test_what_a_store_refuses_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = device(tmp_path, clock=HandClock(0.0))
    agent, heard = loop.agent, []  # type: ignore[var-annotated]
    agent.on(events.Decided, heard.append)

    def refuses(_record: TickRecord) -> int:
        raise StoreError("no room")

    monkeypatch.setattr(agent.store, "commit", refuses)
    loop.turn()
    assert loop.errors == 1
    assert heard == []
    assert agent.status().state is State.FAILING
    assert "no room" in agent.status().failure
    monkeypatch.undo()
    assert isinstance(agent.clock, HandClock)
    agent.clock.t_s += 600.0
    loop.turn()
    assert len(heard) == 1
    assert agent.status().failure == ""
    loop.stop()


def test_an_application_in_asyncio_asks_and_listens(tmp_path: Path) -> None:
    async def application(agent: Agent) -> tuple[list[int], list[int]]:
        answered: list[int] = []

        async def listen() -> None:
            async for event in agent.events(events.Answered):
                answered.append(event.served.request_id)  # noqa: PERF401 - to see them as they come

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0)
        asked = [agent.submit(image(agent, seed), 1e5) for seed in range(5)]
        for answer in asked:
            await asyncio.wait_for(asyncio.wrap_future(answer), PATIENCE_S)
        loop.stop()
        await asyncio.wait_for(listening, PATIENCE_S)
        return answered, [answer.request_id for answer in asked]

    loop = fast(tmp_path)
    answered, asked = asyncio.run(application(loop.start()))
    assert sorted(answered) == asked


# Start and end


def test_start_and_stop_beside_with(tmp_path: Path) -> None:
    loop = fast(tmp_path)
    agent = loop.start()
    assert agent.submit(image(agent), 1e5).result(timeout=PATIENCE_S).label >= 0
    loop.stop()
    loop.stop()
    assert agent.status().state is State.ENDED
    with pytest.raises(CircadiaError, match="has ended"):
        agent.submit(image(agent))
    again = fast(tmp_path)  # the store is free
    again.stop()


def test_a_second_entry_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    loop = fast(tmp_path)
    with loop as agent:
        for enter in (loop.start, loop.run, loop.__enter__):
            with pytest.raises(CircadiaError, match="runs already"):
                enter()
        assert agent.submit(image(agent), 1e5).result(timeout=PATIENCE_S).label >= 0
    assert loop.errors == 0
    for enter in (loop.start, loop.run, loop.__enter__):
        with pytest.raises(CircadiaError, match="has ended"):
            enter()


def test_two_threads_that_enter_one_runtime_get_one_device(tmp_path: Path) -> None:
    loop = fast(tmp_path)
    gate = threading.Barrier(8)

    def enter() -> str:
        gate.wait()
        try:
            loop.start()
        except CircadiaError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(8) as pool:
        found = [entry.result() for entry in [pool.submit(enter) for _ in range(8)]]
    assert found.count("") == 1
    assert sum("runs already" in why for why in found) == 7
    loop.stop()


def test_a_runtime_that_never_ran_lets_go_of_its_store(tmp_path: Path) -> None:
    fast(tmp_path).stop()
    loop = fast(tmp_path)
    loop.stop()
    with pytest.raises(CircadiaError, match="has ended"):
        loop.start()


def test_a_listener_may_stop_the_device(tmp_path: Path) -> None:
    loop = fast(tmp_path)
    loop.agent.on(events.Decided, lambda _event: loop.stop())
    loop.start()
    loop.stop()
    assert loop.ticks <= 1
    assert loop.errors == 0


def test_run_in_this_thread_ends_when_another_stops_it(tmp_path: Path) -> None:
    loop = fast(tmp_path)
    stopper = threading.Timer(0.2, loop.stop)
    stopper.start()
    loop.run()
    stopper.join()
    assert loop.agent.status().state is State.ENDED


@pytest.mark.slow
@pytest.mark.parametrize("end", ["pass", "raise ValueError('the application is wrong')", "sys.exit(3)"])
def test_an_application_that_ends_without_stop_loses_nothing(tmp_path: Path, end: str) -> None:
    program = textwrap.dedent(
        f"""
        import sys
        import numpy as np
        from circadia import launch
        from circadia.config import parse_config

        agent = launch(parse_config({{"store": {{"path": {str(tmp_path / "device.db")!r}}}}})).start()
        for label in range(7):
            agent.add_example(np.zeros((8, 8, 1)), label)
        {end}
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == (3 if "exit" in end else int("raise" in end)), done.stderr
    assert "Fatal" not in done.stderr
    assert not (tmp_path / "device.db-wal").exists()  # it was closed
    with closing(sqlite3.connect(tmp_path / "device.db")) as db:
        assert db.execute("SELECT count(*) FROM examples").fetchone() == (7,)


def test_a_status_is_a_value(agent: Agent) -> None:
    before = agent.status()
    tick(agent)
    assert before.action == ""
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.queue = 3  # type: ignore[misc]
