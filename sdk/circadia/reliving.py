"""A device's own days once more, under another preference or other limits: what it would have done, and when.

What came from outside is as it was recorded: battery, charger, warmth, network, user, requests and examples. What its own
decisions bring about is gone through anew, wake by wake: who waits, what is fresh, how long ago it learned and was in touch,
when it wakes next. A replay that held that, too, would ask the policy only at moments that the old preference had chosen,
and a policy that waits twice as long for learning would seem never to learn.

So it is of first order: the battery does not answer to what is spent, labels come when they came, the model errs as it
did, and the work takes no time but what answers took. `circadia.foretelling` says how far off that is.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.actions import CATALOGUE, FACTS, INDEX
from circadia.idle import Stock, idle_without, lacking_now, needs_of
from circadia.observation import COLUMN, DAY_S, HOUR_S, NO_DEADLINE_S
from circadia.pacing import margin_s, rest_s, sleep_s
from circadia.policy.sampling import sample
from circadia.policy.sleeps import draw_one
from circadia.types import Link, WakeOn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.history import Requests, Ticks
    from circadia.policy.sleeps import SleepOptions
    from circadia.ports import Policy
    from circadia.shield import Limits
    from circadia.types import Action, Preference

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

BATCH = 16
"""Examples of a training step."""
LEAST_S = 1.0
"""Two wakes are as far apart."""
DEADLINE_S = 60.0
"""Of requests, where none is known."""
MOST_WAKES = 20_000
"""Of one life; a period is taken longer where it would take more."""
WAKING = {WakeOn.DUE: 0, WakeOn.DEADLINE: 1, WakeOn.REQUEST: 2}
"""As an observation says it."""
CHOSEN = frozenset({"battery_floor", "thermal", "power_save", "train_only_charging", "sync_only_unmetered"})
"""Limits that a person chooses; the rest is as it was recorded."""
PREFERENCE = [COLUMN[f"preference_{name}"] for name in ("accuracy", "latency", "energy")]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outside:
    """What came to a device, out of its record."""

    ticks: Ticks
    requests: Requests
    taught_s: Floats
    """(n,) when examples came, rising."""

    def __post_init__(self) -> None:
        if not len(self.ticks):
            raise ValueError("a device that has not decided yet has no days to live again")

    def since(self, t_s: float) -> Outside:
        """From the first decision on that began then, or later."""
        first = min(int(np.searchsorted(self.ticks.t_s, t_s)), len(self.ticks) - 1)
        ticks = self.ticks.since(first)
        asked = self.requests.since(float(ticks.t_s[0]))
        return Outside(ticks=ticks, requests=asked, taught_s=self.taught_s)


class Serving(NamedTuple):
    """What answers take beyond waiting, those of one wake all alike."""

    wake_s: float
    each_s: float

    def of(self, answers: Any) -> Any:
        """(…,) answers in a wake → (…,) seconds."""
        return self.wake_s + self.each_s * answers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """Requests that were taken by wakes, in the order of their coming, and the others."""

    came_s: Floats
    """(n,)"""
    serving: Serving
    at_once_s: Floats
    """(m,) when requests were answered between two wakes, which no preference changes …"""
    at_once_latency_s: Floats
    """… and in how long."""


def asked_of(outside: Outside) -> Asked:
    """The first of those that a wake took had waited as long as the wake saw; what is beyond in its latency is serving."""
    ticks, requests = outside.ticks, outside.requests
    row = np.clip(np.searchsorted(ticks.t_s, requests.t_s, side="right") - 1, 0, len(ticks) - 1)
    deadline = np.nan_to_num(ticks.column("deadline_s")[row], nan=DEADLINE_S)
    queued = ticks.column("queue_length")[row] > 0
    answered = np.isfinite(requests.latency_s)
    at_once, taken = answered & ~queued, answered & queued
    longest, count = np.zeros(len(ticks)), np.zeros(len(ticks))
    np.maximum.at(longest, row[taken], requests.latency_s[taken])
    np.add.at(count, row[taken], 1)
    serving = _serving(longest - np.nan_to_num(ticks.column("queue_age_s")), count)
    waited = np.where(answered, requests.latency_s - serving.of(count[row]), deadline)
    return Asked(
        came_s=np.sort((requests.t_s - np.maximum(waited, 0.0))[~at_once]),
        serving=serving,
        at_once_s=requests.t_s[at_once],
        at_once_latency_s=requests.latency_s[at_once],
    )


def _serving(took_s: Floats, count: Floats) -> Serving:
    """(wakes,) seconds, and how many were answered → the medians of a line: of slopes between counts, then of what is left."""
    use = (count > 0) & (took_s >= 0)
    took_s, count = took_s[use], count[use]
    if not took_s.size:
        return Serving(0.0, 0.0)
    usual = {number: float(np.median(took_s[count == number])) for number in sorted(set(count.tolist()))}
    (first, least_s), rest = next(iter(usual.items())), list(usual.items())[1:]
    slopes = [(s - least_s) / (number - first) for number, s in rest]
    each_s = max(float(np.median(slopes)), 0.0) if slopes else 0.0
    return Serving(max(float(np.median(took_s - each_s * count)), 0.0), each_s)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Life:
    """What was done, and what came of it: (wakes,) and (answers,) columns, oldest first."""

    t_s: Floats
    action: NDArray[np.int64]
    """Place in the catalogue."""
    answers: NDArray[np.int64]
    answered_s: Floats
    """When each answer's request was answered …"""
    latency_s: Floats
    """… how long that took …"""
    learned_age_s: Floats
    """… and how long ago it had last learned; NaN: never yet."""


