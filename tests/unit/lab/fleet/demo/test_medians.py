"""Several seeds' figures as one."""

from __future__ import annotations

from circadia_lab.fleet.demo.medians import median_of, medians, whole_of


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


def test_a_stop_in_the_last_seed_takes_nothing_from_the_whole_ones() -> None:
    def seed(number: int, **complete: bool) -> dict[str, object]:
        return {"seed": number, "arms": {name: {"complete": done} for name, done in complete.items()}}

    first, second = seed(0, a=True, b=True), seed(1, a=True, b=True)
    for stopped in (seed(2, a=True), seed(2, a=False), seed(2, a=True, b=False)):
        assert whole_of([first, second, stopped]) == [first, second]
    alone = seed(0, a=True, b=False)
    assert whole_of([alone]) == [alone]
