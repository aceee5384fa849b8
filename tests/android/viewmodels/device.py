"""A store as a device leaves it behind after some days: a simulated phone in virtual time, its agent as it ships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.config import parse_config
from circadia_field.virtual_device import VirtualDevice

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from circadia.agent import Agent

HOUR_S = 3600.0
START_S = 9 * HOUR_S


class Person:
    """Asks every half hour by day, says what was right each time, and teaches now and then."""

    def __init__(self, agent: Agent, until_s: float) -> None:
        random = np.random.default_rng(1)
        times = np.arange(START_S + 600, until_s, 1800.0)
        self._times = [t for t in times.tolist() if 8 <= t / HOUR_S % 24 < 22]
        self._random, self._agent = random, agent
        self._asked: list[Future[Any]] = []

    @property
    def due_s(self) -> float:
        return self._times[0] if self._times else np.inf

    def advance(self, now_s: float) -> None:
        while self.due_s <= now_s:
            self._times.pop(0)
            for answer in self._asked:
                if answer.done() and answer.exception() is None:
                    label = answer.result().label
                    right = self._random.random() < 0.85
                    self._agent.feedback(answer.result().request_id, label if right else (label + 1) % 10)
            self._asked = [self._agent.submit(self._random.random((8, 8, 1)).astype(np.float32), 300.0)]
            if self._random.random() < 0.5:
                x = self._random.random((8, 8, 1)).astype(np.float32)
                self._agent.add_example(x, int(self._random.integers(10)))

    def close(self) -> None:
        pass


def lived(path: Path, *, days: float, table: dict[str, Any] | None = None) -> float:
    """Run it into the store → the agent's clock at the end."""
    made = {
        "agent": {"seed": 3},
        "platform": {"profile": "pixel-3"},
        "store": {"path": str(path)},
        **(table or {}),
    }
    device = VirtualDevice(parse_config(made), start_s=START_S)
    until_s = START_S + days * 24 * HOUR_S
    device.live(until_s, Person(device.agent, until_s))  # type: ignore[arg-type]  # plays the application's part
    device.finish()
    device.close()
    return device.clock.t_s
