"""Accuracy against the joules that it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.fleet.report import curve
from circadia_lab.page.style import (
    HOUR_S,
    INK,
    arm_colour,
    clock,
    new_figure,
    nothing,
    percent_axis,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.data.day.result import ArmResult, Series


def accuracy_against_joules(arms: Sequence[ArmResult]) -> Figure:
    """The same accuracy over what it cost: everybody's joules, and those of the agents that batteries paid."""
    figure = new_figure(3.9)
    whole, battery = figure.subplots(1, 2, sharey=True)
    _panel(
        whole, arms, lambda arm: arm.joules, "All joules of the fleet but the users’, the charger’s included"
    )
    _panel(battery, arms, lambda arm: arm.battery_agent_j, "Of the agents’ joules, what batteries paid")
    whole.set_ylabel("mean accuracy, common held-out images")
    return figure


def _panel(ax: Axes, arms: Sequence[ArmResult], pick: Callable[[ArmResult], Series], title: str) -> None:
    ax.set_title(title)
    drawn = [_accuracy_path(ax, arm, pick(arm), index) for index, arm in enumerate(arms)]
    if not any(drawn):
        nothing(ax, "no energy was settled")
        return
    ax.set_xlim(left=0)
    ax.set_xlabel("kJ since midnight (simulated)")
    percent_axis(ax)
    ax.legend(loc="lower right")


def _accuracy_path(ax: Axes, arm: ArmResult, spent: Series, index: int) -> bool:
    t_s, value = curve.finite(arm.accuracy)
    joules = curve.held(spent, t_s)
    good = np.isfinite(joules)
    if not good.any():
        return False
    t_s, value, kilojoules = t_s[good], value[good], joules[good] / 1e3
    colour = arm_colour(index)
    ax.plot(kilojoules, value, color=colour, linewidth=2.2, label=arm.arm, zorder=3)
    for hour in (6, 12, 18, 24):
        if t_s[0] <= hour * HOUR_S <= t_s[-1]:
            place = int(np.searchsorted(t_s, hour * HOUR_S))
            ax.plot(
                kilojoules[place],
                value[place],
                "o",
                color=colour,
                markersize=4.5,
                markerfacecolor="white",
                zorder=4,
            )
    _label(ax, kilojoules[-1], value[-1], clock(float(t_s[-1])), colour)
    for drift in arm.drifts:
        if t_s[0] <= drift.t_s <= t_s[-1]:
            place = int(np.searchsorted(t_s, drift.t_s, "right")) - 1
            ax.plot(kilojoules[place], value[place], "D", color=INK, markersize=5.5, zorder=5)
    return True


def _label(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Below the point."""
    ax.annotate(text, (x, y), xytext=(0, -8), textcoords="offset points", ha="center", va="top", fontsize=8,
                color=colour)  # fmt: skip
