"""A store as a device leaves it behind after some days: a simulated phone in virtual time, its agent as it ships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.config import parse_config
from circadia_field.virtual_device import VirtualDevice
from circadia_lab.data.tasks.digits_data import load_digits_split

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from circadia.agent import Agent

HOUR_S = 3600.0
START_S = 9 * HOUR_S
AWAKE = (8, 22)
"""Hours of the day."""
EVERY_S = 1800.0
DEADLINE_S = 300.0
TEACHES = 0.5
"""The share of requests beside which an example is taught."""


class Person:
    """Asks for a digit every half hour by day, says what was right when it asks again, and teaches now and then."""

    def __init__(self, agent: Agent, until_s: float) -> None:
        times = np.arange(START_S + 600, until_s, EVERY_S)
        self._times = [t for t in times.tolist() if AWAKE[0] <= t / HOUR_S % 24 < AWAKE[1]]
        self._random, self._agent = np.random.default_rng(1), agent
        self._taught_x, self._taught_y, self._asked_x, self._asked_y = load_digits_split(1)
        self._waiting: tuple[Future[Any], int] | None = None

    @property
    def due_s(self) -> float:
        """When it asks next; infinite: never again."""
        return self._times[0] if self._times else np.inf

    def advance(self, now_s: float) -> None:
        """What is due by then."""
        while self.due_s <= now_s:
            self._times.pop(0)
            self._tell()
            row = int(self._random.integers(len(self._asked_y)))
            self._waiting = (self._agent.submit(self._asked_x[row], DEADLINE_S), int(self._asked_y[row]))
            if self._random.random() < TEACHES:
                row = int(self._random.integers(len(self._taught_y)))
                self._agent.add_example(self._taught_x[row], int(self._taught_y[row]))

    def _tell(self) -> None:
        if self._waiting is not None:
            answer, label = self._waiting
            if answer.done() and answer.exception() is None:
                self._agent.feedback(answer.result().request_id, label)

    def close(self) -> None:
        """It holds nothing."""


def lived(path: Path, *, days: float, table: dict[str, Any] | None = None) -> float:
    """Run it into the store, from nine in the morning on → the agent's clock at the end.

    `table`: of a device.toml, over the one here. A second of this machine's plays about a day.
    """
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
