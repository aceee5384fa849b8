"""The law of pacing by its cases, and on arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest

from circadia.pacing import (
    MEASURED_RETRY_S,
    RETRY_S,
    SPACING_S,
    earliest_s,
    measured_retry_s,
    rest_s,
    sleep_s,
)


@pytest.mark.parametrize(
    ("waiting", "serves", "away", "period_s", "rest"),
    [
        (0, True, False, 300.0, 300.0),
        (3, True, False, 300.0, 0.0),
        (3, False, False, 300.0, RETRY_S),
        (3, False, False, 10.0, 10.0),
        (3, False, True, 300.0, RETRY_S),
        (0, False, True, 300.0, RETRY_S),
        (0, False, True, 10.0, 10.0),
        (0, False, False, 300.0, 300.0),
    ],
)
def test_what_is_left_decides(waiting: int, serves: bool, away: bool, period_s: float, rest: float) -> None:
    assert rest_s(waiting=waiting, serves=serves, away=away, period_s=period_s) == rest


def test_a_body_that_measures_looks_again_the_sooner_the_less_time_is_left() -> None:
    assert measured_retry_s(600.0) == 12.0
    assert measured_retry_s(0.0) == MEASURED_RETRY_S
    assert measured_retry_s(1e9) == RETRY_S
    assert (
        rest_s(waiting=1, serves=False, away=False, period_s=300.0, retry_s=measured_retry_s(600.0)) == 12.0
    )


def test_no_tick_begins_before_the_work_is_over() -> None:
    np.testing.assert_array_equal(earliest_s(np.array([0.2, 7.0])), [SPACING_S, 7.0])


def test_arrays_are_decided_one_by_one() -> None:
    rest = rest_s(
        waiting=np.array([0, 1, 1]),
        serves=np.array([True, True, False]),
        away=False,
        period_s=np.array([300.0, 300.0, 20.0]),
    )
    np.testing.assert_array_equal(rest, [300.0, 0.0, 20.0])


def test_a_chosen_sleep_lasts_until_the_first_deadline_at_most_where_requests_are_heard() -> None:
    hears, deadline_s = np.array([True, True, False, True]), np.array([600.0, math.inf, 600.0, 20.0])
    found = sleep_s(
        length_s=np.full(4, 3600.0), answered=0, waiting=1, hears=hears, deadline_s=deadline_s, margin_s=60.0
    )
    assert found.tolist() == [
        540.0,
        3600.0,
        3600.0,
        10.0,
    ]  # what the wake for it did not serve: half of what is left


def test_a_queue_that_is_being_served_does_not_wait_for_a_sleep() -> None:
    found = sleep_s(
        length_s=3600.0,
        answered=np.array([8, 8, 0]),
        waiting=np.array([2, 0, 2]),
        hears=False,
        deadline_s=600.0,
        margin_s=60.0,
    )
    assert found.tolist() == [0.0, 3600.0, 3600.0]
