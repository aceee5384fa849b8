"""A regime: what a body's parts of a wake cost, how often it is asked, what may wake it, and which limits hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from circadia.errors import ConfigError
from circadia.types import WakeOn

HOUR_S, DAY_S = 3600.0, 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """A figure and where it is from."""

    value: float
    source: str
    """Begins with `profile`, `vendor`, `measured` or `assumed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a device spends. Joules unless marked."""

    name: str
    wake_j: Sourced
    """To wake, whatever follows."""
    serve_j: Sourced
    """To serve once, without the requests' own work."""
    request_j: Sourced
    """For each request, whenever it is served: the same for every arm."""
    train_j: Sourced
    """For a training."""
    radio_j: Sourced
    """For a session of the radio, whatever is sent in it."""
    exchange_j: Sourced
    """For what an exchange with the federation sends and receives."""
    sleep_w: Sourced
    """Watts asleep."""
    other_j: Sourced
    """A day, of everything that is not the agent's."""
    capacity_j: Sourced
    """Of a full battery."""

    def __post_init__(self) -> None:
        for part in fields(self)[1:]:
            found = getattr(self, part.name)
            if not (found.value >= 0 and math.isfinite(found.value)):
                raise ConfigError(
                    f"body {self.name}: {part.name} is {found.value:g}; it must not be negative"
                )
            if not found.source:
                raise ConfigError(f"body {self.name}: {part.name} needs a source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """At most this share of the time longer ago than that. It can be gamed: what is given up costs nothing more."""

    share: float = 0.2
    after_s: float = 3 * HOUR_S

    def __post_init__(self) -> None:
        if not (0 < self.share < 1 and self.after_s > 0):
            raise ConfigError(
                f"limit: a share of {self.share:g} beyond {self.after_s:g} s cannot be kept or broken"
            )

    @property
    def timer_s(self) -> float:
        """The longest even period that keeps it."""
        return self.after_s / (1 - self.share)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanAge:
    """At most so long ago, averaged over time. What is left for long costs more and more."""

    at_most_s: float = 1.875 * HOUR_S
    """By default what an even timer has that just keeps `Stale`."""

    def __post_init__(self) -> None:
        if not self.at_most_s > 0:
            raise ConfigError(f"limit: a mean age of {self.at_most_s:g} s; it must be positive")

    @property
    def timer_s(self) -> float:
        """The longest even period that keeps it."""
        return 2 * self.at_most_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """A body and what is asked of it. `ConfigError` names what cannot be."""

    name: str
    title: str
    body: Body
    requests_a_day: float
    """A Poisson stream."""
    wakes_on: frozenset[WakeOn] = frozenset({WakeOn.DUE})
    """What the body can do; `DUE` is always among it."""
    remote: bool = False
    """Requests wait elsewhere and are asked for: the device does not know how many wait."""
    answers_by_radio: bool = False
    """A serving needs a session."""
    deadline_s: float = HOUR_S
    late: float = 0.02
    """Share of requests that may be answered after their deadline."""
    age: Stale | MeanAge = Stale()
    """Since the last training and exchange; with `apart` of each."""
    apart: bool = False
    """Training and exchange have ages of their own; else whoever does one does both."""
    slot_s: float = 300.0
    """Time's grain: arrivals, sleeps and ages are whole slots."""
    longest_s: float = 4 * HOUR_S
    """Sleep."""
    sleeps_s: tuple[float, ...] = ()
    """Only these, if there are any."""

    def __post_init__(self) -> None:
        if not 0 < self.late < 1:
            raise ConfigError(f"regime {self.name}: late is {self.late:g}; it must lie between 0 and 1")
        for key in ("requests_a_day", "deadline_s", "slot_s", "longest_s"):
            if not getattr(self, key) > 0:
                raise ConfigError(f"regime {self.name}: {key} is {getattr(self, key):g}; it must be positive")
        for key in ("deadline_s", "longest_s"):
            if self.slots(getattr(self, key)) < 1:
                raise ConfigError(
                    f"regime {self.name}: {key} is shorter than half a slot of {self.slot_s:g} s"
                )
        if isinstance(self.age, MeanAge) and self.age.at_most_s < self.slot_s:
            raise ConfigError(
                f"regime {self.name}: a mean age of {self.age.at_most_s:g} s is below a slot of {self.slot_s:g} s"
            )
        if self.sleeps_s and self.slots(min(self.sleeps_s)) != 1:
            raise ConfigError(
                f"regime {self.name}: the shortest of sleeps_s must be one slot, {self.slot_s:g} s"
            )
        if WakeOn.DUE not in self.wakes_on:
            raise ConfigError(
                f"regime {self.name}: every body can sleep until something is due; add {WakeOn.DUE.value}"
            )
        if self.remote and len(self.wakes_on) > 1:
            raise ConfigError(f"regime {self.name}: a request that waits elsewhere wakes nobody")

    def slots(self, duration_s: float) -> int:
        """To the nearest."""
        return round(duration_s / self.slot_s)

    @property
    def slots_a_day(self) -> float:
        """Slots in 24 hours."""
        return DAY_S / self.slot_s

    @property
    def rate(self) -> float:
        """Requests a slot."""
        return self.requests_a_day / self.slots_a_day

    @property
    def base_j(self) -> float:
        """A day, the same for every arm: sleep, the requests' own work and everything else."""
        body = self.body
        return body.sleep_w.value * DAY_S + body.request_j.value * self.requests_a_day + body.other_j.value
