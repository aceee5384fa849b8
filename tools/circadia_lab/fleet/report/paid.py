"""What the batteries paid, and how long they last."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.fleet.report.fleet import device_named, names
from circadia_lab.fleet.report.marks import arm_handles
from circadia_lab.fleet.report.verdict import battery_hours, right_of_hundred, whole
from circadia_lab.page.style import INK, MUTED, arm_colour, new_figure, nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.data.day.result import ArmResult


def paid(arms: Sequence[ArmResult]) -> Figure:
    """The agents' joules that came out of each device's battery, and the hours of a full one."""
    figure = new_figure(1.1 + 0.2 * max(len(names(arms)), 5) * (len(arms) + 0.55))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _joules(left, arms)
    draw_hours(right, arms)
    right.set_title("Hours of a full battery (simulated)")
    handles = arm_handles(arms)
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    return figure


def _joules(ax: Axes, arms: Sequence[ArmResult]) -> None:
    ax.set_title("The agent’s joules that the battery paid, for each device")
    groups = {
        name: [
            math.nan if (d := device_named(arm, name)) is None else d.joules.battery_work_j / 1e3
            for arm in arms
        ]
        for name in names(arms)
    }
    _grouped(ax, groups, "{:,.2f}")
    ax.set_xlabel("kJ over the day (simulated)")


def draw_hours(ax: Axes, arms: Sequence[ArmResult]) -> None:
    """Bars in groups, a group for each kind of device."""
    hours = [battery_hours(arm) for arm in arms]
    kinds = list(dict.fromkeys(kind for found in hours for kind in found))
    _grouped(ax, {kind: [found.get(kind, math.nan) for found in hours] for kind in kinds}, "{:,.0f} h")
    ax.set_xlabel("hours")


def draw_answers(ax: Axes, arms: Sequence[ArmResult]) -> None:
    """A bar for each arm, from 0 to 100."""
    ax.set_xlim(0, 100)
    for index, arm in enumerate(arms):
        right = right_of_hundred(arm)
        ax.barh(index, right if math.isfinite(right) else 0, 0.78, color=arm_colour(index))
        ax.annotate(f"{arm.arm}  {whole(right)}", (0, index), xytext=(5, 0), textcoords="offset points", va="center",
                    fontsize=8, color="white", fontweight="bold")  # fmt: skip
    ax.set_ylim(len(arms) - 0.5, -0.5)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(axis="y", visible=False)


def _grouped(ax: Axes, groups: dict[str, list[float]], form: str) -> None:
    if not any(math.isfinite(value) for values in groups.values() for value in values):
        nothing(ax, "no battery was followed")
        return
    for row, values in enumerate(groups.values()):
        height = 0.8 / len(values)
        for index, value in enumerate(values):
            if not math.isfinite(value):
                continue
            y = row - 0.4 + height * (index + 0.5)
            ax.barh(y, value, height * 0.9, color=arm_colour(index))
            ax.annotate(form.format(value), (value, y), xytext=(3, 0), textcoords="offset points", va="center",
                        fontsize=7.5, color=MUTED)  # fmt: skip
    ax.set_yticks(np.arange(len(groups)), list(groups))
    ax.set_ylim(len(groups) - 0.5, -0.5)
    ax.tick_params(axis="y", labelcolor=INK)
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.14)
    ax.set_xlim(left=0)
