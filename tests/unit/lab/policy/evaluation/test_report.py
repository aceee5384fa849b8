"""An evaluation as a flat table and as one page."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia_lab.policy.env.interface import COSTS
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.evaluation import page, result
from circadia_lab.policy.evaluation.action_map import battery_and_staleness
from circadia_lab.policy.evaluation.arm import Arm, Conditions
from circadia_lab.policy.evaluation.curve import curve_of
from circadia_lab.policy.evaluation.day import record_day
from circadia_lab.policy.evaluation.evaluation import Evaluation, Scenario
from circadia_lab.policy.evaluation.oracle_figures import OracleFigures
from circadia_lab.policy.evaluation.page import write_page
from circadia_lab.policy.evaluation.result import summary, write_summary
from circadia_lab.policy.evaluation.rules import GatedRule
from circadia_lab.policy.evaluation.scorers import of_rule, uniform

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.played import Played

pytestmark = pytest.mark.slow

CONDITIONS = Conditions(per_device=1, days=0.25, warm_up_days=0.05)


def oracle() -> OracleFigures:
    """Made up: a front, its optimum a tenth better."""
    optimum = 0.5 + 0.5 * ANCHORS
    return OracleFigures(
        grid="tiny",
        states=10,
        largest_gap=1e-4,
        preferences=ANCHORS,
        limits=np.full(3, 0.2),
        reward=np.stack([0.9 * optimum, 0.95 * optimum]),
        cost=np.full((2, 21, 3), 0.1),
        optimum_reward=optimum,
        optimum_cost=np.full((21, 3), 0.2),
        random_reward=np.zeros(3),
        hypervolume_reference=np.full(3, -0.5),
    )


def history() -> list[dict[str, Any]]:
    return [
        {
            "steps": 1000 * i,
            "judged": False,
            "returns": (i * ANCHORS).tolist(),
            "costs": np.full((21, len(COSTS)), 1.5 - 0.1 * i).tolist(),
        }
        for i in range(1, 8)
    ]


def bare(**more: Any) -> Evaluation:
    plain: dict[str, Any] = {
        "scenarios": (),
        "conditions": CONDITIONS,
        "machine": "2 cores <of & some>",
        "date": "2026-01-01",
        "commands": ("circadia policy evaluate --quick",),
        "seconds": 12.3,
    }
    return Evaluation(**(plain | more))


@pytest.fixture(scope="module")
def played(problem: Problem) -> dict[str, Played]:
    third = np.full((1, 3), 1 / 3)
    scorers = {"rule": of_rule(GatedRule(soc=0.2, fresh=2)), "random": uniform}
    return {
        name: CONDITIONS.play(problem, scorer, third).for_all(ANCHORS) for name, scorer in scorers.items()
    }


@pytest.fixture(scope="module")
def evaluation(problem: Problem, played: dict[str, Played]) -> Evaluation:
    """Two seeds of everything that is trained, in one scenario and in one that is new to it."""

    def arms(shift: float) -> tuple[Arm, ...]:
        both = tuple(better(played["rule"], shift + 0.01 * seed) for seed in range(2))
        return (
            Arm(name="coupled", kind="trained", plays=both),
            Arm(name="coupled-float", kind="ablation", plays=tuple(better(p, 0.01) for p in both)),
            Arm(name="separate", kind="ablation", plays=tuple(better(p, -0.05) for p in both)),
            Arm(name="threshold", kind="rule", plays=(within(played["rule"]),), constants="soc 0.2"),
            Arm(name="random", kind="reference", plays=(better(played["random"], -0.5),)),
        )

    names = tuple(device.name for device in problem.devices)
    return bare(
        scenarios=(
            Scenario(name="a phone", devices=names, arms=arms(0.2)),
            Scenario(name="a new phone", devices=names, arms=arms(0.1), unseen=True),
        ),
        curves=(curve_of("coupled", 0, history()), curve_of("coupled", 1, history())),
        action_maps=battery_and_staleness(of_rule(GatedRule()), "coupled"),
        days=(record_day(problem, of_rule(GatedRule()), [1 / 3] * 3, name="coupled", warm_up_days=0),),
        oracle=oracle(),
        notes=("Played <briefly>.",),
        versions={"numpy": "1"},
    )


def better(played: Played, by: float) -> Played:
    """With that much more of every reward."""
    sums = replace(played.sums, reward=played.sums.reward + by * played.sums.weight[..., None])
    return replace(played, sums=sums)


def within(played: Played) -> Played:
    """With every limit kept."""
    return replace(played, sums=replace(played.sums, cost=0 * played.sums.cost))


def test_every_figure_of_a_summary_is_finite(evaluation: Evaluation) -> None:
    found = summary(evaluation)
    assert not [key for key, x in found.items() if not isinstance(x, str | int | float) or x != x]  # noqa: PLR0124  NaN
    assert all(isinstance(x, str) or math.isfinite(x) for x in found.values())
    assert (found["seeds"], found["preferences"]) == (2, 21)
    assert found["coupling_gain"] == pytest.approx(0.06)
    assert found["coupling_gain_low"] == pytest.approx(0.06)
    assert found["best_feasible_baseline"] == "threshold"
    assert found["over_best_feasible_baseline"] == pytest.approx(0.205)
    assert found["a_new_phone_utility"] == pytest.approx(found["utility"] - 0.1)
    assert found["transfer_ratio"] == found["a_new_phone_transfer_ratio"]
    assert found["int8_added_violations"] == 0
    assert found["oracle_normalised_mean"] == pytest.approx(0.925)
    assert {"battery_life_h", "latency_p95_s", "staleness_p95_s", "hypervolume"} <= found.keys()


def dear(played: Played, over_limit: float) -> Played:
    """With every cost at that share of its limit."""
    cost = over_limit * played.limits * played.sums.weight[..., None]
    return replace(played, sums=replace(played.sums, cost=cost))


def test_limits_are_told_of_the_worst_seed_and_scenario(played: dict[str, Played]) -> None:
    """Of those trained in; the others' beside. Each scenario, each kind and the spread have names of their own."""
    shares = {"phone": (0.5, 1.2, 0.6), "board": (0.7, 0.9, 0.8), "elsewhere": (2.0, 0.1, 0.2)}
    scenarios = tuple(
        Scenario(
            name=name,
            devices=("a device",),
            arms=(Arm(name="coupled", kind="trained", plays=tuple(dear(played["rule"], x) for x in own)),),
            unseen=name == "elsewhere",
            binding=dict.fromkeys(COSTS, 0.5 if name == "phone" else 0.4),
        )
        for name, own in shares.items()
    )
    found = summary(bare(scenarios=scenarios))
    assert found["violating_fraction"] == 1
    assert (found["violating_fraction_median"], found["violating_fraction_min"]) == (0, 0)
    worst = [found[f"worst_cost_over_limit{which}"] for which in ("_min", "_median", "")]
    assert worst == pytest.approx([0.7, 0.8, 1.2])
    assert found["board_worst_cost_over_limit"] == pytest.approx(0.9)
    assert found["phone_pixel_3_phone_worst_cost_over_limit"] == pytest.approx(1.2)
    assert found["board_pixel_3_phone_violating_fraction"] == 0
    assert found["unseen_worst_cost_over_limit"] == pytest.approx(2)
    assert (found["binding_share"], found["phone_binding_share_stale"]) == (0.4, 0.5)


