"""All that the screens show, gathered at one moment: from the folder, and from what the agent says over the link."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from circadia.config import load_config
from circadia.energy.profile_file import load_profile, shipped_profile
from circadia.errors import CircadiaError
from circadia.observation import DAY_S
from circadia_app import consent, deletion, journal, settings, traffic
from circadia_app.past import nothing_past, read_past
from circadia_app.viewmodels.snapshot import DayBytes, Past, Snapshot, Traffic, midnight_of

if TYPE_CHECKING:
    from circadia.config import DeviceConfig
    from circadia_app.folder import AppFolder
    from circadia_app.live import Live
    from circadia_app.viewmodels.field import FieldTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What the screens know of it."""

    live: Live | None = None
    """As it said last; None: nothing yet."""
    there: bool = False
    """Whether it is there now."""
    heard_s: float = math.nan
    """When it was there last, since the Unix epoch."""
    awaited_s: float = math.nan
    """Since when its start is waited for; NaN: nobody starts it."""
    offline_s: float = math.nan
    """Since when the server cannot be reached, as far as these screens saw it; NaN: it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What does not change while the screens are open."""

    config: DeviceConfig
    capacity_j: float = math.nan
    """Of the full battery; NaN: its profile does not tell."""
    troubles: tuple[str, ...] = field(default=())
    """What could not be read, and what to do."""


def device_of(folder: AppFolder) -> Device:
    """The folder's; `ConfigError` for a configuration that cannot be read."""
    config = load_config(folder.config)
    try:
        name = config.platform.profile
        profile = load_profile(name) if name.endswith(".toml") else shipped_profile(name)
        return Device(config=config, capacity_j=profile.capacity_j)
    except CircadiaError as error:
        return Device(config=config, troubles=(str(error),))


def snapshot_of(
    folder: AppFolder,
    device: Device,
    agent: Agent,
    *,
    now_s: float,
    local_s: float,
    past: Past | None = None,
    test: tuple[FieldTest | None, int] = (None, 0),
) -> Snapshot:
    """The moment `now_s`, since the Unix epoch; `local_s` since local midnight. `past`: as `read_past` gave it; None: read it.

    `test`: the field test, and the days of one that could be joined.

    `CircadiaError` names the file that cannot be read.
    """
    clock_s = _clock_s(agent.live, now_s)
    past = past or read_past(folder.store, clock_s)
    chosen = settings.load(folder.settings)
    config = chosen.over(device.config)
    federation = config.federation
    return Snapshot(
        now_s=now_s,
        clock_s=clock_s,
        midnight_s=midnight_of(past.ticks, clock_s, local_s),
        wall_midnight_s=now_s - local_s,
        past=past,
        live=agent.live,
        there=agent.there,
        heard_s=agent.heard_s,
        awaited_s=agent.awaited_s,
        consent=consent.load(folder.consent),
        limits=config.limits,
        preference=config.agent.preference,
        paused_until_s=chosen.paused_until_s,
        capacity_j=device.capacity_j,
        server="" if federation is None else federation.broker.rpartition(":")[0],
        offline_s=agent.offline_s,
        traffic=_traffic(folder, now_s, local_s) if federation is not None else None,
        field_test=test[0],
        planned_days=test[1],
        deletions=tuple(deletion.waiting(folder)),
        confirmation=deletion.confirmation(folder),
        journal=tuple(journal.read(folder.log)),
    )


def _traffic(folder: AppFolder, now_s: float, local_s: float) -> Traffic:
    """What the service has written down: a few kilobytes less, maybe, than the link has counted."""
    book, today = traffic.load(folder.traffic), traffic.day_of(now_s, _east_s(now_s, local_s))
    days = tuple(
        DayBytes(day=traffic.day_number(day, today), sent=sent, received=received)
        for day, (sent, received) in book.days.items()
    )
    return Traffic(days=days, examples=book.ever.other_messages, sent=book.ever.sent_bytes)


def _east_s(now_s: float, local_s: float) -> float:
    """How far local time is ahead of the epoch's, in whole minutes, 12 hours at most."""
    ahead_s = (local_s - now_s + DAY_S / 2) % DAY_S - DAY_S / 2
    return round(ahead_s / 60) * 60


def _clock_s(live: Live | None, now_s: float) -> float:
    """By the agent's clock, which goes on between two words of the agent as the wall's does."""
    if live is None or math.isnan(live.clock_s):
        return now_s
    return live.clock_s + (now_s - live.now_s)


__all__ = ["Agent", "Device", "device_of", "nothing_past", "read_past", "snapshot_of"]
