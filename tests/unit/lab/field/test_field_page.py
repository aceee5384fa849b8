"""The page needs nothing but itself, says what is simulated, and stands when figures are missing."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any

import pytest

from circadia.energy.profile_file import shipped_profile
from circadia_lab.field.analysis.analysis import Analysis, concluded
from circadia_lab.field.analysis.result import as_json
from circadia_lab.field.report.page import lead, notes, tiles, write_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_field.bundle import Bundle
    from circadia_field.plan import Plan
    from circadia_lab.field.analysis.period_figures import PeriodFigures

pytestmark = pytest.mark.slow

MISSING: dict[str, Any] = dict.fromkeys(
    ("battery_w", "rest_w", "latency_p95_s", "data_age_s", "temperature_c"), math.nan
) | {"soc": (math.nan, math.nan), "served": 0, "right": 0, "asked": 0, "meter": {}}


@pytest.fixture
def concluding(plan: Callable[..., Plan], periods: Any, log_of: Any) -> Callable[..., Analysis]:
    def make(
        edit: Callable[[PeriodFigures], PeriodFigures] = lambda one: one,
        *,
        real: bool = True,
        first: int = 24,
    ) -> Analysis:
        found = tuple(edit(one) for one in periods(plan())[:first])
        return concluded(plan(), found, log_of(found), real=real)

    return make


def page(analysis: Analysis, bundle: Bundle, path: Path) -> str:
    write_report(analysis, as_json(analysis, shipped_profile("pixel-3")), bundle, path)
    return path.read_text(encoding="utf-8")


def simulated(one: PeriodFigures) -> PeriodFigures:
    return dataclasses.replace(
        one, ticks=dataclasses.replace(one.ticks, source="simulated"), true_w=one.device_w
    )


def test_it_needs_nothing_but_itself(
    concluding: Callable[..., Analysis], bundle: Bundle, tmp_path: Path
) -> None:
    html = page(concluding(), bundle, tmp_path / "report.html")
    loaded = re.findall(r"""(?:src|href|xlink:href|url\(|action)\s*=?\s*["'(]?([^"')\s>]+)""", html)
    assert [one for one in loaded if "//" in one] == []
    assert "default-src 'none'" in html
    assert html.count("<svg") == 5
    [script] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "wheel" in script
    [summary] = re.findall(r'id="summary">(.*?)</script>', html, re.DOTALL)
    assert json.loads(summary)["plan_sha256"] == bundle.plan.digest


def test_it_says_what_was_found(concluding: Callable[..., Analysis], bundle: Bundle, tmp_path: Path) -> None:
    html = page(concluding(), bundle, tmp_path / "report.html")
    assert "a saves 6" in html
    assert "joules are measured" in html
    assert "Measured on the device." in html
    assert bundle.plan.digest in html
    assert "device_id 0000abcd" in html


def test_it_says_what_is_simulated(
    concluding: Callable[..., Analysis], bundle: Bundle, tmp_path: Path
) -> None:
    analysis = concluding(simulated, real=False)
    html = page(analysis, bundle, tmp_path / "report.html")
    assert "joules are simulated" in html
    assert "it shows that the method works, not what a device saves" in html
    assert "The device’s body is simulated" in html
    assert html.count("Joules are simulated.") >= 4
    assert "Measured on the device" not in html
    assert lead(analysis).endswith("(simulated).")


def test_it_stands_when_figures_are_missing(
    concluding: Callable[..., Analysis], bundle: Bundle, tmp_path: Path
) -> None:
    analysis = concluding(lambda one: dataclasses.replace(one, **MISSING))
    html = page(analysis, bundle, tmp_path / "report.html")
    assert not re.search(r"\bnan\b", re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL), re.IGNORECASE)
    assert "–" in html
    assert lead(analysis).startswith("No gain of a is announced")


@pytest.mark.parametrize("first", [1, 3, 13, 23])
def test_it_stands_before_the_test_is_over(
    first: int, concluding: Callable[..., Analysis], bundle: Bundle, tmp_path: Path
) -> None:
    analysis = concluding(first=first)
    html = page(analysis, bundle, tmp_path / "report.html")
    assert f"{first} of 24 periods are done: nothing is announced before the end." in html
    assert lead(analysis).startswith("No gain of a is announced")
    assert (tiles(analysis)[0].value, tiles(analysis)[0].verdict) == (
        ("not yet", "") if first < 12 else ("no difference", "good")
    )


def test_an_alarm_of_the_a_a_phase_stands_at_the_top(concluding: Callable[..., Analysis]) -> None:
    def worn(one: PeriodFigures) -> PeriodFigures:
        return dataclasses.replace(one, device_w=2 * one.device_w) if one.period.arm == "a-again" else one

    tile = tiles(concluding(worn))[0]
    assert (tile.value, tile.verdict) == ("alarm", "bad")


def test_what_failed_on_the_device_is_told(concluding: Callable[..., Analysis]) -> None:
    def failing(one: PeriodFigures) -> PeriodFigures:
        return dataclasses.replace(one, errors=2 if one.place in {4, 9} else 0)

    assert "Parts of the agent failed 4 times, in period 5, 10" in " ".join(notes(concluding(failing)))
    assert notes(concluding()) == []
