"""The loop around the agent: pacing, waking, errors, the end."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, INDEX
from circadia.config import parse_config
from circadia.errors import CircadiaError
from circadia.wiring import build

if TYPE_CHECKING:
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
    with pytest.raises(CircadiaError, match="closed"):
        waiting.result(timeout=0)
