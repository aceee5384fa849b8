"""A run of the demonstration, and what the simulator foretells of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.observation import DAY_S
from circadia_lab.data.day.arrivals import REQUESTS, between, request_times
from circadia_lab.data.day.plan import BOARD_DEADLINE_S, BOARDS, DEADLINE_S, FLEETS
from circadia_lab.data.traces.arrivals import Arrivals
from circadia_lab.data.traces.bursts import burst_table
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.evaluation.foretold import (
    PROBLEMS,
    Demonstration,
    Foretold,
    decider_of,
    foretell,
    joules_off,
    not_foretold,
    points_off,
    read_run,
)
from circadia_lab.policy.evaluation.tables import foretold as table

if TYPE_CHECKING:
    from pathlib import Path


def summary(**changes: Any) -> dict[str, Any]:
    arm = {
        "complete": True, "day_s": 21_600.0, "served": 800, "expired": 0, "energy_total_j": 20_000.0,
        "energy_per_served_j": 25.0, "latency_median_s": 1.0, "latency_p95_s": 10.0, "mean_accuracy": 0.85,
    }  # fmt: skip
    return {"devices": 8, "arms": {"circadia": arm | changes}}


@pytest.mark.parametrize("name", PROBLEMS.values())
def test_the_problems_have_the_demonstrations_kinds(name: str) -> None:
    problem = find_problem(name)
    dealt = {profile for fleet in FLEETS.values() for profile in fleet}
    assert {device.profile.name for device in problem.devices} == dealt
    for device in problem.devices:
        assert sum(device.scenario.requests_per_hour) == pytest.approx(400, rel=0.01)
        on_board = device.profile.name in BOARDS
        assert device.scenario.deadline_s == (BOARD_DEADLINE_S if on_board else DEADLINE_S)


def test_a_summary_of_earlier_is_of_its_fleet(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(summary()))
    run = read_run(path)
    assert run.kinds == ("pixel-3", "fairphone-4", "pi-solar") * 2 + ("pixel-3", "fairphone-4")
    assert run.problem().name == "wake-demonstration-cnn"


def test_its_bursts_are_the_demonstrations() -> None:
    random, ticks = np.random.default_rng(0), find_problem(PROBLEMS["task"]).ticks
    days = [request_times(random, between(random, REQUESTS)) + day * DAY_S for day in range(100)]
    sizes = [int(size) for size in ticks.burst_sizes]
    found = burst_table(Arrivals(where="demonstration", t_s=np.concatenate(days)), 5, sizes)
    assert ticks.burst_shares == pytest.approx(found.shares, abs=0.01)


@pytest.mark.slow
def test_figures_are_by_device_and_day(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(summary(policy="threshold")))
    rows = foretell(read_run(path), copies=1)
    assert {row.arm for row in rows} == {"circadia"}
    found = {row.name: row for row in rows}
    assert found["requests served"].found == 400
    assert found["energy of the agent"].found == 10
    assert found["requests expired"].found == 0
    assert np.isnan(found["requests expired"].off)
    assert all(np.isfinite(row.foretold) and row.foretold >= 0 for row in rows)
    assert 0 < found["requests served"].foretold < 1000
    assert points_off(rows) == pytest.approx(100 * abs(found["accuracy over the day"].foretold - 0.85))


@pytest.mark.slow
def test_every_arm_is_foretold_by_its_own_policy(tmp_path: Path) -> None:
    whole = summary(policy="default", by_device={"a": {"kind": "pi-solar"}, "b": {"kind": "pixel-3"}})
    whole["devices"] = 2
    whole["arms"]["threshold"] = whole["arms"]["circadia"] | {"policy": "threshold"}
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(whole))
    run = read_run(path)
    assert [device.profile.name for device in run.problem().devices] == ["pi-solar", "pixel-3"]
    rows = foretell(run, copies=1)
    assert len(rows) == 18
    first, second = ([r.foretold for r in rows if r.arm == arm] for arm in ("circadia", "threshold"))
    assert first != second


def test_the_worst_arm_is_the_figure() -> None:
    def row(arm: str, name: str, foretold: float, found: float) -> Foretold:
        return Foretold(arm=arm, name=name, unit="", foretold=foretold, found=found)

    rows = (
        row("a", "accuracy over the day", 0.9, 0.85),
        row("b", "accuracy over the day", 0.7, 0.8),
        row("a", "energy of the agent", 9.0, 10.0),
        row("b", "energy of the agent", 10.2, 10.0),
    )
    assert points_off(rows) == pytest.approx(10)
    assert joules_off(rows) == pytest.approx(10)
    assert np.isnan(points_off(()))


def test_a_kind_that_the_problem_has_not() -> None:
    run = Demonstration(devices=1, kinds=("toaster",), work="task", arms={})
    with pytest.raises(ConfigError, match="has no toaster"):
        run.problem()


def test_a_policy_that_cannot_be_played() -> None:
    with pytest.raises(ConfigError, match="'separate' of that run cannot be played"):
        decider_of("separate")


@pytest.mark.slow
def test_arms_that_choose_their_sleeps_are_foretold_and_unknown_ones_named(tmp_path: Path) -> None:
    whole = summary(policy="due", by_device={"a": {"kind": "pi-boot"}})
    whole["devices"] = 1
    whole["arms"]["separate"] = whole["arms"]["circadia"] | {"policy": "separate"}
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(whole))
    run = read_run(path)
    left_out = not_foretold(run)
    assert left_out == {"separate": "it is neither a rule nor a policy file"}
    rows = foretell(run, copies=2)
    assert {row.arm for row in rows} == {"circadia"}
    told = dict(table(rows, left_out).groups)
    assert told["separate"][0][0].startswith("not foretold: it is neither")
    assert list(told) == ["circadia", "separate"]


@pytest.mark.slow
def test_an_arm_that_served_nothing_has_dashes(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("energy_per_served_j", "latency_median_s", "latency_p95_s"))
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(summary(policy="threshold", served=0, **nothing)))
    rows = foretell(read_run(path), copies=1)
    unknown = {row.name for row in rows if np.isnan(row.found)}
    assert unknown == {
        "energy for a served request", "latency, median", "latency, 95th percentile", "requests expired",
        "energy of the agent's work, out of the battery", "accuracy at the end",
    }  # fmt: skip
    cells = {row[0]: row for row in table(rows, {}).groups[0][1]}
    assert cells["latency, median"][3:] == ("–", "–")
    assert np.isfinite(joules_off(rows))


def test_how_far_off() -> None:
    assert Foretold(name="x", unit="s", foretold=3.0, found=2.0).off == 0.5


@pytest.mark.parametrize("text", ["", "[]", '{"arms": {}}', '{"arms": 3}', '{"devices": 1, "arms": {}}'])
def test_no_summary(text: str, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"s\.json: no summary"):
        read_run(path)


def test_a_run_that_was_stopped(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(summary(complete=False)))
    with pytest.raises(ConfigError, match="was stopped"):
        read_run(path)
