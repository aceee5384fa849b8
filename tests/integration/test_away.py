"""Work that comes back ticks later: its answers, a restart in between, and nobody who brings it back.

Run as a program, this is a device that sends three requests away and then waits to be killed.
"""

from __future__ import annotations

import dataclasses
import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import CATALOGUE, INDEX, SERVE_LIMIT
from circadia.config import DeviceConfig, parse_config
from circadia.errors import CircadiaError, StoreError
from circadia.platforms.clocks import HandClock
from circadia.store.sqlite import SqliteStore
from circadia.testing.workload import WorkloadContract
from circadia.types import Away, Outcome, Served
from circadia.wiring import Parts, build

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from circadia.agent import Agent
    from circadia.federation.device.events import DeviceEvent
    from circadia.learning.task import Task
    from circadia.ports import Workload
    from circadia.serving.queue import Request
    from circadia.types import Action, Model, ModelUpdate, Work
    from circadia.workload import LearningWorkload

TAKES_S, PATIENCE_S = 150.0, 600.0


class SlowWorkload:
    """Serves by sending away, `TAKES_S` long; everything else as the workload inside."""

    def __init__(self, inside: LearningWorkload, away: Sequence[Away]) -> None:
        self._inside = inside
        self._away = {work.work_id: work for work in away}
        self._open = Outcome()

    @property
    def task(self) -> Task:
        return self._inside.task

    @property
    def version(self) -> int:
        return self._inside.version

    @property
    def waiting(self) -> int:
        return self._inside.waiting - sum(len(self._known(work)) for work in self._away.values())

    @property
    def busy(self) -> bool:
        return bool(self._away)

    @property
    def spooled(self) -> Collection[ModelUpdate]:
        return self._inside.spooled

    def observe(self, now_s: float) -> Mapping[str, float]:
        return {**self._inside.observe(now_s), "queue_length": float(self.waiting)}

    def run(self, action: Action, now_s: float) -> Outcome:
        inside = self._inside.run(dataclasses.replace(action, serve=None), now_s)
        back = [work for work in self._away.values() if now_s >= min(work.sent_s + TAKES_S, work.due_s)]
        served = tuple(answer for work in back for answer in self._answers(work, now_s))
        answered = {answer.request_id for answer in served}
        self._open = dataclasses.replace(
            inside,
            served=served,
            expired=tuple(i for i in inside.expired if i not in answered and not self._is_away(i)),
            away=self._sent(action.serve, now_s) if action.serve else (),
            back=tuple(work.work_id for work in back),
        )
        return self._open

    def _sent(self, most: Work, now_s: float) -> tuple[Away, ...]:
        queue = self._inside.requests
        waiting = [r for r in queue.waiting(SERVE_LIMIT[most], now_s) if not self._is_away(r.request_id)]
        if not waiting:
            return ()
        note = json.dumps({str(request.request_id): request.submitted_s for request in waiting}).encode()
        ids = tuple(request.request_id for request in waiting)
        work = Away(work_id=f"w{ids[0]}", requests=ids, sent_s=now_s, due_s=now_s + PATIENCE_S, note=note)
        return (work,)

    def _answers(self, work: Away, now_s: float) -> list[Served]:
        """What the neighbour says: after a restart all that is left of the requests is the note."""
        return [
            Served(
                request_id=int(i),
                label=7,
                label_name=self.task.labels[7],
                confidence=1.0,
                probabilities=np.eye(len(self.task.labels), dtype=np.float32)[7],
                latency_s=now_s - submitted_s,
                version=self.version,
            )
            for i, submitted_s in json.loads(work.note).items()
        ]

    def _is_away(self, request_id: int) -> bool:
        return any(request_id in work.requests for work in self._away.values())

    def _known(self, work: Away) -> list[int]:
        return [i for i in work.requests if i in self._inside.requests._requests]

    def settle(self, *, stored: bool) -> None:
        outcome, self._open = self._open, Outcome()
        self._inside.settle(stored=stored)
        if stored:
            self._away |= {work.work_id: work for work in outcome.away}
            for work_id in outcome.back:
                del self._away[work_id]
        self._let_go(outcome)

    def _let_go(self, outcome: Outcome) -> None:
        """Of what was answered here; after a restart there is nothing left to let go of."""
        queue = self._inside.requests
        for served in outcome.served:
            if served.request_id in queue._requests:
                request = queue.get(served.request_id)
                self._inside.answered.remember(served.request_id, request.x, request.submitted_s)
        queue.remove(served.request_id for served in outcome.served)

    def hear(self, event: DeviceEvent, now_s: float) -> Model | None:
        return self._inside.hear(event, now_s)

    def ask(self, request: Request) -> None:
        self._inside.ask(request)

    def recall(self, request_id: int) -> NDArray[np.float32] | None:
        return self._inside.recall(request_id)

    def learn(self, example_id: int, x: NDArray[np.float32], label: int, t_s: float) -> Sequence[int]:
        return self._inside.learn(example_id, x, label, t_s)


