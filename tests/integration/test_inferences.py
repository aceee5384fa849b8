"""Answers at once: under the limits of the last look, from many threads, with their joules."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, INDEX, action_named
from circadia.config import parse_config
from circadia.errors import CircadiaError, ConfigError, LimitError
from circadia.inferences import MOST_KEPT, Inferences, Leave
from circadia.platforms.clocks import HandClock
from circadia.serving.server import Server
from circadia.store.reading import StoreReader
from circadia.types import Load, Phase
from circadia.wiring import Parts, build

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.agent import Agent
    from circadia.runtime import Runtime

SERVE = action_named("serve/high/large")
THREADS, EACH = 8, 40


class Sleeps:
    """The policy port: nothing but sleep."""

    name = "sleeps"
    offered = np.ones(len(CATALOGUE), bool)

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[INDEX["sleep"]] = 100.0
        return scores


def simulated(tmp_path: Path) -> Agent:
    config = parse_config({"store": {"path": str(tmp_path / "device.db")}})
    return build(config, parts=Parts(clock=HandClock(0.0), policy=Sleeps())).agent


def real(tmp_path: Path) -> Runtime:
    table = {
        "platform": {"kind": "linux", "mains": True},
        "limits": {"thermometer": False},
        "store": {"path": str(tmp_path / "device.db")},
    }
    return build(parse_config(table), parts=Parts(policy=Sleeps()))


def turn(agent: Agent, seconds: float) -> None:
    assert isinstance(agent.clock, HandClock)
    agent.clock.t_s += seconds


def image(agent: Agent, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(agent.workload.task.input_shape).astype(np.float32)


def test_its_joules_are_those_of_its_tick(tmp_path: Path) -> None:
    agent = simulated(tmp_path)
    for _ in range(2):
        agent.tick()
        turn(agent, 60.0)
    assert agent.infer(image(agent)).latency_s == pytest.approx(0.5 + 0.1 + 0.4)  # as the profile foretells
    agent.infer(image(agent))
    turn(agent, 0.5)
    agent.tick()
    turn(agent, 60.0)
    agent.close()
    whole = agent.meter.read(0.0, 180.5)
    with StoreReader(tmp_path / "device.db") as store:
        ticks = store.ticks()
    assert [tick.served for tick in ticks] == [0, 2, 0]
    assert ticks[1].by_load_j["SERVE_HIGH"] == pytest.approx(1.123 * (0.1 + 2 * 0.4))
    assert ticks[1].energy_j > ticks[0].energy_j + 1.0
    assert whole is not None
    assert sum(tick.energy_j for tick in ticks) == pytest.approx(whole.energy_j, rel=1e-9)


def test_many_threads_get_the_answers_of_one(tmp_path: Path) -> None:
    loop = real(tmp_path)
    task = loop.agent.workload.task
    inputs = np.random.default_rng(3).random((THREADS * EACH, *task.input_shape)).astype(np.float32)
    expected = Server(task).infer(task.initial_weights, inputs)
    begin = threading.Barrier(THREADS)

    def ask(part: NDArray[np.float32]) -> list[tuple[int, float, int]]:
        begin.wait()
        answers = [loop.agent.infer(x) for x in part]
        return [(answer.label, answer.confidence, answer.request_id) for answer in answers]

    with loop, ThreadPoolExecutor(THREADS) as pool:
        for i in range(5):  # the agent's own interpreters are at work meanwhile
            loop.agent.submit(inputs[i], deadline_s=600.0)
        found = [row for part in pool.map(ask, np.split(inputs, THREADS)) for row in part]
    assert [label for label, _, _ in found] == expected.argmax(1).tolist()
    np.testing.assert_array_equal([confidence for _, confidence, _ in found], expected.max(1))
    assert len({request_id for _, _, request_id in found}) == THREADS * EACH
    assert loop.errors == 0
    with StoreReader(tmp_path / "device.db") as store:
        assert sum(tick.served for tick in store.ticks()) == THREADS * EACH
        assert {request.request_id for request in store.requests()} >= {i for _, _, i in found}
        assert sum(p.duration_s for t in store.ticks() for p in t.phases if p.load is Load.SERVE_HIGH) > 0


def test_no_id_is_given_again_after_a_kill_and_none_skipped_after_an_end(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    agent = simulated(tmp_path)
    agent.tick()
    first = agent.infer(image(agent)).request_id
    for path in tmp_path.glob("device.db*"):
        shutil.copy(path, killed)  # what a SIGKILL would leave behind
    agent.close()
    after = {}
    for folder in (killed, tmp_path):
        agent = simulated(folder)
        agent.tick()
        after[folder] = agent.infer(image(agent)).request_id
        agent.close()
    assert after[tmp_path] == first + 1
    assert after[killed] > first


def test_a_wrong_input_is_refused(tmp_path: Path) -> None:
    agent = simulated(tmp_path)
    agent.tick()
    wrongs: tuple[Any, ...] = (np.zeros(3), np.full((8, 8, 1), np.nan), np.array("seven"))
    for wrong in wrongs:
        with pytest.raises(ConfigError, match="digits"):
            agent.infer(wrong)
    agent.close()


class Bench:
    """Inferences of a real workload without an agent: whoever is asked to look at the body notes it."""

    def __init__(self, agent: Agent) -> None:
        self.clock, self.asked, self.agent = HandClock(100.0), 0, agent
        self.inferences = Inferences(
            clock=self.clock, workload=agent.workload, stopwatch=self.clock.now_s, new_id=lambda: 7, ask=self.ask,
            fresh_s=60.0, look_s=0.02,
        )  # fmt: skip

    def ask(self) -> None:
        self.asked += 1

    def allow(self, work_s: float = math.inf, answer_s: float = math.nan) -> None:
        self.inferences.allow(Leave(t_s=self.clock.t_s, action=SERVE, work_s=work_s, answer_s=answer_s))

    def infer(self) -> int:
        return self.inferences.infer(image(self.agent)).request_id


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    agent = simulated(tmp_path)
    agent.store.close()
    return Bench(agent)


def test_it_asks_for_a_look_at_the_body_and_says_if_there_is_none(bench: Bench) -> None:
    with pytest.raises(
        CircadiaError, match="has not looked at its body for as long as it lives; check that it runs"
    ):
        bench.infer()
    assert bench.asked == 1
    bench.allow()
    assert bench.infer() == 7
    bench.clock.t_s += 61.0
    with pytest.raises(CircadiaError, match="for 61 s"):
        bench.infer()
    bench.clock.t_s -= 100.0  # a clock that was set back: nobody knows how old the look is
    with pytest.raises(CircadiaError, match="check that it runs"):
        bench.infer()
    assert bench.asked == 3


def test_so_much_work_takes_a_new_look(bench: Bench) -> None:
    bench.allow(work_s=2.5, answer_s=1.0)
    assert [bench.infer() for _ in range(3)] == [7, 7, 7]
    with pytest.raises(CircadiaError, match="has not looked"):
        bench.infer()
    waiting = threading.Timer(0.001, lambda: bench.allow(work_s=2.5, answer_s=1.0))
    bench.inferences._look_s = 30.0
    waiting.start()
    assert bench.infer() == 7
    waiting.join()


def test_a_limit_is_named(bench: Bench) -> None:
    bench.inferences.allow(Leave(t_s=bench.clock.t_s, action=None, why="thermal (it would get too warm)"))
    with pytest.raises(LimitError, match=r"serving is forbidden: thermal \(it would get too warm\)"):
        bench.infer()


def test_what_is_recorded_is_bounded_and_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    row = np.array([0.25, 0.75], np.float32)
    monkeypatch.setattr(bench.agent.workload, "infer", lambda _x: (row, 0))
    bench.allow()
    for _ in range(MOST_KEPT + 5):
        bench.infer()
    assert bench.asked == 1  # to record them
    done = bench.inferences.take()
    assert (done.count, len(done.served), done.action) == (MOST_KEPT + 5, MOST_KEPT, SERVE)
    assert bench.inferences.take().count == 0


def test_nobody_is_answered_after_the_end(bench: Bench) -> None:
    bench.allow()
    bench.inferences.close()
    with pytest.raises(CircadiaError, match="has ended"):
        bench.infer()


@pytest.mark.slow
def test_an_application_that_ends_without_stopping_its_device_loses_nothing(tmp_path: Path) -> None:
    script = """
        import circadia
        import numpy as np
        from circadia.config import parse_config
        runtime = circadia.launch(parse_config({
            "platform": {"kind": "linux", "mains": True}, "limits": {"thermometer": False},
            "store": {"path": "device.db"}, "agent": {"policy": "charging-only"},
        }))
        agent = runtime.__enter__()
        agent.infer(np.zeros((8, 8, 1), np.float32))
        raise ValueError("the application stumbles")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert done.returncode == 1
    assert "the application stumbles" in done.stderr
    assert "did not stop its device" in done.stderr
    assert not (tmp_path / "device.db-wal").exists()  # the store was closed in order
    with StoreReader(tmp_path / "device.db") as store:
        (tick,) = (tick for tick in store.ticks() if tick.served)
    assert tick.served == 1
    assert isinstance(tick.phases[0], Phase)


