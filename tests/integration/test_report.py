"""The report, from made-up days: what a demonstration would hand over, in every shape that it can take."""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from circadia.actions import NAMES
from circadia.errors import ConfigError
from circadia_lab.data.day.result import ArmResult, DeviceResult, Drift, Joules, Series, Stay
from circadia_lab.fleet.report import curve
from circadia_lab.fleet.report.figures import plates
from circadia_lab.fleet.report.page import render, write_report
from circadia_lab.fleet.report.picture import chosen, readme_picture
from circadia_lab.fleet.report.verdict import lead, recovery, tiles
from circadia_lab.page.ribbon import bars, colour_keys
from circadia_lab.page.style import MODE_COLOURS

pytestmark = pytest.mark.slow

DAY_S, HOUR_S, DRIFT_S = 86_400.0, 3600.0, 36_000.0
PROFILES = ("pixel-3", "fairphone-4", "pi-solar")
DRIFTS = ("rotation +38°", "contrast 0.93 → -0.55", "rotation -41°", "class mix")


def series(t_s: Any, value: Any) -> Series:
    return Series(t_s=[float(t) for t in t_s], value=[float(v) for v in value])


def charges(index: int, t_s: float) -> bool:
    if PROFILES[index % 3] == "pi-solar":
        return 8.0 * HOUR_S < t_s < 17.0 * HOUR_S
    return t_s < (5.5 + 0.3 * index) * HOUR_S or t_s > (21.5 + 0.2 * index) * HOUR_S


def accuracy_at(t_s: Any, quick: float, random: np.random.Generator) -> Any:
    t_h = np.asarray(t_s) / HOUR_S
    rise = 0.2 + 0.7 * (1 - np.exp(-t_h / (2.5 / quick)))
    after = np.maximum(t_h - 10, 0)
    fall = np.where(t_h >= 10, 0.24 * np.exp(-after / (3.0 / quick)), 0)
    return np.clip(rise - fall + random.normal(0, 0.012, len(t_h)), 0, 1)


def draw_action(index: int, t_s: float, keen: bool, random: np.random.Generator) -> str:
    used = 7 * HOUR_S < t_s < 23 * HOUR_S
    if used and random.random() < 0.3:
        return str(
            random.choice(
                ["serve/low/small", "serve/high/small", "serve/low/large", "serve/high/large/sync-pull"]
            )
        )
    if charges(index, t_s) and random.random() < 0.35:
        return "train/high/large/sync-int8" if random.random() < 0.4 else "train/high/large"
    if keen and random.random() < 0.12:
        return str(random.choice(["train/low/large", "train/low/small", "train/low/large/sync-int8"]))
    return "sleep/sync-pull" if random.random() < 0.05 else "sleep"


