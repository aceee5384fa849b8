"""How the agent is: what the title says, and what helps."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import INDEX, action_named
from circadia.reasons import Ends, Held, held_back
from circadia.status import State as Working
from circadia.types import Mode, Observation, WakeOn
from circadia_app.viewmodels.parts import Banner, Button, Title
from circadia_app.viewmodels.snapshot import STARTING_S
from circadia_app.viewmodels.tokens import Colour, Do, Glyph

if TYPE_CHECKING:
    from circadia.reasons import HeldBack
    from circadia.status import AgentStatus
    from circadia.store.rows import Masked
    from circadia.types import Action, Sleep
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.snapshot import Snapshot

GLYPHS = {Mode.SLEEP: Glyph.SLEEP, Mode.SERVE: Glyph.ANSWER, Mode.TRAIN: Glyph.TRAIN}
COLOURS = {
    Mode.SLEEP: (Colour.MUTED, Colour.MUTED),
    Mode.SERVE: (Colour.SERVE_LOW, Colour.SERVE_HIGH),
    Mode.TRAIN: (Colour.TRAIN_LOW, Colour.TRAIN_HIGH),
}
"""At the low and at the high clock."""


class State(StrEnum):
    """The worst that is true."""

    NO_CONSENT = "no-consent"
    STARTING = "starting"
    AWAY = "away"
    """The agent does not answer."""
    FAILING = "failing"
    PAUSED = "paused"
    ONLY_SLEEPING = "only-sleeping"
    WAITING = "waiting"
    """For a first example."""
    WORKING = "working"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateView:
    """The head of `Now`; the banners stand on every screen."""

    state: State
    title: Title
    reason: str
    held: tuple[str, ...] = ()
    note: str = ""
    remedy: Button | None = None
    banners: tuple[Banner, ...] = ()
    muted: bool = False
    """The figures are not from now."""


def state_of(snapshot: Snapshot, texts: Texts) -> StateView:
    """Title, reason and remedy of this moment."""
    view = _view(snapshot, texts)
    offline = (
        _offline(snapshot, texts) if view.state in {State.WORKING, State.WAITING, State.PAUSED} else None
    )
    banners = tuple(banner for banner in (_simulated(snapshot, texts), offline) if banner is not None)
    note = _waits(snapshot, texts) if offline else view.note
    return replace(view, banners=banners, note=note)


def _view(snapshot: Snapshot, texts: Texts) -> StateView:
    if snapshot.consent.learn is None:
        return _without_consent(snapshot, texts)
    live = snapshot.live
    if not snapshot.there or live is None:
        return _absent(snapshot, texts)
    status = live.status
    if status is None or (status.state is Working.READY and not status.action):
        return _lacking(live.lacks[0], texts) if live.lacks else _starting(snapshot, texts)
    if status.state in {Working.FAILING, Working.ENDED}:
        return _failing(snapshot, status, texts)
    if status.state is Working.PAUSED:
        return _paused(snapshot, texts)
    return _working(snapshot, status, texts)


def _without_consent(snapshot: Snapshot, texts: Texts) -> StateView:
    withdrawn_s = snapshot.consent.withdrawn_s
    reason = texts("state.no_consent.reason")
    if math.isfinite(withdrawn_s):
        reason = texts("state.withdrawn.reason", t=snapshot.date(withdrawn_s, texts))
    return StateView(
        state=State.NO_CONSENT,
        title=Title(text=texts("state.no_consent"), glyph=Glyph.PAUSE),
        reason=reason,
        remedy=Button(text=texts("state.no_consent.button"), do=Do.CONSENT, filled=True),
        muted=True,
    )


def _absent(snapshot: Snapshot, texts: Texts) -> StateView:
    awaited_s = snapshot.now_s - snapshot.awaited_s
    if awaited_s <= STARTING_S:
        return _starting(snapshot, texts)
    last, reason = newest(snapshot, texts), texts("state.away.bare")
    if last:
        reason = texts("state.away.reason", t=last)
    since = snapshot.wall(snapshot.heard_s, texts) if math.isfinite(snapshot.heard_s) else ""
    return StateView(
        state=State.AWAY,
        title=Title(
            text=texts("state.away", t=since) if since else texts("state.away_now"),
            glyph=Glyph.ERROR,
            colour=Colour.BAD,
        ),
        reason=reason,
        remedy=Button(text=texts("state.restart"), do=Do.RESTART, filled=True),
        muted=True,
    )


def _starting(snapshot: Snapshot, texts: Texts) -> StateView:
    last = newest(snapshot, texts)
    text = texts("state.starting", t=last) if last else texts("state.starting_first")
    return StateView(state=State.STARTING, title=Title(text=text, glyph=Glyph.START), reason="", muted=True)


def newest(snapshot: Snapshot, texts: Texts) -> str:
    """When the last decision was; empty: there is none."""
    ticks = snapshot.past.ticks
    return snapshot.time(float(ticks.t_s[-1]), texts) if len(ticks) else ""


def _lacking(what: str, texts: Texts) -> StateView:
    return StateView(
        state=State.FAILING,
        title=Title(text=texts("state.lacks"), glyph=Glyph.ERROR, colour=Colour.BAD),
        reason=texts("state.lacks.reason", what=what),
        remedy=Button(text=texts("state.restart"), do=Do.RESTART, filled=True),
        muted=True,
    )


FULL = ("disk is full", "database or disk is full", "No space left", "max_mb")
"""In a failure: there is no room to record anything."""


def _failing(snapshot: Snapshot, status: AgentStatus, texts: Texts) -> StateView:
    storage = any(words in status.failure for words in FULL)
    since = snapshot.time(status.decided_s, texts) if math.isfinite(status.decided_s) else ""
    button = Button(text=texts("state.failing.button"), do=Do.STORAGE, filled=True)
    return StateView(
        state=State.FAILING,
        title=Title(
            text=texts("state.failing", t=since) if since else texts("state.failing_now"),
            glyph=Glyph.ERROR,
            colour=Colour.BAD,
        ),
        reason=texts("state.failing.storage" if storage else "state.failing.other"),
        remedy=button if storage else None,
    )


def _paused(snapshot: Snapshot, texts: Texts) -> StateView:
    until_s = snapshot.paused_until_s
    if snapshot.live is not None and not math.isnan(snapshot.live.paused_until_s):
        until_s = snapshot.live.paused_until_s
    timed = math.isfinite(until_s)
    return StateView(
        state=State.PAUSED,
        title=Title(
            text=texts("state.paused", t=snapshot.wall(until_s, texts))
            if timed
            else texts("state.paused_open"),
            glyph=Glyph.PAUSE,
        ),
        reason=texts("state.paused.reason"),
        remedy=Button(text=texts("state.paused.button"), do=Do.RESUME, filled=True),
    )


def seen_now(snapshot: Snapshot) -> tuple[Observation, Masked]:
    """What the last decision saw, and which limits forbade what: of the store's newest tick, else of what the agent said."""
    ticks = snapshot.past.ticks
    live = snapshot.live.observation if snapshot.live else None
    if not len(ticks):
        return live or Observation(), ()
    masked = ticks.maskings[int(ticks.masked[-1])]
    if live is not None:
        return live, masked
    return Observation(**{name: float(ticks.column(name)[-1]) for name in Observation.__slots__}), masked


