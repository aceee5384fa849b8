"""Scenario by scenario: every policy's utility, and what deciding together is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from circadia_lab.page.style import GRID, INK, MUTED, new_figure, nothing
from circadia_lab.policy.evaluation.figures import expected_utility, feasible
from circadia_lab.policy.evaluation.pictures.look import BLUE, filled_or_not, look, mark
from circadia_lab.policy.evaluation.result import coupling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.policy.evaluation.arm import Arm
    from circadia_lab.policy.evaluation.evaluation import Scenario


def utilities_by_scenario(scenarios: Sequence[Scenario]) -> Figure:
    """A line for each scenario, a mark for each policy; bars are 95 % intervals over training seeds."""
    figure = new_figure(0.85 * len(scenarios) + 1.7)
    ax = figure.subplots()
    for y, scenario in enumerate(scenarios):
        _row(ax, scenario, y)
    ax.set_yticks(range(len(scenarios)), [_label(s) for s in scenarios])
    ax.set_ylim(len(scenarios) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    for y in range(1, len(scenarios)):
        ax.axhline(y - 0.5, color=GRID, linewidth=0.8)
    ax.set_xlabel("utility, mean over the 21 preferences")
    names = dict.fromkeys(arm.name for s in scenarios for arm in s.arms if arm.kind != "reference")
    plain = [name for name in names if ", per preference" not in name and name != "coupled-float"]
    handles = [
        Line2D([], [], marker=look(name).marker, color=look(name).colour, linestyle="none", label=name)
        for name in plain
    ]
    small = Line2D(
        [], [], marker="d", color=MUTED, markersize=4, linestyle="none", label="small: per preference"
    )
    figure.legend(handles=[*handles, small, *filled_or_not()], loc="outside lower center", ncols=5)
    return figure


def _row(ax: Axes, scenario: Scenario, y: float) -> None:
    shown = [arm for arm in scenario.arms if arm.kind != "reference" and arm.name != "coupled-float"]
    for arm in sorted(shown, key=lambda arm: arm is scenario.ours):
        x, small, line = expected_utility(arm), ", per preference" in arm.name, _line(arm)
        if np.isfinite(x.low):
            ax.plot(
                [x.low, x.high],
                [y + line] * 2,
                color=look(arm.name).colour,
                linewidth=2.2,
                alpha=0.5,
                zorder=2,
            )
        ax.plot([x.mean], [y + line], zorder=4 if arm is scenario.ours else 3,
                **mark(arm, filled=feasible(arm), size=4.5 if small else 8 if arm is scenario.ours else 6.5))  # fmt: skip


def _line(arm: Arm) -> float:
    """What was trained stands above the rules, a rule's form with a setting for each preference below them."""
    if arm.kind != "rule":
        return -0.22
    return 0.28 if ", per preference" in arm.name else 0.03


def _label(scenario: Scenario) -> str:
    return f"{scenario.name}, unseen" if scenario.unseen and scenario.name != "unseen" else scenario.name


def gains(scenarios: Sequence[Scenario]) -> Figure:
    """Coupled less separate, with its interval and every seed's difference."""
    found = [(s.name, gain) for s in scenarios if (gain := coupling(s))]
    figure = new_figure(0.5 * max(len(found), 2) + 1.2)
    ax = figure.subplots()
    ax.set_title("Utility of deciding together, less that of deciding apart")
    if not found:
        nothing(ax, "no separately deciding policy was played")
        return figure
    for y, (_, gain) in enumerate(found):
        if np.isfinite(gain.low):
            ax.plot(
                [gain.low, gain.high], [y, y], color=BLUE, linewidth=3, alpha=0.45, solid_capstyle="round"
            )
        ax.plot([gain.mean], [y], "o", color=BLUE, markersize=7)
        ax.annotate(
            f"{gain.mean:+.4f}",
            (gain.mean, y),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    ax.axvline(0, color=INK, linewidth=0.9)
    ax.set_yticks(range(len(found)), [name for name, _ in found])
    ax.set_ylim(len(found) - 0.5, -0.6)
    ax.set_xlabel("gain in utility; bar: 95 % interval over training seeds")
    return figure
