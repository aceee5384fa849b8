"""The notification in the person's language: the title and the reason that the first screen has. Pure."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from circadia.actions import NAMES, SLEEP, action_named
from circadia.status import State
from circadia.types import Observation
from circadia_app.notice import Notice
from circadia_app.texts import system_language, texts_of
from circadia_app.viewmodels.states import doing, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_app.notice import Facts
    from circadia_app.texts import Texts


def worded(facts: Facts, system: Callable[[], str] = system_language) -> Notice:
    """As `circadia_app.notice.notice`, in `facts.language`, or else in `system`'s."""
    texts, status = texts_of(facts.language or system()), facts.status
    if status is None:
        if not facts.lacks:
            return Notice(title=texts("state.starting_first"), text="")
        return Notice(title=texts("state.lacks"), text=texts("state.lacks.reason", what=facts.lacks[0]))
    match status.state:
        case State.PAUSED:
            return Notice(title=_paused(facts, texts), text=texts("state.paused.reason"))
        case State.FAILING | State.ENDED:
            return Notice(title=texts("state.failing_now"), text=texts("state.failing.other"))
        case _ if not status.action:
            return Notice(title=texts("state.starting_first"), text="")
    action = action_named(status.action) if status.action in NAMES else SLEEP
    seen = facts.seen or Observation()
    wakes_s = status.next_wake_s + facts.ahead_s
    return Notice(
        title=doing(action, seen, texts, until=_time(wakes_s) if math.isfinite(wakes_s) else ""),
        text=reason_of(action, seen, status.sleep, texts, changed_by=status.changed_by),
    )


def _paused(facts: Facts, texts: Texts) -> str:
    until_s = facts.paused_until_s
    return texts("state.paused", t=_time(until_s)) if math.isfinite(until_s) else texts("state.paused_open")


def _time(t_s: float) -> str:
    """The wall's."""
    return time.strftime("%H:%M", time.localtime(t_s))
