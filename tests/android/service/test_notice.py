"""The notification's two lines, by state."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import pytest

from circadia.reporter import Reporter
from circadia.status import AgentStatus, State
from circadia.types import Preference
from circadia_app.notice import Facts, Notice, notice

NOON = time.mktime((2026, 11, 27, 12, 0, 0, 0, 0, -1))
READY = Reporter(device="phone").status(paused=False, inbox=0, preference=Preference())
SLEEPING = replace(READY, state=State.RUNNING, action="sleep", why="sleep: chosen", next_wake_s=NOON)


@pytest.mark.parametrize(
    ("status", "title", "text"),
    [
        (None, "Starting", "Nothing is decided yet"),
        (READY, "Starting", "Nothing is decided yet"),
        (SLEEPING, "Sleeping until 12:00", "sleep: chosen"),
        (replace(SLEEPING, next_wake_s=math.nan), "Sleeping", "sleep: chosen"),
        (replace(SLEEPING, action="serve/low/small"), "Answering", "sleep: chosen"),
        (replace(SLEEPING, action="train/high/large"), "Training", "sleep: chosen"),
        (replace(SLEEPING, action="of/a/later/version"), "Sleeping until 12:00", "sleep: chosen"),
        (replace(SLEEPING, state=State.PAUSED), "Paused until 13:00", "sleep: chosen"),
        (replace(SLEEPING, state=State.FAILING, failure="a tick: E"), "Not working", "a tick: E"),
        (replace(SLEEPING, state=State.ENDED), "Ended", "sleep: chosen"),
    ],
)
def test_what_it_does_and_why(status: AgentStatus | None, title: str, text: str) -> None:
    assert notice(Facts(status=status, paused_until_s=NOON + 3600)) == Notice(title=title, text=text)


def test_what_keeps_it_from_working() -> None:
    assert notice(Facts(status=None, lacks=("no battery answers",))) == Notice(
        title="Not working", text="no battery answers"
    )


def test_times_are_those_of_the_wall() -> None:
    assert (
        notice(Facts(status=replace(SLEEPING, next_wake_s=60.0), ahead_s=NOON - 60)).title
        == "Sleeping until 12:00"
    )
    assert (
        notice(Facts(status=replace(SLEEPING, state=State.PAUSED), paused_until_s=math.inf)).title == "Paused"
    )