def made_up_device(index: int, keen: bool, random: np.random.Generator) -> DeviceResult:
    t_s = np.sort(np.concatenate([np.arange(0, DAY_S, 300), random.uniform(7 * HOUR_S, 23 * HOUR_S, 150)]))
    gaps = np.diff(np.append(t_s, DAY_S))
    actions = [draw_action(index, t, keen, random) for t in t_s]
    busy = {"sleep": 0.0, "serve": 4.0, "train": 110.0}
    stays = [
        Stay(t_s=float(t), duration_s=float(d), busy_s=min(busy[a.split("/")[0]], float(d)), action=a)
        for t, d, a in zip(t_s, gaps, actions, strict=True)
    ]
    power_w = np.array([{"sleep": 0.16, "serve": 0.3, "train": 0.9}[a.split("/")[0]] for a in actions])
    charging = np.array([charges(index, t) for t in t_s])
    soc, level = [], 0.5 + 0.05 * index
    for watt, gap, on in zip(power_w, gaps, charging, strict=True):
        level = float(np.clip(level + (6 * on - watt * 2) * gap / 40_000, 0.12, 1))
        soc.append(level)
    version = np.floor(np.minimum(t_s / HOUR_S * (1.6 if keen else 0.7), 30))
    grid = np.arange(0, DAY_S + 1, 1800)
    accuracy = accuracy_at(grid, 1.0 if keen else 0.55, random)
    served = int(random.integers(280, 420))
    made = int((30 if keen else 14) + random.integers(0, 6))
    energy = {
        mode: float((power_w * gaps)[[a.startswith(mode) for a in actions]].sum())
        for mode in ("sleep", "serve", "train")
    }
    return DeviceResult(
        name=f"{PROFILES[index % 3]}-{index}",
        profile=PROFILES[index % 3],
        drift=DRIFTS[index % 4],
        battery_soc=series(t_s, soc),
        charging=series(t_s, charging),
        stays=stays,
        version=series(t_s, version),
        staleness_s=series(t_s, (t_s % (2300 if keen else 5200)) + random.exponential(900, len(t_s))),
        latency_s=list(random.lognormal(1.6 if keen else 1.3, 1.0, served).clip(0.3, 118)),
        served=served,
        expired=int(random.integers(0, 20)),
        served_correct=int(served * accuracy[24:].mean()),
        served_accuracy=series(grid, accuracy),
        accuracy_common=series(grid, accuracy),
        accuracy_own=series(grid, np.clip(accuracy + 0.03 + 0.01 * index, 0, 1)),
        energy_j=energy,
        energy_by_load_j={
            "DEEP_SLEEP": energy["sleep"] * 0.3,
            "AWAKE": energy["sleep"] * 0.7,
            "SERVE_LOW": energy["serve"] * 0.6,
            "SERVE_HIGH": energy["serve"] * 0.4,
            "TRAIN_LOW": energy["train"] * 0.25,
            "TRAIN_HIGH": energy["train"] * 0.7,
            "RADIO": energy["train"] * 0.05,
        },
        cumulative_j=series(t_s, np.cumsum(power_w * gaps)),
        training_steps=sum(a.startswith("train") for a in actions) * 28,
        updates={"made": made, "accepted": made - 3, "rejected": 2, "waiting": 1},
        overruns=int(random.integers(0, 3)),
        joules=Joules(
            work_j=energy["train"] + energy["serve"], rest_j=energy["sleep"], user_j=9e3,
            battery_work_j=500.0 + index, battery_j=12_000.0, battery_s=50_000.0,
        ),
        battery_agent_j=series(t_s, np.linspace(0, 500.0 + index, len(t_s))),
        capacity_j=40_000.0,
    )  # fmt: skip


def made_up_arm(name: str = "circadia", devices: int = 8, seed: int = 0) -> ArmResult:
    keen = name == "circadia"
    random = np.random.default_rng([seed, keen])
    fleet = [made_up_device(index, keen, random) for index in range(devices)]
    grid = np.arange(0, DAY_S + 1, 1800)
    accuracy = np.mean([d.accuracy_common.value for d in fleet], axis=0)
    joules = np.sum([np.interp(grid, d.cumulative_j.t_s, d.cumulative_j.value) for d in fleet], axis=0)
    versions = np.sort(random.uniform(0.5 * HOUR_S, 23.8 * HOUR_S, 36 if keen else 15))
    return ArmResult(
        arm=name,
        policy="default" if keen else name,
        day_s=DAY_S,
        wall_s=251.3 if keen else 248.9,
        devices=fleet,
        drifts=[Drift(t_s=DRIFT_S, what="rotation on 4, contrast on 2, class mix on 2 of 8 devices")],
        incidents=[],
        versions=series(versions, range(1, len(versions) + 1)),
        federated_accuracy=float(accuracy[-1]),
        federated_accuracy_own=float(np.mean([d.accuracy_own.value[-1] for d in fleet])),
        own_accuracy=0.61 if keen else 0.57,
        own_accuracy_own=0.79 if keen else 0.75,
        centralised_accuracy=0.935 if keen else 0.91,
        centralised_accuracy_own=0.941 if keen else 0.92,
        accuracy=series(grid, accuracy),
        joules=series(grid, joules),
        battery_agent_j=series(grid, np.linspace(0, 4e3, len(grid))),
        recovery_s=5.4 * HOUR_S if keen else None,
        served=sum(d.served for d in fleet),
        expired=sum(d.expired for d in fleet),
        energy_j={m: sum(d.energy_j[m] for d in fleet) for m in ("sleep", "serve", "train")},
        updates_made=sum(d.updates["made"] for d in fleet),
        updates_lost=0,
        overruns=sum(d.overruns for d in fleet),
    )


