"""An agent ends soon, even in the middle of a long training: what it has learned is stored."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.config import parse_config
from circadia.events import Decided
from circadia.sensors import SENSORS
from circadia.store.reading import StoreReader
from circadia.tflite.interpreter import open_interpreter
from circadia.wiring import Parts
from circadia_app import settings
from circadia_app.agent_run import AgentRun, allowed
from circadia_app.consent import Consent
from circadia_app.folder import AppFolder
from circadia_app.settings import ChosenLimits, Settings

if TYPE_CHECKING:
    from pathlib import Path

STEP_S = 0.4
WAIT_S = 30.0


class SlowSteps:
    """A model's interpreter on a slow phone: every step of training takes `STEP_S` longer."""

    def __init__(self, real: Any, begun: threading.Event) -> None:
        self._real = real
        self._begun = begun

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def get_signature_runner(self, signature_key: str) -> Any:
        runner = self._real.get_signature_runner(signature_key)
        return SlowRunner(runner, self._begun) if signature_key == "train" else runner


class SlowRunner:
    def __init__(self, real: Any, begun: threading.Event) -> None:
        self._real = real
        self._begun = begun

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __call__(self, **arrays: Any) -> Any:
        self._begun.set()
        time.sleep(STEP_S)
        return self._real(**arrays)


def test_a_long_training_ends_at_its_next_step(tmp_path: Path) -> None:
    begun = threading.Event()
    decisions: list[Any] = []
    config = parse_config(
        {
            "platform": {"kind": "linux", "mains": True},  # measures: what is cut short took what it took
            "store": {"path": str(tmp_path / "device.db")},
            "agent": {"policy": "charging-only", "period_s": 1e6},
            "limits": {sensor.key: False for sensor in SENSORS},
        }
    )
    run = AgentRun(
        config,
        parts=Parts(open_model=lambda model, **named: SlowSteps(open_interpreter(model, **named), begun)),
        paused=False,
        told=decisions.append,
        over=lambda: None,
    )
    run.start()
    for i in range(300):
        run.agent.add_example(np.full((8, 8, 1), i / 300, np.float32), i % 10)
    end_s = time.monotonic() + WAIT_S
    while not decisions and time.monotonic() < end_s:
        time.sleep(0.01)
    begun.clear()  # the task was tried out when it was opened
    run.agent.wake()
    assert begun.wait(WAIT_S)
    began_s = time.monotonic()
    assert run.end(1.8, deliver=True)
    assert time.monotonic() - began_s < 2 * STEP_S + 0.5
    with StoreReader(tmp_path / "device.db") as store:
        (training,) = store.trainings()
    assert 1 <= len(training.batches) <= 3
    assert run.failure is None
    assert any(isinstance(event, Decided) and event.record.outcome.training for event in decisions)


@pytest.mark.parametrize("sends", [False, True])
def test_only_what_was_agreed_and_chosen_goes_into_the_device(sends: bool, tmp_path: Path) -> None:
    folder = AppFolder(path=tmp_path)
    config = parse_config(
        {
            "store": {"path": "elsewhere.db", "retention": {"ticks": 7}},
            "federation": {"broker": "127.0.0.1:1883", "drain_s": 60},
        }
    )
    chosen = Settings(limits=ChosenLimits(battery_floor=0.4, sync_only_unmetered=True))
    made = allowed(config, folder, Consent().agreed(1.0, "1", learn=True, send=sends), chosen)
    assert (made.store.path, made.store.retention.ticks) == (folder.store, 7)
    assert (made.limits.battery_floor, made.limits.sync_only_unmetered) == (0.4, True)
    assert (made.federation is not None) is sends
    assert made.federation is None or made.federation.drain_s <= 1.0
    assert made.agent.preference == (settings.Settings().preference or config.agent.preference)
