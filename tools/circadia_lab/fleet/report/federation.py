"""Versions over the day, and what became of the updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from circadia_lab.fleet.report import curve
from circadia_lab.fleet.report.fleet import span_s
from circadia_lab.fleet.report.marks import mark_drifts
from circadia_lab.page.style import INK, MUTED, arm_colour, day_axis, new_figure, nothing

VERDICT_COLOURS = {"accepted": "#4c9a6a", "rejected": "#c9a227", "waiting": "#b8c0ca", "lost": "#8c1c2b"}
"""Of what becomes of updates, in the order in which it is drawn."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.data.day.result import ArmResult


def federation(arms: Sequence[ArmResult]) -> Figure:
    """Versions over the day, and what became of the updates."""
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _versions(left, arms)
    _updates(right, arms)
    return figure


def _versions(ax: Axes, arms: Sequence[ArmResult]) -> None:
    ax.set_title("Versions published (thick) and installed on the devices (thin)", pad=16)
    drawn = False
    for index, arm in enumerate(arms):
        colour = arm_colour(index)
        for device in arm.devices:
            t_s, version = curve.finite(device.version)
            ax.step(t_s, version, where="post", color=colour, linewidth=0.6, alpha=0.3)
        t_s, version = curve.finite(arm.versions)
        if len(t_s):
            t_s, version = (
                np.append(np.insert(t_s, 0, 0), arm.day_s),
                np.append(np.insert(version, 0, 0), version[-1]),
            )
            ax.step(t_s, version, where="post", color=colour, linewidth=2.2, label=arm.arm)
            drawn = True
    if not drawn:
        nothing(ax, "no version was published")
        return
    day_axis(ax, span_s(arms))
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    mark_drifts(ax, arms[0].drifts)
    ax.legend(loc="upper left")


def update_counts(arm: ArmResult) -> dict[str, int]:
    """What became of the updates that an arm's devices made."""
    total = {
        key: sum(d.updates.get(key, 0) for d in arm.devices) for key in ("accepted", "rejected", "waiting")
    }
    return {**total, "lost": arm.updates_lost}


def _updates(ax: Axes, arms: Sequence[ArmResult]) -> None:
    ax.set_title("What became of the updates", pad=16)
    if not any(arm.updates_made for arm in arms):
        nothing(ax, "no update was made")
        return
    for index, arm in enumerate(arms):
        left, counts = 0, update_counts(arm)
        for verdict, colour in VERDICT_COLOURS.items():
            label = verdict if index == 0 else None
            ax.barh(index, counts[verdict], 0.5, left, color=colour, label=label)
            left += counts[verdict]
        words = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICT_COLOURS)
        ax.annotate(f"{arm.updates_made} made: {words}", (0, index + 0.28), xytext=(0, -3), textcoords="offset points",
                    va="top", fontsize=8, color=MUTED)  # fmt: skip
    ax.set_yticks(range(len(arms)), [arm.arm for arm in arms])
    ax.set_ylim(len(arms) + 0.1, -0.6)
    ax.legend(loc="lower right", ncols=4, fontsize=8, handlelength=1, columnspacing=1)
    ax.tick_params(axis="y", labelcolor=INK)
    ax.grid(axis="y", visible=False)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_xlabel("updates")
