"""Plans are large enough, balanced, and cannot be changed unseen; comparisons alarm as seldom as they say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from circadia.errors import ConfigError
from circadia_field.plan import LEAST_PAIRS, Plan, freeze, thawed
from circadia_lab.field.analysis.comparison import balance, compare
from circadia_lab.field.analysis.sample_size import achieved_power, device_change, pairs_needed

if TYPE_CHECKING:
    from pathlib import Path

ARMS = {"coupled": "default", "apart": "apart.tflite", "charging-only": "charging-only"}


def plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {"arms": ARMS, "effect": 0.3, "agent_share": 0.5, "noise": 0.05, "pairs": 8}
    return Plan(**(values | changes))


@pytest.mark.parametrize(("change", "pairs"), [(0.05, 9), (0.02, 39), (0.01, 145), (0.5, LEAST_PAIRS)])
def test_pairs_for_three_per_cent_of_noise(change: float, pairs: int) -> None:
    assert pairs_needed(change, 0.03) == pairs
    assert achieved_power(change, 0.03, pairs) >= 0.8


def test_the_power_of_a_clear_effect_is_told() -> None:
    reached = [achieved_power(away * 0.03 * np.sqrt(2 / 7), 0.03, 7) for away in np.linspace(0.1, 30, 300)]
    assert np.isfinite(reached).all()
    assert (np.diff(reached) >= 0).all()
    assert reached[-1] == 1


def test_the_power_is_what_simulated_tests_reach() -> None:
    rng = np.random.default_rng(0)
    pairs = pairs_needed(0.05, 0.03)
    d = rng.normal(0.05, 0.03 * np.sqrt(2), (4000, pairs))
    seen = stats.ttest_1samp(d, 0, axis=1).pvalue <= 0.05
    assert seen.mean() == pytest.approx(achieved_power(0.05, 0.03, pairs), abs=0.03)


def test_the_devices_change_is_the_agents_share_of_it() -> None:
    assert device_change(0.3, 0.05) == pytest.approx(0.015)
    with pytest.raises(ConfigError, match="needs more than 10,000 pairs; measure the agent's own joules"):
        pairs_needed(device_change(0.01, 0.01), 0.03)
    for wrong in ((0.0, 0.5), (0.3, 0.0), (30, 0.5), (0.3, float("nan"))):
        with pytest.raises(ConfigError, match=r"effect|agent_share"):
            device_change(*wrong)


def test_the_order_is_drawn_and_balanced() -> None:
    known = plan(pairs=12)
    periods = known.schedule()
    assert [p.start_h for p in periods] == sorted(p.start_h for p in periods)
    assert all(b.start_h - a.start_h - a.hours == pytest.approx(1.0) for a, b in pairwise(periods))
    assert Counter((p.phase, p.arm) for p in periods if p.phase == "ab")["ab", "apart"] == 12
    firsts = Counter(p.arm for p in periods[12::2] if p.phase == "ab")
    assert firsts["coupled"] == 12  # of 24 pairs in two comparisons
    assert {p.policy for p in periods if p.phase == "aa"} == {"default"}
    assert plan(pairs=12, seed=1).schedule() != periods
    assert plan(pairs=12).schedule() == periods


def test_a_frozen_plan_tells_any_change(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    digest = freeze(plan(), path)
    assert thawed(path).digest == digest
    with pytest.raises(ConfigError, match="exists already"):
        freeze(plan(), path)
    with pytest.raises(ConfigError, match="its folder does not exist"):
        freeze(plan(), tmp_path / "none" / "plan.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    for key, value in (("noise", 0.01), ("seed", 7), ("latency_margin", 0.5)):
        changed = content | {"plan": content["plan"] | {key: value}}
        path.write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(ConfigError, match="was changed after it was frozen"):
            thawed(path)
    path.write_text(json.dumps(content | {"schedule": content["schedule"][2:]}), encoding="utf-8")
    with pytest.raises(ConfigError, match="was changed after it was frozen"):
        thawed(path)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no plan of a field test"):
        thawed(path)
    with pytest.raises(ConfigError, match="no such plan"):
        thawed(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": {"one": "default"}}, "two arms"),
        ({"pairs": 3}, "pairs is 3; fewer than 6"),
        ({"aa_pairs": 2}, "aa_pairs is 2"),
        ({"noise": 0.0}, "noise is 0.0"),
        ({"power": 1.0}, "power is 1.0"),
        ({"washout_h": -1}, "washout_h is -1"),
        ({"effect": 30.0}, "effect is 30.0; it must be below 1"),
        ({"agent_share": 1.5}, "agent_share is 1.5"),
        ({"order": "aabb"}, "order is 'aabb'"),
        ({"hours": float("nan")}, "hours is nan"),
        ({"arms": {"a b": "default", "c": "separate"}}, "arm 'a b'"),
    ],
)
def test_wrong_plans_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(**changes)


def test_a_comparison_finds_the_true_change() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(100, 3, 12)
    found = compare(a, 0.8 * rng.normal(100, 3, 12))
    assert found.low < -0.2 < found.high
    assert found.seen
    assert compare(a, a).p == 1.0


def test_alarms_without_a_difference_are_as_seldom_as_they_should_be() -> None:
    rng = np.random.default_rng(2)
    alarms = sum(compare(*rng.lognormal(0, 0.03, (2, 8)), seed=k).seen for k in range(300))
    assert alarms <= stats.binom.ppf(0.999, 300, 0.05)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [([1.0] * 5, [1.0] * 5, "5 pairs"), ([1.0] * 7, [1.0] * 6, "7 and 6"), ([0.0] * 6, [1.0] * 6, "arm a"),
     ([1.0] * 6, [float("nan")] * 6, "arm b")],
)  # fmt: skip
def test_wrong_comparisons_are_named(a: list[float], b: list[float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compare(a, b)


@pytest.mark.parametrize(
    ("factor", "spread", "verdict", "kept"),
    [(1.0, 0.01, "equal", True), (1.0, 0.5, "unsure", False), (1.2, 0.01, "worse", False), (0.7, 0.01, "better", True)],
)  # fmt: skip
def test_a_balance_needs_evidence_not_ignorance(
    factor: float, spread: float, verdict: str, kept: bool
) -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(10, 0.1, 20)
    b = a * rng.normal(factor, spread, 20).clip(0.1)
    found = balance(a, b, 0.1, relative=True, more_is_better=False)
    assert (found.verdict, found.kept) == (verdict, kept)


def test_a_balance_of_what_never_differs() -> None:
    assert balance([0.0] * 6, [0.0] * 6, 0.1, relative=True, more_is_better=False).verdict == "equal"
    assert balance([1.0] * 6, [1.0] * 6, 0.02, relative=False, more_is_better=True).kept
    lost = balance([1.0] * 6, [0.9, 0.91, 0.9, 0.89, 0.9, 0.9], 0.02, relative=False, more_is_better=True)
    assert lost.verdict == "worse"


def test_turns_are_taken() -> None:
    arms = [
        period.arm
        for period in plan(pairs=8, order="abba", arms={"a": "default", "b": "separate"}).schedule()[12:]
    ]
    assert arms == ["a", "b", "b", "a"] * 4


@pytest.mark.slow
def test_the_command_freezes_a_plan(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    command = [sys.executable, "-m", "circadia", "field", "plan", "--agent-share", "0.5", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert thawed(out).digest in done.stdout
    assert "15.00% of the device's" in done.stdout
