"""With the true agent: consent, use, withdrawal, deletion, by touches."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from circadia_app.command import prepared

if TYPE_CHECKING:
    from pathlib import Path

    from tests.android.screens.conftest import Stage

SIZE = [412, 2000]


@pytest.mark.slow
def test_touches_lead_from_consent_to_deletion(stage: Stage, tmp_path: Path) -> None:
    folder = prepared(tmp_path / "app", None)
    assert stage("live", folder=str(folder.path), size=SIZE, language="en")["place"] == "consent"
    stage.touch("Start, once learning is on")
    assert not folder.consent.exists(), "nothing is agreed by a button that is not enabled"
    assert not folder.store.exists()

    stage.touch("Learn on this phone")
    stage.touch("Start")
    found = stage("wait", text="Waiting for examples", seconds=30)
    assert "at" in found, found  # the agent's first decision, told by its store
    assert json.loads(folder.consent.read_text())["learn"]["text"]
    assert folder.store.exists()

    stage("touch", x=412 * 0.3, y=30)
    stage.touch("Long battery")
    assert json.loads(folder.settings.read_text())["preference"]["energy"] > 0.5
    stage.touch("Train only while charging")
    assert json.loads(folder.settings.read_text())["limits"]["train_only_charging"] is True
    stage.touch("Undo")

    stage("touch", x=412 * 0.5, y=30)
    stage.touch("Your data")
    stage.touch("Learning on this phone")
    assert json.loads(folder.consent.read_text())["learn"] is None
    stage("touch", x=412 * 0.1, y=30)
    stage.middle("Not learning", seconds=10)

    stage("touch", x=412 * 0.5, y=30)
    stage.touch("Your data")
    stage.touch("Delete my data…")
    assert folder.store.exists(), "one touch deletes nothing"
    stage.touch("Keep")
    stage.touch("Delete my data…")
    stage.touch("Delete now")
    stage("close")
    left = sorted(place.name for place in folder.path.iterdir())
    assert set(left) <= {"device.toml", "service.lock"}, left