SECTIONS = (
    "verdict",
    "accuracy",
    "joules",
    "references",
    "battery",
    "paid",
    "actions",
    "energy",
    "distributions",
    "federation",
    "kinds",
    "devices",
    "summary",
)
SUMMARY = {"seed": 7, "date": "a Friday", "nested": {"recovery_s": math.nan, "mark": "</script><b>"}}


def emptied(device: DeviceResult) -> DeviceResult:
    """A device that never got as far as a tick."""
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "battery_soc",
            "charging",
            "version",
            "staleness_s",
            "served_accuracy",
            "accuracy_common",
            "accuracy_own",
        ),
        Series(),
    )
    return replace(
        device,
        **nothing,
        cumulative_j=Series(),
        stays=[],
        latency_s=[],
        served=0,
        expired=0,
        served_correct=0,
        energy_j={},
        energy_by_load_j={},
        training_steps=0,
        updates={},
        overruns=0,
    )


def hollow(arm: ArmResult) -> ArmResult:
    """An arm in which nothing happened."""
    return replace(
        arm,
        devices=[emptied(device) for device in arm.devices],
        versions=Series(),
        accuracy=Series(),
        joules=Series(),
        recovery_s=None,
        served=0,
        expired=0,
        energy_j={},
        updates_made=0,
        federated_accuracy=math.nan,
        federated_accuracy_own=math.nan,
        own_accuracy=math.nan,
        own_accuracy_own=math.nan,
        centralised_accuracy=math.nan,
        centralised_accuracy_own=math.nan,
    )


def spoiled(arm: ArmResult) -> ArmResult:
    """An arm with NaN and infinities among its readings."""

    def holes(found: Series) -> Series:
        value = [math.nan if i % 3 == 0 else math.inf if i % 7 == 0 else v for i, v in enumerate(found.value)]
        return replace(found, value=value)

    devices = [
        replace(
            device,
            battery_soc=holes(device.battery_soc),
            staleness_s=holes(device.staleness_s),
            accuracy_common=holes(device.accuracy_common),
            version=holes(device.version),
            latency_s=[math.nan, *device.latency_s],
            energy_j={"sleep": math.nan, "train": 5.0},
            energy_by_load_j={"AWAKE": math.nan, "TRAIN_LOW": 5.0},
        )
        for device in arm.devices
    ]
    return replace(
        arm, devices=devices, accuracy=holes(arm.accuracy), joules=holes(arm.joules), recovery_s=math.nan
    )


def both() -> list[ArmResult]:
    return [made_up_arm("circadia"), made_up_arm("charging-only")]


def small(name: str = "circadia") -> ArmResult:
    return made_up_arm(name, devices=2)


class Reader(HTMLParser):
    """What a browser would see of the page: ids, references to resources, the embedded summary, the visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {key: value or "" for key, value in attrs}
        self._inside = tag
        if "id" in known:
            self.ids.append(known["id"])
        if tag == "script":
            self.scripts.append(known.get("type", ""))
        self.loads += [known[key] for key in ("src", "href", "xlink:href", "data", "action") if key in known]
        self.loads += re.findall(r"url\(([^)]*)\)|@import", " ".join(known.values()))

    def handle_data(self, data: str) -> None:
        if self._inside in {"style", "script"}:
            self.loads += re.findall(r"(?:url\(|@import)[^;]*", data) if self._inside == "style" else []
        else:
            self.text += data


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a whole demonstration."""
    path = tmp_path_factory.mktemp("out") / "new" / "report.html"
    write_report(both(), SUMMARY, path)
    return path


@pytest.fixture
def page(written: Path) -> str:
    return written.read_text(encoding="utf-8")


def test_page_needs_nothing_from_elsewhere(written: Path, page: str) -> None:
    seen = Reader(page)
    assert seen.loads, "the reader looks at references"
    assert all(target.startswith("#") for target in seen.loads)
    assert seen.scripts == ["application/json"]
    assert [entry.name for entry in written.parent.iterdir()] == ["report.html"]


