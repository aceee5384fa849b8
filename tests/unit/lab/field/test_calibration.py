"""Measurements flow back: a profile that was wrong foretells what was held out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.energy.profile import Quantity
from circadia.energy.profile_file import dump_profile, parse_profile, shipped_profile, with_quantities
from circadia.errors import ConfigError
from circadia.types import Load
from circadia_lab.measure.calibration.calibration import calibrate
from circadia_lab.measure.calibration.discharge import flow_of
from circadia_lab.measure.calibration.held_out import foretell
from circadia_lab.measure.calibration.material import Material, Recorded, Stored
from circadia_lab.measure.calibration.page import render
from circadia_lab.measure.calibration.states import States
from circadia_lab.measure.calibration.text import as_json, lines, next_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_field.ticks import Ticks

    Make = Callable[..., Ticks]

pytestmark = pytest.mark.slow

PIXEL = shipped_profile("pixel-3")
WRONG = with_quantities(PIXEL, {"power.train_low_w": Quantity(value=0.9, uncertainty=0.1, source="a guess")})


def stored(ticks: Ticks, name: str = "mine.db", *, used: slice | None = None) -> Stored:
    """With a battery that hardly moves; somebody uses the device in the ticks of `used`."""
    nothing = np.zeros((ticks.count, 2))
    active = nothing.copy()
    if used is not None:
        active[used] = 1
    states = States(
        t_s=ticks.t_s,
        end_s=ticks.t_s + ticks.duration_s,
        energy_j=ticks.energy_j,
        soc=nothing + 0.5,
        charging=nothing,
        user_active=active,
    )
    return Stored(name=name, ticks=ticks, states=states)


def recorded(source: str = "measured", name: str = "bench.cimr") -> Recorded:
    """A steady discharge of the Pixel's own curve, 0.05 V higher."""
    rng = np.random.default_rng(0)
    current = rng.uniform(0.5, 1.5, 1000)
    drawn = np.concatenate([[0], np.cumsum((current[1:] + current[:-1]) / 2)])
    curve = PIXEL.battery.open_circuit_v
    volts = np.interp(1 - drawn / drawn[-1], curve.soc, curve.value) + 0.05 - 0.2 * current
    rows = np.stack([np.arange(1000.0), volts, current, np.ones(1000)], axis=1)
    return Recorded(flow=flow_of(rows, name, source), told=(1.0, 0.0))


def test_a_wrong_profile_is_put_right(ticks: Make, watts: dict[Load, float]) -> None:
    found = calibrate(Material(stores=(stored(ticks(400, 0)),)), WRONG, name="mine")
    power = found.profile.power
    for quantity, load in ((power.train_low_w, Load.TRAIN_LOW), (power.serve_high_w, Load.SERVE_HIGH)):
        assert quantity.value == pytest.approx(watts[load], abs=3 * quantity.uncertainty)
        assert quantity.source == "measured: ticks of mine.db, circadia lab calibrate"
    assert power.radio_w == WRONG.power.radio_w
    never = {key for key, reason in found.kept.items() if reason == "it never ran"}
    assert never == {"power.radio_w", "power.awake_w", "power.train_high_w", "power.serve_low_w"}
    judged = found.foretold
    assert judged is not None
    assert judged.count == 120
    assert judged.total_error.low < 0.005
    assert judged.total_error.high > -0.005
    assert abs(judged.total_error.mean) < 0.01
    assert judged.before_error.low > 0.1
    assert judged.r2 > 0.99
    assert judged.before_r2 < 0.9
    assert parse_profile(dump_profile(found.profile), "mine").name == "mine"


def test_the_last_ticks_of_each_store_are_held_out(ticks: Make) -> None:
    both = Material(stores=(stored(ticks(100, 0), "a.db"), stored(ticks(200, 1), "b.db")))
    found = both.ticks()
    assert found is not None
    first, last = found
    assert (first.count, last.count) == (210, 90)
    np.testing.assert_array_equal(last.t_s, 10.0 * np.array([*range(70, 100), *range(140, 200)]))
    assert "a.db, b.db" in calibrate(both, PIXEL, name="x").profile.power.train_low_w.source