class Choice(NamedTuple):
    """What a person may change; None: as it was recorded."""

    preference: Preference | None = None
    limits: Limits | None = None


AS_IT_WAS = Choice()


def relive(
    outside: Outside, policy: Policy, choice: Choice, draw: Callable[[], float], *, period_s: float = 60.0
) -> Life:
    """From the first recorded decision to the last. `period_s`: as the agent's, of a policy that says nothing of sleep."""
    return _Reliving(outside, policy, choice, draw, period_s).live()


class _Reliving:
    """One life."""

    def __init__(
        self, outside: Outside, policy: Policy, choice: Choice, draw: Callable[[], float], period_s: float
    ) -> None:
        ticks = outside.ticks
        self._ticks, self._policy, self._choice, self._draw = ticks, policy, choice, draw
        self._times: list[float] = ticks.t_s.tolist()
        self._end_s = self._times[-1]
        asked = asked_of(outside)
        self._came: list[float] = asked.came_s.tolist()
        self._serving = asked.serving
        self._taught: list[float] = outside.taught_s.tolist()
        self._period_s = max(period_s, (self._end_s - self._times[0]) / MOST_WAKES)
        self._sleeps: SleepOptions | None = getattr(policy, "sleeps", None)
        self._masks = [_mask(masking, choice.limits) for masking in ticks.maskings]
        needs = needs_of(FACTS)
        self._useful = {
            lack: ~idle_without(lack, needs) for lack in map(Stock._make, product((False, True), repeat=3))
        }
        first = ticks.x[0]
        self._t_s: float = self._times[0]
        self._last_s: float = self._t_s
        self._next, self._waiting = 0, list[float]()
        self._learned = bisect_left(self._taught, self._t_s - max(_known(first, "fresh_age_s"), 0.0))
        if not _known(first, "fresh_examples") > 0:
            self._learned = bisect_right(self._taught, self._t_s)
        self._trained_s = self._t_s - _known(first, "trained_age_s", DAY_S)
        contact = float(first[COLUMN["contact_age_s"]])
        self._contact_s = self._t_s - contact if math.isfinite(contact) else math.nan
        self._unsent = _known(first, "unsent_examples")
        self._wakes: list[tuple[float, int, int]] = []
        self._answers: list[tuple[float, float, float]] = []
        self._next = bisect_left(self._came, self._t_s - _known(first, "queue_age_s"))

    def live(self) -> Life:
        """Wake after wake."""
        while self._t_s < self._end_s:
            self._t_s += max(self._wake(), LEAST_S)
        wakes, answers = (
            list(zip(*self._wakes, strict=True)) or [()] * 3,
            list(zip(*self._answers, strict=True)) or [()] * 3,
        )
        return Life(
            t_s=np.array(wakes[0], float),
            action=np.array(wakes[1], np.int64),
            answers=np.array(wakes[2], np.int64),
            answered_s=np.array(answers[0], float),
            latency_s=np.array(answers[1], float),
            learned_age_s=np.array(answers[2], float),
        )

    def _wake(self) -> float:
        """Decide, work → seconds until the next."""
        row = bisect_right(self._times, self._t_s) - 1
        x = self._seen(row)
        policy, place = self._policy, int(self._ticks.masked[row])
        admitted = self._useful[lacking_now(x)] & ~self._forbidden(x, place)
        action = CATALOGUE[int(sample(policy.scores(x), admitted, self._draw()))]
        deadline_s = _known(x, "deadline_s", DEADLINE_S)
        answered = self._work(action, x)
        return self._rest_s(action, x, answered, deadline_s)

    def _seen(self, row: int) -> NDArray[np.float32]:
        t_s = self._t_s
        x: NDArray[np.float32] = self._ticks.x[row].copy()
        deadline_s = _known(x, "deadline_s", DEADLINE_S)
        came = bisect_right(self._came, t_s)
        self._waiting += self._came[self._next : came]
        self._next = came
        self._waiting = [one for one in self._waiting if one + deadline_s > t_s]
        waiting, taught = self._waiting, bisect_right(self._taught, t_s)
        fresh = taught - self._learned
        angle = 2 * math.pi * (self._local_s(row) % DAY_S) / DAY_S
        seen = {
            "dt_s": t_s - self._last_s,
            "queue_length": len(waiting),
            "queue_age_s": t_s - waiting[0] if waiting else 0.0,
            "queue_slack_s": waiting[0] + deadline_s - t_s if waiting else NO_DEADLINE_S,
            "fresh_examples": fresh,
            "fresh_age_s": t_s - self._taught[self._learned] if fresh > 0 else 0.0,
            "unsent_examples": self._unsent,
            "spooled_updates": 0.0,
            "trained_age_s": t_s - self._trained_s,
            "contact_age_s": t_s - self._contact_s,
        }
        if math.isfinite(angle):
            seen |= {"day_sine": math.sin(angle), "day_cosine": math.cos(angle)}
        for name, value in seen.items():
            x[COLUMN[name]] = value
        if (wanted := self._choice.preference) is not None:
            x[PREFERENCE] = wanted.accuracy, wanted.latency, wanted.energy
        self._last_s = t_s
        return x

    def _local_s(self, row: int) -> float:
        x = self._ticks.x[row]
        angle: float = math.atan2(float(x[COLUMN["day_sine"]]), float(x[COLUMN["day_cosine"]]))
        return angle / (2 * math.pi) * DAY_S + self._t_s - self._times[row]

    def _forbidden(self, x: NDArray[np.float32], place: int) -> Flags:
        mask, limits = self._masks[place], self._choice.limits
        return mask if limits is None else mask | _by_choice(x, limits)

    def _work(self, action: Action, x: NDArray[np.float32]) -> int:
        t_s, place = self._t_s, INDEX[action.name]
        answered = self._waiting[: int(FACTS.answers[place])]
        self._waiting = self._waiting[len(answered) :]
        learned_age_s, took_s = _known(x, "trained_age_s", math.nan), self._serving.of(len(answered))
        self._answers += [(t_s, t_s - came + took_s, learned_age_s) for came in answered]
        if action.train is not None:
            self._learned = min(
                self._learned + int(FACTS.steps[place]) * BATCH, bisect_right(self._taught, t_s)
            )
            self._trained_s, self._unsent = t_s, self._unsent + FACTS.steps[place] * BATCH
        if action.push is not None:
            self._unsent = 0.0
        if action.syncs and not math.isnan(self._contact_s):
            self._contact_s = t_s
        self._wakes.append((t_s, place, len(answered)))
        return len(answered)

    def _rest_s(self, action: Action, x: NDArray[np.float32], answered: int, deadline_s: float) -> float:
        """As `circadia.rest` has it."""
        wake_on, length_s = self._sleep(action, x)
        left_s = self._waiting[0] + deadline_s - self._t_s if self._waiting else math.inf
        before_s = float(margin_s(self._serving.of(1), deadline_s))
        rest = float(
            sleep_s(
                length_s=length_s,
                answered=answered,
                waiting=len(self._waiting),
                hears=wake_on is not WakeOn.DUE,
                deadline_s=left_s,
                margin_s=before_s,
            )
            if self._sleeps is not None
            else rest_s(
                waiting=len(self._waiting), serves=action.serve is not None, away=False, period_s=length_s
            )
        )
        if wake_on is WakeOn.DUE or self._next >= len(self._came):
            return rest
        comes_s = self._came[self._next] - self._t_s
        held_s = comes_s if wake_on is WakeOn.REQUEST else comes_s + max(deadline_s - before_s, 0.0)
        return min(rest, max(held_s, 0.0))

    def _sleep(self, action: Action, x: NDArray[np.float32]) -> tuple[WakeOn, float]:
        can = {kind for kind, level in WAKING.items() if level <= _known(x, "wake_on_request", 2.0)}
        if self._sleeps is None:
            return max(can, key=WAKING.__getitem__), self._period_s
        policy: Any = self._policy
        places = np.flatnonzero(self._sleeps.mask(can)).tolist()
        drawn = draw_one(policy.sleep_scores(x), places, self._draw())
        if drawn is None:
            return max(can, key=WAKING.__getitem__), self._period_s
        due_s = policy.due_s(x, action) if self._sleeps.until_due(drawn[0]) else ()
        sleep = self._sleeps.sleep(*drawn, due_s)
        return sleep.wake_on, min(sleep.length_s, 6 * HOUR_S)


