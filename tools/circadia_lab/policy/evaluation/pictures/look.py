"""What the evaluation's pictures share beside the reports' style: who has which colour and mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D

from circadia_lab.page.style import ARM_COLOURS, MUTED
from circadia_lab.policy.evaluation.evaluation import APART, FLOATS, OURS

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from circadia_lab.policy.evaluation.arm import Arm

BLUE, ORANGE, GREEN, VIOLET = ARM_COLOURS
FIXED_INK = "#1f2a33"
"""Text on a coloured ground, which stays dark on a dark page too."""
GAIN = LinearSegmentedColormap.from_list("gain", [ORANGE, "#f6c8a4", "#f4f6f8", "#a8cbea", BLUE])
"""From worse to better."""
SHARE_OF_LIMIT = LinearSegmentedColormap.from_list(
    "share", [(0, "#eef3f7"), (0.5, "#7fb0da"), (0.5, "#f8d9c2"), (0.7, ORANGE), (1, "#8f2d06")]
)
"""From 0 to the limit in the middle, where the colour leaps, and beyond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Of an arm."""

    colour: str
    marker: str


_LOOKS = {
    OURS: Look(colour=BLUE, marker="o"),
    FLOATS: Look(colour="#5fa3dc", marker="o"),
    APART: Look(colour=ORANGE, marker="s"),
    "unconstrained": Look(colour=GREEN, marker="D"),
    "distilled": Look(colour=VIOLET, marker="p"),
    "drift-plus-penalty": Look(colour="#a8790a", marker="d"),
    "threshold": Look(colour="#0f8a8a", marker="v"),
    "charging-only": Look(colour="#b0416f", marker="^"),
    "greedy-serve": Look(colour="#7a5c46", marker="<"),
}
_OTHER = Look(colour=MUTED, marker="X")


def look(name: str) -> Look:
    """By the arm's name, without what follows a comma."""
    return _LOOKS.get(name.partition(",")[0], _OTHER)


def mark(arm: Arm, *, filled: bool, size: float = 6.5) -> dict[str, Any]:
    """Keywords of a plot's marker: filled where limits are kept."""
    style = look(arm.name)
    return {
        "marker": style.marker,
        "markersize": size,
        "color": style.colour,
        "markerfacecolor": style.colour if filled else "none",
        "markeredgewidth": 1.3,
        "linestyle": "none",
    }


def filled_or_not() -> list[Artist]:
    """The key to the fillings."""
    return [
        Line2D([], [], marker="o", linestyle="none", color=MUTED, label="keeps the limits"),
        Line2D(
            [], [], marker="o", linestyle="none", color=MUTED, markerfacecolor="none", label="breaks limits"
        ),
    ]
