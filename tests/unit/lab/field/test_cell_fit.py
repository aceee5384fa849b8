"""A battery's curve and resistance out of discharges whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.energy.profile import Curve
from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError, MeterError
from circadia_lab.measure.calibration.capacity import Capacity
from circadia_lab.measure.calibration.cell_fit import fit_cell, terminal_error_v
from circadia_lab.measure.calibration.discharge import ROWS, Discharge, Flow, RecordingName, flow_of, placed
from circadia_lab.measure.calibration.states import States

if TYPE_CHECKING:
    from numpy.typing import NDArray

BEGUN = shipped_profile("pixel-3").battery
TRUE = shipped_profile("pi-solar").battery.open_circuit_v
OHM, CHARGE_C, NOISE_V = 0.15, 900.0, 0.002


def flow(
    first: float = 1.0, last: float = 0.0, *, amperes: object = None, seed: int = 0, bow_v: float = 0.0
) -> Flow:
    """A row a second, from one state of charge to another; `bow_v`: what the model has no word for."""
    rng = np.random.default_rng(seed)
    count = round((first - last) * CHARGE_C) + 1
    current = rng.uniform(0.2, 1.8, count) if amperes is None else np.full(count, amperes, float)
    current *= (first - last) * CHARGE_C / np.sum((current[1:] + current[:-1]) / 2)
    t_s = np.arange(count, dtype=float)
    drawn = np.concatenate([[0], np.cumsum((current[1:] + current[:-1]) / 2)])
    soc = first - drawn / CHARGE_C
    volts = np.interp(soc, TRUE.soc, TRUE.value) - OHM * current + rng.normal(0, NOISE_V, count)
    volts += bow_v * np.sin(20 * soc)
    return flow_of(np.stack([t_s, volts, current, np.full(count, 1000.0)], axis=1), "bench.cimr", "measured")


def discharge(first: float = 1.0, last: float = 0.0, **other: object) -> Discharge:
    found = placed(flow(first, last, **other), (first, last), [])  # type: ignore[arg-type]
    assert isinstance(found, Discharge)
    return found


def seen(t_s: NDArray[np.float64], soc: NDArray[np.float64]) -> States:
    both = np.stack([soc, soc], axis=1)
    return States(
        t_s=t_s, end_s=t_s + 1, energy_j=t_s * np.nan, soc=both, charging=0 * both, user_active=0 * both
    )


def test_curve_and_resistance_are_found_within_their_deviations() -> None:
    one = discharge()
    found = fit_cell([one], BEGUN, "measured: bench.cimr")
    assert found.found.all()
    assert found.curve is not None
    assert found.resistance is not None
    wrong_v = np.abs(np.array(found.curve.value) - np.array(TRUE.value))
    assert (wrong_v <= 3 * found.sd_v).all()
    assert wrong_v.max() <= found.curve.uncertainty == pytest.approx(found.sd_v.max())
    assert np.median(found.sd_v) < 0.02
    assert found.resistance.value == pytest.approx(OHM, abs=3 * found.resistance.uncertainty)
    assert found.resistance.uncertainty < 0.002
    assert found.curve.source == found.resistance.source == "measured: bench.cimr"
    assert found.left_over_v == pytest.approx(NOISE_V, rel=0.1)
    fitted = replace(BEGUN, open_circuit_v=found.curve, internal_resistance_ohm=found.resistance)
    later = discharge(seed=1)
    after, before = (np.sqrt((terminal_error_v(later, cell) ** 2).mean()) for cell in (fitted, BEGUN))
    assert after < 0.005
    assert before > 0.1


def test_points_that_were_not_passed_stay_and_keep_their_uncertainty() -> None:
    found = fit_cell([discharge(0.82, 0.37)], BEGUN, "measured: bench.cimr")
    # from 0.37 to 0.4 is less than half of the way from 0.3; from 0.8 to 0.82 is less than half of that to 0.9
    np.testing.assert_array_equal(np.array(TRUE.soc)[found.found], [0.4, 0.5, 0.6, 0.7, 0.8])
    assert found.curve is not None
    before, now = np.array(BEGUN.open_circuit_v.value), np.array(found.curve.value)
    high = np.array(TRUE.soc) > 0.8
    np.testing.assert_array_equal(now[high], before[high])
    assert (now[:5] <= now[5] + 1e-9).all()
    assert (np.diff(now) >= 0).all()
    np.testing.assert_allclose(now[found.found], np.array(TRUE.value)[found.found], atol=0.02)
    assert found.curve.uncertainty >= BEGUN.open_circuit_v.uncertainty
    assert "found at 0.4, 0.5, 0.6, 0.7, 0.8, elsewhere as it was" in found.curve.source


def test_a_steady_current_tells_no_resistance() -> None:
    found = fit_cell([discharge(amperes=1.0)], BEGUN, "measured: bench.cimr")
    assert found.resistance is None
    assert "hardly varied" in found.resistance_reason
    assert found.curve is not None
    # the resistance as it was carries its uncertainty into the curve
    wrong_v = np.abs(np.array(found.curve.value) - np.array(TRUE.value))
    assert wrong_v.max() <= 3 * found.curve.uncertainty
    assert found.sd_v.min() >= BEGUN.internal_resistance_ohm.uncertainty * 0.99


def test_a_current_that_says_little_beside_the_noise_tells_no_resistance() -> None:
    one = discharge(amperes=1.0)
    shaky = one.flow.current_a + np.random.default_rng(1).normal(0, 0.004, len(one.soc))
    found = fit_cell([replace(one, flow=replace(one.flow, current_a=shaky))], BEGUN, "measured: x")
    assert found.resistance is None


def test_a_voltage_that_does_not_fall_with_the_current_is_not_a_battery() -> None:
    one = discharge()
    supply = replace(
        one, flow=replace(one.flow, voltage_v=one.flow.voltage_v * 0 + 5 + 0.01 * one.flow.current_a)
    )
    found = fit_cell([supply], BEGUN, "measured: x")
    assert found.resistance is None
    assert "battery's leads?" in found.resistance_reason


def test_a_short_discharge_tells_no_curve() -> None:
    one = discharge(0.6, 0.5)
    narrow = replace(one, soc=0.545 + (one.soc - one.soc.mean()) * 0.3)
    bare = fit_cell([narrow], BEGUN, "measured: x")
    assert bare.curve is None
    assert bare.resistance is None
    assert "half of the way" in bare.curve_reason


def test_what_the_model_has_no_word_for_widens_the_deviations() -> None:
    plain, bowed = (fit_cell([discharge(bow_v=bow)], BEGUN, "measured: x") for bow in (0.0, 0.02))
    assert plain.resistance is not None
    assert bowed.resistance is not None
    assert bowed.resistance.uncertainty > 2 * plain.resistance.uncertainty
    assert bowed.resistance.value == pytest.approx(OHM, abs=3 * bowed.resistance.uncertainty)


def test_the_state_of_charge_comes_from_ticks_of_the_same_time() -> None:
    one = flow(0.9, 0.2)
    t_s = np.arange(0.0, one.t_s[-1], 20.0)
    soc = np.round((0.9 - np.interp(t_s, one.t_s, one.charge_c) / CHARGE_C) / 0.01) * 0.01
    found = placed(one, None, [seen(t_s, soc)])
    assert isinstance(found, Discharge)
    assert isinstance(found.capacity, Capacity)
    assert found.capacity.charge_c == pytest.approx(CHARGE_C, abs=3 * found.capacity.sd_c)
    assert found.capacity.sd_c < 0.02 * CHARGE_C
    np.testing.assert_allclose(found.soc, 0.9 - one.charge_c / CHARGE_C, atol=0.01)
    assert found.soc_sd < 0.01


def test_the_capacity_is_the_charge_over_what_was_told() -> None:
    found = discharge(0.95, 0.15)
    assert isinstance(found.capacity, Capacity)
    assert found.capacity.charge_c == pytest.approx(CHARGE_C)
    assert found.capacity.sd_c == pytest.approx(CHARGE_C * 2**0.5 * 0.01 / 0.8)


def test_a_meter_that_was_away_tells_no_capacity() -> None:
    one = flow()
    rows = np.stack([one.t_s, one.voltage_v, one.current_a, np.ones(len(one.t_s))], axis=1)
    away = flow_of(np.delete(rows, slice(200, 260), axis=0), "bench.cimr", "measured")
    found = placed(away, (1.0, 0.0), [])
    assert isinstance(found, Discharge)
    assert "6.8% of the time the meter was away" in str(found.capacity)


def test_what_does_not_place_a_recording_is_said() -> None:
    one = flow(0.9, 0.5)
    assert "is no discharge" in str(placed(one, (0.5, 0.9), []))
    assert "is no discharge" in str(placed(one, (0.5, 0.48), []))
    with pytest.raises(ConfigError, match=r"no tick .* of the same time; .*bench.cimr=1.0:0.05"):
        placed(one, None, [seen(one.t_s + 1e6, one.t_s * 0)])
    assert "moved by 0.000 only" in str(placed(one, None, [seen(one.t_s, np.full(len(one.t_s), 0.5))]))
    wild = np.random.default_rng(0).uniform(0, 1, len(one.t_s))
    assert "does not follow" in str(placed(one, None, [seen(one.t_s, wild)]))


def test_a_long_recording_is_averaged() -> None:
    count = 3 * ROWS
    rows = np.stack(
        [np.arange(count) * 1.0, np.full(count, 3.7), np.arange(count) % 3, np.ones(count)], axis=1
    )
    found = flow_of(rows, "long.cimr", "measured")
    assert len(found.t_s) == ROWS
    np.testing.assert_allclose(found.current_a, 1.0)
    assert found.charge_c[-1] == pytest.approx(count, rel=1e-3)
    assert found.holes == 0
    with pytest.raises(MeterError, match=r"short.cimr: has 5 s of samples"):
        flow_of(rows[:5], "short.cimr", "measured")


def test_names_of_recordings() -> None:
    assert RecordingName.parse("a.cimr").soc is None
    told = RecordingName.parse("x/a.cimr=1.0:0.05")
    assert (str(told.path), told.soc) == ("x/a.cimr", (1.0, 0.05))
    for wrong in ("a.cimr=1.0", "a.cimr=full:empty", "a.cimr=100:5", "a.cimr="):
        with pytest.raises(ConfigError, match=r"a.cimr=1.0:0.05"):
            RecordingName.parse(wrong)


def test_the_curve_that_is_kept_is_a_curve() -> None:
    found = fit_cell([discharge(1.0, 0.5)], BEGUN, "measured: x")
    assert isinstance(found.curve, Curve)
    assert (np.diff(found.curve.value) >= 0).all()
