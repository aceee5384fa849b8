"""The closed loop in virtual time: the agent decides, the firmware measures, the agent settles, the truth is beside it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.config import parse_config
from circadia_field.ticks import read_ticks
from circadia_field.virtual_device import VirtualDevice
from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.body_meter import BodyMeter, measuring
from circadia_lab.meter.board.simulator import BoardErrors

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file(),
        reason=f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}",
    ),
]
PERIOD_S, TICKS, START_S = 5.0, 40, 9 * 3600.0


def test_joules_of_decisions_are_those_that_flowed(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    table = {
        "agent": {"policy": "drift-plus-penalty", "period_s": PERIOD_S},
        "platform": {"profile": "pixel-3"},
        "store": {"path": str(path)},
    }
    errors = BoardErrors(drift_ppm=80, shunt_ohm=0.02, noise_v=3e-6)
    device = VirtualDevice(
        parse_config(table), start_s=START_S, measure=measuring(start_s=START_S, errors=errors)
    )
    rng = np.random.default_rng(0)
    for _ in range(TICKS):
        for _ in range(rng.poisson(1.0)):
            device.agent.submit(np.zeros((8, 8, 1), np.float32))
        for _ in range(rng.poisson(2.0)):
            device.agent.add_example(rng.random((8, 8, 1)).astype(np.float32), int(rng.integers(10)))
        device.tick()
    meter = device.agent.meter
    assert isinstance(meter, BodyMeter)
    device.stop()
    found = read_ticks(path)
    true_j = np.array([meter.true_j(a, a + b) for a, b in zip(found.t_s, found.duration_s, strict=True)])
    whole = meter.read(found.t_s[0], found.t_s[-1] + found.duration_s[-1])
    device.close()
    assert found.source == "simulated"
    assert found.count >= TICKS - 2
    assert len(set(found.action)) >= 3
    wrong_j = found.energy_j - true_j
    assert np.abs(wrong_j).max() < 2e-3
    assert (np.abs(wrong_j) <= found.bound_j).mean() >= 0.9
    assert found.energy_j.sum() == pytest.approx(true_j.sum(), rel=1e-3)
    assert whole is not None
    assert found.energy_j.sum() == pytest.approx(whole.energy_j, rel=1e-9)
    told = json.loads(
        subprocess.run(
            [sys.executable, "-m", "circadia", "joules", str(path), "--json"],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
    )
    assert told["energy_j"] == pytest.approx(found.energy_j.sum())
    assert told["loads"]["TRAIN_LOW"]["watts"][0] == pytest.approx(0.365, rel=0.05)