def test_page_has_every_section_once_and_no_id_twice(page: str) -> None:
    seen = Reader(page)
    assert set(SECTIONS) <= set(seen.ids)
    assert len(seen.ids) == len(set(seen.ids))
    assert {target.strip("#") for target in seen.loads} <= set(seen.ids)


def test_page_says_what_was_run_and_what_came_out(page: str) -> None:
    arms, text = both(), Reader(page).text
    for words in ("circadia", "charging-only", "8 processes", "a Friday", "10:00 rotation on 4", "5 h 24 min",
                  "not that day", "simulated joules", f"{arms[0].served:,} / {arms[0].expired:,}"):  # fmt: skip
        assert words in text
    for device in arms[0].devices:
        assert device.name in text


def test_summary_is_embedded_as_json_without_nan(page: str) -> None:
    found = re.search(r'<script type="application/json" id="summary">(.*?)</script>', page, re.DOTALL)
    assert found
    assert json.loads(found[1]) == {
        "seed": 7,
        "date": "a Friday",
        "nested": {"recovery_s": None, "mark": "</script><b>"},
    }


def test_names_from_outside_cannot_become_markup() -> None:
    arm = made_up_arm(devices=1)
    nasty = replace(
        arm, devices=[replace(arm.devices[0], name="<img src=x>", drift="<b>")], policy="<script>"
    )
    page = render([nasty], {"seed": "<i>"})
    assert not re.search("<img|<script>|<i>|<b>", page)


