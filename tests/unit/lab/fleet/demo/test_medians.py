"""Several seeds' figures as one."""

from __future__ import annotations

from circadia_lab.fleet.demo.medians import median_of, medians


def test_numbers_at_any_depth() -> None:
    tables = [{"a": 1, "kinds": {"phone": {"hours": hours}}, "name": "x"} for hours in (3.0, 9.0, 5.0)]
    assert medians(tables) == {"a": 1, "kinds": {"phone": {"hours": 5.0}}, "name": "x"}


def test_what_was_not_seen_counts_as_more_than_anything() -> None:
    assert median_of([100.0, None, 300.0]) == 300.0
    assert median_of([100.0, None, None]) is None
    assert median_of([100.0, None]) is None


def test_what_not_all_have_or_agree_on_is_left_out() -> None:
    assert medians([{"a": 1, "b": 2, "c": "x", "d": [1]}, {"a": 3, "c": "y", "d": [1]}]) == {
        "a": 2.0,
        "d": [1],
    }


def test_a_run_is_whole_if_all_are() -> None:
    assert medians([{"complete": True}, {"complete": False}]) == {"complete": False}
