"""All that the screens know at one moment. Values only: who reads files and sockets fills it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from circadia.forecast import Battery
from circadia.observation import DAY_S
from circadia.shield import Limits
from circadia.types import Preference
from circadia_app.texts import clock

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.forecast import TooShort
    from circadia.foretelling import Foretelling, Found
    from circadia.history import Requests, Ticks
    from circadia.store.rows import StoredUpdate
    from circadia_app.consent import Consent
    from circadia_app.deletion import Confirmation, Deletion
    from circadia_app.journal import Entry
    from circadia_app.live import Live
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.field import FieldTest

STALE_S = 900.0
"""Figures that are older carry their time."""
STARTING_S = 10.0
"""A start takes no longer; then the agent is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What lies on the disk of the person's."""

    examples: int = 0
    example_bytes: int = 0
    oldest_s: float = math.nan
    """When the first of them came, by the agent's clock."""
    model_bytes: int = 0
    own_share: float = math.nan
    """How much an answer takes of the own part, 0 to 1; NaN: there is none."""
    version: int = 0
    """Of the model that is kept; 0 before the first."""
    decisions: int = 0
    store_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Past:
    """What the agent's store told, of the last weeks."""

    ticks: Ticks
    requests: Requests
    updates: tuple[StoredUpdate, ...] = ()
    trained: dict[int, int] = field(default_factory=dict)
    """Tick id → different examples that it trained on."""
    kept: Kept = field(default_factory=Kept)
    taught_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    """(n,) when examples came, rising."""
    busy_s: float = math.nan
    """How long the work of the newest decision takes, as it is stored with it; NaN: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What was foretold of a choice that was in force for some days, and what they came to."""

    foretold: Foretelling
    found: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBytes:
    """What one day sent and received, counted on the link."""

    day: int
    """0 is today, −1 yesterday."""
    sent: int
    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What went over the federation's link, as it was counted there."""

    days: tuple[DayBytes, ...] = ()
    examples: int = 0
    """Ever, by the kinds of the messages that were sent."""
    sent: int = 0
    """Bytes, ever."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """One moment."""

    now_s: float
    """Seconds since the Unix epoch."""
    clock_s: float
    """The same moment by the agent's clock, which a simulated day has for itself."""
    midnight_s: float
    """Today's local midnight by the agent's clock."""
    wall_midnight_s: float
    """The same since the Unix epoch: a simulated day may have its own."""
    past: Past
    live: Live | None
    """As the agent said it last; None: nothing yet."""
    there: bool
    """Whether the agent is there now."""
    heard_s: float = math.nan
    """When it was there last, since the Unix epoch."""
    awaited_s: float = math.nan
    """Since when its start is waited for, since the Unix epoch; NaN: nobody starts it."""
    consent: Consent
    limits: Limits = field(default_factory=Limits)
    """In force: the configuration's, with the person's over them."""
    preference: Preference = field(default_factory=Preference)
    """In force."""
    effect: Foretelling | TooShort | None = None
    """Of limits and preference in force; None: it is being foretold."""
    came: Came | None = None
    """How an earlier foretelling came out; None: nothing can be said yet."""
    paused_until_s: float = math.nan
    """Since the Unix epoch; infinite: until the person goes on; NaN: there is no pause."""
    capacity_j: float = math.nan
    """Of the full battery."""
    server: str = ""
    """Where updates go; empty: the device learns alone."""
    offline_s: float = math.nan
    """Since when the server cannot be reached, since the Unix epoch; NaN: it can, or nobody knows since when."""
    traffic: Traffic | None = None
    """None: it is not counted."""
    field_test: FieldTest | None = None
    planned_days: int = 0
    """Of a field test that could be joined; 0: there is none."""
    deletions: tuple[Deletion, ...] = ()
    confirmation: Confirmation | None = None
    journal: tuple[Entry, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the body is simulated: then all its figures are."""
        return self.live is not None and self.live.simulated

    @property
    def ahead_s(self) -> float:
        """The wall clock less the agent's."""
        return self.now_s - self.clock_s

    def time(self, t_s: float, texts: Texts, *, dated: bool = True) -> str:
        """A time of the agent's clock: `14:20`, another day's as `13 Nov`, tomorrow's early hours as a time still."""
        local_s = t_s - self.midnight_s
        if 0 <= local_s < 1.5 * DAY_S or not dated:
            return clock(local_s)
        return texts.date(t_s, self.midnight_s)

    def wall(self, t_s: float, texts: Texts) -> str:
        """The same of a time since the Unix epoch."""
        local_s = t_s - self.wall_midnight_s
        return clock(local_s) if 0 <= local_s < 1.5 * DAY_S else self.date(t_s, texts)

    def date(self, t_s: float, texts: Texts) -> str:
        """The day of a time since the Unix epoch."""
        return texts.date(t_s, self.wall_midnight_s)

    def battery(self) -> Battery:
        """What was seen of it."""
        ticks = self.past.ticks
        return Battery(t_s=ticks.t_s, soc=ticks.column("battery_soc"), charging=ticks.column("charging"))

    def since(self, t_s: float) -> slice:
        """Of the ticks, those that began since then."""
        return slice(int(np.searchsorted(self.past.ticks.t_s, t_s)), None)


def midnight_of(ticks: Ticks, clock_s: float, local_s: float = math.nan) -> float:
    """Today's local midnight by the agent's clock: as the newest decision saw the time of day, else as `local_s` tells it.

    `local_s`: seconds since local midnight at `clock_s`. Where neither is known, days begin with the clock's.
    """
    known = np.flatnonzero(np.isfinite(ticks.local_s)) if len(ticks) else np.empty(0, int)
    if known.size:
        last = int(known[-1])
        midnight_s = float(ticks.t_s[last] - ticks.local_s[last])
    else:
        midnight_s = clock_s - (local_s if math.isfinite(local_s) else clock_s % DAY_S)
    midnight_s = float(round(midnight_s / 60) * 60)  # the time of day is read off two small numbers
    return midnight_s + math.floor((clock_s - midnight_s) / DAY_S) * DAY_S