def held_now(snapshot: Snapshot) -> tuple[HeldBack, ...]:
    """What the limits hold back now."""
    seen, masked = seen_now(snapshot)
    return held_back(seen, masked, snapshot.limits)


def _working(snapshot: Snapshot, status: AgentStatus, texts: Texts) -> StateView:
    seen, _ = seen_now(snapshot)
    held = held_now(snapshot)
    stuck = next((one for one in held if one.everything and one.ends in {Ends.SENSOR, Ends.NOTHING}), None)
    if stuck is not None:
        return _only_sleeping(snapshot, stuck, texts)
    if _nothing_yet(snapshot, seen):
        return StateView(
            state=State.WAITING,
            title=Title(text=texts("state.waiting"), glyph=Glyph.SLEEP),
            reason=texts("state.waiting.reason"),
            remedy=Button(text=texts("state.waiting.button"), do=Do.HOW_TO_ADD),
        )
    action = action_named(status.action) if status.action in INDEX else action_named("sleep")
    return StateView(
        state=State.WORKING,
        title=title_of(snapshot, status, action, seen, texts),
        reason=reason_of(action, seen, status.sleep, texts, changed_by=status.changed_by),
        held=tuple(held_line(one, texts) for one in held if one.waits),
    )


def _nothing_yet(snapshot: Snapshot, seen: Observation) -> bool:
    idle = not seen.queue_length > 0 and not snapshot.past.kept.examples
    return idle and not len(snapshot.past.requests)