def _mask(masking: tuple[tuple[str, tuple[str, ...]], ...], limits: Limits | None) -> Flags:
    """(actions,) what was forbidden, without the limits that are chosen anew."""
    found = np.zeros(len(CATALOGUE), bool)
    kept = (names for limit, names in masking if limits is None or limit not in CHOSEN)
    found[[INDEX[name] for names in kept for name in names if name in INDEX]] = True
    return found


def _by_choice(x: NDArray[np.float32], limits: Limits) -> Flags:
    """(actions,) what a person's limits forbid, but for what an action itself would take: that is little."""
    found, lacking = np.zeros(len(CATALOGUE), bool), limits.lacking

    def over(sensor: str, kept: bool) -> bool:
        return sensor not in lacking and not kept

    if over("battery", x[COLUMN["battery_soc"]] >= limits.battery_floor) or over(
        "thermometer", x[COLUMN["temperature_c"]] <= limits.temperature_c
    ):
        found |= FACTS.works
    saves = limits.respect_power_save and over("power_saver", x[COLUMN["power_save"]] <= 0)
    if saves or (limits.train_only_charging and over("charger", x[COLUMN["charging"]] >= 1)):
        found |= FACTS.trains
    if limits.sync_only_unmetered and over("network", x[COLUMN["link"]] >= Link.FREE):
        found |= FACTS.syncs
    return found


def _known(x: NDArray[np.float32], name: str, absent: float = 0.0) -> float:
    value: float = float(x[COLUMN[name]])
    return value if math.isfinite(value) else absent
