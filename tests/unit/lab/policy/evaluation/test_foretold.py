"""A run of the demonstration, and what the simulator foretells of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.observation import DAY_S
from circadia_lab.data.day.arrivals import REQUESTS, between, request_times
from circadia_lab.data.day.plan import PROFILES, Plan
from circadia_lab.data.traces.arrivals import Arrivals
from circadia_lab.data.traces.bursts import burst_table
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.evaluation.arm import Conditions
from circadia_lab.policy.evaluation.foretold import PROBLEM, Foretold, foretell, read_run
from circadia_lab.policy.evaluation.scorers import uniform

if TYPE_CHECKING:
    from pathlib import Path


def summary(**changes: Any) -> dict[str, Any]:
    arm = {
        "complete": True, "day_s": 86_400.0, "served": 3_200, "expired": 0, "energy_total_j": 80_000.0,
        "energy_per_served_j": 25.0, "latency_median_s": 1.0, "latency_p95_s": 10.0, "mean_accuracy": 0.85,
    }  # fmt: skip
    return {"devices": 8, "arms": {"circadia": arm | changes}}


def test_the_problem_is_the_demonstrations_fleet() -> None:
    problem, plan = find_problem(PROBLEM), Plan()
    assert [device.profile.name for device in problem.devices] == [plan.profile(i) for i in range(8)]
    assert {device.profile.name for device in problem.devices} == set(PROFILES)
    for device in problem.devices:
        assert sum(device.scenario.requests_per_hour) == pytest.approx(400, rel=0.01)


def test_its_bursts_are_the_demonstrations() -> None:
    random, ticks = np.random.default_rng(0), find_problem(PROBLEM).ticks
    days = [request_times(random, between(random, REQUESTS)) + day * DAY_S for day in range(100)]
    sizes = [int(size) for size in ticks.burst_sizes]
    found = burst_table(Arrivals(where="demonstration", t_s=np.concatenate(days)), 5, sizes)
    assert ticks.burst_shares == pytest.approx(found.shares, abs=0.01)


@pytest.mark.slow
def test_figures_are_by_device_and_day(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(summary()))
    rows = foretell(read_run(path), uniform, Conditions(per_device=1, days=0.5, warm_up_days=0.1))
    found = {row.name: row for row in rows}
    assert found["requests served"].found == 400
    assert found["energy of the agent"].found == 10
    assert found["requests expired"].found == 0
    assert np.isnan(found["requests expired"].off)
    assert all(np.isfinite(row.foretold) and row.foretold >= 0 for row in rows)
    assert 0 < found["requests served"].foretold < 1000


def test_how_far_off() -> None:
    assert Foretold(name="x", unit="s", foretold=3.0, found=2.0).off == 0.5


@pytest.mark.parametrize("text", ["", "[]", '{"arms": {}}', '{"arms": 3}'])
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
