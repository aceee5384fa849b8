"""What the screens know at one moment, gathered from the folder."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import pytest

from circadia.errors import ConfigError
from circadia.store.sqlite import SqliteStore
from circadia.testing.store import tick
from circadia.traffic import Traffic
from circadia.types import Preference
from circadia_app import consent, settings
from circadia_app.folder import AppFolder
from circadia_app.moment import Agent, device_of, snapshot_of
from circadia_app.traffic import Counter

if TYPE_CHECKING:
    from pathlib import Path

MIDNIGHT_S = 1_795_737_600.0
NOW_S = MIDNIGHT_S + 13 * 3600.0
FEDERATED = '[federation]\nbroker = "fleet.example.org:1883"\n[limits]\nbattery_floor = 0.2\n'


@pytest.fixture
def folder(tmp_path: Path) -> AppFolder:
    made = AppFolder(path=tmp_path)
    made.config.write_text(FEDERATED, encoding="utf-8")
    return made


def test_a_new_folder_is_a_moment_too(folder: AppFolder) -> None:
    made = snapshot_of(folder, device_of(folder), Agent(), now_s=NOW_S, local_s=13 * 3600.0)
    assert made.consent == consent.Consent()
    assert not made.there
    assert len(made.past.ticks) == 0
    assert made.midnight_s == made.wall_midnight_s == MIDNIGHT_S
    assert made.server == "fleet.example.org"
    assert made.capacity_j > 10_000
    assert made.traffic is not None
    assert (made.traffic.examples, made.traffic.days) == (0, ())


def test_what_the_person_chose_is_in_force(folder: AppFolder) -> None:
    chosen = settings.ChosenLimits(battery_floor=0.4, sync_only_unmetered=True)
    preference = Preference(accuracy=0.5, latency=0.2, energy=0.3)
    settings.change(
        folder.settings,
        lambda old: dataclasses.replace(old, limits=chosen, preference=preference, paused_until_s=math.inf),
    )
    consent.save(folder.consent, consent.Consent().agreed(NOW_S, "1", learn=True))
    made = snapshot_of(folder, device_of(folder), Agent(), now_s=NOW_S, local_s=13 * 3600.0)
    assert (made.limits.battery_floor, made.limits.sync_only_unmetered) == (0.4, True)
    assert made.preference == preference
    assert made.paused_until_s == math.inf
    assert made.consent.learn is not None


def test_store_and_traffic_are_read(folder: AppFolder) -> None:
    store = SqliteStore(folder.store)
    for i in range(3):
        store.commit(tick(NOW_S - 600 + 60 * i))
    store.close()
    counter = Counter(folder.traffic)
    counter.keep(Traffic(sent_bytes=5000, received_bytes=7000, messages=9), "2026-11-27")
    counter.keep(Traffic(sent_bytes=9500, received_bytes=7000, messages=10, other_messages=1), "2026-11-25")
    made = snapshot_of(folder, device_of(folder), Agent(), now_s=NOW_S, local_s=13 * 3600.0)
    assert made.past.kept.decisions == 3
    assert made.past.kept.store_bytes > 4096
    assert made.traffic is not None
    assert {one.day: (one.sent, one.received) for one in made.traffic.days} == {
        0: (5000, 7000),
        -2: (4500, 0),
    }
    assert made.traffic.examples == 1


def test_a_folder_without_a_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"device\.toml"):
        device_of(AppFolder(path=tmp_path))
