"""What the running notification says: a title and a reason, out of the agent's status. Pure."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.actions import NAMES, action_named
from circadia.status import State
from circadia.types import Mode

if TYPE_CHECKING:
    from circadia.status import AgentStatus
    from circadia.types import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Two lines."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What there is to say."""

    status: AgentStatus | None
    """None while the agent is not there."""
    seen: Observation | None = None
    """What the last decision saw."""
    lacks: tuple[str, ...] = ()
    """Why the agent is not there."""
    paused_until_s: float = math.nan
    """Since the Unix epoch; infinite: until the person goes on."""
    ahead_s: float = 0.0
    """The wall clock less the agent's."""
    language: str = ""
    """As the person chose it; empty: the system's."""


def notice(facts: Facts) -> Notice:
    """In plain English, with the decision's own words: for a process without screens' texts."""
    status = facts.status
    if status is None:
        return Notice(title="Not working", text=facts.lacks[0]) if facts.lacks else NOTHING_YET
    text = status.failure if status.state is State.FAILING else status.why
    return Notice(title=_title(status, facts), text=text or NOTHING_YET.text)


def _title(status: AgentStatus, facts: Facts) -> str:
    if status.state is State.PAUSED:
        return _until("Paused", facts.paused_until_s)
    if status.state in {State.FAILING, State.ENDED}:
        return "Not working" if status.state is State.FAILING else "Ended"
    return _doing(status, facts.ahead_s) if status.action else NOTHING_YET.title


def _doing(status: AgentStatus, ahead_s: float) -> str:
    mode = action_named(status.action).mode if status.action in NAMES else Mode.SLEEP
    if mode is Mode.SLEEP:
        return _until("Sleeping", status.next_wake_s + ahead_s)
    return "Answering" if mode is Mode.SERVE else "Training"


def _until(what: str, t_s: float) -> str:
    if not math.isfinite(t_s):
        return what
    return f"{what} until {time.strftime('%H:%M', time.localtime(t_s))}"


NOTHING_YET = Notice(title="Starting", text="Nothing is decided yet")
