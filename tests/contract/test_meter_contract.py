"""What every `EnergyMeter` promises; each implementation adds itself to `METERS`."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from circadia.energy.profile_file import shipped_profile
from circadia.physics.scenario import scenario_for
from circadia.platforms.simulated import SimulatedMeter, SimulatedPlatform
from circadia.types import Load, Phase
from circadia_meter import firmware
from circadia_meter.sampled_meter import SampledMeter
from circadia_meter.session import MeterSession
from circadia_meter.simulator import SimulatedBoard
from circadia_meter.virtual_meter import VirtualMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from circadia.ports import EnergyMeter

START_S = 9 * 3600.0
LENGTH_S = 14.0


def of_a_simulated_body() -> EnergyMeter:
    profile = shipped_profile("pixel-3")
    body = SimulatedPlatform(profile, scenario_for(profile), seed=5)
    body.observe(START_S)
    body.spend((Phase(load=Load.TRAIN_HIGH, duration_s=3.0), Phase(load=Load.RADIO, duration_s=1.0)))
    body.observe(START_S + LENGTH_S)
    return SimulatedMeter(body)


class ByHand:
    """A clock for a meter that is looked at by hand."""

    def now_s(self) -> float:
        return START_S

    def wall_s(self, duration_s: float) -> float:
        return duration_s


def of_a_sensor() -> EnergyMeter:
    meter = SampledMeter(lambda: 1.5, clock=ByHand(), period_s=0.25, step_w=0.001, name="sensor")
    for look in range(int(LENGTH_S / 0.25) + 1):
        meter.sample(START_S + look * 0.25)
    return meter


def of_the_firmware() -> EnergyMeter:
    if shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file():
        pytest.skip(f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}")
    board = SimulatedBoard(firmware.build_simulator(), firmware.build())
    board.load(0, 0.3, 5.0)
    board.load(7, 0.1, 5.0)
    meter = VirtualMeter(board, MeterSession(shunt_ohm=0.01), origin_s=START_S)
    meter.advance(START_S + LENGTH_S)
    return meter


METERS: dict[str, Callable[[], EnergyMeter]] = {
    "simulated body": of_a_simulated_body,
    "kernel's sensor": of_a_sensor,
    "firmware": of_the_firmware,
}


@pytest.fixture(params=METERS)
def meter(request: pytest.FixtureRequest) -> Iterator[EnergyMeter]:
    made = METERS[request.param]()
    yield made
    made.close()


def test_the_future_is_not_known(meter: EnergyMeter) -> None:
    assert meter.read(START_S + 5, START_S + LENGTH_S + 5) is None


def test_parts_add_up_to_the_whole(meter: EnergyMeter) -> None:
    cuts = [START_S + t for t in (1.0, 2.3, 2.4, 6.99, 7.02, 12.0)]
    parts = [meter.read(a, b) for a, b in pairwise(cuts)]
    whole = meter.read(cuts[0], cuts[-1])
    assert whole is not None
    assert sum(part.energy_j for part in parts if part) == pytest.approx(whole.energy_j, rel=1e-9)
    assert sum(part.duration_s for part in parts if part) == pytest.approx(11.0)


def test_readings_are_plausible_and_repeatable(meter: EnergyMeter) -> None:
    reading = meter.read(START_S + 2, START_S + 10)
    assert reading is not None
    assert reading.energy_j > 0
    assert reading.bound_j >= 0
    assert reading.duration_s == pytest.approx(8.0)
    assert 0 <= reading.gap_s <= 1e-6
    assert meter.read(START_S + 2, START_S + 10) == reading


def test_nothing_flows_in_no_time(meter: EnergyMeter) -> None:
    reading = meter.read(START_S + 4, START_S + 4)
    assert reading is not None
    assert reading.energy_j == 0


def test_what_was_before_the_start_is_a_gap(meter: EnergyMeter) -> None:
    reading = meter.read(START_S - 3, START_S + 4)
    assert reading is not None
    assert 2.5 <= reading.gap_s <= 3.5


def test_it_may_be_closed_twice(meter: EnergyMeter) -> None:
    meter.close()
    meter.close()


def test_it_says_what_it_is(meter: EnergyMeter) -> None:
    about = meter.about()
    assert about["meter"]
    assert json.loads(json.dumps(about)) == about
    assert meter.about() == about