def test_a_store_can_be_held_out(ticks: Make) -> None:
    material = Material(stores=(stored(ticks(100, 0)),), held_out_stores=(stored(ticks(60, 1), "b.db"),))
    found = calibrate(material, WRONG, name="x")
    assert found.ticks == 100
    assert found.foretold is not None
    assert found.foretold.count == 60
    np.testing.assert_array_equal(found.foretold.measured_j, ticks(60, 1).energy_j)


def test_ticks_in_which_somebody_used_the_device_are_left_out(ticks: Make, watts: dict[Load, float]) -> None:
    known = ticks(300, 0)
    screen = known.energy_j + np.where(np.arange(300) < 60, 30.0, 0.0)
    known = dataclasses.replace(known, energy_j=screen)
    found = calibrate(Material(stores=(stored(known, used=slice(0, 60)),)), PIXEL, name="x")
    assert found.left_out == 60
    assert found.ticks == 168
    assert found.profile.power.deep_sleep_w.value == pytest.approx(watts[Load.DEEP_SLEEP], abs=0.01)
    assert "left out: 60 ticks in which somebody used the device" in list(lines(found))
    with pytest.raises(ConfigError, match="do not tell the power of any load"):
        calibrate(Material(stores=(stored(known),)), PIXEL, name="x")


def test_the_error_of_the_sum_has_an_interval_that_holds_the_truth(ticks: Make) -> None:
    """Of a profile that is right: 95 % of the intervals should hold 0."""
    true_w = {"deep_sleep": 0.02, "wake_up": 0.4, "serve_high": 1.1, "train_low": 0.36}
    right = with_quantities(
        PIXEL,
        {f"power.{load}_w": Quantity(value=w, uncertainty=0, source="truth") for load, w in true_w.items()},
    )
    judged = [foretell(ticks(100, seed, noise_j=0.2), right, right).total_error for seed in range(20)]
    assert np.mean([one.low <= 0 <= one.high for one in judged]) >= 0.85
    assert max(one.high - one.low for one in judged) < 0.1


def test_few_ticks_are_refused(ticks: Make) -> None:
    with pytest.raises(ConfigError, match="20 ticks have joules; a calibration needs 40"):
        calibrate(Material(stores=(stored(ticks(20, 2)),)), PIXEL, name="x")
    with pytest.raises(ConfigError, match=r"20 ticks have joules \(30 in which somebody used"):
        calibrate(Material(stores=(stored(ticks(50, 2), used=slice(0, 30)),)), PIXEL, name="x")
    with pytest.raises(ConfigError, match="5 ticks are held out"):
        calibrate(
            Material(stores=(stored(ticks(50, 2)),), held_out_stores=(stored(ticks(5, 2)),)), PIXEL, name="x"
        )
    assert calibrate(Material(stores=(stored(ticks(40, 2)),)), PIXEL, name="x").ticks == 28


def test_nothing_found_is_no_profile() -> None:
    told = Recorded(flow=recorded().flow, told=(0.5, 0.5))
    with pytest.raises(
        ConfigError, match=r"nothing was found: no store was given; bench.cimr: from 0.5 to 0.5"
    ):
        calibrate(Material(recordings=(told,)), PIXEL, name="x")


def test_sources_do_not_mix_and_nothing_is_no_material(ticks: Make) -> None:
    simulated = dataclasses.replace(ticks(50, 0), source="simulated")
    with pytest.raises(ConfigError, match=r"do not mix \(a.db: measured, b.db: simulated\)"):
        Material(stores=(stored(ticks(50, 0), "a.db"), stored(simulated, "b.db")))
    with pytest.raises(ConfigError, match=r"do not mix \(bench.cimr: measured, b.cimr: simulated\)"):
        Material(recordings=(recorded(),), held_out_recordings=(recorded("simulated", "b.cimr"),))
    with pytest.raises(ConfigError, match=r"name a STORE\.db, or a --recording"):
        Material()


