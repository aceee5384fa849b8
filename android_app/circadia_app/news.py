"""What the agent's service says over the link: events, answers, and what came of a training that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import CATALOGUE
from circadia.errors import CircadiaError, ConfigError
from circadia.events import Answered, Decided, Installed, Rejected
from circadia.types import Mode
from circadia_app.live import plain

if TYPE_CHECKING:
    from concurrent.futures import Future

    from circadia.events import Event
    from circadia.types import Served, TickRecord
    from circadia_app.link.server import Request

TRAININGS = frozenset(action.name for action in CATALOGUE if action.mode is Mode.TRAIN)


def news(event: Event) -> tuple[str, dict[str, Any]]:
    """An event as the link tells it."""
    match event:
        case Decided(record=record):
            decision, seen = record.decision, record.observation
            told = {
                "t_s": record.t_s,
                "action": decision.action.name,
                "why": decision.why,
                "limits": [limit for limit, _ in decision.masked],
                "battery_soc": seen.battery_soc,
                "version": record.version,
            }
            return "decided", {key: plain(value) for key, value in told.items()}
        case Answered(served=served):
            return "answered", answer_of(served)
        case Installed():
            return "installed", plain(event)
        case Rejected():
            return "rejected", plain(event)
        case _:
            raise AssertionError(f"nobody asked for {event!r}")


def of_training(record: TickRecord) -> dict[str, Any]:
    """What came of a decision that somebody asked for in order to train."""
    decision = record.decision
    forbidden = {limit: frozenset(names) for limit, names in decision.masked}
    able = TRAININGS - forbidden.pop("platform", frozenset())
    held_back = [limit for limit, names in forbidden.items() if able and able <= names]
    return {
        "action": decision.action.name,
        "why": decision.why,
        "trained": record.outcome.training is not None,
        "held_back": held_back,
        "fresh_examples": plain(record.observation.fresh_examples),
    }


def input_of(x: Any) -> Any:
    """(…,) float32 out of lists of numbers; the shape is checked by the task. `ConfigError` for anything else."""
    try:
        return np.asarray(x, np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"x must be lists of numbers of the task's input shape: {error}") from error


def serve(request: Request, done: Future[Served]) -> None:
    """Answer a request with what an agent served, or with why it did not."""
    error = done.exception() if not done.cancelled() else CircadiaError("it was cancelled")
    if error is not None:
        request.refuse(str(error))
    else:
        request.answer(**answer_of(done.result()))


def answer_of(served: Served) -> dict[str, Any]:
    """An answer as the link tells it: without its input, which nobody else has to see."""
    names = ("request_id", "label", "confidence", "latency_s", "version")
    return {name: plain(getattr(served, name)) for name in names}
