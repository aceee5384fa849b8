"""Practice: what was trained, faded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.practice import PRACTICE_S, Practice

TRAININGS = st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 512)), min_size=1)


@given(trainings=TRAININGS, after_s=st.floats(0, 1e6))
def test_it_is_the_faded_sum_of_all_trainings(trainings: list[tuple[float, int]], after_s: float) -> None:
    practice = Practice()
    for t_s, rows in sorted(trainings):
        practice = practice.plus(rows, t_s)
    now_s = max(t_s for t_s, _ in trainings) + after_s
    wanted = sum(rows * np.exp(-(now_s - t_s) / PRACTICE_S) for t_s, rows in trainings)
    assert practice.at(now_s) == pytest.approx(wanted, abs=1e-9)


def test_a_clock_that_went_back_fades_nothing() -> None:
    assert Practice(100.0, 5000.0).at(10.0) == 100.0
    assert Practice(100.0, 5000.0).plus(28, 10.0) == Practice(128.0, 5000.0)
