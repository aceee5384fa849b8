"""A training's learning curve as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from circadia.writing import whole_file
from circadia_lab.page.style import ARM_COLOURS, INK, MUTED, RC
from circadia_lab.policy.env.interface import COSTS
from circadia_lab.policy.env.preferences import ANCHORS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

SIZE_IN, DPI = (8.0, 3.4), 160


def draw_curve(history: Sequence[dict[str, Any]], path_png: Path) -> None:
    """Utility, and costs as shares of their limits, over the ticks; a PNG."""
    with mpl.rc_context(RC):
        figure = Figure(figsize=SIZE_IN, layout="constrained")
        left, right = figure.subplots(1, 2)
        on_the_way = [point for point in history if not point["judged"]]
        judged = [point for point in history if point["judged"]]
        _utility(left, on_the_way, judged)
        _costs(right, on_the_way)
        with whole_file(path_png) as file:
            figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})


def _utility(ax: Axes, points: Sequence[dict[str, Any]], judged: Sequence[dict[str, Any]]) -> None:
    ax.plot(_ticks(points), _utilities(points), color=ARM_COLOURS[0], label="while training")
    if judged:
        ax.plot(_ticks(judged), _utilities(judged), "o", color=INK, markersize=4, label="judged, in 8 bits")
    ax.set_title("Utility, mean of the 21 preferences")
    ax.set_xlabel("million ticks")
    ax.legend(loc="lower right")


def _costs(ax: Axes, points: Sequence[dict[str, Any]]) -> None:
    costs = np.array([point["costs"] for point in points]).reshape(len(points), -1, len(COSTS))
    for i, name in enumerate(COSTS):
        colour = ARM_COLOURS[i % len(ARM_COLOURS)]
        ax.plot(_ticks(points), costs[..., i].mean(1), color=colour, label=name)
        ax.fill_between(
            _ticks(points), costs[..., i].min(1), costs[..., i].max(1), color=colour, alpha=0.15, lw=0
        )
    ax.axhline(1, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    ax.set_yscale("symlog", linthresh=2)
    ax.set_ylim(bottom=0)
    ax.set_title("Costs as shares of their limits, mean and range")
    ax.set_xlabel("million ticks")
    ax.legend(loc="upper right")


def _ticks(points: Sequence[dict[str, Any]]) -> list[float]:
    return [point["steps"] / 1e6 for point in points]


def _utilities(points: Sequence[dict[str, Any]]) -> list[float]:
    return [float((ANCHORS * np.array(point["returns"])).sum(-1).mean()) for point in points]
