"""What the images of served requests truly showed: users told some of it, the world knows all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import StoreError
from circadia_lab.data.day.world import RequestEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia_lab.data.day.world import Event
    from circadia_lab.fleet.demo.device_log import DeviceLog, RequestRow

ROUNDING_S = 1e-4
"""The store rounds a tick's phases, out of which the time of submission is reckoned."""


def true_labels(log: DeviceLog, events: Sequence[Event], restarts_s: Sequence[float] = ()) -> dict[int, int]:
    """Index of a served request in `log.requests` → its label; requests are numbered in the order of the events.

    A process that restarts leaves events out and numbers anew, so the distance between numbers and events is found
    for each life of the process: it is the largest that any request shows, as no request comes before its event.
    `StoreError` when users told other labels: the store is of another world.
    """
    requests = [event for event in events if isinstance(event, RequestEvent)]
    t_s = np.array([event.t_s for event in requests])
    found: dict[int, int] = {}
    for rows in _lives(log, restarts_s):
        ahead = max(
            log.requests[i].request_id
            - int(np.searchsorted(t_s, _submitted_s(log, log.requests[i]), "right"))
            + 1
            for i in rows
        )
        for i in rows:
            found[i] = _label(log, log.requests[i], requests, ahead)
    return found


def _lives(log: DeviceLog, restarts_s: Sequence[float]) -> list[list[int]]:
    """Served requests by the process that served them; none is empty."""
    ends, lives = sorted(restarts_s), [[] for _ in range(len(restarts_s) + 1)]  # type: list[float], list[list[int]]
    for i, row in enumerate(log.requests):
        if row.label is not None:
            lives[int(np.searchsorted(ends, log.ticks[row.tick].t_s, "right"))].append(i)
    return [rows for rows in lives if rows]


def _submitted_s(log: DeviceLog, row: RequestRow) -> float:
    tick = log.ticks[row.tick]
    return tick.t_s + tick.busy_s - row.latency_s + ROUNDING_S


def _label(log: DeviceLog, row: RequestRow, requests: list[RequestEvent], ahead: int) -> int:
    place = row.request_id - ahead
    label = requests[place].label if 0 <= place < len(requests) else None
    if label is None or row.truth not in (None, label):
        raise StoreError(
            f"{log.path}: request {row.request_id} is not of this world; analyse it with the seed and the number of "
            "devices that it was recorded with"
        )
    return label
