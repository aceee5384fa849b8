"""What other threads hand to the agent's thread: a bounded queue and the bell that wakes it."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError
from circadia.types import Served

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Answer(Future[Served]):
    """The future answer to a request; `DeadlineExpired` when it came too late."""

    def __init__(self, request_id: int) -> None:
        super().__init__()
        self.request_id = request_id


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Submitted:
    """An inference request."""

    answer: Answer
    x: NDArray[np.float32]
    submitted_s: float
    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The true label of an earlier request."""

    request_id: int
    label: int
    t_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """A labelled example from the application."""

    x: NDArray[np.float32]
    label: int
    t_s: float


Item = Submitted | Labelled | Example


class Inbox:
    """Bounded; a full one refuses loudly, and counts what it refused."""

    def __init__(self, capacity: int = 1024, first_request_id: int = 1) -> None:
        self._items: queue.Queue[Item] = queue.Queue(capacity)
        self._bell = threading.Event()
        self._gate = threading.Lock()
        self._closed = False
        self.next_id = first_request_id
        """Above all that were given."""
        self.refused = 0
        self.wanted = False
        """Whether somebody waits for a tick: a request came since the last `take`, or `ask` was called."""
        self._asked = False

    def new_answer(self) -> Answer:
        """An answer with an id of its own."""
        return Answer(self.new_id())

    def new_id(self) -> int:
        """Of a request; `CircadiaError` when the agent has ended: a later one may give it again."""
        with self._gate:
            self._refuse_if_closed()
            self.next_id += 1
            return self.next_id - 1

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise CircadiaError("the agent has ended; launch it again")

    def put(self, item: Item) -> None:
        """Hand it over and ring; `CircadiaError` when the agent's thread does not keep up, or has ended."""
        try:
            with self._gate:
                self._refuse_if_closed()
                self._items.put_nowait(item)
                self.wanted |= isinstance(item, Submitted)
        except queue.Full as error:
            self.refused += 1
            raise CircadiaError(
                f"the agent's inbox is full ({self._items.maxsize} items); submit more slowly, or check that it runs"
            ) from error
        self.ring()

    def take(self) -> tuple[list[Item], bool]:
        """Everything that waits, oldest first, and whether `ask` was called."""
        items: list[Item] = []
        with self._gate:
            asked, self._asked, self.wanted = self._asked, False, False
            while not self._items.empty():
                items.append(self._items.get_nowait())
        return items, asked

    @property
    def waiting(self) -> int:
        """What was handed over and not taken yet."""
        return self._items.qsize()

    def close(self) -> list[Item]:
        """Take nothing in from now on; returns what still waits."""
        with self._gate:
            self._closed = True
        return self.take()[0]

    def ask(self) -> None:
        """Wake the agent's thread for a tick."""
        with self._gate:
            self.wanted = self._asked = True
        self.ring()

    def ring(self) -> None:
        """Wake the agent's thread."""
        self._bell.set()

    @property
    def rung(self) -> bool:
        """Whether somebody rang since the last `wait`."""
        return self._bell.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep until the bell rings or the time is over; True when it rang. The bell is silent again after it."""
        rang = self._bell.wait(timeout_s)
        self._bell.clear()
        return rang
