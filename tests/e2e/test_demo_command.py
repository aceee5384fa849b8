"""The main job with real processes and real mosquitto, a device and the broker killed on the way."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def demo(tmp_path: Path, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "circadia", "demo", "--out", str(tmp_path / "out")]
    command += ["--arms", "circadia,charging-only"]
    return [*command, "--json", str(tmp_path / "summary.json"), *arguments]


@pytest.mark.slow
def test_kills_lose_no_update(tmp_path: Path) -> None:
    command = demo(tmp_path, "--devices", "4", "--minutes", "0.75", "--chaos")
    done = subprocess.run(command, capture_output=True, text=True, timeout=360, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["arms"]) == {"circadia", "charging-only"}
    for name, arm in summary["arms"].items():
        assert arm["updates_lost"] == 0, name
        assert arm["updates_made"] > 20, name
        assert len(arm["incidents"]) == 8, name
        assert arm["served"] > 0, name
        assert 0 < arm["own_accuracy"] < arm["federated_accuracy"] <= 1, name
        assert arm["centralised_accuracy"] > 0.5, name
        assert set(arm["energy_j"]) >= {"sleep", "serve", "train"}, name
        assert 0 < arm["battery_agent_j"] < arm["battery_device_j"] < arm["device_j"], name
        assert all(hours > 1 for hours in arm["battery_hours"].values()), name
    page = Path(summary["report"]).read_text()
    assert "simulated" in page
    assert "charging-only" in page


@pytest.mark.slow
def test_ctrl_c_still_reports_what_there_is(tmp_path: Path) -> None:
    command = demo(tmp_path, "--devices", "2", "--minutes", "2")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            hours = (re.match(r"circadia +(\d\d):\d\d ", line) for line in process.stdout)
            assert any(found and int(found[1]) >= 2 for found in hours), "it ended before two o'clock"
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0, out
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert list(summary["arms"]) == ["circadia"]
    assert not summary["arms"]["circadia"]["complete"]
    assert Path(summary["report"]).is_file()


@pytest.mark.slow
def test_a_day_without_waiting_has_all_of_its_figures(tmp_path: Path) -> None:
    command = demo(tmp_path, "--devices", "1", "--fleet", "boards", "--fast", "--arms", "due")
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["fast"]
    arm = summary["arms"]["due"]
    assert arm["complete"]
    assert not arm["incidents"]
    assert arm["updates_made"] > 5
    assert arm["updates_lost"] == arm["overruns"] == 0
    assert arm["served_accuracy"] > 0.4
    assert 0 < arm["battery_agent_j"] < arm["agent_j"] < arm["device_j"]
    assert set(arm["kinds"]) == {"pi-solar"}
    assert "due" in Path(summary["report"]).read_text()


@pytest.mark.slow
def test_wrong_arguments_are_one_clear_line(tmp_path: Path) -> None:
    for arguments, message in (
        (["--devices", "0"], "--devices"),
        (["--minutes", "-1"], "--minutes"),
        (["--arms", "nobody"], "--arms"),
        (["--fast", "--chaos"], "--fast"),
    ):
        done = subprocess.run(
            demo(tmp_path, *arguments), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr
