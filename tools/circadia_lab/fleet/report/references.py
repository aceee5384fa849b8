"""Federated accuracy beside learning alone and learning with all data in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from circadia_lab.page.style import (
    GRID,
    MUTED,
    arm_colour,
    new_figure,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.data.day.result import ArmResult


REFERENCE_MARKS = {
    "each device alone": ("o", False, 6.5),
    "federated": ("o", True, 9),
    "all data in one place": ("D", False, 6.5),
}
"""Label → marker, filled, size."""


def references(arms: Sequence[ArmResult]) -> Figure:
    """Federated accuracy between learning alone and learning with all data in one place."""
    figure = new_figure(0.85 + 0.42 * len(arms))
    axes = figure.subplots(1, 2, sharey=True)
    titles = ("Common held-out images", "Each device’s own")
    for ax, suffix, title in zip(axes, ("", "_own"), titles, strict=True):
        for index, arm in enumerate(arms):
            _reference_row(ax, arm, index, suffix)
        ax.set_title(title)
        ax.set_ylim(len(arms) - 0.5, -0.5)
        ax.set_yticks(range(len(arms)), [arm.arm for arm in arms])
        ax.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
        ax.xaxis.set_major_locator(MaxNLocator(6))
        ax.grid(axis="y", visible=False)
        ax.margins(x=0.08)
    handles = [_reference_mark(label) for label in REFERENCE_MARKS]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _reference_mark(label: str, colour: str = MUTED) -> Line2D:
    marker, filled, size = REFERENCE_MARKS[label]
    return Line2D([], [], color=colour, marker=marker, markerfacecolor=colour if filled else "white",
                            markersize=size, linestyle="none", label=label)  # fmt: skip


def _reference_row(ax: Axes, arm: ArmResult, index: int, suffix: str) -> None:
    colour = arm_colour(index)
    fields = ("own_accuracy", "federated_accuracy", "centralised_accuracy")
    values = {
        label: getattr(arm, field + suffix) for label, field in zip(REFERENCE_MARKS, fields, strict=True)
    }
    known = [value for value in values.values() if value is not None and np.isfinite(value)]
    if len(known) > 1:
        ax.plot([min(known), max(known)], [index, index], color=GRID, linewidth=4, zorder=1)
    for label, value in values.items():
        if value is not None and np.isfinite(value):
            mark = _reference_mark(label, colour)
            mark.set_data([value], [index])
            ax.add_line(mark)
            ax.update_datalim([(value, index)])
    ax.autoscale_view()
