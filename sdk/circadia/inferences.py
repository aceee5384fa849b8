"""Answers between two ticks: at once, in the thread of whoever asks, under the limits of the last look at the body."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError, LimitError
from circadia.ports import AnswersAtOnce
from circadia.serving.answers import served
from circadia.serving.server import check_input
from circadia.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from circadia.ports import Clock, Workload
    from circadia.stopwatch import Took
    from circadia.types import Action, Served

LOOK_S = 5.0
"""Real seconds that an inference waits for the agent to look at the body."""
MOST_SAID = 1024
"""Answers between two ticks after which a tick is asked for, so that they are recorded."""
MOST_KEPT = 4 * MOST_SAID
"""Answers between two ticks that are recorded one by one; of those beyond, the work is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """What one look at the body allows until the next."""

    t_s: float
    """When it was, on the agent's clock."""
    action: Action | None
    """As which an inference counts; None: the limits forbid to serve."""
    why: str = ""
    """Which limits, in words."""
    work_s: float = math.inf
    """How much work; then the body has to be looked at again."""
    busy_s: float = 0.0
    """How long a body that foretells is busy first, and not looked at."""
    answer_s: float = math.nan
    """How long an answer takes on a body that foretells; NaN on one that measures."""


@dataclass(slots=True, kw_only=True)
class Done:
    """What was answered since it was last taken."""

    served: list[Served] = field(default_factory=list)
    count: int = 0
    """As many, and those beyond `MOST_KEPT`."""
    awake_s: float = 0.0
    """That all of it took, where that is measured."""
    asleep_s: float = 0.0
    paced: int = 0
    """Of them, those that tell how long one takes; the longest of these:"""
    longest_s: float = 0.0
    action: Action | None = None
    """As which it counts."""

    def add(self, answer: Served, took: Took, *, paced: bool) -> None:
        """One more."""
        self.count += 1
        self.awake_s += took.awake_s
        self.asleep_s += took.asleep_s
        if paced:
            self.paced += 1
            self.longest_s = max(self.longest_s, took.awake_s)
        if len(self.served) < MOST_KEPT:
            self.served.append(answer)


class Inferences:
    """`infer` is for any thread and many at once, all else for the agent's."""

    def __init__(
        self,
        *,
        clock: Clock,
        workload: Workload,
        stopwatch: Callable[[], float] | None,
        new_id: Callable[[], int],
        ask: Callable[[], None],
        fresh_s: float,
        look_s: float = LOOK_S,
    ) -> None:
        """`ask` wakes the agent for a tick, which is waited for at most `look_s`; what it saw counts for `fresh_s` of its time."""
        self._clock, self._workload = clock, workload
        self._answers = workload if isinstance(workload, AnswersAtOnce) else None
        self._watch = Stopwatch(clock, stopwatch or clock.now_s)
        self._new_id, self._ask = new_id, ask
        self._fresh_s, self._look_s = fresh_s, look_s
        self._looked = threading.Condition()
        self._one, self._book = threading.Lock(), threading.Lock()
        self._leave: Leave | None = None
        self._spent_s = 0.0
        self._done = Done()
        self._inputs: list[tuple[Served, NDArray[np.float32], float]] = []
        self._opened = False
        """Whether somebody was answered: the first answer opens an interpreter, which is work, but no answer's pace."""
        self._closed = False
        self.agent_thread: int | None = None
        """Which looks at the body, so that it cannot wait for a look."""

    def infer(self, x: NDArray[np.float32]) -> Served:
        """See `Application.infer`."""
        if self._answers is None:
            raise CircadiaError(
                "this device sends its work away, so that answers come ticks later: it cannot infer at once; use submit"
            )
        x = check_input(self._workload.task, x)
        asked_s, leave = self._clock.now_s(), self._valid()
        if leave.action is None:
            raise LimitError(f"no inference now, serving is forbidden: {leave.why}")
        with self._one:
            began = self._watch.begin()
            row, version = self._answers.infer(x)
            took = self._watch.since(began)
            paced, self._opened = self._opened, True
        foretold = not math.isnan(leave.answer_s)
        latency_s = leave.answer_s if foretold else max(self._clock.now_s() - asked_s, 0.0)
        answer = served(self._workload.task.labels, self._new_id(), row, latency_s, version)
        with self._book:
            self._done.add(answer, took, paced=paced)
            self._note(answer, x, took, leave)
        return answer

    def _note(self, answer: Served, x: NDArray[np.float32], took: Took, leave: Leave) -> None:
        self._done.action = leave.action
        with self._looked:
            self._spent_s += took.awake_s if math.isnan(leave.answer_s) else leave.answer_s
        if len(self._inputs) < MOST_KEPT:
            self._inputs.append((answer, x, self._clock.now_s()))
        if self._done.count == MOST_SAID:
            self._ask()

    def _valid(self) -> Leave:
        leave = self._leave
        if leave is None or not self._holds(leave):
            leave = self._awaited()
        return leave

    def _awaited(self) -> Leave:
        """A new look at the body; `CircadiaError` if there is none in time, or it is this thread that has to look."""
        self._ask()
        if threading.get_ident() == self.agent_thread and not self._closed:
            raise CircadiaError(
                "no inference: the body has to be looked at first, by the agent's own thread, which calls this listener or "
                "future's callback; ask from another thread, or after the next tick"
            )
        with self._looked:
            self._looked.wait_for(self._settled, self._look_s)
            leave = self._leave
        if self._closed:
            raise CircadiaError("the agent has ended; launch it again")
        if leave is None or not self._holds(leave):
            raise CircadiaError(
                f"no inference: the agent has not looked at its body for {self._age()}; check that it runs, or try again"
            )
        return leave

    def _settled(self) -> bool:
        return self._closed or (self._leave is not None and self._holds(self._leave))

    def _holds(self, leave: Leave) -> bool:
        age_s = self._clock.now_s() - leave.t_s
        return (
            not self._closed and 0 <= age_s <= self._fresh_s + leave.busy_s and self._spent_s <= leave.work_s
        )

    def _age(self) -> str:
        return (
            "as long as it lives" if self._leave is None else f"{self._clock.now_s() - self._leave.t_s:.0f} s"
        )

    # For the agent's thread

    def allow(self, leave: Leave) -> None:
        """The body was looked at."""
        with self._looked:
            self._leave, self._spent_s = leave, 0.0
            self._looked.notify_all()

    def remember(self) -> list[Served]:
        """Labels of what was answered may come from now on → those answers."""
        if not self._inputs:
            return []
        with self._book:
            inputs, self._inputs = self._inputs, []
        if self._answers is not None:
            for answer, x, t_s in inputs:
                self._answers.remember(answer.request_id, x, t_s)
        return [answer for answer, _, _ in inputs]

    def take(self) -> Done:
        """What was answered since the last call."""
        if not self._done.count:
            return Done()
        with self._book:
            done, self._done = self._done, Done()
        return done

    def close(self) -> None:
        """Nobody is answered from now on."""
        with self._looked:
            self._closed = True
            self._looked.notify_all()
