"""The effect of a choice, foretold on a thread of its own while the screens go on; and how the last one came out."""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import CircadiaError
from circadia.forecast import TooShort
from circadia.foretelling import LEAST_DAYS, Foretelling, foretell, found_in, span_of
from circadia.observation import HOUR_S
from circadia.policy.integers import open_in_integers
from circadia.reliving import AS_IT_WAS, Choice, Outside, relive
from circadia.wiring import make_policy
from circadia_app import foretold
from circadia_app.viewmodels.snapshot import Came

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia.config import DeviceConfig
    from circadia.ports import Policy
    from circadia.reliving import Life
    from circadia.shield import Limits
    from circadia.types import Preference
    from circadia_app.viewmodels.snapshot import Past

log = logging.getLogger(__name__)

LIVES = 2
"""Each day is lived so many times: what is drawn by chance comes out differently each time."""
MOST_KEPT = 16
"""Effects of choices that were looked at; who tries comes back."""
NOTHING_S = 5.0
"""The thread is waited for so long at the end."""
Key = tuple[tuple[float, ...], "Limits", int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """What is known of a choice now."""

    effect: Foretelling | TooShort | None
    """None: it is being foretold."""
    came: Came | None
    """None: nothing can be said yet."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Wanted:
    key: Key
    past: Past
    choice: Choice
    clock_s: float


class Foresight:
    """`start`, then `of` from the screens' thread, which never waits; `close` in the end."""

    def __init__(self, path: Path, config: DeviceConfig, fresh: Callable[[], None] = lambda: None) -> None:
        """`path`: of what was foretold; `fresh` is called, by the thread, when there is something new."""
        self._path, self._config, self.fresh = path, config, fresh
        self._gate = threading.Lock()
        self._known: OrderedDict[Key, Foretelling] = OrderedDict()
        self._came: Came | None = None
        self._wanted: _Wanted | None = None
        self._ring, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="circadia-screens-foresight", daemon=True)
        self._policy: Policy | None = None
        self._writing = threading.Lock()
        self._forgotten = False
        """All is being deleted: nothing is written until a new record has begun."""
        self._lived: tuple[int, tuple[Life, ...]] = (-1, ())
        """The hour, and the last days as they were decided."""

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """A second call does nothing."""
        self._closing.set()
        self._ring.set()
        if self._thread.ident is not None:
            self._thread.join(NOTHING_S)

    @property
    def busy(self) -> bool:
        """Whether something is being foretold."""
        return self._wanted is not None

    def of(self, past: Past, preference: Preference, limits: Limits, clock_s: float) -> Sight:
        """What is known of that choice; what is not is begun. It is foretold again each hour."""
        days = span_of(past.ticks)[1]
        if days < LEAST_DAYS:
            self._forgotten = False
        if days < LEAST_DAYS or self._forgotten:
            return Sight(effect=TooShort(days=days, lacking=max(LEAST_DAYS - days, 1)), came=None)
        key = (astuple(preference), limits, int(past.ticks.t_s[-1] // HOUR_S))
        with self._gate:
            effect = self._known.get(key)
            if effect is None and (self._wanted is None or self._wanted.key != key):  # else it goes on
                self._wanted = _Wanted(key=key, past=past, choice=Choice(preference, limits), clock_s=clock_s)
                self._ring.set()
        return Sight(effect=effect, came=self._came)

    def forget(self) -> None:
        """All is deleted now: once this returns, nothing is written of what was foretold."""
        with self._writing:
            self._forgotten = True
        with self._gate:
            self._wanted, self._came = None, None
            self._known.clear()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._ring.wait()
            self._ring.clear()
            if (wanted := self._wanted) is None or self._closing.is_set():
                continue
            try:
                effect = self._foretell(wanted)
            except CircadiaError as error:
                log.warning("nothing is foretold: %s", error)
                effect = Foretelling(days=0, joules=None, latency=None, accuracy=None)
            if effect is not None:
                self._answer(wanted, effect)

    def _answer(self, wanted: _Wanted, effect: Foretelling) -> None:
        with self._gate:
            self._known[wanted.key] = effect
            while len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
            if self._wanted is wanted:
                self._wanted = None
        self.fresh()

    def _foretell(self, wanted: _Wanted) -> Foretelling | None:
        """None: the choice has changed meanwhile, or the screens close."""
        whole = _outside(wanted.past)
        outside = whole.since(span_of(whole.ticks)[0])
        hour = wanted.key[2]
        if self._lived[0] != hour:
            self._lived = (hour, self._lives(outside, AS_IT_WAS))
        after = self._lives(outside, wanted.choice)
        if self._closing.is_set() or self._wanted is not wanted:
            self._ring.set()
            return None
        told = foretell(outside, self._lived[1], after)
        if isinstance(told, TooShort):  # the days are there, and not whole
            return Foretelling(days=told.days, joules=None, latency=None, accuracy=None)
        try:
            self._judge(whole, wanted, told)
        except CircadiaError as error:
            log.warning("how earlier foretellings came out is not known: %s", error)
        return told

    def _lives(self, outside: Outside, choice: Choice) -> tuple[Life, ...]:
        """The same numbers are drawn for each choice: what differs is the choice's."""
        if self._policy is None:
            self._policy = make_policy(self._config.agent.policy, open_in_integers)
        policy, period_s = self._policy, self._config.agent.period_s
        return tuple(
            relive(outside, policy, choice, np.random.default_rng(life).random, period_s=period_s)
            for life in range(LIVES)
        )

    def _judge(self, whole: Outside, wanted: _Wanted, told: Foretelling) -> None:
        preference, limits = wanted.choice
        assert preference is not None, "of a person's choice"
        assert limits is not None, "of a person's choice"
        new = foretold.Made(
            made_s=wanted.clock_s, choice=foretold.choice_of(preference, limits), foretelling=told
        )
        self._came = None
        with self._writing:
            if self._forgotten:
                return
            kept = foretold.keep(self._path, new)
        found = foretold.judged(kept, wanted.clock_s)
        if found is not None:
            made, until_s = found
            came = found_in(whole, made.made_s, until_s)
            self._came = Came(foretold=made.foretelling, found=came) if math.isfinite(came.days) else None


def _outside(past: Past) -> Outside:
    return Outside(ticks=past.ticks, requests=past.requests, taught_s=past.taught_s)
