"""Learning curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.page.style import INK, new_figure, nothing
from circadia_lab.policy.evaluation.pictures.look import look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.policy.evaluation.curve import Curve

POINTS = 200


def learning(curves: Sequence[Curve]) -> Figure:
    """Utility and the worst cost over the ticks: median and range over the seeds of each arm."""
    figure = new_figure(3.8)
    left, right = figure.subplots(1, 2)
    for ax, what, title in (
        (left, "utility", "Utility while training"),
        (right, "worst", "Largest cost as a share of its limit"),
    ):
        ax.set_title(title)
        ax.set_xlabel("million ticks of all devices")
        if not curves:
            nothing(ax, "no training was recorded")
        for name in dict.fromkeys(curve.name for curve in curves):
            _band(ax, [curve for curve in curves if curve.name == name and len(curve.steps)], what)
    if curves:
        _clip(left, curves)
        right.set_yscale("symlog", linthresh=2, linscale=1)
        right.set_ylim(bottom=0)
        right.set_yticks([0, 0.5, 1, 2, 5, 10, 50], ["0", "0.5", "1", "2", "5", "10", "50"])
        right.axhline(1, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        left.legend(loc="lower right")
    return figure


def _band(ax: Axes, curves: Sequence[Curve], what: str) -> None:
    if not curves:
        return
    steps = np.linspace(max(c.steps[0] for c in curves), min(c.steps[-1] for c in curves), POINTS)
    values = np.array([np.interp(steps, curve.steps, getattr(curve, what)) for curve in curves])
    colour = look(curves[0].name).colour
    ax.fill_between(steps / 1e6, values.min(0), values.max(0), color=colour, alpha=0.16, linewidth=0)
    label = f"{curves[0].name}, {len(curves)} seed{'s' if len(curves) > 1 else ''}"
    ax.plot(steps / 1e6, np.median(values, axis=0), color=colour, linewidth=1.6, label=label)


def _clip(ax: Axes, curves: Sequence[Curve]) -> None:
    """The first steps fall far below; what matters is the rest."""
    late = np.concatenate([curve.utility[len(curve.utility) // 20 :] for curve in curves])
    span = float(np.ptp(late)) or 0.1
    ax.set_ylim(float(late.min()) - 0.05 * span, float(late.max()) + 0.08 * span)