def test_a_body_that_foretells_its_work_answers_while_it_lasts(tmp_path: Path) -> None:
    """Which is in real time here: nobody looks at the body before it is over."""
    config = parse_config({"store": {"path": str(tmp_path / "device.db")}})
    with build(config, parts=Parts(policy=Sleeps())) as agent:
        work_s = 2 * agent.bounds.at_most_s["serve/high/large"]
        answers = [agent.infer(image(agent)) for _ in range(40)]
        assert sum(answer.latency_s for answer in answers) > work_s


def test_foretold_work_that_outlasts_a_look_is_no_end_of_its_leave(bench: Bench) -> None:
    bench.inferences.allow(Leave(t_s=bench.clock.t_s, action=SERVE, busy_s=100.0))
    bench.clock.t_s += 159.0
    assert bench.infer() == 7
    bench.clock.t_s += 2.0
    with pytest.raises(CircadiaError, match="has not looked"):
        bench.infer()


def test_a_pause_that_ends_while_a_tick_decides_under_it_leaves_no_trace(tmp_path: Path) -> None:
    agent = simulated(tmp_path)
    agent.pause()
    agent.tick()
    with pytest.raises(LimitError, match="paused"):
        agent.infer(image(agent))
    agent.resume()
    assert agent.infer(image(agent)).version == 0  # before another look at the body
    agent.close()
