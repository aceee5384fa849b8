"""The examples do what they say, each in its own folder's copy."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from circadia.config import load_config

EXAMPLES = Path(__file__).parents[2] / "sdk/examples"
SAYS = {
    "wearable": r"right before: \d+%, after: (?:[6-9]\d|100)%",
    "sensor": r"1[0-2] answered after \d+ s in the median, [0-2] too late\n(?:  \S+ +\d+\n)+",
    "home": r"over (?:mosquitto|iotcore): the hall answers with version (?:[2-9]|\d\d+), ",
}


def test_every_example_is_tried_and_named() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == SAYS.keys()
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for name in folders:
        assert f"]({name})" in page
        load_config(EXAMPLES / name / "device.toml")
        script = (EXAMPLES / name / "run.py").read_text(encoding="utf-8")
        assert len([line for line in script.splitlines() if line.strip()]) < 60


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SAYS))
def test_it_ends_well(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder)
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.match(SAYS[name], done.stdout), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
