from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.errors import CircadiaError, ConfigError
from circadia.serving.queue import Request, RequestQueue

times = st.floats(0, 1e6)
lots = st.lists(st.tuples(times, times), max_size=20)


def request(number: int, submitted_s: float = 0.0, deadline_s: float = 10.0) -> Request:
    return Request(
        request_id=number, x=np.zeros(1, np.float32), submitted_s=submitted_s, deadline_s=deadline_s
    )


def filled(rows: list[tuple[float, float]]) -> RequestQueue:
    queue = RequestQueue(capacity=32)
    for number, (submitted_s, patience_s) in enumerate(rows):
        queue.put(request(number, submitted_s, submitted_s + patience_s))
    return queue


@given(lots, times, st.integers(0, 25))
def test_every_request_is_either_waiting_or_expired(
    rows: list[tuple[float, float]], now_s: float, limit: int
) -> None:
    queue = filled(rows)
    waiting, expired = queue.waiting(100, now_s), queue.expired(now_s)
    assert sorted(r.request_id for r in (*waiting, *expired)) == list(range(len(rows)))
    assert all(r.deadline_s > now_s for r in waiting)
    assert all(r.deadline_s <= now_s for r in expired)
    assert [r.deadline_s for r in waiting] == sorted(r.deadline_s for r in waiting)
    assert queue.waiting(limit, now_s) == waiting[:limit]
    assert queue.length == len(rows)


@given(lots.filter(bool), times)
def test_age_and_slack_are_those_of_the_extreme_requests(
    rows: list[tuple[float, float]], now_s: float
) -> None:
    queue = filled(rows)
    alive = [(submitted_s, s) for submitted_s, patience_s in rows if (s := submitted_s + patience_s) > now_s]
    assert queue.alive(now_s) == len(alive)
    assert queue.age_s(now_s) == max((now_s - submitted_s for submitted_s, _ in alive), default=0.0)
    assert queue.slack_s(now_s) == min((s - now_s for _, s in alive), default=math.inf)


def test_removing_lets_requests_go_and_skips_strangers() -> None:
    queue = filled([(0, 5), (1, 5), (2, 5)])
    queue.remove([0, 2, 99])
    assert [r.request_id for r in queue.waiting(9, 0)] == [1]
    queue.remove([1])
    assert queue.length == 0
    assert queue.age_s(7.0) == 0
    assert queue.slack_s(7.0) == math.inf


def test_equal_deadlines_are_served_in_the_order_of_arrival() -> None:
    queue = filled([(0, 5)] * 4)
    assert [r.request_id for r in queue.waiting(3, 0)] == [0, 1, 2]


def test_a_full_queue_refuses_and_counts() -> None:
    queue = RequestQueue(capacity=1)
    queue.put(request(1))
    with pytest.raises(CircadiaError, match="request 2: 1 requests wait already"):
        queue.put(request(2))
    assert (queue.refused, queue.length) == (1, 1)
    queue.put(request(3, submitted_s=10.0, deadline_s=20.0))  # the first is late: it takes no place
    queue.remove([3, 1])
    queue.put(request(2))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (request(1), "waits already"),
        (request(2, submitted_s=math.nan), "times must be numbers"),
        (request(2, deadline_s=math.nan), "times must be numbers"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(bad: Request, message: str) -> None:
    queue = RequestQueue(capacity=4)
    queue.put(request(1))
    with pytest.raises(ConfigError, match=message):
        queue.put(bad)
    assert queue.length == 1


def test_a_queue_needs_room() -> None:
    with pytest.raises(ConfigError, match="capacity 0"):
        RequestQueue(capacity=0)
