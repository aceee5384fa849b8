"""Measurements flow back: a profile that was wrong foretells what was held out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from circadia.energy.profile import Quantity
from circadia.energy.profile_file import dump_profile, parse_profile, shipped_profile, with_quantities
from circadia.errors import ConfigError
from circadia.types import Load
from circadia_lab.field.calibration import fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.field.ticks import Ticks

    Make = Callable[..., Ticks]


def test_a_wrong_profile_is_put_right(ticks: Make, watts: dict[Load, float]) -> None:
    wrong = with_quantities(
        shipped_profile("pixel-3"),
        {"power.train_low_w": Quantity(value=0.9, uncertainty=0.1, source="a guess")},
    )
    found = fit(ticks(400, 0), wrong, name="mine", source="measured here")
    power = found.profile.power
    for quantity, load in ((power.train_low_w, Load.TRAIN_LOW), (power.serve_high_w, Load.SERVE_HIGH)):
        assert quantity.value == pytest.approx(watts[load], abs=3 * quantity.uncertainty)
        assert quantity.source == "measured here"
    assert power.radio_w == wrong.power.radio_w
    assert {"RADIO", "AWAKE", "TRAIN_HIGH", "SERVE_LOW"} == set(found.unseen)
    assert abs(found.total_error) < 0.01 < abs(found.before_error)
    assert found.r2 > 0.99
    assert found.held_out == 120
    assert parse_profile(dump_profile(found.profile), "mine").name == "mine"


def test_a_device_that_cannot_sleep_deeply_rests_awake(ticks: Make) -> None:
    board = dataclasses.replace(shipped_profile("pi-solar"), can_deep_sleep=False)
    known = ticks(200, 1)
    known = dataclasses.replace(known, energy_j=known.energy_j + 1.5 * known.load_s[:, Load.DEEP_SLEEP])
    found = fit(known, board, name="mine", source="measured here")
    assert found.profile.power.awake_w.value == pytest.approx(1.52, abs=0.01)
    assert found.profile.power.deep_sleep_w == board.power.deep_sleep_w


def test_few_ticks_are_refused(ticks: Make) -> None:
    with pytest.raises(ConfigError, match="20 ticks have joules; a calibration needs 40"):
        fit(ticks(20, 2), shipped_profile("pixel-3"), name="mine", source="x")
    assert dataclasses.is_dataclass(fit(ticks(40, 2), shipped_profile("pixel-3"), name="mine", source="x"))
