"""A board that lives on what it harvests: day, weather, a small battery, a local queue and a model.

Time in slots of half an hour. The weather of a day follows yesterday's; the sun gives each weather its share. The
battery moves on a grid of levels, by random rounding, which keeps its mean. The device is asked in each slot and may
remain asleep; waking costs the same whatever is done, and only what leaves the battery above its floor is admitted.
Costs: requests answered late, and hours with a model older than three hours. All joules are modelled or assumed.
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

SLOT_S, SLOTS = 1800.0, 48
SERVED_CAP, LEARNT_CAP = 8, 12
"""Slots since the last serving and the last learning end there."""
LATE_AFTER, STALE_AFTER = 2, 6
"""Slots: a deadline of an hour, a limit of three hours."""
WAKE_J, SERVE_J, LEARN_J = 22.5, 0.35, 4.9
"""A boot of 15 s at 1.5 W is assumed; the others are the profile `pi-solar`'s and a small net's."""
CLEARNESS = np.array([1.5, 0.9, 0.25])
"""Of three weathers: how much sun, before it is made to have the asked mean."""
WEATHER = np.array([[0.6, 0.3, 0.1], [0.3, 0.4, 0.3], [0.15, 0.35, 0.5]])
"""From a day's to the next's."""
FORECAST_SLOTS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """Its parameters."""

    mean_j: float = 1100.0
    """Harvested a day."""
    capacity_j: float = 2660.0
    sleep_w: float = 0.005
    floor: float = 0.1
    """Of the capacity."""
    requests_a_day: float = 100.0
    late_cost: float = 1.0
    """Of a request."""
    stale_cost: float = 2.0
    """Of an hour."""
    levels: int = 41
    """Of the battery."""

    def __post_init__(self) -> None:
        for key in ("mean_j", "capacity_j", "requests_a_day"):
            if not getattr(self, key) > 0:
                raise ConfigError(f"harvest: {key} is {getattr(self, key):g}; it must be positive")
        if self.levels < 2:
            raise ConfigError(f"harvest: levels is {self.levels}; needs 2 at least")
        if not 0 <= self.floor < 1:
            raise ConfigError(f"harvest: floor is {self.floor:g}; it must lie between 0 and 1")

    @property
    def name(self) -> str:
        """For figures."""
        return f"harvest-{self.mean_j:g}-{self.capacity_j:g}"


HARVESTS = (
    Harvest(),
    Harvest(mean_j=900.0),
    Harvest(capacity_j=1000.0),
    Harvest(mean_j=1400.0),
)
"""Those that are reported; the first is at the head."""


def harvest_world(given: Harvest) -> World:
    """The whole of it, exactly."""
    shape = (len(CLEARNESS), given.levels, SERVED_CAP + 1, LEARNT_CAP + 1)
    weather, level, served, learnt = (axis.ravel() for axis in np.indices(shape))
    sun = sun_j(given)
    stored = np.linspace(0, given.capacity_j, given.levels)
    spent = [WAKE_J * (w.serves or w.learns) + SERVE_J * w.serves + LEARN_J * w.learns for w in WORKS]
    kernels, counted, admitted, observed = [], [], [], []
    for slot in range(SLOTS):
        row, tally = [], []
        for work, joules in [*zip(WORKS, spent, strict=True), (WORKS[0], 0.0)]:
            since_served = np.where(work.serves, 0, served)
            since_learnt = np.where(work.learns, 0, learnt)
            flow = sun[slot][weather] - given.sleep_w * SLOT_S - joules
            places = (np.minimum(since_served + 1, SERVED_CAP), np.minimum(since_learnt + 1, LEARNT_CAP))
            row.append(_kernel(given, shape, weather, stored[level] + flow, places, last=slot == SLOTS - 1))
            late = given.requests_a_day / SLOTS * (since_served >= LATE_AFTER)
            stale = SLOT_S / HOUR_S * (since_learnt >= STALE_AFTER)
            woken = np.full(len(level), float(work.serves or work.learns))
            tally.append(np.stack([late, stale, joules * np.ones(len(level)), woken]))
        kernels.append(tuple(row))
        counted.append(np.stack(tally))
        floor_j = given.floor * given.capacity_j
        admitted.append(np.stack([(stored[level] - joules >= floor_j) | (joules == 0) for joules in spent]))
        observed.append(_observed(given, slot, sun, weather, stored[level], served, learnt))
    return checked(
        World(
            name=given.name,
            slot_s=SLOT_S,
            sleeps=(Sleep(1, WakeOn.DUE),),
            quiet=tuple(kernels),
            asked=None,
            measures=("late_requests", "stale_hours", "agent_joules", "wakes"),
            counted=np.stack(counted),
            weights=np.array([given.late_cost, given.stale_cost, 0.0, 0.0]),
            admitted=np.stack(admitted),
            observed=tuple(observed),
            axes={
                "weather": weather,
                "charge": stored[level] / given.capacity_j,
                "served": served,
                "learnt": learnt,
            },
        )
    )


def sun_j(given: Harvest) -> Floats:
    """(slots, weathers) joules; over days they average `mean_j`."""
    hours = np.arange(SLOTS)
    height = np.maximum(0, np.sin((hours - 12) / 24 * np.pi)) * (hours >= 12) * (hours < 36)
    often = np.linalg.matrix_power(WEATHER, 200)[0]
    found: Floats = given.mean_j * np.outer(height / height.sum(), CLEARNESS / (often @ CLEARNESS))
    return found


def _kernel(
    given: Harvest,
    shape: tuple[int, ...],
    weather: NDArray[np.int64],
    stored_j: Floats,
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    *,
    last: bool,
) -> csr_array:
    x = np.clip(stored_j, 0, given.capacity_j) / (given.capacity_j / (given.levels - 1))
    low = np.minimum(x.astype(np.int64), given.levels - 2)
    rows, columns, shares = [], [], []
    every = np.arange(len(weather))
    for level, share in ((low, 1 - (x - low)), (low + 1, x - low)):
        for after in range(shape[0]) if last else (None,):
            chance = WEATHER[weather, after] if after is not None else 1.0
            new = np.full_like(weather, after) if after is not None else weather
            rows.append(every)
            columns.append(np.ravel_multi_index((new, level, *places), shape))
            shares.append(share * chance)
    entries = np.concatenate(shares)
    kept = entries > 0
    where = np.concatenate(rows)[kept], np.concatenate(columns)[kept]
    return csr_array((entries[kept], where), shape=(len(weather),) * 2)


def _observed(
    given: Harvest,
    slot: int,
    sun: Floats,
    weather: NDArray[np.int64],
    stored_j: Floats,
    served: NDArray[np.int64],
    learnt: NDArray[np.int64],
) -> Mapping[str, Floats]:
    """As a device with a local queue that it looks at would; what has come since the last serving is its mean."""
    angle = 2 * np.pi * slot * SLOT_S / DAY_S
    rate = given.requests_a_day / SLOTS
    tomorrow = WEATHER @ sun.T
    coming = np.zeros(len(CLEARNESS))
    for ahead in range(slot, slot + FORECAST_SLOTS):
        coming += sun[ahead] if ahead < SLOTS else tomorrow[:, ahead - SLOTS]
    one = np.ones(len(weather))
    return {
        "dt_s": SLOT_S * one,
        "battery_soc": stored_j / given.capacity_j,
        "charging": (sun[slot][weather] > 0).astype(np.float64),
        "user_active": 0 * one,
        "link": float(Link.FREE.value) * one,
        "queue_length": rate * served,
        "queue_age_s": SLOT_S * served.astype(np.float64),
        "queue_slack_s": np.maximum(0.0, HOUR_S - SLOT_S * served),
        "fresh_examples": rate * learnt,
        "fresh_age_s": SLOT_S * learnt.astype(np.float64),
        "model_age_s": SLOT_S * learnt.astype(np.float64),
        "day_sine": np.sin(angle) * one,
        "day_cosine": np.cos(angle) * one,
        "charge_forecast": np.minimum(1.0, coming[weather] / given.capacity_j),
        "trained_age_s": SLOT_S * learnt.astype(np.float64),
        "contact_age_s": SLOT_S * learnt.astype(np.float64),
        "requests_per_hour": given.requests_a_day / 24 * one,
        "deadline_s": HOUR_S * one,
        "wake_on_request": 0 * one,
        "wake_up_j": WAKE_J * one,
        "radio_session_j": 4.4 * one,
        "sleep_w": given.sleep_w * one,
    }
