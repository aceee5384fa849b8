"""Served requests find their events again, whatever a killed process left out or numbered anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circadia.errors import StoreError
from circadia_lab.data.day.world import RequestEvent
from circadia_lab.fleet.demo.device_log import DeviceLog, Examples, RequestRow, TickRow
from circadia_lab.fleet.demo.truth import true_labels

IMAGE = np.zeros((8, 8, 1), np.float32)
EVENTS = [
    RequestEvent(t_s=t_s, image=IMAGE, label=i % 10, deadline_s=60.0, feedback_after_s=None)
    for i, t_s in enumerate([10.0, 10.001, 10.5, 40.0, 55.0, 100.0, 101.0, 130.0, 200.0, 201.0, 202.0, 300.0])
]


def log(*served: tuple[int, float, float, int | None], answered_after_s: float = 7.0) -> DeviceLog:
    """(request id, submitted at, tick at, what the user told) of every request."""
    ticks = [
        TickRow(
            tick_id=i, t_s=tick_s, action="serve/low/small", busy_s=answered_after_s, version=0, overrun_s=0.0,
            battery_soc=1.0, charging=0.0, energy_j=1.0, by_load_j={},
        )
        for i, (_, _, tick_s, _) in enumerate(served)
    ]  # fmt: skip
    requests = [
        RequestRow(
            request_id=request_id,
            tick=i,
            label=0,
            latency_s=tick_s + answered_after_s - submitted_s,
            truth=truth,
        )
        for i, (request_id, submitted_s, tick_s, truth) in enumerate(served)
    ]
    examples = Examples(
        ids=np.empty(0, np.int64),
        x=np.empty((0, 0), np.float32),
        labels=np.empty(0, np.int32),
        t_s=np.empty(0),
    )
    return DeviceLog(
        path=Path("device.db"),
        ticks=ticks,
        requests=requests,
        trainings=[],
        updates=[],
        examples=examples,
        model=None,
    )


def test_requests_are_numbered_in_the_order_of_the_events() -> None:
    # 2 and 3 were submitted late, after the events that follow them; 4 and 5 expired.
    found = true_labels(
        log((1, 10.0, 20.0, None), (2, 11.0, 20.0, 1), (3, 11.0, 20.0, None), (6, 100.2, 105.0, 5)), EVENTS
    )
    assert found == {0: 0, 1: 1, 2: 2, 3: 5}


def test_a_restart_leaves_events_out_and_numbers_anew() -> None:
    # Killed with request 5 waiting, which the store never saw; events 5 to 7 came while it was away.
    served = log((1, 10.0, 20.0, 0), (4, 40.0, 50.0, None), (5, 200.0, 210.0, 8), (7, 202.0, 210.0, None))
    assert true_labels(served, EVENTS, [150.0]) == {0: 0, 1: 3, 2: 8, 3: 0}


def test_a_life_without_served_requests() -> None:
    assert true_labels(log((1, 10.0, 20.0, None)), EVENTS, [150.0, 160.0]) == {0: 0}
    assert true_labels(log(), EVENTS, [150.0]) == {}


def test_labels_of_another_world_are_refused() -> None:
    with pytest.raises(StoreError, match="request 1 is not of this world"):
        true_labels(log((1, 10.0, 20.0, 7)), EVENTS)


def test_more_requests_than_events_are_refused() -> None:
    with pytest.raises(StoreError, match="not of this world"):
        true_labels(log((1, 10.0, 20.0, None), (40, 10.0, 20.0, None)), EVENTS)