def _only_sleeping(snapshot: Snapshot, stuck: HeldBack, texts: Texts) -> StateView:
    reason = texts("state.only_sleeping.platform")
    if stuck.sensor is not None:
        limits = snapshot.limits
        limit = {
            "battery": texts.share(limits.battery_floor),
            "thermometer": texts.celsius(limits.temperature_c),
        }
        reason = texts(f"silent.{stuck.sensor.key}", p=limit.get(stuck.sensor.key, ""))
    return StateView(
        state=State.ONLY_SLEEPING,
        title=Title(text=texts("state.only_sleeping"), glyph=Glyph.HELD, colour=Colour.WARN),
        reason=reason,
        remedy=Button(text=texts("state.only_sleeping.button"), do=Do.LIMITS, filled=True),
    )


def title_of(
    snapshot: Snapshot, status: AgentStatus, action: Action, seen: Observation, texts: Texts
) -> Title:
    """Verb and time."""
    wakes = math.isfinite(status.next_wake_s) and status.next_wake_s > snapshot.clock_s - STARTING_S
    until = snapshot.time(status.next_wake_s, texts) if wakes else ""
    text = doing(action, seen, texts, until=until, left_s=_left_s(snapshot, status))
    return Title(text=text, glyph=GLYPHS[action.mode], colour=colour_of(action))


def _left_s(snapshot: Snapshot, status: AgentStatus) -> float:
    """Of the work of the last decision, as its store has its time; NaN: it does not tell, or it is over."""
    past = snapshot.past
    if not len(past.ticks) or not abs(past.ticks.t_s[-1] - status.decided_s) < 1:
        return math.nan
    left_s = status.decided_s + past.busy_s - snapshot.clock_s
    return left_s if left_s > 0 else math.nan


def doing(
    action: Action, seen: Observation, texts: Texts, *, until: str = "", left_s: float = math.nan
) -> str:
    """Verb and time. `until`: when it wakes next; `left_s`: how long it goes on working; empty and NaN where nobody knows."""
    if action.mode is Mode.SERVE:
        return texts.count("title.answer", max(_count(seen.queue_length), 1))
    if action.mode is Mode.TRAIN:
        known = math.isfinite(left_s)
        return texts("title.train_more", n=math.ceil(left_s / 60)) if known else texts("title.train")
    if until:
        return texts("title.sleep_until", t=until)
    return texts("title.exchange" if action.syncs else "title.sleep")


def colour_of(action: Action) -> Colour:
    """Of its mode at its clock."""
    low, high = COLOURS[action.mode]
    return high if action.clock.value == "high" else low


