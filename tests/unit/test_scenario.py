"""Scenarios: defaults that make sense, files that name their mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError
from circadia.physics.scenario import (
    BOARD,
    PHONE,
    load_scenario,
    scenario_for,
    scenario_from,
    scenario_named,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_each_profile_has_its_scenario() -> None:
    assert scenario_for(shipped_profile("pixel-3")) is PHONE
    assert scenario_for(shipped_profile("pi-solar")) is BOARD
    assert scenario_named("board") is BOARD


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "dusk.toml"
    path.write_text(
        f'base = "board"\nname = "dusk"\ndeadline_s = 5\nlink_free = {[0.5] * 24}\n', encoding="utf-8"
    )
    dusk = load_scenario(path)
    assert (dusk.name, dusk.deadline_s, dusk.link_free) == ("dusk", 5.0, (0.5,) * 24)
    assert dusk.ambient_c == BOARD.ambient_c


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        ({"deadlin_s": 3}, ["unknown key 'deadlin_s'", "did you mean 'deadline_s'"]),
        ({"base": "moon"}, ["moon", "phone, board"]),
        ({"deadline_s": "soon"}, ["deadline_s", "not a number"]),
        ({"deadline_s": True}, ["deadline_s", "not a number"]),
        ({"deadline_s": 0}, ["deadline_s", "out of range"]),
        ({"deadline_s": float("nan")}, ["deadline_s", "out of range"]),
        ({"user_share": [0.1] * 23}, ["user_share", "24 values"]),
        ({"user_share": [1.0] * 24}, ["user_share", "below 1"]),
        ({"user_share": 0.5}, ["user_share", "not a list of numbers"]),
        ({"user_share": ["x"] * 24}, ["user_share", "not a list of numbers"]),
        ({"link_free": [0.9] * 24}, ["link_free + link_metered", "hour 8"]),
        ({"sunset_s": 100}, ["sunset_s", "follow sunrise_s"]),
        ({"name": 5}, ["name", "not a text"]),
    ],
)
def test_bad_tables_name_the_key(table: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        scenario_from(table, "mine.toml")
    for part in parts:
        assert part in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("deadline_s = ", encoding="utf-8")
    for path in (broken, tmp_path / "absent.toml"):
        with pytest.raises(ConfigError, match=path.name):
            load_scenario(path)


def test_bedtimes_wrap_around_midnight() -> None:
    late = PHONE.shifted(2 * 3600, -3600)
    assert late.plug_in_s == 3600
    assert late.unplug_s == PHONE.unplug_s - 3600
