"""The notification in the person's language: the title and the reason that the first screen has. Pure."""

from __future__ import annotations

import locale
import math
import time
from typing import TYPE_CHECKING

from circadia.actions import NAMES, SLEEP, action_named
from circadia.status import State
from circadia.types import LIMITS, Mode, Observation
from circadia_app.notice import Notice
from circadia_app.texts import LANGUAGES, texts_of
from circadia_app.viewmodels.states import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.status import AgentStatus
    from circadia.types import Action
    from circadia_app.notice import Facts
    from circadia_app.texts import Texts


def _desktops() -> str:
    return locale.getlocale()[0] or ""


def worded(facts: Facts, system: Callable[[], str] = _desktops) -> Notice:
    """As `circadia_app.notice.notice`, in `facts.language`, or else the system's, as it says it: `de` or `de_DE`."""
    texts, status = texts_of(facts.language or spoken(system())), facts.status
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
    reason = reason_of(action, seen, status.sleep, texts, changed_by=_changed(status))
    return Notice(title=_doing(action, seen, status, facts, texts), text=reason)


def system_language() -> str:
    """A desktop's where there are words in it, else English; on a phone the system's locale is always C."""
    return spoken(_desktops())


def spoken(system: str) -> str:
    """The system's language, as it says it, where there are words in it, else English."""
    language = system[:2]
    return language if language in LANGUAGES else "en"


def _paused(facts: Facts, texts: Texts) -> str:
    until_s = facts.paused_until_s
    return texts("state.paused", t=_time(until_s)) if math.isfinite(until_s) else texts("state.paused_open")


def _doing(action: Action, seen: Observation, status: AgentStatus, facts: Facts, texts: Texts) -> str:
    if action.mode is Mode.TRAIN:
        return texts("title.train")
    if action.mode is Mode.SERVE:
        return texts.count("title.answer", max(1, int(seen.queue_length) if seen.queue_length > 0 else 1))
    if math.isfinite(status.next_wake_s):
        return texts("title.sleep_until", t=_time(status.next_wake_s + facts.ahead_s))
    return texts("title.sleep")


def _changed(status: AgentStatus) -> str:
    """The limit that stood in the way of what was wanted; empty: none did."""
    if " instead of " not in status.why:
        return ""
    return next((limit for limit in status.limits if limit in LIMITS and f"{limit} (" in status.why), "")


def _time(t_s: float) -> str:
    """The wall's."""
    return time.strftime("%H:%M", time.localtime(t_s))
