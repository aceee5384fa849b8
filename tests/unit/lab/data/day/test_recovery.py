"""Recovery: back at one level for all arms, to stay."""

from __future__ import annotations

import pytest

from circadia_lab.data.day.recovery import level_before, recovery_s
from circadia_lab.data.day.result import Series

STEP_S = 1800.0
DRIFT_S = 2 * STEP_S


def series(*values: float) -> Series:
    return Series(t_s=[STEP_S * i for i in range(len(values))], value=list(values))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([0.9, 0.9, 0.5, 0.7, 0.9, 0.9, 0.9], STEP_S * (1 + 0.18 / 0.2), id="back between two values"),
        pytest.param([0.9, 0.9, 0.89, 0.88, 0.9], 0.0, id="never fell further"),
        pytest.param([0.9, 0.9, 0.5, 0.6, 0.7, 0.8], None, id="never back"),
        pytest.param([0.9, 0.9, 0.5, 0.9, 0.5, 0.9, 0.9, 0.9], STEP_S * (2 + 0.38 / 0.4), id="a peak does not count"),
        pytest.param([0.9, 0.9, 0.5, 0.5, 0.5, 0.9, 0.9], None, id="back, but for less than an hour of the day"),
        pytest.param([0.9, 0.9, 0.5, 0.5, 0.88, 0.88, 0.88], 2 * STEP_S, id="an hour to the day's end is enough"),
        pytest.param([0.9, 0.9], None, id="nothing after the drift"),
        pytest.param([0.9, 0.9, 0.9], None, id="nothing but the drift"),
    ],
)  # fmt: skip
def test_recovery(values: list[float], expected: float | None) -> None:
    found = recovery_s(series(*values), DRIFT_S, 0.9)
    assert found == (None if expected is None else pytest.approx(expected))


def test_the_level_is_that_of_all_arms() -> None:
    good, bad = series(0.8, 0.9, 0.1), series(0.5, 0.6, 0.1, 0.6, 0.6, 0.6)
    level, own = level_before([good, bad], DRIFT_S), level_before([bad], DRIFT_S)
    assert level == pytest.approx(0.7)
    assert own == pytest.approx(0.55)
    assert level is not None
    assert own is not None
    assert recovery_s(bad, DRIFT_S, level) is None
    assert recovery_s(bad, DRIFT_S, own) is not None, "an arm that was bad before would be back at once"


def test_the_level_looks_back_two_hours() -> None:
    assert level_before(
        [Series(t_s=[0.0, 3600.0, 7200.0], value=[0.0, 0.8, 0.6])], 10_000.0
    ) == pytest.approx(0.7)
    assert level_before([Series(t_s=[0.0], value=[0.5])], 10_000.0) is None
    assert level_before([], 10_000.0) is None


def test_an_arm_without_values_before_leaves_the_level_to_the_others() -> None:
    assert level_before([series(0.8, 0.8), Series()], DRIFT_S) == pytest.approx(0.8)
