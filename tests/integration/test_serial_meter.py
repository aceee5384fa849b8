"""The firmware on a simulated board behind a real pseudo-terminal, read by the real thread."""

from __future__ import annotations

import os
import shutil
import time
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from circadia.energy.profile_file import shipped_profile
from circadia.errors import MeterError
from circadia.physics.scenario import scenario_for
from circadia.platforms.clocks import SystemClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.plugs import MeterContext
from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.simulator import BoardErrors, LiveBoard, SimulatedBoard
from circadia_meter import recorded_meter
from circadia_meter.meters import SerialConfig, serial
from circadia_meter.recorded_meter import RecordedMeter
from circadia_meter.recording import Recorder, Recording
from circadia_meter.serial_meter import SerialMeter
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

needs_simulator = pytest.mark.skipif(
    shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file(),
    reason=f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}",
)


@contextmanager
def powered(port: Path) -> Iterator[LiveBoard]:
    """A board whose port is known by `port`, as a link that comes and goes with it."""
    board = SimulatedBoard(firmware.build_simulator(), firmware.build(), BoardErrors(drift_ppm=-70))
    live = LiveBoard(board, lambda _t_s: (0.4, 5.0))
    live.start()
    port.symlink_to(live.port)
    try:
        yield live
    finally:
        port.unlink()
        live.close()


@contextmanager
def measuring(port: Path) -> Iterator[SerialMeter]:
    session = MeterSession(shunt_ohm=0.01)
    meter = SerialMeter(clock=SystemClock(), port=str(port), session=session)
    meter.start()
    try:
        yield meter
    finally:
        meter.close()


def until(true: Callable[[], object], within_s: float = 20.0) -> None:
    end_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.01)


@pytest.mark.slow
@needs_simulator
def test_a_live_meter_gives_joules(tmp_path: Path) -> None:
    with powered(tmp_path / "meter"), measuring(tmp_path / "meter") as meter:
        start_s = SystemClock().now_s() + 0.5
        until(lambda: meter.read(start_s, start_s + 1))
        reading = meter.read(start_s, start_s + 1)
        assert reading is not None
        assert reading.energy_j == pytest.approx(2.0, abs=reading.bound_j + 2e-3)
        assert meter.session.counts.dropped == 0


@pytest.mark.slow
@needs_simulator
def test_every_sample_is_kept_start_by_start(tmp_path: Path) -> None:
    config = SerialConfig(port=str(tmp_path / "meter"), shunt_ohm=0.01, samples=str(tmp_path / "samples"))
    profile = shipped_profile("pixel-3")
    body = SimulatedPlatform(profile, scenario_for(profile), seed=0)
    context = MeterContext(profile=profile, clock=SystemClock(), platform=body)
    with powered(tmp_path / "meter"):
        for _ in range(2):
            meter = serial(config, context)
            assert isinstance(meter, RecordedMeter)
            start_s = SystemClock().now_s() + 0.5
            until(lambda: meter.read(start_s, start_s + 1))  # noqa: B023 - asked at once
            meter.close()
            meter.close()
    files = sorted((tmp_path / "samples").iterdir())
    assert [file.name for file in files] == ["0001.cimr", "0002.cimr"]
    for file in files:
        with Recording(file) as recording:
            assert recording.about["shunt_ohm"] == 0.01
            assert sum(int(second[1]) for second in recording.seconds()) > 800


@pytest.mark.slow
@needs_simulator
def test_a_full_disk_ends_the_recording_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Full(Recorder):
        """Has no room for another chunk."""

        def __init__(self, path: Path, about: dict[str, Any]) -> None:
            super().__init__(path, about)
            self._db.execute("PRAGMA max_page_count = 1")

    with powered(tmp_path / "meter"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorded_meter, "Recorder", Full)
        meter = RecordedMeter(
            clock=SystemClock(),
            port=str(tmp_path / "meter"),
            session=MeterSession(shunt_ohm=0.01),
            folder=tmp_path,
            about={"much": "x" * 5000},
        )
        meter.start()
        start_s = SystemClock().now_s() + 1.5
        until(lambda: meter.read(start_s, start_s + 1))
        reading = meter.read(start_s, start_s + 1)
        meter.close()
    assert reading is not None
    assert reading.energy_j == pytest.approx(2.0, abs=reading.bound_j + 2e-3)
    assert caplog.text.count("samples are not kept any more") == 1


@pytest.mark.slow
@needs_simulator
def test_a_meter_that_was_unplugged_is_found_again(tmp_path: Path) -> None:
    port = tmp_path / "meter"
    with powered(port):
        started = measuring(port)
        meter = started.__enter__()
        until(lambda: not meter.session.series.empty)
    try:
        until(lambda: not meter.connected)
        gone_s = SystemClock().now_s()
        time.sleep(0.3)
        with powered(port) as live:
            until(lambda: meter.connected)
            back_s = SystemClock().now_s()
            assert meter.session.counts.connections == 2
            until(lambda: meter.session.series.gaps(0, 1e15))
            assert meter.session.series.gaps(0, 1e15)[0].lost
            until(lambda: meter.read(gone_s - 0.2, back_s + 0.5))
            reading = meter.read(gone_s - 0.2, back_s + 0.5)
            assert reading is not None
            assert 0.3 < reading.gap_s < reading.duration_s
            assert live.unread == 0
    finally:
        started.__exit__(None, None, None)


def test_a_port_that_is_not_there_is_named(tmp_path: Path) -> None:
    meter = SerialMeter(clock=SystemClock(), port=str(tmp_path / "none"))
    with pytest.raises(
        MeterError, match=r"none: cannot be opened \(there is no such port; is the meter plugged in"
    ):
        meter.start(timeout_s=0.3)


@pytest.mark.slow
def test_a_port_with_something_else_behind_it_is_named() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    meter = SerialMeter(clock=SystemClock(), port=os.ttyname(slave))
    try:
        with pytest.raises(MeterError, match="no Circadia meter answers"):
            meter.start(timeout_s=3.5)
    finally:
        os.close(master)
        os.close(slave)