@pytest.mark.parametrize(
    "arms",
    [
        pytest.param([small()], id="one arm"),
        pytest.param([hollow(small()), small("charging-only")], id="one arm without anything"),
        pytest.param([hollow(small()), hollow(small("charging-only"))], id="nothing at all"),
        pytest.param([replace(small(), devices=[])], id="no devices"),
        pytest.param([spoiled(small()), spoiled(small("charging-only"))], id="NaN"),
        pytest.param([replace(small(), drifts=[], recovery_s=None)], id="no drift"),
        pytest.param(
            [small(), replace(small("charging-only"), day_s=30_000, complete=False)], id="second stopped"
        ),
        pytest.param([replace(small(), day_s=0.0, complete=False)], id="stopped at midnight"),
        pytest.param([small(), small("charging-only"), small("third")], id="three arms"),
        pytest.param([small(), made_up_arm("charging-only", devices=3)], id="different fleets"),
    ],
)
def test_every_shape_of_a_result_makes_a_whole_page(arms: list[ArmResult], tmp_path: Path) -> None:
    drawn = plates(arms)
    assert [plate.name for plate in drawn] == [*SECTIONS[1:-3]]
    for plate in drawn:
        ET.fromstring(plate.svg)
    page = Reader(render(arms, {}))
    assert set(SECTIONS) <= set(page.ids)
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b", page.text)
    readme_picture(arms, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000


def test_without_an_arm_there_is_an_error_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no arm"):
        write_report([], {}, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ConfigError, match=r"report\.html: cannot be written: .*No space"):
        write_report([small()], {}, path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_empty_figures_say_that_they_are_empty() -> None:
    text = {plate.name: plate.svg for plate in plates([hollow(small())])}
    assert "nothing was evaluated" in text["accuracy"]
    assert "nothing was served" in text["distributions"]
    assert "no version was published" in text["federation"]
    assert "no energy was settled" in text["energy"]


def test_the_picture_has_its_size(tmp_path: Path) -> None:
    readme_picture(both(), tmp_path / "folder" / "picture.png")
    header = (tmp_path / "folder" / "picture.png").read_bytes()[:24]
    assert struct.unpack(">II", header[16:24]) == (1600, 900)


def test_the_picture_shows_each_profile_once() -> None:
    assert chosen([made_up_arm()]) == ["pixel-3-0", "fairphone-4-1", "pi-solar-2"]
    assert chosen([made_up_arm(devices=1)]) == ["pixel-3-0"]


def test_figures_are_the_same_bytes_twice() -> None:
    arms = [made_up_arm(devices=1)]
    assert [plate.svg for plate in plates(arms)] == [plate.svg for plate in plates(arms)]


def test_ribbon_knows_every_action() -> None:
    assert {key for name in NAMES for key in colour_keys(name)} == set(MODE_COLOURS)


def test_ribbon_bars_join_and_are_never_thinner_than_can_be_seen() -> None:
    def stay(t_s: float, busy_s: float, action: str = "train/high/small") -> Stay:
        return Stay(t_s=t_s, duration_s=300, busy_s=busy_s, action=action)

    stays = [
        stay(0, 1),
        stay(5, 40),
        stay(300, 100),
        stay(600, 9, "train/low/small"),
        stay(900, 9, "serve/low/small"),
    ]
    assert bars(stays, "train high", shortest_s=10) == [(0, 45), (300, 400)]
    assert bars(stays, "train", shortest_s=10) == [(600, 610)]


def test_a_wake_that_serves_and_trains_shows_both() -> None:
    stays = [Stay(t_s=0, duration_s=300, busy_s=100, action="serve+train/high/small+large/sync-int8")]
    assert bars(stays, "train high", shortest_s=10) == [(0, 100)]
    assert bars(stays, "serve", shortest_s=10) == [(0, 10)]
    assert bars(stays, "sleep", shortest_s=10) == []


def test_staleness_weighs_by_time_not_by_tick() -> None:
    device = replace(small().devices[0], staleness_s=series([0, 90, 95], [10, 500, 600]))
    age, share = curve.staleness([device], 100.0)
    assert age.tolist() == [10, 500, 600]
    assert share == pytest.approx([0.9, 0.95, 1.0])


def test_held_curves_hold_and_are_unknown_before_the_first_reading() -> None:
    found = curve.held(series([10, 20], [1, 2]), np.array([5.0, 10, 19, 30]))
    assert np.array_equal(found, [math.nan, 1, 1, 2], equal_nan=True)


def test_means_leave_out_what_is_unknown() -> None:
    found = curve.mean([np.array([1.0, math.nan, math.nan]), np.array([3.0, 4.0, math.nan])])
    assert np.array_equal(found, [2, 4, math.nan], equal_nan=True)


def test_charging_spans_run_to_the_end_of_the_day() -> None:
    assert curve.spans(series([0, 10, 20, 30], [1, 1, 0, 1]), 50) == [(0, 20), (30, 50)]
    assert curve.spans(Series(), 50) == []


def test_tiles_tell_the_difference_whatever_its_sign() -> None:
    better, worse = both()
    ahead = {tile.title: tile.difference for tile in tiles([better, worse])}
    behind = {tile.title: tile.difference for tile in tiles([worse, better])}
    title = "Federated accuracy, at the end"
    points = 100 * (better.federated_accuracy - worse.federated_accuracy)
    assert ahead[title] == f"circadia +{points:.1f} points"
    assert behind[title] == f"charging-only −{points:.1f} points"
    same = {tile.title: tile.difference for tile in tiles([better, better])}
    assert same[title] == "circadia ±0 points"


def test_lead_says_which_arm_spent_more_and_which_was_right_more_often() -> None:
    first, second = both()
    ahead, behind = lead([first, second]), lead([second, first])
    assert "points more than with charging-only" in ahead
    assert "% more than with charging-only" in ahead
    assert "points less than with circadia" in behind
    assert "% less than with circadia" in behind
    assert "nothing was evaluated" in lead([hollow(first), second])
    assert "stopped at 05:00" in lead([first, replace(second, day_s=18_000, complete=False)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recovery_s": 7200.0}, "2 h 00 min"),
        ({"recovery_s": 0.0}, "at once"),
        ({"recovery_s": None}, "not that day"),
        ({"recovery_s": None, "drifts": []}, "no drift"),
        ({"recovery_s": None, "day_s": 30_000.0}, "no drift"),
    ],
)
def test_recovery_in_words(change: dict[str, Any], words: str) -> None:
    assert recovery(replace(small(), **change)) == words


def test_joules_per_request_without_requests_is_no_number() -> None:
    found = {tile.title: tile for tile in tiles([hollow(small())])}
    assert found["Simulated joules per served request"].cells[0].value == "none served"
    assert found["Latency, 95th percentile"].cells[0].value == "–"
