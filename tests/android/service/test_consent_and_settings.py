"""Consent, settings and the journal: what is kept, and what a file that was not written by the app is told."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from circadia.config import DeviceConfig
from circadia.errors import ConfigError
from circadia.types import Preference
from circadia_app import consent, journal, settings
from circadia_app.consent import Agreement, Consent
from circadia_app.journal import Entry, Journal
from circadia_app.settings import ChosenLimits, Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_is_agreed_at_first(tmp_path: Path) -> None:
    assert consent.load(tmp_path / "consent.json") == Consent()
    assert Consent().learn is Consent().send is Consent().field_test is None


def test_what_was_agreed_keeps_its_time_and_its_words(tmp_path: Path) -> None:
    first = Consent().agreed(10.0, "1", learn=True)
    later = first.agreed(20.0, "1", learn=True, send=True)
    newer = later.agreed(30.0, "2", learn=True, send=True, field_test=True)
    assert later.learn == Agreement(since_s=10.0, text="1")
    assert later.send == Agreement(since_s=20.0, text="1")
    assert newer.learn == newer.send == newer.field_test == Agreement(since_s=30.0, text="2")
    for one in (first, later, newer):
        consent.save(tmp_path / "consent.json", one)
        assert repr(consent.load(tmp_path / "consent.json")) == repr(one)


def test_without_the_first_switch_all_go_off(tmp_path: Path) -> None:
    given = Consent().agreed(10.0, "1", learn=True, send=True, field_test=True)
    for taken in (given.withdrawn(20.0), given.agreed(20.0, "1", learn=False, send=True)):
        consent.save(tmp_path / "consent.json", taken)
        assert consent.load(tmp_path / "consent.json") == Consent(withdrawn_s=20.0)
    assert taken.withdrawn(30.0) is taken
    assert math.isnan(taken.agreed(40.0, "1", learn=True).withdrawn_s)
    with pytest.raises(ConfigError, match="agree to that first"):
        Consent(send=Agreement(since_s=1.0, text="1"))


CONSENTS = [
    "", "{", "[]", "null", '{"learn": null}', '{"format": true}', '{"format": 1, "learn": true}',
    '{"format": 1, "learn": {"since_s": "now", "text": "1"}}', '{"format": 1, "learn": {"since_s": 1, "text": ""}}',
    '{"format": 1, "learn": {"since_s": Infinity, "text": "1"}}', '{"format": 1, "withdrawn_s": "x"}',
    '{"format": 1, "send": {"since_s": 1, "text": "1"}}',
]  # fmt: skip


@pytest.mark.parametrize("text", CONSENTS)
def test_a_consent_that_cannot_be_read_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "consent.json").write_text(text)
    with pytest.raises(ConfigError, match=r"consent\.json: .*delete it"):
        consent.load(tmp_path / "consent.json")


def test_files_of_a_later_app_are_read_by_their_format(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"format": 1, "scheme": "dark", "sound": 3, "limits": {"colour": 1}}))
    assert settings.load(path).scheme == "dark"
    path.write_text(json.dumps({"format": 2}))
    with pytest.raises(ConfigError, match="update the app"):
        settings.load(path)


@pytest.mark.parametrize("until_s", [math.nan, math.inf, 1e9])
def test_settings_come_back(until_s: float, tmp_path: Path) -> None:
    chosen = Settings(
        preference=Preference(accuracy=0.5, latency=0.25, energy=0.25),
        limits=ChosenLimits(battery_floor=0.3, train_only_charging=True),
        paused_until_s=until_s,
        language="de",
        scheme="light",
    )
    path = tmp_path / "settings.json"
    assert repr(settings.load(path)) == repr(Settings())
    assert settings.change(path, lambda _before: chosen) == chosen
    assert repr(settings.load(path)) == repr(chosen)
    assert chosen.paused(1e9 - 1) is not math.isnan(until_s)
    assert chosen.paused(1e9 + 1) is (until_s == math.inf)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"preference": {"accuracy": 1}}, "preference"),
        ({"preference": {"accuracy": 1, "latency": 1, "energy": 1}}, "sum to 3"),
        ({"limits": [1]}, "limits"),
        ({"limits": {"battery_floor": 30}}, "battery_floor is 30"),
        ({"limits": {"battery_floor": "x"}}, "battery_floor is 'x'"),
        ({"limits": {"train_only_charging": 1}}, "train_only_charging is 1"),
        ({"pause": 3}, "pause"),
        ({"scheme": "pink"}, "scheme is 'pink'"),
        ({"language": 5}, "language is 5"),
    ],
)
def test_settings_out_of_range_name_themselves(fields: dict[str, Any], match: str, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(json.dumps({"format": 1, **fields}))
    with pytest.raises(ConfigError, match=match) as told:
        settings.load(tmp_path / "settings.json")
    assert "delete it to choose anew" in str(told.value)


def test_what_is_not_chosen_is_as_the_device_has_it() -> None:
    config = DeviceConfig()
    assert Settings().over(config) == config
    preference = Preference(accuracy=1.0, latency=0.0, energy=0.0)
    chosen = Settings(preference=preference, limits=ChosenLimits(temperature_c=40.0)).over(config)
    assert chosen.agent == replace(config.agent, preference=preference)
    assert chosen.limits == replace(config.limits, temperature_c=40.0)


COUNTS = """
import sys
from dataclasses import replace
from pathlib import Path
from circadia_app import settings
for _ in range(25):
    settings.change(Path(sys.argv[1]), lambda before: replace(before, language=str(int(before.language or 0) + 1)))
"""


def test_two_processes_that_change_settings_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    both = [subprocess.Popen([sys.executable, "-c", COUNTS, str(path)]) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    assert settings.load(path).language == "50"


def test_the_journal_passes_over_what_is_cut_off_and_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    written = Journal(path, lambda: 5.0)
    assert journal.read(path) == []
    written.write("started", pid=3)
    with path.open("ab") as file:
        file.write(b'{"t_s": 1, "ev\n[1]\n{"t_s": "x", "event": "y"}\n')
    written.write("ended", why="ärger")
    assert journal.read(path) == [
        Entry(t_s=5.0, event="started", fields={"pid": 3}),
        Entry(t_s=5.0, event="ended", fields={"why": "ärger"}),
    ]
    for _ in range(3):
        written.write("log", text="x" * (journal.MOST_BYTES - 100))
    written.close()
    written.write("too late")
    assert [entry.event for entry in journal.read(path)] == ["log", "log"]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2 * journal.MOST_BYTES
