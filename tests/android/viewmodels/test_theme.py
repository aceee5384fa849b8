"""The theme's colours can be read and told apart: computed from the file."""

from __future__ import annotations

import pytest

from circadia.errors import ConfigError
from circadia_app.theme import Colour, Scheme, Theme, contrast

TEXTS = [
    *[(text, ground) for text in ("ink", "muted") for ground in ("bg", "card", "raised")],
    *[("accent", ground) for ground in ("bg", "card")],
    ("on_accent", "accent"),
    ("warn", "card"),
    ("warn", "bg"),
    ("bad", "card"),
    ("bad", "bg"),
    ("charge_text", "charge"),
    ("ink", "warn_ground"),
    ("ink", "bad_ground"),
]
FILLS = ["sleep", "serve_low", "serve_high", "train_low", "train_high", "accent", "muted", "warn", "bad"]
THEMES = [Theme.shipped(scheme) for scheme in Scheme]
each_scheme = pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.scheme.value)


def ratio(theme: Theme, one: str, other: str) -> float:
    return contrast(theme.colours[one], theme.colours[other])


def test_the_measure_is_the_standards() -> None:
    black, white = Colour.parse("#000000"), Colour.parse("#FFFFFF")
    assert contrast(black, white) == pytest.approx(21)
    assert contrast(white, white) == 1
    assert contrast(Colour.parse("#777777"), white) == pytest.approx(
        4.48, abs=0.005
    )  # the well-known grey that fails


@each_scheme
@pytest.mark.parametrize(("text", "ground"), TEXTS)
def test_a_text_can_be_read_on_its_ground(theme: Theme, text: str, ground: str) -> None:
    assert ratio(theme, text, ground) >= 4.5


@each_scheme
@pytest.mark.parametrize("fill", FILLS)
def test_a_fill_and_the_edge_of_a_control_are_seen_on_a_card(theme: Theme, fill: str) -> None:
    assert ratio(theme, fill, "card") >= 3.0


@each_scheme
def test_what_decides_is_read_in_the_sun(theme: Theme) -> None:
    assert ratio(theme, "ink", "card") >= 14


@each_scheme
@pytest.mark.parametrize("mode", ["serve", "train"])
def test_the_high_clock_is_further_from_the_ground(theme: Theme, mode: str) -> None:
    assert ratio(theme, f"{mode}_high", "card") > ratio(theme, f"{mode}_low", "card")


def test_both_schemes_name_the_same_colours_and_no_text_is_smaller_than_12() -> None:
    dark, light = THEMES
    assert list(dark.colours) == list(light.colours)
    assert min(dark.type_sp.values()) >= 12
    assert dark.space_dp["touch"] >= 48


def test_what_is_wrong_with_a_theme_is_named() -> None:
    with pytest.raises(ConfigError, match="no colour 'pink'"):
        THEMES[0].rgba("pink")
    with pytest.raises(ConfigError, match="#RRGGBB"):
        Colour.parse("red")
    with pytest.raises(ConfigError, match="tables dark, light"):
        Theme.parse("[dark]\n", Scheme.LIGHT)