def test_a_single_seed_has_no_interval_but_valid_json(evaluation: Evaluation, tmp_path: Path) -> None:
    head = evaluation.scenarios[0]
    one = tuple(replace(arm, plays=arm.plays[:1]) for arm in head.arms)
    path = tmp_path / "summary.json"
    write_summary(replace(evaluation, scenarios=(replace(head, arms=one),)), path)
    found = json.loads(path.read_text())
    assert found["seeds"] == 1
    assert found["utility_low"] is None
    assert [p.name for p in tmp_path.iterdir()] == ["summary.json"]


def test_without_a_scenario_it_is_the_optimum_s_figures() -> None:
    found = summary(bare(oracle=oracle()))
    assert found["normalised_mean"] == pytest.approx(0.925)
    assert "utility" not in found
    with pytest.raises(ConfigError, match="a scenario or a certified optimum"):
        bare()


class Reader(HTMLParser):
    """What a page refers to, and what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "srcset", "data", "action", "poster"} and value:
                self.references.append(value)
            if name == "id" and value:
                self.ids.append(value)


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def assert_self_contained(path: Path) -> Reader:
    text, reader = path.read_text(encoding="utf-8"), read(path)
    assert not [r for r in reader.references if not r.startswith(("#", "data:"))]
    assert not {"link", "iframe", "object", "embed"} & set(reader.tags)
    assert "@import" not in text
    assert "url(http" not in text.replace("'", "").replace('"', "")
    within = {r[1:] for r in reader.references if r.startswith("#")}
    assert within <= set(reader.ids)
    return reader


def test_a_page_needs_nothing_else(evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    write_page(evaluation, path)
    reader = assert_self_contained(path)
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    parts = page.parts(evaluation)
    pictures = [part for part in parts if part.svg]
    assert reader.tags.count("svg") == len(pictures) >= 8
    assert reader.tags.count("table") >= 3
    assert {part.name for part in parts} <= set(reader.ids)
    text = path.read_text(encoding="utf-8")
    assert "Played &lt;briefly&gt;." in text
    assert "2 cores &lt;of &amp; some&gt;" in text
    assert "<of" not in text


def test_a_page_without_scenarios_shows_the_optimum(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_page(bare(oracle=oracle()), path)
    reader = assert_self_contained(path)
    assert "svg" in reader.tags
    assert "certified" in reader.ids


def test_a_page_that_cannot_be_made_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("before")
    crash: Callable[[Any], Any] = lambda _: 1 / 0  # noqa: E731
    monkeypatch.setattr(page, "summary", crash)
    with pytest.raises(ZeroDivisionError):
        write_page(bare(oracle=oracle()), path)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert result.slug("drift-plus-penalty, per preference") == "drift_plus_penalty_per_preference"


def test_a_scenario_needs_the_trained_policy_and_each_arm_once(evaluation: Evaluation) -> None:
    arms = evaluation.scenarios[0].arms
    for wrong in (arms[1:], (*arms, arms[-1])):
        with pytest.raises(ConfigError, match="each once, and 'coupled' among them"):
            Scenario(name="s", devices=(), arms=wrong)
