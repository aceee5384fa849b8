"""The model of the meter's samples. `test_field_bench` holds it against the firmware."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia_lab.meter.board.sample_model import SampleModel, round_of
from circadia_lab.meter.board.simulator import BoardErrors

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOLTAGE_V = 4.0


def load(seed: int, stretches: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    edges_s = 10 + np.concatenate([[0.0], np.cumsum(rng.uniform(0.2, 3, stretches))])
    return edges_s, rng.choice([0.05, 0.4, 1.1, 2.0], stretches)


@pytest.mark.parametrize(
    ("period_us", "wanted"), [(344, (1, 140)), (1000, (1, 588)), (5000, (16, 140)), (100, (1, 140))]
)
def test_a_round_is_over_before_the_next_sample(period_us: int, wanted: tuple[int, int]) -> None:
    assert round_of(period_us) == wanted


def test_without_errors_the_sum_is_right() -> None:
    edges_s, power_w = load(0, 60)
    cuts_s = np.linspace(edges_s[0] + 1, edges_s[-1] - 1, 20)
    model = SampleModel(BoardErrors(shunt_ohm=0.02), 1000, np.random.default_rng(0))
    found = model.joules(edges_s, power_w, VOLTAGE_V, cuts_s)
    flowed = np.interp(cuts_s, edges_s, np.concatenate([[0.0], np.cumsum(power_w * np.diff(edges_s))]))
    assert found == pytest.approx(np.diff(flowed), abs=2e-3)
    assert found.sum() == pytest.approx(flowed[-1] - flowed[0], rel=1e-3)


def test_gain_and_offset_are_those_of_the_board() -> None:
    edges_s, power_w = np.array([0.0, 100.0]), np.array([1.0])
    cuts_s = np.array([10.0, 90.0])
    joules = [
        SampleModel(errors, 1000, np.random.default_rng(0)).joules(edges_s, power_w, VOLTAGE_V, cuts_s)[0]
        for errors in (
            BoardErrors(shunt_ohm=0.02),
            BoardErrors(shunt_ohm=0.02, gain=0.01),
            BoardErrors(shunt_ohm=0.02, offset_v=25e-6),
        )
    ]
    assert joules[1] - joules[0] == pytest.approx(0.8, abs=0.05)  # a step of the register is 0.04 J here
    assert joules[2] - joules[0] == pytest.approx(25e-6 / 0.02 * VOLTAGE_V * 80, abs=0.05)
