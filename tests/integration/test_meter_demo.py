"""`circadia meter demo` with the real firmware behind a real pseudo-terminal, in real time."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from circadia_field.ticks import read_ticks
from circadia_lab.meter.arrivals import Arrivals
from circadia_lab.meter.board import firmware
from circadia_lab.meter.live_device import LiveDevice
from circadia_lab.meter.summary import figures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file(),
        reason=f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}",
    ),
]
SPEED = 20.0
ENDS_J = 0.01 * SPEED * 1.2
"""The clocks' lines are this good where the first tick begins and the last one ends, under a machine's whole load: 10 ms of the
phone's serving. What a gap would lose is ten times that."""
COMMAND = [sys.executable, "-m", "circadia", "meter", "demo", "--policy", "drift-plus-penalty"]


def waited(device: LiveDevice, arrivals: Arrivals, until_s: float) -> Iterator[None]:
    """Live on until the device's time `until_s`."""
    while device.now_s < until_s:
        arrivals.deliver(device.agent, device.host.now_s())
        if device.due:
            device.tick()
        time.sleep(0.01)
        yield


def test_what_the_body_draws_is_what_the_agent_settles_though_the_cable_was_out() -> None:
    with LiveDevice(policy="drift-plus-penalty", speed=SPEED, seed=1) as device:
        arrivals = Arrivals(device.host.now_s(), 1, requests_per_s=1.5, examples_per_s=1.0)
        list(waited(device, arrivals, 4 * SPEED))
        device.cable.pull()
        list(waited(device, arrivals, 5.5 * SPEED))
        assert not device.serial.connected
        device.cable.put_back()
        list(waited(device, arrivals, 9 * SPEED))
        device.finish()
        found = figures(device, arrivals, policy="drift-plus-penalty", seed=1, seconds=9.0)
        stored = read_ticks(device.agent.store.path)  # type: ignore[attr-defined]
        gaps = [one.reading.gap_s for one in device.ledger.decisions if one.reading]
        curve = device.listener.curve(0.0)
    assert found["settled"] >= 6
    assert (found["connections"], found["missed"], found["dropped"]) == (2, 0, 0)
    assert 1200 < found["lost_samples"] < 2500
    assert found["gap_s"] == pytest.approx(found["lost_samples"] * 1e-3 * SPEED, rel=0.1)
    assert 0 < sum(gap > 0 for gap in gaps) < len(gaps)
    assert found["closure_j"] == pytest.approx(0, abs=1e-9 * found["energy_j"])
    assert found["energy_j"] == pytest.approx(found["body_j"], rel=0.005, abs=ENDS_J)
    assert found["served"] > 0
    # the store holds what was shown; its last tick has no successor
    assert stored.source == "simulated"
    shown = [one.reading.energy_j for one in device.ledger.decisions if one.reading]
    assert stored.energy_j == pytest.approx(shown[: stored.count])
    assert stored.count >= len(shown) - 1
    assert 0.015 < curve.mean_w.min() < 0.03  # the phone's sleep
    assert 1.0 < curve.most_w.max() < 1.2  # and its serving


def test_without_a_terminal_there_is_a_line_for_each_tick(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--seconds", "6", "--html", tmp_path / "a.html", "--json", tmp_path / "a.json"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    lines = [text for text in done.stdout.splitlines() if " W  simulated" in text]
    assert len(lines) == found["settled"] >= 2
    assert found["source"] == "simulated"
    assert all(not isinstance(value, dict | list) for value in found.values())
    assert found["energy_j"] == pytest.approx(
        sum(found[f"energy_j_{mode}"] for mode in ("train", "serve", "sleep"))
    )
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Power and decisions, simulated" in page
    assert page.count('"letter"') == found["ticks"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_an_end_a_signal_ends_it_and_the_page_is_written(
    tmp_path: Path, number: signal.Signals
) -> None:
    page = tmp_path / "a.html"
    process = subprocess.Popen(
        [*COMMAND, "--html", page], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        while " W  simulated" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, err
    assert f"page: {page}" in out
    assert "Power and decisions, simulated" in page.read_text(encoding="utf-8")


def test_in_a_terminal_it_draws_and_ctrl_c_ends_it_with_the_sums() -> None:
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"}
    process = subprocess.Popen(COMMAND, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    seen, asked, end_s = "", False, time.monotonic() + 60
    try:
        while process.poll() is None and time.monotonic() < end_s:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    seen += os.read(master, 65536).decode(errors="replace")
                except OSError:  # the other end is closed
                    break
            if "settled 2" in seen and not asked:
                process.send_signal(signal.SIGINT)
                asked = True
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert "SIMULATED shunt" in seen
    assert "█" in seen
    assert "closure" in seen
    assert "Traceback" not in seen
