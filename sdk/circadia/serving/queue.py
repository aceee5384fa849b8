"""Requests that wait for the agent to serve them, the most urgent first."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """An inference that an application waits for."""

    request_id: int
    x: NDArray[np.float32]
    """Of the task's input shape."""
    submitted_s: float
    deadline_s: float
    """On the agent's clock: an answer from then on is of no use."""


_urgency = attrgetter("deadline_s", "request_id")


class RequestQueue:
    """At most `capacity` requests whose deadline is ahead.

    Looking does not remove them: `remove` does, once the store has what became of them.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ConfigError(f"request queue of capacity {capacity}: it must hold at least one")
        self._capacity = capacity
        self._requests: dict[int, Request] = {}
        self.refused = 0
        """Requests that found the queue full."""

    @property
    def length(self) -> int:
        """Requests that wait, expired ones included until they are removed."""
        return len(self._requests)

    def put(self, request: Request) -> None:
        """Let it wait.

        `CircadiaError` when the queue is full, `ConfigError` for an id that waits already or a time that is NaN.
        """
        if len(self._requests) >= self._capacity and self.alive(request.submitted_s) >= self._capacity:
            self.refused += 1
            raise CircadiaError(
                f"request {request.request_id}: {self._capacity} requests wait already; submit more slowly"
            )
        if request.request_id in self._requests:
            raise ConfigError(f"request {request.request_id} waits already; ids must be unique")
        if not math.isfinite(request.submitted_s) or math.isnan(request.deadline_s):
            raise ConfigError(f"request {request.request_id}: its times must be numbers")
        self._requests[request.request_id] = request

    def waiting(self, limit: int, now_s: float) -> tuple[Request, ...]:
        """Up to `limit` requests whose deadline is ahead, earliest deadline first."""
        alive = (request for request in self._requests.values() if request.deadline_s > now_s)
        return tuple(heapq.nsmallest(limit, alive, key=_urgency))

    def alive(self, now_s: float) -> int:
        """Requests whose deadline is ahead."""
        return sum(request.deadline_s > now_s for request in self._requests.values())

    def expired(self, now_s: float) -> tuple[Request, ...]:
        """The requests whose deadline has passed, earliest deadline first."""
        late = (request for request in self._requests.values() if request.deadline_s <= now_s)
        return tuple(sorted(late, key=_urgency))

    def get(self, request_id: int) -> Request:
        """The request of that id; `KeyError` unless it waits."""
        return self._requests[request_id]

    def remove(self, request_ids: Iterable[int]) -> None:
        """Let them go; ids that do not wait are skipped."""
        for request_id in request_ids:
            self._requests.pop(request_id, None)

    def age_s(self, now_s: float) -> float:
        """Time since the oldest request was submitted, of those whose deadline is ahead; 0 with none."""
        alive = (request for request in self._requests.values() if request.deadline_s > now_s)
        return max((now_s - request.submitted_s for request in alive), default=0.0)

    def slack_s(self, now_s: float) -> float:
        """Time until the first deadline that is ahead; infinite with none."""
        alive = (request for request in self._requests.values() if request.deadline_s > now_s)
        return min((request.deadline_s - now_s for request in alive), default=math.inf)