def reason_of(
    action: Action,
    seen: Observation,
    sleep: Sleep | None,
    texts: Texts,
    *,
    changed_by: tuple[str, ...] = (),
) -> str:
    """Facts that held at the decision: the limit that changed it, what is due, new examples, battery and charger."""
    facts = []
    if _count(seen.queue_length):
        facts.append(texts.count("reason.queue", _count(seen.queue_length)))
    if _count(seen.fresh_examples):
        facts.append(texts.count("reason.fresh", _count(seen.fresh_examples)))
    battery = _battery(seen, texts)
    sentences = [texts("reason.instead", limit=_limit(changed_by[0], texts))] if changed_by else []
    if facts:
        told = facts if battery is None else [*facts[:1], battery] if len(facts) == 1 else facts
        sentences.append(
            _capital(texts("reason.sentence", a=told[0], b=told[1]) if len(told) > 1 else f"{told[0]}.")
        )
    elif action.mode is Mode.SLEEP and not math.isnan(seen.battery_soc):
        sentences.append(texts("reason.idle", p=texts.share(seen.battery_soc)))
    elif math.isnan(seen.queue_length):
        sentences.append(texts("reason.policy"))
    elif action.mode is Mode.SLEEP:
        sentences.append(texts("reason.idle_bare"))
    elif battery is not None:
        sentences.append(f"{_capital(battery)}.")
    if action.mode is Mode.SLEEP and sleep is not None:
        ends = {WakeOn.REQUEST: "request_ends", WakeOn.DEADLINE: "deadline_ends", WakeOn.DUE: "due_ends"}
        sentences.append(texts(f"reason.{ends[sleep.wake_on]}"))
    return " ".join(sentences)


def _battery(seen: Observation, texts: Texts) -> str | None:
    if seen.charging > 0:
        return texts("reason.charging")
    return None if math.isnan(seen.battery_soc) else texts("reason.battery", p=texts.share(seen.battery_soc))


def _limit(limit: str, texts: Texts) -> str:
    key = f"limit.{limit}"
    return texts(key) if key in texts.words else texts("limit.other", limit=limit)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _count(value: float) -> int:
    return int(value) if value > 0 else 0


def held_line(held: HeldBack, texts: Texts) -> str:
    """`Held back: sending, until there is Wi-Fi.`"""
    return texts("held.line", what=held_what(held, texts), until=held_until(held, texts))


def held_what(held: HeldBack, texts: Texts, key: str = "held") -> str:
    """The kinds of work."""
    if held.everything:
        return texts(f"{key}.everything")
    kinds = [texts(f"{key}.{kind}") for kind in Held if kind in held.held]
    return kinds[0] if len(kinds) == 1 else texts.both(kinds[0], kinds[1])


def held_until(held: HeldBack, texts: Texts) -> str:
    """What ends it."""
    return texts(
        f"held.until.{held.ends}",
        p=texts.share(np.nan_to_num(held.needed)),
        a=texts.celsius(np.nan_to_num(held.found)),
        b=texts.celsius(np.nan_to_num(held.needed)),
        sensor=texts(f"sensor.{held.sensor.key}") if held.sensor else "",
    )


def _simulated(snapshot: Snapshot, texts: Texts) -> Banner | None:
    if not snapshot.simulated:
        return None
    return Banner(lead=texts("state.simulated"), text=texts("state.simulated.reason"))


def _offline(snapshot: Snapshot, texts: Texts) -> Banner | None:
    status = snapshot.live.status if snapshot.live else None
    lost = status is not None and bool(status.trouble) and not status.connected
    if not snapshot.server or not lost or snapshot.consent.send is None:
        return None
    since = snapshot.offline_s
    lead = (
        texts("state.offline_now")
        if math.isnan(since)
        else texts("state.offline", t=snapshot.wall(since, texts))
    )
    return Banner(lead=lead, text=texts("state.offline.reason"), colour=Colour.WARN)


def _waits(snapshot: Snapshot, texts: Texts) -> str:
    status = snapshot.live.status if snapshot.live else None
    waiting = status.updates.waiting if status else 0
    note = texts("state.offline.note")
    return f"{note} {texts.count('state.offline.waits', waiting)}" if waiting else note
