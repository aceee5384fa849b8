"""A body that cannot set its clock is told how urgent the work is that follows."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, INDEX
from circadia.config import parse_config
from circadia.energy.profile_file import shipped_profile
from circadia.physics.scenario import scenario_named
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.ports import HintsClock
from circadia.types import ClockLevel
from circadia.wiring import Parts, build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


class Told(SimulatedPlatform):
    """Notes when it is told, and whether work was done meanwhile."""

    def __init__(self) -> None:
        super().__init__(shipped_profile("pixel-3"), scenario_named("phone"), 0)
        self.told: list[tuple[ClockLevel, int]] = []
        self.done = 0

    @contextmanager
    def at_clock(self, clock: ClockLevel) -> Iterator[None]:
        before = self.done
        yield
        self.told.append((clock, self.done - before))


class Wanting:
    """Wants one action."""

    name = "wanting"
    offered = np.ones(len(CATALOGUE), bool)

    def __init__(self, action: str) -> None:
        self.action = action

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[0], scores[INDEX[self.action]] = 0.0, 100.0
        return scores


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("train/low/small", [(ClockLevel.LOW, 1)]),
        ("train/high/small", [(ClockLevel.HIGH, 1)]),
        ("sleep", []),
    ],
)
def test_it_is_told_around_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, told: list[Any]
) -> None:
    body = Told()
    assert isinstance(body, HintsClock)
    assert not isinstance(SimulatedPlatform(body.profile, body.scenario, 0), HintsClock)
    config = parse_config({"store": {"path": str(tmp_path / "device.db")}})
    parts = Parts(policy=Wanting(action), platform=body, clock=HandClock(9 * 3600.0))
    agent = build(config, parts=parts).agent
    try:
        run = agent.workload.run

        def counted(*arguments: Any) -> Any:
            body.done += 1
            return run(*arguments)

        monkeypatch.setattr(agent.workload, "run", counted)
        agent.add_example(np.zeros(agent.workload.task.input_shape, np.float32), 0)
        agent.ingest()
        agent.learn()
        record = agent.tick()
    finally:
        agent.close()
    assert record.decision.action.name == action
    assert body.told == told
