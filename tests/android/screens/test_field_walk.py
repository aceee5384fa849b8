"""With the true agent: a field test joined, exported, stopped and deleted, by touches."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia_app.command import prepared
from circadia_field.plan import Plan, freeze

if TYPE_CHECKING:
    from pathlib import Path

    from tests.android.screens.conftest import Stage

SIZE = [412, 1400]


@pytest.mark.slow
def test_touches_lead_through_a_field_test(stage: Stage, tmp_path: Path) -> None:
    plan, examples, config = (tmp_path / name for name in ("plan.json", "plan.npz", "device.toml"))
    arms = {"coupled": "default", "charging-only": "charging-only"}
    freeze(Plan(arms=arms, effect=0.3, agent_share=0.5, noise=0.03, pairs=6), plan)
    x = np.random.default_rng(0).random((40, 8, 8, 1)).astype(np.float32)
    np.savez(examples, x=x, y=np.arange(40) % 10)
    config.write_text("[platform]\nscale = 60\n")
    folder = prepared(tmp_path / "app", config, plan, examples)
    stage("live", folder=str(folder.path), size=SIZE, language="en")
    stage.touch("Learn on this phone")
    stage.touch("Start")
    stage("wait", text="Waiting for examples", seconds=30)

    stage("touch", x=412 * 0.7, y=30)
    stage.middle("A field test of 25 days", seconds=10)
    stage.touch("Join the field test")
    stage.middle("Day 1 of 24", seconds=20)
    assert json.loads(folder.consent.read_text())["field_test"]["text"]

    stage.touch("Export so far", seconds=10)
    stage.middle("What would go along")
    assert not folder.exports.exists(), "nothing is made before it was shown what"
    stage.touch("Export")
    stage.middle("Saved", seconds=20)
    stage.middle(str(folder.exports / "field-test.zip"))
    with zipfile.ZipFile(folder.exports / "field-test.zip") as packed:
        assert {"field-test/plan.json", "field-test/SHA256SUMS"} <= set(packed.namelist())
    stage("key", code=27)

    stage.touch("Stop and withdraw")
    stage.middle("The test is stopped", seconds=20)
    assert json.loads(folder.consent.read_text())["field_test"] is None
    assert json.loads(folder.consent.read_text())["learn"] is not None

    stage("touch", x=412 * 0.5, y=30)
    stage.touch("Your data")
    stage.touch("Delete my data…")
    stage.touch("Delete now")
    stage("touch", x=412 * 0.7, y=30)
    stage.middle("No test is armed", seconds=20)  # who has agreed to nothing can join nothing
    stage("close")
    left = {place.name for place in folder.path.iterdir()}
    assert left == {"device.toml", "plan.json", "plan.npz", "service.lock"}
