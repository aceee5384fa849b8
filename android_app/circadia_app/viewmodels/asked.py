"""What came of a decision that the person asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circadia.actions import CATALOGUE, FACTS
from circadia.reasons import held_back
from circadia.types import Observation
from circadia_app.viewmodels.states import held_until

if TYPE_CHECKING:
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.snapshot import Snapshot

TRAININGS = tuple(action.name for action, trains in zip(CATALOGUE, FACTS.trains, strict=True) if trains)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """In a sheet over the screen."""

    heading: str
    text: str


def trained(answer: dict[str, Any], snapshot: Snapshot, texts: Texts) -> Told:
    """Of the service's answer to `train_now`: it trains, what forbids it and until when, or why there is no need to."""
    if answer.get("trained"):
        return Told(heading=texts("asked.training"), text=texts("asked.training.words"))
    forbid = _forbid(tuple(map(str, answer.get("held_back", ()))), snapshot, texts)
    fresh = answer.get("fresh_examples")
    if not fresh:
        return Told(heading=texts("asked.nothing"), text=" ".join((texts("asked.nothing.words"), *forbid)))
    waits = texts.count("asked.waits", round(float(fresh)))
    if forbid:
        return Told(heading=texts("asked.held"), text=" ".join((*forbid, waits)))
    return Told(heading=texts("asked.later"), text=f"{texts('asked.later.words')} {waits}")


def _forbid(limits: tuple[str, ...], snapshot: Snapshot, texts: Texts) -> tuple[str, ...]:
    """A sentence for each."""
    seen = snapshot.live.observation if snapshot.live is not None else None
    masked = tuple((limit, TRAININGS) for limit in limits)
    told = held_back(seen or Observation(), masked, snapshot.limits)
    return tuple(
        texts("held.line", what=texts("held.training"), until=held_until(one, texts)) for one in told
    )


def refused(error: str, texts: Texts) -> Told:
    """By the service, or because it is not there."""
    return Told(heading=texts("asked.refused"), text=error or texts("asked.away"))