class Serves:
    """The policy port with one action in mind."""

    name = "serves"
    offered = np.ones(len(CATALOGUE), bool)

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[INDEX["serve/high/small"]] = 100.0
        return scores


def configured(store: Path) -> DeviceConfig:
    return parse_config({"agent": {"policy": "charging-only"}, "store": {"path": str(store)}})


def device(store: Path, t_s: float) -> Agent:
    parts = Parts(clock=HandClock(t_s), policy=Serves(), workload=SlowWorkload)
    return build(configured(store), parts=parts).agent


def tick(agent: Agent, after_s: float = 60.0) -> Outcome:
    assert isinstance(agent.clock, HandClock)
    agent.clock.t_s += after_s
    agent.ingest()
    return agent.tick().outcome


class TestSlowWorkload(WorkloadContract):
    """It promises what the one does whose work is done within its tick."""

    def make(self) -> Workload:
        agent = device(self.folder / "device.db", 0.0)
        agent.store.close()
        return agent.workload


def rows(store: Path) -> list[tuple[int, int | None, float | None]]:
    with closing(sqlite3.connect(store)) as db:
        return db.execute("SELECT id, label, latency_s FROM requests ORDER BY id").fetchall()


def test_answers_come_ticks_later(tmp_path: Path) -> None:
    store = tmp_path / "device.db"
    agent = device(store, 0.0)
    answer = agent.submit(np.zeros(agent.workload.task.input_shape, np.float32), deadline_s=100.0)
    sent = tick(agent)
    assert [work.requests for work in sent.away] == [(answer.request_id,)]
    assert agent.workload.waiting == 0
    assert agent.workload.busy
    for _ in range(2):  # its deadline passes, but it is away and may yet come
        outcome = tick(agent)
        assert (outcome.served, outcome.expired, outcome.away, outcome.back) == ((), (), (), ())
        assert not answer.done()
    back = tick(agent)
    assert back.back == (sent.away[0].work_id,)
    assert answer.result(timeout=0).latency_s == pytest.approx(240.0)
    agent.close()
    assert rows(store) == [(answer.request_id, 7, 240.0)]
    with SqliteStore(store) as opened:
        assert opened.away() == []


def test_it_cannot_answer_at_once_and_says_so(tmp_path: Path) -> None:
    agent = device(tmp_path / "device.db", 0.0)
    tick(agent)
    with pytest.raises(CircadiaError, match=r"answers come ticks later.*use submit"):
        agent.infer(np.zeros(agent.workload.task.input_shape, np.float32))
    agent.close()


def test_what_the_store_refuses_did_not_go_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = device(tmp_path / "device.db", 0.0)
    agent.submit(np.zeros(agent.workload.task.input_shape, np.float32), deadline_s=3600.0)

    def refuse(_record: object) -> int:
        raise StoreError("no room")

    with monkeypatch.context() as broken:
        broken.setattr(agent.store, "commit", refuse)
        with pytest.raises(StoreError):
            tick(agent)
    assert agent.workload.waiting == 1
    assert not agent.workload.busy
    assert len(tick(agent).away) == 1
    agent.close()


def killed_with_work_away(store: Path) -> None:
    command = [sys.executable, __file__, str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "away\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_sigkill_does_not_lose_what_is_away(tmp_path: Path) -> None:
    store = tmp_path / "device.db"
    killed_with_work_away(store)
    agent = device(store, 60.0 + TAKES_S)
    assert agent.workload.busy
    later = agent.submit(np.zeros(agent.workload.task.input_shape, np.float32), deadline_s=3600.0)
    assert later.request_id > 3  # those that are away keep theirs
    outcome = tick(agent, 0.5)
    assert [served.request_id for served in outcome.served] == [1, 2, 3]
    agent.close()
    assert rows(store) == [(i, 7, 60.5 + TAKES_S) for i in (1, 2, 3)]


@pytest.mark.slow
def test_what_nobody_brings_back_is_given_up_once(tmp_path: Path) -> None:
    store = tmp_path / "device.db"
    killed_with_work_away(store)
    agent = build(configured(store), parts=Parts(clock=HandClock(120.0), policy=Serves())).agent
    first = agent.tick().outcome
    assert (first.back, first.expired) == (("w1",), (1, 2, 3))
    assert agent.tick().outcome.back == ()
    agent.close()
    assert rows(store) == [(i, None, None) for i in (1, 2, 3)]


def main() -> None:
    agent = device(Path(sys.argv[1]), 0.0)
    for _ in range(3):
        agent.submit(np.zeros(agent.workload.task.input_shape, np.float32), deadline_s=3600.0)
    tick(agent)
    print("away", flush=True)
    time.sleep(60)


if __name__ == "__main__":
    main()
