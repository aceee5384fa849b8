"""The preferences as a triangle: under which the trained policy is ahead of every rule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.patches import RegularPolygon

from circadia_lab.page.style import INK, MUTED, new_figure
from circadia_lab.policy.env.preferences import STEPS
from circadia_lab.policy.evaluation.pictures.look import FIXED_INK, GAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

    from circadia_lab.policy.evaluation.evaluation import Scenario

    Floats = NDArray[np.float64]

SHOWN = 3
"""Triangles in a row."""
CORNERS = np.array([[0.5, math.sqrt(3) / 2], [0.0, 0.0], [1.0, 0.0]])
"""Of accuracy, latency and energy."""


def advantage(scenario: Scenario) -> Floats:
    """(preferences,) mean utility of ours less that of the best rule or file that keeps all limits; NaN without one."""
    ours = np.mean([played.utilities for played in scenario.ours.plays], axis=0)
    rules = [
        np.where((arm.plays[0].excess <= 0).all(-1), arm.plays[0].utilities, -np.inf)
        for arm in scenario.rivals
    ]
    best = np.max([np.full(len(ours), -np.inf), *rules], axis=0)
    return np.where(np.isfinite(best), ours - np.where(np.isfinite(best), best, 0), np.nan)


def broken(scenario: Scenario) -> NDArray[np.bool_]:
    """(preferences,) whether ours breaks a limit there, in the median over its seeds."""
    found: NDArray[np.bool_] = np.median([p.excess.max(-1) for p in scenario.ours.plays], axis=0) > 0
    return found


def triangles(scenarios: Sequence[Scenario]) -> Figure:
    """One for each scenario; the same colours mean the same in all."""
    rows = -(-len(scenarios) // SHOWN)
    figure = new_figure(3.9 * rows)
    axes = figure.subplots(rows, SHOWN, squeeze=False)
    values = [advantage(scenario) for scenario in scenarios]
    norm = scale(values)
    for ax, scenario, value in zip(axes.ravel(), scenarios, values, strict=False):
        triangle(ax, scenario.ours.plays[0].preferences, value, broken(scenario), norm)
        ax.set_title(scenario.name)
    for ax in axes.ravel()[len(scenarios) :]:
        ax.remove()
    colour_bar(figure, axes.ravel()[: len(scenarios)], norm)
    return figure


def scale(values: Sequence[Floats]) -> Normalize:
    """Even on both sides of nothing."""
    most = float(np.nanmax(np.abs(np.concatenate(values)), initial=0.0)) or 1.0
    return Normalize(-most, most)


def colour_bar(figure: Figure | SubFigure, axes: Any, norm: Normalize) -> None:
    """What the colours mean."""
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(norm, GAIN), ax=list(axes), fraction=0.02, pad=0.01)
    bar.set_label("utility, ours − best rule")
    bar.outline.set_visible(False)


def triangle(
    ax: Axes, preferences: Floats, values: Floats, broken: NDArray[np.bool_], norm: Normalize
) -> None:
    """A hexagon for each preference with its value in thousandths; a cross where a limit is broken."""
    places = preferences @ CORNERS
    for (x, y), value, crossed in zip(places, values, broken, strict=True):
        known = bool(np.isfinite(value))
        colour = GAIN(norm(value)) if known else "#d5dae0"
        ax.add_patch(
            RegularPolygon((x, y), 6, radius=0.97 / STEPS / math.sqrt(3), facecolor=colour, edgecolor="none")
        )
        dark = known and abs(value) > 0.75 * norm.vmax  # type: ignore[operator]
        text = f"{round(1000 * value) + 0.0:+.0f}".replace("-", "−").replace("+0", "0") if known else ""
        ax.text(x, y, f"{text}\n×".strip() if crossed else text, ha="center", va="center", fontsize=7.5,
                color="#ffffff" if dark else FIXED_INK)  # fmt: skip
    for (x, y), name, away in zip(CORNERS, ("accuracy", "latency", "energy"), (1, -1, -1), strict=True):
        ax.text(x, y + away * 0.155, name, ha="center", va="center", fontsize=8.5, color=MUTED)
    ax.set_xlim(-0.16, 1.16)
    ax.set_ylim(-0.22, 1.07)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.title.set_color(INK)
