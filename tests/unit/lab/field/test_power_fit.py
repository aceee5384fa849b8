"""Watts of loads, and which of them ticks can tell apart."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.energy.profile import Quantity
from circadia.energy.profile_file import shipped_profile, with_quantities
from circadia.errors import ConfigError
from circadia.types import Load
from circadia_lab.measure.calibration.power_fit import fit_powers

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_field.ticks import Ticks

    Make = Callable[..., Ticks]

PIXEL = shipped_profile("pixel-3")


def regular(known: Ticks, watts: dict[Load, float], wake_s: float = 0.5) -> Ticks:
    """The same ticks, all equally long and with equally long wake-ups: as a device's pace makes them."""
    load_s = known.load_s.copy()
    load_s[:, Load.DEEP_SLEEP] += load_s[:, Load.WAKE_UP] - wake_s
    load_s[:, Load.WAKE_UP] = wake_s
    noise = known.energy_j - known.load_s @ [watts.get(load, 0.0) for load in Load]
    energy = load_s @ [watts.get(load, 0.0) for load in Load] + noise
    return dataclasses.replace(known, load_s=load_s, energy_j=energy)


def test_powers_and_the_wake_up_are_found_where_ticks_tell_them(
    ticks: Make, watts: dict[Load, float]
) -> None:
    found = fit_powers(ticks(400, 0), PIXEL)
    assert {one.load for one in found.found} == {load.name for load in watts}
    for one in found.found:
        truth = watts[Load[one.load]]
        assert one.watts.low <= truth <= one.watts.high
        assert one.watts.mean == pytest.approx(truth, abs=3 * one.sd_w)
        assert (one.watts.high - one.watts.low) / one.sd_w == pytest.approx(2 * 1.96, rel=0.01)
    assert found.wake_up_s == pytest.approx(0.3, abs=0.02)
    wake = found.wake_up_j
    assert wake is not None
    assert wake.low <= 0.4 * found.wake_up_s <= wake.high
    assert set(found.held.values()) == {"it never ran"}


def test_a_wake_up_that_always_takes_the_same_share_is_held_and_named(
    ticks: Make, watts: dict[Load, float]
) -> None:
    known = regular(ticks(400, 0, noise_j=0.002), watts)
    found = fit_powers(known, PIXEL)
    assert "power.wake_up_w" in found.held
    assert "same proportion" in found.held["power.wake_up_w"]
    assert found.wake_up_j is None
    by_name = {one.load: one for one in found.found}
    assert set(by_name) == {"DEEP_SLEEP", "SERVE_HIGH", "TRAIN_LOW"}
    for one in by_name.values():
        assert one.watts.low <= watts[Load[one.load]] <= one.watts.high
    # what the profile leaves open of the wake-up goes into the others: 0.5 s of it against 9.5 s of all else
    left_open_w = PIXEL.power.wake_up_w.uncertainty * 0.5 / 9.5
    assert by_name["DEEP_SLEEP"].sd_w == pytest.approx(left_open_w, rel=0.05)


def test_a_held_power_moves_the_others_as_far_as_they_say(ticks: Make, watts: dict[Load, float]) -> None:
    known = regular(ticks(400, 0, noise_j=0.002), watts)
    other = Quantity(value=watts[Load.WAKE_UP] + 0.4, uncertainty=0.2, source="a guess")
    found = fit_powers(known, with_quantities(PIXEL, {"power.wake_up_w": other}))
    [sleep] = [one for one in found.found if one.load == "DEEP_SLEEP"]
    assert abs(sleep.watts.mean - watts[Load.DEEP_SLEEP]) == pytest.approx(2 * sleep.sd_w, rel=0.3)


def test_ticks_of_different_lengths_tell_the_wake_up(ticks: Make, watts: dict[Load, float]) -> None:
    known = regular(ticks(400, 0, noise_j=0.002), watts)
    longer = np.random.default_rng(1).uniform(0, 10, known.count)
    load_s = known.load_s.copy()
    load_s[:, Load.DEEP_SLEEP] += longer
    found = fit_powers(
        dataclasses.replace(
            known,
            load_s=load_s,
            duration_s=known.duration_s + longer,
            energy_j=known.energy_j + watts[Load.DEEP_SLEEP] * longer,
        ),
        PIXEL,
    )
    [wake] = [one for one in found.found if one.load == "WAKE_UP"]
    assert wake.watts.low <= watts[Load.WAKE_UP] <= wake.watts.high


def test_rest_and_waiting_are_one_load_for_a_board_that_cannot_sleep(ticks: Make) -> None:
    board = dataclasses.replace(shipped_profile("pi-solar"), can_deep_sleep=False)
    known = ticks(200, 1)
    load_s = known.load_s.copy()
    load_s[:, Load.AWAKE] = load_s[:, Load.DEEP_SLEEP] / 3
    load_s[:, Load.DEEP_SLEEP] *= 2 / 3
    energy = known.energy_j + 1.5 * known.load_s[:, Load.DEEP_SLEEP]
    found = fit_powers(dataclasses.replace(known, load_s=load_s, energy_j=energy), board)
    [rest] = [one for one in found.found if one.key == "power.awake_w"]
    assert rest.watts.mean == pytest.approx(1.52, abs=0.01)
    assert found.held["power.deep_sleep_w"] == "it never ran"


def test_a_load_of_a_moment_has_no_power(ticks: Make) -> None:
    known = ticks(200, 1)
    load_s = known.load_s.copy()
    load_s[3, Load.RADIO] = 0.4
    load_s[3, Load.DEEP_SLEEP] -= 0.4
    found = fit_powers(dataclasses.replace(known, load_s=load_s), PIXEL)
    assert found.held["power.radio_w"] == "0.4 s of it are too few"


def test_joules_that_scatter_too_much_tell_nothing(ticks: Make) -> None:
    with pytest.raises(ConfigError, match="do not tell the power of any load"):
        fit_powers(ticks(40, 1, noise_j=500.0), PIXEL)
