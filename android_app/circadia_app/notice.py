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
    from collections.abc import Mapping

    from circadia.status import AgentStatus

ENGLISH: Mapping[str, str] = {
    "starting": "Starting",
    "sleep": "Sleeping",
    "sleep_until": "Sleeping until {t}",
    "serve": "Answering",
    "train": "Training",
    "paused": "Paused",
    "paused_until": "Paused until {t}",
    "failing": "Not working",
    "lacks": "Not working",
    "ended": "Ended",
    "nothing_yet": "Nothing is decided yet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Two lines."""

    title: str
    text: str


def notice(
    status: AgentStatus | None,
    *,
    lacks: tuple[str, ...] = (),
    paused_until_s: float = math.nan,
    ahead_s: float = 0.0,
    words: Mapping[str, str] = ENGLISH,
) -> Notice:
    """`status`: None while the agent is not there; `lacks`: why it is not; `ahead_s`: the wall clock less the agent's."""
    if status is None:
        if lacks:
            return Notice(title=words["lacks"], text=lacks[0])
        return Notice(title=words["starting"], text=words["nothing_yet"])
    text = status.failure if status.state is State.FAILING else status.why
    return Notice(title=_title(words, status, paused_until_s, ahead_s), text=text or words["nothing_yet"])


def _title(words: Mapping[str, str], status: AgentStatus, paused_until_s: float, ahead_s: float) -> str:
    if status.state is State.PAUSED:
        return _until(words, "paused", paused_until_s)
    if status.state in {State.FAILING, State.ENDED}:
        return words[status.state.value]
    return _doing(words, status, ahead_s) if status.action else words["starting"]


def _doing(words: Mapping[str, str], status: AgentStatus, ahead_s: float) -> str:
    mode = action_named(status.action).mode if status.action in NAMES else Mode.SLEEP
    if mode is Mode.SLEEP:
        return _until(words, "sleep", status.next_wake_s + ahead_s)
    return words[mode.value]


def _until(words: Mapping[str, str], key: str, t_s: float) -> str:
    if not math.isfinite(t_s):
        return words[key]
    return words[f"{key}_until"].format(t=time.strftime("%H:%M", time.localtime(t_s)))
