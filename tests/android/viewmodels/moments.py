"""Snapshots for tests: a moment in the life of a device, of which a test says what it is about."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from circadia.actions import CATALOGUE, INDEX, NAMES
from circadia.history import Requests, Ticks
from circadia.observation import COLUMN, TABLE
from circadia.status import AgentStatus, State, UpdateCounts
from circadia.types import Link, Observation, Preference, Sleep, WakeOn
from circadia_app.consent import Agreement, Consent
from circadia_app.live import Live
from circadia_app.notice import Notice
from circadia_app.viewmodels.snapshot import Kept, Past, Snapshot

DAY = 86_400.0
MIDNIGHT = 1_795_737_600.0
"""2026-11-27, a Friday, where local time is UTC."""
NOW = MIDNIGHT + 13 * 3600 + 42 * 60
FREE = Observation(
    battery_soc=0.54, temperature_c=25.0, power_save=0.0, charging=0.0, link=Link.FREE, queue_length=0.0, fresh_examples=0.0,
    spooled_updates=0.0, unsent_examples=0.0, versions_behind=0.0,
)  # fmt: skip
AGREED = Consent(
    learn=Agreement(since_s=NOW - 50 * DAY, text="1"), send=Agreement(since_s=NOW - 50 * DAY, text="1")
)


def status(**changes: Any) -> AgentStatus:
    """Sleeping until 14:20, all well."""
    plain: dict[str, Any] = {
        "device": "phone",
        "state": State.RUNNING,
        "failure": "",
        "action": "sleep",
        "why": "sleep: the policy's choice",
        "decided_s": NOW - 60,
        "limits": (),
        "queue": 0,
        "inbox": 0,
        "version": 142,
        "link": Link.FREE,
        "connected": True,
        "trouble": "",
        "updates": UpdateCounts(),
        "preference": Preference(),
        "joules": (),
        "listener_errors": 0,
        "next_wake_s": MIDNIGHT + 14 * 3600 + 20 * 60,
        "sleep": Sleep(length_s=2400.0, wake_on=WakeOn.REQUEST),
    }
    return AgentStatus(**{**plain, **changes})


def live(of: AgentStatus | None = None, observation: Observation | None = FREE, **changes: Any) -> Live:
    """What the agent says of itself."""
    plain: dict[str, Any] = {
        "pid": 7,
        "started_s": NOW - 3600,
        "now_s": NOW,
        "clock_s": NOW,
        "simulated": False,
        "status": of,
        "observation": observation,
        "lacks": (),
        "paused_until_s": math.nan,
        "screens": 1,
        "notice": Notice(title="", text=""),
    }
    return Live(**{**plain, **changes})


def ticks(rows: list[dict[str, Any]]) -> Ticks:
    """A row says `t_s`, and what else is of interest: fields of the observation, `action`, `energy_j`, …"""
    x = np.full((len(rows), len(TABLE)), np.nan, np.float32)
    for place, row in enumerate(rows):
        angle = 2 * np.pi * (row["t_s"] - MIDNIGHT) / DAY
        x[place, [COLUMN["day_sine"], COLUMN["day_cosine"]]] = np.sin(angle), np.cos(angle)
        for name, value in row.items():
            if name in COLUMN:
                x[place, COLUMN[name]] = value

    def column(name: str, missing: Any, kind: type = float) -> Any:
        return np.array([row.get(name, missing) for row in rows], kind)

    maskings = list(dict.fromkeys(row.get("masked", ()) for row in rows))
    return Ticks(
        tick_id=np.arange(1, len(rows) + 1),
        t_s=column("t_s", 0.0),
        x=x,
        action=np.array([INDEX[row.get("action", "sleep")] for row in rows], np.int64),
        served=column("served", 0, int),
        expired=column("expired", 0, int),
        energy_j=column("energy_j", np.nan),
        source=column("source", -1, int),
        bound_j=column("bound_j", 0.0),
        work_j=np.array([row.get("work_j", (np.nan, np.nan)) for row in rows], float).reshape(-1, 2),
        sleep_s=column("sleep_s", np.nan),
        masked=np.array([maskings.index(row.get("masked", ())) for row in rows], np.int64),
        maskings=tuple(maskings),
    )


def requests(rows: list[tuple[float, int, int, float]] = []) -> Requests:  # noqa: B006 - read only
    """(time, label, truth, latency)."""
    t_s, label, truth, latency = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Requests(
        t_s=np.array(t_s, float),
        label=np.array(label, np.int64),
        truth=np.array(truth, np.int64),
        latency_s=np.array(latency, float),
    )


def checked(right: int, of: int, t_s: float = NOW - 3600) -> Requests:
    """So many answers that somebody checked."""
    return requests([(t_s, 1, 1 if i < right else 0, 4.0) for i in range(of)])


def past(rows: list[dict[str, Any]] | None = None, **changes: Any) -> Past:
    """Of one decision a minute ago, and some examples."""
    default = [{"t_s": NOW - 60, **{name: getattr(FREE, name) for name in Observation.__slots__}}]
    plain: dict[str, Any] = {
        "ticks": ticks(default if rows is None else rows),
        "requests": requests(),
        "kept": Kept(examples=9),
    }
    return Past(**{**plain, **changes})


def snapshot(**changes: Any) -> Snapshot:
    """A phone that is well; `status` and `seen` change what the agent says."""
    of, seen = changes.pop("status", status()), changes.pop("seen", FREE)
    masked = changes.pop("masked", ())
    made = Snapshot(
        now_s=NOW,
        clock_s=NOW,
        midnight_s=MIDNIGHT,
        wall_midnight_s=MIDNIGHT,
        past=past(),
        live=live(of, seen),
        there=True,
        heard_s=NOW,
        consent=AGREED,
        capacity_j=40_000.0,
        server="fleet.example.org",
    )
    if masked:
        seen_row = {name: getattr(seen, name) for name in Observation.__slots__}
        changes.setdefault("past", past([{"t_s": NOW - 60, **seen_row, "masked": masked}]))
    return replace(made, **changes)


EVERYTHING = tuple(NAMES[1:])
TRAININGS = tuple(action.name for action in CATALOGUE if action.train is not None)
EXCHANGES = tuple(action.name for action in CATALOGUE if action.syncs)
