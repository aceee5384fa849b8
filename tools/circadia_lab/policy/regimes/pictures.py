"""Pictures of the regimes: what the device saves in each, and how that moves with one number at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from circadia_lab.page.style import ARM_COLOURS, INK, MUTED, new_figure, percent_axis
from circadia_lab.policy.regimes.figures import SLACK_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.policy.regimes.arms import Row
    from circadia_lab.policy.regimes.sensitivity import Line

BLUE, ORANGE, GREEN, VIOLET = ARM_COLOURS
ROW_IN = 0.42
MARKED = 0.005
"""Bars that are shorter than this share of the axis have no length to see; their value stands beside all."""


def saved(rows: Sequence[Row]) -> Figure:
    """Bars: the device's joules saved against the fixed tick, and against two controllers."""
    figure = new_figure(1.3 + ROW_IN * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    against_tick = [row.saved(row.fixed.joules) for row in rows]
    apart = [row.saved(row.apart.joules) for row in rows]
    shifted = [row.with_slack(SLACK_S) for row in rows]
    _bars(left, against_tick, BLUE, "Choosing when to wake, against 300 s")
    _bars(right, apart, ORANGE, "Deciding together, against two controllers")
    for y, (row, found) in enumerate(zip(rows, shifted, strict=True)):
        if found:
            right.plot(row.saved(found.joules.value), y, "|", color=INK, markersize=13, markeredgewidth=1.6)
    right.plot([], [], "|", color=INK, markersize=11, label="… whose timers may be shifted by 15 minutes")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06 - 0.2 / len(rows)))
    left.set_yticks(range(len(rows)), [row.regime.title for row in rows], color=INK)
    left.invert_yaxis()
    return figure


def _bars(ax: Axes, shares: Sequence[float], colour: str, title: str) -> None:
    ax.barh(range(len(shares)), shares, height=0.62, color=colour)
    ax.set_title(title)
    most = max(*shares, 0.01)
    ax.set_xlim(min(0, *shares) * 1.1, most * 1.22)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:g} %"))
    ax.grid(visible=False, axis="y")
    for y, share in enumerate(shares):
        told = (
            f"{100 * share:.0f} %"
            if share >= 0.1
            else f"{100 * share:.1f} %"
            if share >= MARKED
            else f"{100 * share:.2f} %"
        )
        ax.text(max(share, 0) + most * 0.035, y, told, va="center", color=INK, fontsize=8.5)


def spent(rows: Sequence[Row]) -> Figure:
    """Dots: the agent's joules of each arm, relative to the optimum."""
    figure = new_figure(1.3 + ROW_IN * len(rows))
    ax = figure.subplots()
    arms = (
        ("fixed tick of 300 s", BLUE, "s", lambda row: row.fixed.joules),
        ("separate", ORANGE, "o", lambda row: row.apart.joules),
        ("separate, timers shifted by 15 minutes", VIOLET, "D", _shifted),
        ("the rule “due”, searched", GREEN, "^", lambda row: row.rule.joules if row.rule else np.nan),
    )
    for name, colour, marker, of in arms:
        over = [of(row) / row.joint.joules for row in rows]
        ax.plot(over, range(len(rows)), marker, color=colour, label=name, markersize=6.5, alpha=0.9)
    ax.axvline(1, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator([1, 1.5, 2, 3, 5, 10, 20]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} ×"))
    ax.set_xlabel("the agent's joules a day, over the certified optimum's")
    ax.set_yticks(
        range(len(rows)), [f"{row.regime.title}: {row.joint.joules:,.4g} J" for row in rows], color=INK
    )
    ax.invert_yaxis()
    ax.legend(loc="lower right")
    return figure


def _shifted(row: Row) -> float:
    found = row.with_slack(SLACK_S)
    return found.joules.value if found else np.nan


def sensitivities(lines: Sequence[Line]) -> Figure:
    """A column for each number that is varied: both shares over its value."""
    factors = list(dict.fromkeys(line.factor for line in lines))
    figure = new_figure(5.2)
    panels = figure.subplots(2, len(factors), sharey="row", squeeze=False)
    titles = {line.regime: line.title for line in lines}
    colours = dict(zip(titles, ARM_COLOURS, strict=False))
    for column, factor in enumerate(factors):
        for row, what in enumerate(("coupling", "waking")):
            ax = panels[row, column]
            for line in lines:
                if line.factor == factor:
                    over = [point.value / line.points[len(line.points) // 2].value for point in line.points]
                    ys = [getattr(point, what) for point in line.points]
                    ax.plot(
                        over, ys, "o-", color=colours[line.regime], markersize=3.5, label=titles[line.regime]
                    )
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_locator(FixedLocator([0.25, 0.5, 1, 2, 4]))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} ×"))
            percent_axis(ax)
            if row == 0:
                ax.set_title(factor.partition(",")[0])
    panels[0, 0].set_ylabel("saved against separate")
    panels[1, 0].set_ylabel("saved against 300 s")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
