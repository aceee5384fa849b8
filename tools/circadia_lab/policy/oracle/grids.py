"""The grids there are, by name.

A phone runs a network three times as large as its profile's, for twice its scenario's requests, on three times the
battery. The first two make a tick's only slot, and the energy of what fills it, worth deciding about. The last is for
the forgotten clock: a stay away from the charger is geometric here, so that with the profile's own battery one tick in
twelve would find it empty, where the scenario's own days leave it half full; now it is one in two hundred.

Limits are from what they mean. Expired: an assistant that misses one request in fifty is noticed; less than one in a
hundred is impossible, for what comes while the battery lies under its floor is lost. Stale and old: a federation that
publishes twice an hour is worth having if its model is at most three hours old nine tenths of the day; data are worth
collecting if they are learnt from as soon. Each of them binds where the objective behind it weighs little.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError
from circadia.physics.scenario import BOARD
from circadia_lab.policy.env.problem import CostLimits
from circadia_lab.policy.oracle.spec import GridSpec

if TYPE_CHECKING:
    from collections.abc import Callable


def phone() -> GridSpec:
    """8,000 states."""
    return GridSpec(
        name="phone",
        costs=CostLimits(expired=0.02, stale=0.1, old=0.1),
        battery_scale=3.0,
        work_scale=3.0,
        request_scale=2.0,
    )


def phone_40k() -> GridSpec:
    """The same on finer axes: 40,320 states."""
    return replace(
        phone(),
        name="phone-40k",
        battery_levels=16,
        queue_lots=(1.0, 2.0, 3.0),
        fresh_lots=(1.0, 2.0),
        newest_ages=(2.0,),
        behind_ages=(3.0, 6.0, 10.0, 16.0),
    )


def phone_170k() -> GridSpec:
    """Finer still: 175,812 states."""
    return replace(
        phone_40k(),
        name="phone-170k",
        battery_levels=23,
        fresh_ages=(1.0, 2.0, 4.0, 6.0, 8.0, 16.0),
        newest_ages=(1.0, 2.0, 3.0),
        unsent_lots=(0.0, 1.0, 4.0),
    )


def phone_1m() -> GridSpec:
    """A million states: 1,013,472."""
    return replace(
        phone_170k(),
        name="phone-1m",
        battery_levels=46,
        unsent_lots=(0.0, 1.0, 2.0, 4.0),
        queue_lots=(1.0, 2.0, 3.0, 4.0),
        fresh_ages=(1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0),
        behind_ages=(3.0, 4.0, 6.0, 8.0, 10.0, 16.0),
    )


def small_battery() -> GridSpec:
    """The phone with a third less battery: it is empty more often, and more requests may expire."""
    return replace(
        phone(), name="small-battery", battery_scale=2.0, costs=CostLimits(expired=0.05, stale=0.1, old=0.1)
    )


def high_load() -> GridSpec:
    """The phone with half as many requests again: serving and training want the same ticks."""
    return replace(
        phone(), name="high-load", request_scale=3.0, costs=CostLimits(expired=0.05, stale=0.1, old=0.1)
    )


def low_load() -> GridSpec:
    """The phone with a quarter of the requests: there is time for everything."""
    return replace(phone(), name="low-load", request_scale=0.5)


def bursty() -> GridSpec:
    """The phone's requests, two lots at a time and half as often."""
    return replace(phone(), name="bursty", burst_lots=2.0)


def board() -> GridSpec:
    """A board with a panel, outdoors: sun, cloud and night with the link up or down."""
    return GridSpec(
        name="board",
        profile=shipped_profile("pi-solar"),
        scenario=BOARD,
        costs=CostLimits(expired=0.05, stale=0.1, old=0.1),
    )


GRIDS: dict[str, Callable[[], GridSpec]] = {
    "phone": phone,
    "phone-40k": phone_40k,
    "phone-170k": phone_170k,
    "phone-1m": phone_1m,
    "small-battery": small_battery,
    "high-load": high_load,
    "low-load": low_load,
    "bursty": bursty,
    "board": board,
}


def grid_named(name: str) -> GridSpec:
    """A shipped grid; `ConfigError` if there is none of that name."""
    if name not in GRIDS:
        raise ConfigError(f"unknown grid {name!r}; there are {', '.join(GRIDS)}")
    return GRIDS[name]()
