"""The result as JSON: every figure with its source, and any change to it found."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from circadia.energy.profile_file import shipped_profile
from circadia_lab.field.analysis.analysis import Analysis, concluded
from circadia_lab.field.analysis.contrast import DEVICE, WATTS
from circadia_lab.field.analysis.result import as_json, differences, interval
from circadia_lab.field.analysis.words import verdicts

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_field.plan import Plan
    from circadia_lab.field.analysis.period_figures import PeriodFigures

SOURCES = {"measured", "modelled", "simulated"}


@pytest.fixture
def concluding(plan: Callable[..., Plan], periods: Any, log_of: Any) -> Callable[..., Analysis]:
    def make(*, real: bool = True, source: str = "measured", drop: int = 0) -> Analysis:
        found: tuple[PeriodFigures, ...] = tuple(
            dataclasses.replace(one, ticks=dataclasses.replace(one.ticks, source=source))
            for one in periods(plan())
        )[: len(plan().schedule()) - drop]
        return concluded(plan(), found, log_of(found), real=real)

    return make


def told(analysis: Analysis) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        json.dumps(as_json(analysis, shipped_profile("pixel-3")), allow_nan=False)
    )
    return found


def test_an_arms_watts_know_the_meters_gain_and_offset(concluding: Callable[..., Analysis]) -> None:
    found = concluding()
    poor = dataclasses.replace(
        found, plan=dataclasses.replace(found.plan, meter_gain=0.01, meter_offset_w=0.02)
    )
    arm = told(poor)["arms"]["a"]
    whole, agent = (arm[name] for name in ("device_w", "agent_w"))
    assert whole["meter_sd"] == pytest.approx(math.hypot(0.01 * whole["mean"], 0.02), rel=0.05)
    assert agent["meter_sd"] == pytest.approx(0.01 * agent["mean"], rel=0.3)


def test_every_figure_has_a_source(concluding: Callable[..., Analysis]) -> None:
    found = told(concluding())
    assert found["source"] == "measured"
    for arm in found["arms"].values():
        figures = {name: value for name, value in arm.items() if name != "periods"}
        assert {
            "device_w",
            "agent_w",
            "agent_j_per_request",
            "device_hours",
            "latency_p95_s",
        } <= figures.keys()
        assert all(value["source"] in SOURCES for value in figures.values())
        assert arm["device_w"]["source"] == arm["latency_p95_s"]["source"] == "measured"
        assert arm["device_hours"]["source"] == "modelled"
    for versus in found["versus"]:
        assert all(kind["source"] == "measured" for kind in versus["joules"].values())
        assert all(kept["source"] == "measured" for kept in versus["kept"].values())
        assert versus["kept"].keys() >= {"served", "latency", "accuracy"}
    for period in found["periods"]:
        assert period["source"] == {"joules": "measured", "body": "measured", "true_w": "simulated"}


def test_a_simulated_body_measures_nothing(concluding: Callable[..., Analysis]) -> None:
    found = told(concluding(real=False, source="simulated"))
    assert '"measured"' not in json.dumps(found)
    beside = told(concluding(real=False))
    assert beside["arms"]["a"]["device_w"]["source"] == "measured"
    assert beside["arms"]["a"]["latency_p95_s"]["source"] == "simulated"


def test_its_figures_are_those_of_the_periods(concluding: Callable[..., Analysis]) -> None:
    analysis = concluding()
    found = told(analysis)
    assert found["gain_announced"] is True
    assert found["plan_sha256"] == analysis.plan.digest
    assert list(found["arms"]) == ["a", "a-again", "b"]
    assert {name: arm["periods"] for name, arm in found["arms"].items()} == {"a": 12, "a-again": 6, "b": 6}
    a, b = found["arms"]["a"], found["arms"]["b"]
    assert a["device_w"]["mean"] == pytest.approx(0.2, rel=0.02)
    assert b["agent_j_per_request"]["mean"] == pytest.approx(0.3 * 3600 / 100, rel=0.03)
    assert b["device_j_per_request"]["mean"] == pytest.approx(0.4 * 3600 / 100, rel=0.02)
    hours = shipped_profile("pixel-3").capacity_j / 0.4 / 3600
    assert b["device_hours"]["mean"] == pytest.approx(hours, rel=0.02)
    assert a["model_age_s"]["mean"] is None
    assert found["versus"][0]["joules"][DEVICE]["announced"] is False
    assert found["versus"][1]["joules"][DEVICE]["change"] == pytest.approx(-0.5, abs=0.03)


def test_an_interval_needs_two(concluding: Callable[..., Analysis]) -> None:
    assert interval([2.0, 4.0, float("nan")])["mean"] == 3.0
    assert interval([2.0, 4.0])["high"] == pytest.approx(3 + 12.706, abs=1e-3)
    assert told(concluding(drop=23))["arms"]["b"]["device_w"] == {
        "mean": None, "low": None, "high": None, "unit": "W", "source": "measured", "meter_sd": None,
    }  # fmt: skip


def test_a_changed_number_is_found_wherever_it_stands(concluding: Callable[..., Analysis]) -> None:
    found = told(concluding())
    assert differences(found, copy.deepcopy(found)) == []

    def changed(*path: Any, to: Any) -> list[str]:
        other = copy.deepcopy(found)
        place = other
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to
        return differences(other, found)

    watts = found["periods"][3]["device_w"]
    assert changed("periods", 3, "device_w", to=watts * (1 + 1e-9)) == []
    [line] = changed("periods", 3, "device_w", to=watts * 1.0001)
    assert line.startswith("periods[3].device_w: the bundle says ")
    assert len(changed("versus", 1, "joules", "agent", "high_with_budget", to=-0.99)) == 1
    assert len(changed("gain_announced", to=False)) == 1
    assert len(changed("arms", "a", "model_age_s", "mean", to=3.0)) == 1
    assert len(changed("versus", 1, "joules", "device", "reasons", 0, "detail", to="all well")) == 1
    assert len(changed("periods", to=found["periods"][1:])) == 1
    assert len(changed("more", to="figures")) == 1
    assert differences([], found)


def test_verdicts_say_whose_joules_and_where_they_come_from(concluding: Callable[..., Analysis]) -> None:
    first, *lines = verdicts(concluding())
    assert first.startswith("A/A: no difference found, as it should be: the agent's joules ")
    assert first.endswith("(measured)")
    assert len(lines) == len(WATTS)
    for line, whose in zip(lines, ("agent's", "whole device's", "battery's"), strict=True):
        assert line.startswith(f"a against b, the {whose} joules: -")
        assert line.endswith("(measured): a gain, carried by the A/A phase and the error budget")


def test_verdicts_of_a_test_that_has_just_begun(concluding: Callable[..., Analysis]) -> None:
    first, second, *_ = verdicts(concluding(drop=20))
    assert first == "A/A: nothing to compare, 2 of 6 pairs"
    assert second == "a against b, the agent's joules: nothing to compare, 0 of 6 pairs (too few yet)"
