"""Every screen in every state, and each at three sizes, in both schemes, with large letters: no word is cut or over another."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.android.screens.conftest import Stage

SIZES = [
    ((412, 915), 1.0, "dark"),
    ((360, 640), 1.0, "light"),
    ((800, 1280), 1.0, "dark"),
    ((360, 640), 1.6, "light"),
]
NAMES = [
    "now",
    "now-simulated",
    "now-modelled",
    "now-empty",
    "now-offline",
    "now-failing",
    "now-paused",
    "now-only-sleeping",
    "now-starting",
    "now-no-consent",
    "choose",
    "choose-empty",
    "learn",
    "learn-empty",
    "test",
    "test-result",
    "test-none",
    "test-stopped",
    "test-over",
    "log",
    "log-empty",
    "consent",
    "consent-ready",
    "your-data",
    "your-data-sure",
    "your-data-waiting",
]

MAIN = [
    "now-simulated",
    "choose",
    "learn",
    "test",
    "test-result",
    "test-over",
    "test-stopped",
    "log",
    "consent-ready",
    "your-data-waiting",
]


def overlap(one: list[float], other: list[float]) -> float:
    """The smaller side of what two boxes share; 0: nothing."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, min(wide, high))


def findings(texts: list[dict[str, Any]], width: int) -> list[str]:
    """What is wrong with where words stand. In a scrolled screen they may stand below or above the window."""
    found = [f"cut: {text['text']!r}" for text in texts if not text["fits"]]
    sideways = [
        t for t in texts if t["text"] not in {"All", "Decisions", "Held back", "Exits", "Errors"}
    ]  # these scroll
    found += [f"outside: {t['text']!r}" for t in sideways if t["box"][0] < -0.5 or t["box"][2] > width + 0.5]
    scrolled = [t for t in texts if t["scrolls"]]
    found += [
        f"over another: {a['text']!r}, {b['text']!r}"
        for a, b in combinations(scrolled, 2)
        if overlap(a["box"], b["box"]) > 3
    ]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("size", "scale", "scheme"), SIZES, ids=str)
def test_no_word_is_cut_outside_or_over_another(
    stage: Stage, size: tuple[int, int], scale: float, scheme: str
) -> None:
    wrong = {}
    for name in NAMES if size == SIZES[0][0] else MAIN:
        stage.show(name, size=size, scale=scale, scheme=scheme)
        texts = stage("texts")
        assert texts
        wrong[name] = findings(texts, size[0])
    assert {name: found for name, found in wrong.items() if found} == {}


def test_the_stage_shows_all_that_there_is(stage: Stage) -> None:
    assert sorted(NAMES) == sorted(stage("names"))


def test_a_chart_is_drawn_on_new_data_only(stage: Stage) -> None:
    stage.show("now")
    before = stage("drawings")
    assert before["BatteryChart"]["drawn"] >= 1
    stage("rest", frames=20)
    assert stage("drawings") == before
    stage("same_again")
    assert stage("drawings") == before
    stage("newer")
    after = stage("drawings")
    assert after["BatteryChart"]["drawn"] > before["BatteryChart"]["drawn"]


def test_a_picture_has_the_themes_colours(stage: Stage, tmp_path: Path) -> None:
    from PIL import Image

    for scheme, ground in (("dark", (0x0C, 0x11, 0x16)), ("light", (0xF3, 0xF5, 0xF7))):
        stage.show("now", scheme=scheme)
        stage("picture", file=str(tmp_path / f"{scheme}.png"))
        with Image.open(tmp_path / f"{scheme}.png") as picture:
            assert picture.size == (412, 915)
            assert picture.convert("RGB").getpixel((4, 120)) == ground
            assert len(picture.convert("RGB").getcolors(maxcolors=100_000) or ()) > 50


def test_nothing_in_the_log_that_should_not_be(stage: Stage) -> None:
    """The agent's service of another test may have told what it did."""
    stage.show("now")
    assert [line for line in stage.log.read_text().splitlines() if " INFO " not in line] == []
