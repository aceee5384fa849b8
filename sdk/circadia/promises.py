"""The futures of the requests that wait for an answer, of the agent's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia.errors import CircadiaError, DeadlineExpired

if TYPE_CHECKING:
    from collections.abc import Iterable

    from circadia.inbox import Answer
    from circadia.types import Served


class Promises:
    """Each is kept or broken once: what is told again is passed over."""

    def __init__(self) -> None:
        self._answers: dict[int, Answer] = {}

    def add(self, answer: Answer) -> None:
        """Somebody waits for it."""
        self._answers[answer.request_id] = answer

    def keep(self, answers: Iterable[Served]) -> None:
        """These are the answers."""
        for served in answers:
            if answer := self._answers.pop(served.request_id, None):
                answer.set_result(served)

    def expire(self, request_ids: Iterable[int], why: str) -> None:
        """Their deadlines have passed; `why` follows in the message."""
        for request_id in request_ids:
            if answer := self._answers.pop(request_id, None):
                answer.set_exception(
                    DeadlineExpired(f"request {request_id} was not served before its deadline{why}")
                )

    def close(self, others: Iterable[Answer] = ()) -> None:
        """Nobody will answer any more, nor those `others`."""
        for answer in (*self._answers.values(), *others):
            if not answer.done():
                answer.set_exception(CircadiaError("the agent ended before it served this request"))
        self._answers.clear()
