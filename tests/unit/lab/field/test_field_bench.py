"""What the field test's benchmark stands on: a model that errs as the firmware does, and tests that are analysed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from circadia_field.plan import Plan
from circadia_lab.bench.field import against_firmware, simulated_test
from circadia_lab.meter.board import firmware

PLAN = Plan(arms={"a": "default", "b": "separate"}, effect=0.3, agent_share=1, noise=0.03, pairs=6)


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file(),
    reason=f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}",
)
def test_the_model_errs_as_the_firmware_does() -> None:
    found = against_firmware()
    assert found["model_rms_over_firmware"] == pytest.approx(1, abs=0.35)
    assert found["model_off"] == pytest.approx(0, abs=1e-3)


def test_a_large_saving_is_seen_and_held() -> None:
    found = simulated_test(PLAN, 0.3, np.random.default_rng(0))
    assert found.comparison is not None
    assert found.comparison.seen
    assert found.low < -0.3 < found.high < 0
    assert found.true_change == pytest.approx(found.comparison.change, abs=2e-3)