def test_a_recording_alone_gives_the_battery(ticks: Make) -> None:
    found = calibrate(Material(recordings=(recorded(),)), PIXEL, name="x")
    assert found.foretold is None
    assert found.profile.power == PIXEL.power
    cell = found.profile.battery
    assert cell.capacity_c is not None
    assert cell.capacity_c.value == pytest.approx(1000, rel=0.02)
    assert cell.internal_resistance_ohm.value == pytest.approx(0.2, rel=1e-3)
    shifted = np.array(cell.open_circuit_v.value) - np.array(PIXEL.battery.open_circuit_v.value)
    assert shifted == pytest.approx(0.05, abs=1e-3)
    for quantity in (cell.capacity_c, cell.internal_resistance_ohm, cell.open_circuit_v):
        assert quantity.source == "measured: discharge in bench.cimr, circadia lab calibrate"
    assert {reason for key, reason in found.kept.items() if key.startswith("power.")} == {
        "no store was given"
    }
    both = calibrate(
        Material(stores=(stored(ticks(50, 0)),), held_out_recordings=(recorded(),), recordings=(recorded(),)),
        PIXEL,
        name="x",
    )
    assert both.voltage is not None
    assert both.voltage.rms_v.mean == pytest.approx(0, abs=1e-4)
    assert both.voltage.before_v.low <= both.voltage.before_v.mean <= both.voltage.before_v.high
    assert both.voltage.before_v.mean == pytest.approx(0.04, abs=0.01)
    assert "volts foretold 0.0 mV [0.0, 0.0] rms off, before 38.7 mV [" in "\n".join(lines(both))
    assert "Volts held out" in render(both)


def test_a_resting_power_above_waiting_raises_it_and_says_so(ticks: Make) -> None:
    known = ticks(200, 0)
    known = dataclasses.replace(known, energy_j=known.energy_j + 0.5 * known.load_s[:, Load.DEEP_SLEEP])
    power = calibrate(Material(stores=(stored(known),)), PIXEL, name="x").profile.power
    assert power.deep_sleep_w.value > PIXEL.power.awake_w.value
    assert power.awake_w.value == power.deep_sleep_w.value
    assert power.awake_w.source.startswith("at least deep_sleep_w (measured: ")
    assert "it was 0.14 W" in power.awake_w.source


def test_every_quantity_is_named_on_the_page_in_the_lines_and_in_json(ticks: Make, tmp_path: Path) -> None:
    simulated = dataclasses.replace(ticks(100, 0), source="simulated")
    found = calibrate(Material(stores=(stored(simulated),), recordings=(recorded(),)), WRONG, name="mine")
    text, page, summary = "\n".join(lines(found)), render(found), as_json(found)
    keys = {*found.changed, *found.kept}
    assert len(keys) == 11
    assert keys == {*summary["found"], *summary["as_they_were"]}
    for key in keys:
        assert f">{key}</td>" in page
    for key in found.kept:
        assert key.partition(".")[2] in text
    assert "(simulated): sum foretold" in text
    assert "All joules here are simulated" in page
    assert page.count("<svg") == 3
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert summary["held_out"]["total_error"][0] == found.foretold.total_error.mean  # type: ignore[union-attr]
    following = next_command(found, tmp_path / "mine.toml")
    assert f"circadia policy train --problem {tmp_path}/mine-problem.toml" in following
    assert 'profile = "mine.toml", scenario = "phone"' in following
    measured = render(calibrate(Material(stores=(stored(ticks(100, 0)),)), WRONG, name="mine"))
    assert "simulated" not in measured
    mixed = Material(stores=(stored(ticks(100, 0)),), recordings=(recorded("simulated"),))
    assert "The discharge in bench.cimr is simulated." in render(calibrate(mixed, WRONG, name="mine"))
