"""A fleet's life on a moved clock: some hours of two devices, and that the analysis of what it left behind says the same."""

from __future__ import annotations

import dataclasses
import math
import sqlite3
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.policy.due_rule import DueRule
from circadia_lab.data.day.group import group_figures
from circadia_lab.data.day.plan import DAY_S, Plan
from circadia_lab.data.day.world import World
from circadia_lab.fleet.demo.analysis import analyse
from circadia_lab.fleet.demo.device_on_disk import DeviceOnDisk
from circadia_lab.fleet.demo.fast import FastArm
from circadia_lab.life.figures import Lived, live
from circadia_lab.life.life import LOOK_S, Life

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PLAN = Plan(devices=2, seed=3, fleet="phones")
HOURS = 5
END_S = HOURS * 3600.0


def play(folder: Path, **more: Any) -> Lived:
    return live(DueRule, PLAN, folder=folder, end_s=END_S, **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("life")


@pytest.fixture(scope="module")
def lived(folder: Path) -> Lived:
    return play(folder)


def test_a_fleet_learns_serves_and_federates(lived: Lived) -> None:
    figures = lived.figures()
    assert figures["errors"] == 0
    assert lived.versions > 3
    assert figures["served"] + figures["expired"] + figures["unanswered"] > 20
    assert figures["mean_accuracy"] > lived.accuracy.value[0] + 0.2
    assert 0 < figures["battery_agent_j"] < figures["battery_device_j"] <= figures["device_j"]
    assert set(figures["kinds"]) == {"pixel-3", "fairphone-4"}
    for name in ("served", "agent_j", "ticks", "training_steps"):
        assert sum(kind[name] for kind in figures["kinds"].values()) == pytest.approx(figures[name])
    assert figures["recovery_s"] is None  # the drift comes later that day


def test_every_half_hour_tells_what_the_physics_knows(lived: Lived) -> None:
    for device in lived.devices:
        assert [look.t_s for look in device.looks] == [LOOK_S * i for i in range(2 * HOURS + 1)]
        for look in device.looks:
            assert 0 <= look.workload["newest_age_s"] <= look.t_s
            assert look.version <= look.workload["newest"]
            assert 0 <= look.accuracy_own <= 1
        assert device.looks[-1].workload["practice"] > 0
        assert device.looks[-1].version > 1
    newest = [look.workload["newest"] for look in lived.devices[0].looks]
    assert newest == sorted(newest)
    assert newest[-1] == lived.versions


def test_a_seed_fixes_all_of_it(lived: Lived, tmp_path: Path) -> None:
    again = play(tmp_path)
    assert again.figures() == lived.figures()
    # in words, for what is not known yet is NaN
    assert repr([device.looks for device in again.devices]) == repr(
        [device.looks for device in lived.devices]
    )
    other = live(DueRule, dataclasses.replace(PLAN, seed=4), folder=tmp_path / "other", end_s=END_S)
    assert other.figures()["agent_j"] != lived.figures()["agent_j"]


def test_the_analysis_of_its_stores_says_the_same(lived: Lived, folder: Path, tmp_path: Path) -> None:
    arm = FastArm(plan=PLAN, name="due", policy="due", folder=folder)
    with Life(PLAN, DueRule, tmp_path) as life:
        texts = [device.config for device in life.devices]
    arm.devices = [DeviceOnDisk(PLAN, index, folder, text) for index, text in enumerate(texts)]
    found = group_figures(analyse(arm, day_s=END_S, wall_s=0.0, complete=True).devices)
    figures = lived.figures()
    for name in ("served", "served_accuracy", "right_of_hundred", "ticks", "training_steps"):
        assert found[name] == figures[name], name
    for name in ("agent_j", "device_j", "battery_agent_j", "battery_device_j", "latency_p95_s"):
        assert found[name] == pytest.approx(figures[name], rel=1e-3), name
    # a version that came after a wake stands in the log of the next one
    assert found["mean_accuracy"] == pytest.approx(figures["mean_accuracy"], abs=0.08)


def test_a_world_of_several_days_goes_on(tmp_path: Path) -> None:
    world = World(0, 1, drifts_s=(DAY_S / 2,), days=2)
    plan = Plan(devices=1, fleet="phones")
    found = live(DueRule, plan, folder=tmp_path, world=world, end_s=DAY_S + 3600.0)
    (device,) = found.devices
    assert device.looks[-1].t_s == DAY_S + 3600.0
    with sqlite3.connect(tmp_path / f"{device.name}.db") as db:
        ((last_s,),) = db.execute("SELECT max(t_s) FROM ticks")
    assert DAY_S < last_s <= DAY_S + 3600.0
    assert math.isfinite(found.figures()["mean_accuracy"])
    assert np.isfinite([look.accuracy_own for look in device.looks]).all()
