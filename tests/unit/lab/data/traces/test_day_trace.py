"""Recorded days for replay: how they are made, kept and refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.physics.scenario import BOARD, PHONE
from circadia_lab.data.traces.arrivals import Arrivals
from circadia_lab.data.traces.clearness import clear_sky_w_m2
from circadia_lab.data.traces.day_trace import DayTrace, load_day_trace, save_day_trace
from circadia_lab.data.traces.irradiance import Irradiance
from circadia_lab.data.traces.recorded_days import day_trace, main

if TYPE_CHECKING:
    from pathlib import Path

HOUR_S, DAY_S = 3600.0, 86400.0


def arrivals(t_s: Any) -> Arrivals:
    return Arrivals(where="inline", t_s=np.asarray(t_s, np.float64))


def sun(days: int, start_s: float = 0.0) -> Irradiance:
    shares = np.repeat(0.3 + 0.1 * np.arange(days), 24)
    ghi = shares * clear_sky_w_m2(BOARD, start_s, HOUR_S, 24 * days)
    return Irradiance(where="sun", start_s=start_s, step_s=HOUR_S, ghi_w_m2=ghi)


def trace(**changes: Any) -> DayTrace:
    fields: dict[str, Any] = {
        "bin_s": HOUR_S,
        "requests": np.ones(24),
        "clearness": np.full(24, 0.5),
        "notes": ("as made",),
    }
    return DayTrace(**(fields | changes))


def test_long_recordings_are_taken_as_they_are() -> None:
    hours = np.arange(72)
    made = day_trace(BOARD, arrivals(hours * HOUR_S), sun(3), bin_s=HOUR_S, days=2, first_day=1)
    assert made.days == 2
    assert made.requests.tolist() == [1] * 48
    assert made.clearness[12] == pytest.approx(0.4)
    assert made.clearness[36] == pytest.approx(0.5)
    assert "as recorded" in made.notes[0]
    assert "from day 1 on" in made.notes[1]


def test_short_recordings_are_stretched_only_when_asked() -> None:
    short = arrivals(np.arange(1000.0))
    with pytest.raises(ConfigError, match=r"lasts 0\.28 h, not 1 days; ask for a daily cycle"):
        day_trace(PHONE, short)
    made = day_trace(PHONE, short, daily_cycle=True, days=6, bin_s=HOUR_S)
    # Even arrivals come exactly as often as the scenario says.
    by_hour = made.requests.reshape(6, 24)
    np.testing.assert_allclose(by_hour, np.tile(PHONE.requests_per_hour, (6, 1)), atol=1.01)
    assert by_hour.sum() == pytest.approx(6 * sum(PHONE.requests_per_hour), abs=1)
    assert "stretched to the daily cycle of scenario phone (259.5 a day), the record 2 times" in made.notes[0]
    assert (made.clearness == PHONE.clearness_mean).all()


def test_hours_without_requests_stay_empty() -> None:
    night = replace(PHONE, requests_per_hour=(0.0,) * 8 + (3.0,) * 8 + (0.0,) * 8)
    made = day_trace(night, arrivals(np.arange(50.0)), daily_cycle=True, days=3, bin_s=HOUR_S)
    assert made.requests.sum() == 72
    assert made.requests.reshape(3, 24)[:, :8].sum() == 0
    with pytest.raises(ConfigError, match="no requests in a day"):
        day_trace(replace(PHONE, requests_per_hour=(0.0,) * 24), arrivals([0, 1]), daily_cycle=True)


def test_a_single_day_is_turned_around_and_says_so() -> None:
    made = day_trace(BOARD, arrivals([0, 1]), sun(1, 17 * HOUR_S), bin_s=HOUR_S, daily_cycle=True)
    assert made.clearness[12] == pytest.approx(0.3)
    assert "turned around" in made.notes[1]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"days": 2}, "has 1 whole days, not 2"),
        ({"first_day": 1}, "not 1 from day 1 on"),
        ({"days": 0}, "days 0"),
        ({"first_day": -1}, "first_day -1"),
        ({"bin_s": 7 * HOUR_S}, "bin_s"),
        ({"bin_s": 0.0}, "bin_s"),
        ({"bin_s": 5400.0}, "do not fit"),
    ],
)
def test_what_the_sky_does_not_give_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        day_trace(BOARD, arrivals([0, 1]), sun(1), daily_cycle=True, **options)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bin_s": 7000.0}, "bin_s 7000"),
        ({"bin_s": float("nan")}, "bin_s nan"),
        ({"requests": np.ones(23)}, r"requests has shape \(23,\)"),
        ({"requests": np.ones((1, 24))}, "requests has shape"),
        ({"requests": np.ones(0)}, "requests has shape"),
        ({"requests": np.ones(48)}, "48 bins of requests, 24"),
        ({"requests": np.zeros(24)}, "not all 0"),
        ({"requests": np.full(24, 0.5)}, "whole numbers"),
        ({"requests": np.full(24, -1.0)}, "0 or more"),
        ({"requests": np.full(24, np.inf)}, "requests is not finite in bin 0"),
        ({"clearness": np.where(np.arange(24) == 3, np.nan, 0.5)}, "clearness is not finite in bin 3"),
        ({"clearness": np.full(24, 1.2)}, "within 0.05 and 1.05"),
        ({"clearness": np.full(24, 0.0)}, "within 0.05 and 1.05"),
    ],
)
def test_traces_that_cannot_be(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        trace(**changes)


def test_a_saved_trace_is_the_same(tmp_path: Path) -> None:
    path, made = tmp_path / "days.npz", trace(clearness=np.linspace(0.1, 1, 24))
    save_day_trace(made, path)
    again = load_day_trace(path)
    assert (again.bin_s, again.notes) == (made.bin_s, made.notes)
    np.testing.assert_array_equal(again.requests, made.requests)
    np.testing.assert_array_equal(again.clearness, made.clearness)
    assert [entry.name for entry in tmp_path.iterdir()] == ["days.npz"]
    with pytest.raises(ConfigError, match="cannot be written"):
        save_day_trace(made, tmp_path / "nowhere" / "days.npz")


def _damaged(path: Path, **changes: Any) -> None:
    with np.load(path) as file:
        arrays = {**file, **changes}
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": np.array("circadia.day-trace/9")}, "this version reads"),
        ({"clearness": None}, "clearness"),
        ({"notes": np.array("{")}, "not a day trace"),
        ({"notes": np.array("3")}, "not a day trace"),
        ({"bin_s": np.array("soon")}, "not a day trace"),
        ({"requests": np.array(["x"] * 24)}, "not a day trace"),
        ({"requests": np.zeros(24)}, "not all 0"),
        ({"requests": np.array([None] * 24)}, "not a day trace"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    path = tmp_path / "days.npz"
    save_day_trace(trace(), path)
    _damaged(path, **changes)
    with pytest.raises(ConfigError, match=reason) as caught:
        load_day_trace(path)
    assert "days.npz" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"nonsense", b"PK\x03\x04rest"])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "days.npz"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="not a day trace"):
        load_day_trace(path)
    np.save(tmp_path / "days.npy", np.ones(3))
    with pytest.raises(ConfigError, match="not a day trace"):
        load_day_trace(tmp_path / "days.npy")
    with pytest.raises(ConfigError, match="not a day trace"):
        load_day_trace(tmp_path / "absent.npz")


def test_the_command_makes_a_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv, out = tmp_path / "in.csv", tmp_path / "out.npz"
    csv.write_text("time\n" + "\n".join(map(str, range(500))), encoding="utf-8")
    arguments = [str(csv), "--out", str(out), "--days", "2"]
    assert main(arguments) == 2
    assert "ask for a daily cycle" in capsys.readouterr().err
    assert main([*arguments, "--daily-cycle"]) == 0
    assert "2 days, 519 requests" in capsys.readouterr().out
    assert load_day_trace(out).days == 2
