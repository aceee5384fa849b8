from __future__ import annotations

import shutil
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from circadia.energy.no_meter import NoMeter
from circadia.energy.profile_file import shipped_profile
from circadia.physics.scenario import scenario_for
from circadia.platforms.clocks import HandClock, SystemClock
from circadia.platforms.simulated import SimulatedMeter, SimulatedPlatform
from circadia.plugs import METERS, MeterContext
from circadia.testing.meter import MeterContract
from circadia.types import Load, Phase
from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.simulator import BoardErrors, LiveBoard, SimulatedBoard
from circadia_lab.meter.board.virtual_meter import VirtualMeter
from circadia_meter import kernel_sensors
from circadia_meter.meters import SerialConfig
from circadia_meter.sampled_meter import SampledMeter
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from circadia.ports import EnergyMeter

needs_firmware = pytest.mark.skipif(
    shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file(),
    reason=f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}",
)


def sampled(meter: SampledMeter, start_s: float, length_s: float) -> SampledMeter:
    for look in range(int(length_s / 0.25) + 1):
        meter.sample(start_s + look * 0.25)
    return meter


class TestNoMeter(MeterContract):
    knows = False

    def make(self) -> NoMeter:
        return NoMeter()


class TestSimulatedBody(MeterContract):
    def make(self) -> SimulatedMeter:
        profile = shipped_profile("pixel-3")
        body = SimulatedPlatform(profile, scenario_for(profile), seed=5)
        body.observe(self.start_s)
        body.spend((Phase(load=Load.TRAIN_HIGH, duration_s=3.0), Phase(load=Load.RADIO, duration_s=1.0)))
        body.observe(self.start_s + self.length_s)
        return SimulatedMeter(body)


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="ascii")


class TestHwmonChip(MeterContract):
    def make(self) -> SampledMeter:
        chip = self.folder / "sys/class/hwmon/hwmon0"
        for name, text in (("name", "ina219"), ("in1_input", "5012"), ("curr1_input", "480")):
            put(chip / name, text)
        look = kernel_sensors.hwmon_look(kernel_sensors.hwmon_chip("auto", self.folder))
        meter = SampledMeter(
            look, clock=HandClock(MeterContract.start_s), period_s=0.25, step_w=0.001, name=str(chip)
        )
        return sampled(meter, self.start_s, self.length_s)


class TestBatteryGauge(MeterContract):
    def make(self) -> SampledMeter:
        supply = self.folder / "sys/class/power_supply/BAT0"
        for name, text in (
            ("type", "Battery"),
            ("status", "Discharging"),
            ("voltage_now", "3850000"),
            ("current_now", "420000"),
        ):
            put(supply / name, text)
        look = kernel_sensors.battery_look(kernel_sensors.battery_supply(self.folder))
        meter = SampledMeter(
            look, clock=HandClock(MeterContract.start_s), period_s=0.25, step_w=0.01, name=str(supply)
        )
        return sampled(meter, self.start_s, self.length_s)


@needs_firmware
class TestFirmware(MeterContract):
    length_s = 7.0

    def make(self) -> VirtualMeter:
        board = SimulatedBoard(firmware.build_simulator(), firmware.build())
        board.load(0, 0.3, 5.0)
        board.load(self.length_s / 2, 0.1, 5.0)
        meter = VirtualMeter(board, MeterSession(shunt_ohm=0.01), origin_s=self.start_s)
        meter.advance(self.start_s + self.length_s)
        return meter


@pytest.mark.slow
@needs_firmware
class TestSerialPort(MeterContract):
    """The firmware behind a pseudo-terminal, read by the real thread; its past begins when the board is known."""

    length_s, early_s = 3.0, 2.0

    @pytest.fixture(autouse=True)
    def _powered(self) -> Iterator[None]:
        with ExitStack() as self.opened:
            yield

    def make(self) -> EnergyMeter:
        port = self.folder / "meter"
        self.opened.enter_context(powered(port))
        profile, clock = shipped_profile("pixel-3"), SystemClock()
        body = SimulatedPlatform(profile, scenario_for(profile), seed=0)
        meter = METERS.find("serial").plug.build(
            SerialConfig(port=str(port), shunt_ohm=0.01),
            MeterContext(profile=profile, clock=clock, platform=body),
        )
        self.start_s = clock.now_s() + 0.5
        end_s = time.monotonic() + 30
        while meter.read(self.start_s, self.start_s + self.length_s) is None:
            assert time.monotonic() < end_s, "the meter tells nothing"
            time.sleep(0.02)
        return meter


@contextmanager
def powered(port: Path) -> Iterator[None]:
    board = LiveBoard(
        SimulatedBoard(firmware.build_simulator(), firmware.build(), BoardErrors(drift_ppm=-70)),
        lambda _t_s: (0.4, 5.0),
    )
    board.start()
    port.symlink_to(board.port)
    try:
        yield
    finally:
        port.unlink()
        board.close()
