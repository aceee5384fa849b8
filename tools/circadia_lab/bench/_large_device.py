"""A device with a large task, in a process of its own: what a round takes, as one JSON line.

python -m circadia_lab.bench._large_device TASK.toml HOST:PORT FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import CATALOGUE, INDEX
from circadia.config import parse_config
from circadia.errors import PlatformUnavailable
from circadia.learning.task_file import load_task
from circadia.platforms.clocks import HandClock
from circadia.wiring import Parts, build

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.agent import Agent

EXAMPLES = 256
LIMIT_S = 60.0


class Told:
    """A policy that does as it is told."""

    name = "told"
    offered = np.ones(len(CATALOGUE), bool)

    def __init__(self) -> None:
        self.action = "sleep"

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        """That action, by far."""
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[INDEX[self.action]] = 100.0
        return scores


class Round:
    """One training, one update up, one version down, one answer."""

    def __init__(self, task_path: Path, broker: str, folder: Path) -> None:
        start_s = time.perf_counter()
        task = load_task(task_path)
        self.figures = {"load_s": time.perf_counter() - start_s, "bare_mb": _mb()}
        config = parse_config({
            "device": "large",
            "store": {"path": str(folder / "device.db")},
            "federation": {"broker": broker, "name": "large"},
            "platform": {"initial_soc": 0.9},
        })  # fmt: skip
        self._clock, self._policy = HandClock(0.0), Told()
        start_s = time.perf_counter()
        parts = Parts(clock=self._clock, policy=self._policy, task=task)
        self._runtime = build(config, parts=parts)
        self.figures["start_s"] = time.perf_counter() - start_s
        random = np.random.default_rng(0)
        for label in random.integers(0, len(task.labels), EXAMPLES):
            self._agent.add_example(random.random(task.input_shape).astype(np.float32), int(label))

    @property
    def _agent(self) -> Agent:
        return self._runtime.agent

    def run(self) -> dict[str, float]:
        """The figures; `PlatformUnavailable` for what does not come."""
        agent = self._agent
        self.figures["train_push_s"] = self._tick("train/high/large/sync-int8")
        (update,) = agent.workload.spooled
        self.figures["update_mb"] = len(update.payload) / 1e6
        self.figures["answered_s"] = self._until(lambda: not agent.workload.spooled, "the verdict")
        self._tick("sleep/sync-pull")
        self.figures["fetch_s"] = self._until(lambda: agent.workload.version > 1, "the next version")
        answer = agent.submit(np.zeros(agent.workload.task.input_shape, np.float32), deadline_s=600.0)
        self.figures["serve_s"] = self._tick("serve/high/small")
        answer.result(timeout=0)
        self.figures["device_mb"] = _mb()
        return self.figures

    def close(self) -> None:
        """As at the end of a device."""
        self._runtime.stop()

    def _tick(self, action: str) -> float:
        """How long it took."""
        self._clock.t_s += 60.0
        self._policy.action = action
        self._agent.ingest()
        self._agent.learn()
        start_s = time.perf_counter()
        record = self._agent.tick()
        passed_s = time.perf_counter() - start_s
        if record.decision.action.name != action:
            raise PlatformUnavailable(f"{action} was not admitted: {record.decision.masked}")
        return passed_s

    def _until(self, condition: Callable[[], bool], what: str) -> float:
        start_s = time.perf_counter()
        while not condition():
            if time.perf_counter() - start_s > LIMIT_S:
                raise PlatformUnavailable(f"{what} did not come within {LIMIT_S:g} s")
            time.sleep(0.005)
            self._agent.hear()
        return time.perf_counter() - start_s


def _mb() -> float:
    """The most that this process has held; `getrusage` would count what its parent held when it forked."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main(arguments: list[str]) -> int:
    """One line."""
    task, broker, folder = arguments
    device = Round(Path(task), broker, Path(folder))
    try:
        print(json.dumps(device.run()), flush=True)
    finally:
        device.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
