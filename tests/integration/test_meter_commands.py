"""`circadia meter …` with the firmware in its simulator, and recordings."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.errors import MeterError
from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.simulator import BoardErrors, SimulatedBoard
from circadia_meter.recording import Recorder, Recording, export_csv
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from pathlib import Path

needs_simulator = pytest.mark.skipif(
    shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file(),
    reason=f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}",
)


def meter(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "circadia", "meter", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@needs_simulator
def test_build_says_how_large_the_firmware_is() -> None:
    done = meter("build")
    assert done.returncode == 0, done.stderr
    assert "of 32,256 bytes" in done.stdout


@pytest.mark.slow
@needs_simulator
def test_probe_measures_and_says_what_is_missing() -> None:
    done = meter("probe", "--port", "simulated", "--seconds", 4, "--json")
    found = json.loads(done.stdout)
    assert (found["board"], found["source"]) == ("atmega328p ina226", "simulated")
    assert found["mean_v"] == pytest.approx(5.0, abs=0.01)
    assert 0.04 < found["mean_a"] < 0.9
    assert (found["dropped"], found["missed"]) == (0, 0)
    assert found["warnings"] == []
    assert done.returncode == 0


@pytest.mark.slow
@needs_simulator
def test_calibrate_finds_the_boards_offset() -> None:
    done = meter("calibrate", "--port", "simulated", "--shunt", 0.01, "--seconds", 4, "--device-id", "beef")
    assert done.returncode == 0, done.stderr
    assert "meter 0000beef" in done.stdout
    zero_ua = float(done.stdout.split("zero ")[1].split(" µA")[0])
    assert zero_ua == pytest.approx(400, abs=25)  # 4 µV over 10 mΩ


@pytest.mark.slow
@needs_simulator
def test_record_and_export(tmp_path: Path) -> None:
    file = tmp_path / "a.cimr"
    done = meter("record", file, "--port", "simulated", "--seconds", 4, "--rate", 500)
    assert done.returncode == 0, done.stderr
    again = meter("record", file, "--port", "simulated", "--seconds", 1)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert meter("export", file, tmp_path / "a.csv").returncode == 0
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="ascii").splitlines()))
    t_s = np.array([float(row["t_s"]) for row in rows])
    assert len(rows) > 1500
    assert np.diff(t_s) == pytest.approx(0.002, abs=3e-4)
    with Recording(file) as recording:
        assert recording.about["rate_hz"] == 500
        assert len(recording.seconds()) >= 3


def recorded(path: Path, seconds: int) -> SimulatedBoard:
    """Of a steady load, in virtual time."""
    board = SimulatedBoard(firmware.build_simulator(), firmware.build(), BoardErrors(drift_ppm=100))
    board.load(0, 0.4, 5.0)
    session = MeterSession(shunt_ohm=0.01)
    session.connected(0.0)
    recorder = Recorder(path, {"shunt_ohm": 0.01})
    while board.now_s < seconds:
        if data := session.outgoing(board.now_s):
            board.write(data)
        board.run(board.now_s + 0.005)
        data, _ = board.read()
        if data:
            recorder.listen(session, board.now_s, data, session.receive(data, board.now_s))
    recorder.note(board.now_s, "the end")
    recorder.close(session, board.now_s)
    return board


@needs_simulator
def test_a_recording_holds_every_sample_at_its_time(tmp_path: Path) -> None:
    recorded(tmp_path / "a.cimr", 6).close()
    with Recording(tmp_path / "a.cimr") as recording:
        spans = list(recording.spans())
        assert [what for _, what in recording.notes()] == ["the end"]
    t_s = np.concatenate([span.t_s for span in spans])
    power_w = np.concatenate([span.power_w for span in spans])
    assert len(t_s) > 5900
    assert np.diff(t_s) == pytest.approx(1e-3, abs=2e-4)
    assert power_w == pytest.approx(2.0, abs=2e-3)


@needs_simulator
def test_a_recording_that_was_cut_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    recorded(tmp_path / "a.cimr", 4).close()
    whole = export_csv(tmp_path / "a.cimr", tmp_path / "a.csv")
    with closing(sqlite3.connect(tmp_path / "a.cimr")) as db, db:
        db.execute("DELETE FROM chunks WHERE id > 2")
    assert 0 < export_csv(tmp_path / "a.cimr", tmp_path / "b.csv") < whole


@needs_simulator
@pytest.mark.parametrize("target", ["-", "/dev/stdout"])
def test_an_export_to_standard_output_is_the_table_and_nothing_else(tmp_path: Path, target: str) -> None:
    recorded(tmp_path / "a.cimr", 4).close()
    export_csv(tmp_path / "a.cimr", tmp_path / "a.csv")
    command = [sys.executable, "-m", "circadia", "meter", "export", str(tmp_path / "a.cimr"), target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path)
    assert done.stdout == (tmp_path / "a.csv").read_text(encoding="utf-8")
    assert done.stderr.endswith(" samples\n")
    assert {one.name for one in tmp_path.iterdir() if not one.name.startswith("a.cimr")} == {"a.csv"}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeterError, match="its folder does not exist"):
        Recorder(tmp_path / "none" / "a.cimr", {})
    with pytest.raises(MeterError, match="its folder does not exist"):
        export_csv(tmp_path / "a.cimr", tmp_path / "none" / "a.csv")


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "a.cimr"
    wrong.write_bytes(b"t_s,current_a\n" * 100)
    with pytest.raises(MeterError, match=r"a\.cimr: is no recording of a meter, or is damaged"):
        Recording(wrong)
    other = tmp_path / "b.cimr"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE t (x)")
    with pytest.raises(MeterError, match=r"b\.cimr: is no recording of a meter"):
        Recording(other)
    with pytest.raises(MeterError, match="there is no such recording"):
        Recording(tmp_path / "c.cimr")
