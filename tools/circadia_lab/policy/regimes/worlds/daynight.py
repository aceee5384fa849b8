"""A board that is asked more by day than by night, and may be woken by a request or hide from them.

Time in slots of a quarter of an hour, a deadline of an hour, sleeps of up to fifteen slots. A state is the age of the
oldest request that waits and the time since the last learning. Costs: joules, each request that becomes late, and each
slot with a model older than three hours. A boot of 22.5 J is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from circadia.errors import ConfigError
from circadia.types import Link, WakeOn
from circadia_lab.policy.regimes.chain import Sleep
from circadia_lab.policy.regimes.regime import DAY_S, HOUR_S
from circadia_lab.policy.regimes.worlds.world import WORKS, World, checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SLOT_S, SLOTS = 900.0, 96
DEADLINE, STALE_AFTER = 4, 12
"""Slots."""
LEARNT_CAP = 28
LONGEST = 15
WAKE_J, SERVE_J, LEARN_J = 22.5, 0.35, 4.9
BY_DAY = 32
"""The first so many slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayNight:
    """Its parameters."""

    name: str = "office"
    by_day: float = 200.0
    """Requests in eight hours."""
    by_night: float = 4.0
    """Requests in the other sixteen."""
    late_cost: float = 30.0
    """Joules for a request."""
    stale_cost: float = 2.0
    """Joules for a slot."""
    serving: bool = True
    """Whether this controller serves; else nobody asks."""
    learning: bool = True

    def __post_init__(self) -> None:
        if not (self.by_day > 0 and self.by_night > 0):
            raise ConfigError(f"day and night {self.name}: requests must come in both, if ever so few")

    @property
    def rates(self) -> Floats:
        """(slots,) requests."""
        night = SLOTS - BY_DAY
        return np.repeat([self.by_day / BY_DAY, self.by_night / night], [BY_DAY, night])


DAY_NIGHTS = (DayNight(), DayNight(name="quiet office", by_day=40.0))
"""Those that are reported; the first is at the head."""


def day_night_world(given: DayNight) -> World:
    """The whole of it, exactly."""
    shape = (DEADLINE + 2, LEARNT_CAP + 1)
    queue, learnt = (axis.ravel() for axis in np.indices(shape))
    rates = given.rates if given.serving else 0 * given.rates
    quiet, asked, counted, admitted = [], [], [], []
    for slot in range(SLOTS):
        comes = -np.expm1(-rates[slot])
        quiet_row, asked_row, tally = [], [], []
        for work, awake in [*((work, True) for work in WORKS), (WORKS[0], False)]:
            waits, age = np.where(work.serves, 0, queue), np.where(work.learns, 0, learnt)
            older = np.minimum(waits + 1, DEADLINE + 1)
            new_age = np.minimum(age + 1, LEARNT_CAP)
            quiet_row.append(_moves(shape, np.where(waits > 0, older, 0), new_age, 1 - comes))
            asked_row.append(_moves(shape, np.where(waits > 0, older, 1), new_age, comes))
            joules = awake * (WAKE_J + SERVE_J * work.serves * (queue > 0) + LEARN_J * work.learns)
            stale = (age >= STALE_AFTER) * float(given.learning)
            tally.append(np.stack([_late(rates, slot, waits), stale, joules, awake * np.ones(len(queue))]))
        quiet.append(tuple(quiet_row))
        asked.append(tuple(asked_row))
        counted.append(np.stack(tally))
        allowed = [
            (given.serving or not work.serves) and (given.learning or not work.learns) for work in WORKS
        ]
        admitted.append(np.repeat(np.array(allowed)[:, None], len(queue), axis=1))
    return checked(
        World(
            name=f"day-night-{given.name.replace(' ', '-')}",
            slot_s=SLOT_S,
            sleeps=tuple(
                Sleep(d, kind) for d in range(1, LONGEST + 1) for kind in (WakeOn.DUE, WakeOn.REQUEST)
            ),
            quiet=tuple(quiet),
            asked=tuple(asked),
            measures=("late_requests", "stale_slots", "agent_joules", "wakes"),
            counted=np.stack(counted),
            weights=np.array([given.late_cost, given.stale_cost, 1.0, 0.0]),
            admitted=np.stack(admitted),
            observed=tuple(_observed(given, slot, queue, learnt) for slot in range(SLOTS)),
            axes={"queue": queue, "learnt": learnt},
        )
    )


def _moves(shape: tuple[int, ...], queue: Ints, learnt: Ints, chance: float) -> csr_array:
    every = np.arange(len(queue))
    places = np.ravel_multi_index((queue, learnt), shape)
    return csr_array((np.full(len(queue), chance), (every, places)), shape=(len(queue),) * 2)


def _late(rates: Floats, slot: int, waits: Ints) -> Floats:
    """(N,) mean requests that become late in this slot: those that came `DEADLINE` slots ago.

    Of the oldest slot one at least has come: λ / (1 − e^−λ) in the mean.
    """
    rate = rates[(slot - DEADLINE) % SLOTS]
    some = rate / -np.expm1(-rate) if rate > 0 else 0.0
    return np.select([waits > DEADLINE, waits == DEADLINE], [rate, some], 0.0)


def _observed(given: DayNight, slot: int, queue: Ints, learnt: Ints) -> Mapping[str, Floats]:
    """As a device with a local queue would that has just woken; how many wait is their mean."""
    angle = 2 * np.pi * ((slot * SLOT_S + 9 * HOUR_S) % DAY_S) / DAY_S
    rates = given.rates
    rate = rates[slot]
    many = np.zeros(len(queue))
    for age in range(1, DEADLINE + 2):
        came = [rates[(slot - back) % SLOTS] for back in range(1, age + 1)]
        many[queue == age] = came[-1] / -np.expm1(-came[-1]) + sum(came[:-1])
    since = np.arange(LEARNT_CAP + 1)
    served = np.array([sum(rates[(slot - back) % SLOTS] for back in range(1, age + 1)) for age in since])
    one = np.ones(len(queue))
    return {
        "user_active": 0 * one,
        "link": float(Link.FREE.value) * one,
        "queue_length": many,
        "queue_age_s": SLOT_S * queue.astype(np.float64),
        "queue_slack_s": np.where(queue > 0, np.maximum(0.0, HOUR_S - SLOT_S * queue), HOUR_S),
        "fresh_examples": served[learnt],
        "fresh_age_s": SLOT_S * learnt.astype(np.float64),
        "model_age_s": SLOT_S * learnt.astype(np.float64),
        "day_sine": np.sin(angle) * one,
        "day_cosine": np.cos(angle) * one,
        "trained_age_s": SLOT_S * learnt.astype(np.float64),
        "contact_age_s": SLOT_S * learnt.astype(np.float64),
        "requests_per_hour": rate * HOUR_S / SLOT_S * one,
        "deadline_s": HOUR_S * one,
        "wake_on_request": 2.0 * one,
        "wake_up_j": WAKE_J * one,
        "radio_session_j": 4.4 * one,
        "sleep_w": 0.025 * one,
    }
