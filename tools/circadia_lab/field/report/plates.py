"""The figures of a field test's page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from circadia_field.plan import AGAIN
from circadia_lab.field.analysis.contrast import AGENT, BATTERY, DEVICE, WATTS
from circadia_lab.field.analysis.kept import KEPT
from circadia_lab.page.plate import Plate
from circadia_lab.page.style import GRID, INK, MODE_COLOURS, MUTED, RC, WIDTH_IN, arm_colour
from circadia_lab.page.svg import svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from circadia_lab.field.analysis.analysis import Analysis, Versus
    from circadia_lab.field.analysis.period_figures import PeriodFigures

BINS = 120
"""Means of power shown of a period."""
KINDS = {AGENT: "agent", DEVICE: "whole device", BATTERY: "battery"}


def plates(analysis: Analysis) -> list[Plate]:
    """In the order of the page."""
    with rc_context(RC):
        found = [_differences(analysis)]
        if any(one.pairs for one in analysis.versus):
            found.append(_pairs(analysis))
        if any(one.balances for one in analysis.versus):
            found.append(_kept(analysis))
        return [*found, _power(analysis), _actions(analysis)]


def _plate(analysis: Analysis, figure: Figure, name: str, title: str, caption: str) -> Plate:
    told = f"{caption} Joules are {analysis.source}."
    return Plate(name=name, title=title, caption=told, svg=svg(figure, name, told))


def colour_of(analysis: Analysis, arm: str) -> str:
    """The arm's; its twin in the A/A phase has the same."""
    return arm_colour(list(analysis.plan.arms).index(arm.removesuffix(AGAIN)))


def _differences(analysis: Analysis) -> Plate:
    rows = [(one, contrast) for one in analysis.versus for contrast in one.contrasts]
    figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.42 * len(rows)), layout="constrained")
    ax = figure.subplots()
    ax.axvline(0, color=INK, linewidth=0.9)
    for y, (one, contrast) in enumerate(rows):
        if contrast.comparison is None:
            continue
        colour = MUTED if one is analysis.versus[0] else colour_of(analysis, one.other)
        found = contrast.comparison
        ax.plot([contrast.low, contrast.high], [y, y], color=colour, linewidth=1.4)
        ax.plot([found.low, found.high], [y, y], color=colour, linewidth=4.5, alpha=0.45)
        ax.plot(found.change, y, "o", color=colour, markersize=6)
        if math.isfinite(contrast.true_change):
            ax.plot(contrast.true_change, y, "D", color=INK, markersize=4, markerfacecolor="none")
    ax.set_yticks(
        range(len(rows)),
        [f"{'A/A' if v is analysis.versus[0] else 'against ' + v.other}, {KINDS[c.what]}" for v, c in rows],
    )
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.0%}"))
    ax.set_xlabel(f"change of joules under {analysis.plan.first_arm}")
    return _plate(
        analysis, figure, "differences", "By how much the first arm draws less",
        "Left of the line it draws less. Thick: 95 % interval of the pairs; thin: with the meter’s error budget. "
        "A diamond, in simulations, is what truly flowed in these periods. The A/A phase compares the arm with itself.",
    )  # fmt: skip


def _pairs(analysis: Analysis) -> Plate:
    shown = [one for one in analysis.versus if one.pairs]
    figure = Figure(figsize=(WIDTH_IN, 8.4), layout="constrained")
    axes = figure.subplots(len(WATTS), len(shown), squeeze=False, sharey="row")
    for row, what in enumerate(WATTS):
        for ax, one in zip(axes[row], shown, strict=True):
            _slopes(ax, analysis, one, what)
        axes[row][0].set_ylabel(f"{KINDS[what]}, W")
    return _plate(
        analysis, figure, "pairs", "Pair by pair",
        "Each line is a pair of periods with the same requests. Mean watts over a period; the agent’s are what it adds to a "
        "device that rests, the battery’s those of the time without a charger.",
    )  # fmt: skip


def _slopes(ax: Axes, analysis: Analysis, one: Versus, what: str) -> None:
    for pair in one.pairs:
        values = [WATTS[what](period) for period in reversed(pair)]
        ax.plot([0, 1], values, color=MUTED, linewidth=0.9, zorder=1)
        ax.scatter(
            [0, 1], values, color=[colour_of(analysis, p.period.arm) for p in reversed(pair)], s=18, zorder=2
        )
    ax.set_xticks([0, 1], [one.other, analysis.plan.first_arm])
    ax.set_xlim(-0.25, 1.25)
    ax.set_title("A/A" if one is analysis.versus[0] else f"against {one.other}")


def _kept(analysis: Analysis) -> Plate:
    rows = [(one, name, kept) for one in analysis.versus for name, kept in one.balances.items()]
    figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.32 * len(rows)), layout="constrained")
    ax = figure.subplots()
    ax.axvspan(-1, 1, color=GRID, zorder=0)
    ax.axvline(0, color=INK, linewidth=0.9)
    for y, (one, name, kept) in enumerate(rows):
        sign = 1 if KEPT[name].more_is_better else -1
        low, mean, high = (sign * value / kept.margin for value in (kept.low, kept.difference, kept.high))
        colour = MUTED if one is analysis.versus[0] else colour_of(analysis, one.other)
        ax.plot([low, high], [y, y], color=colour, linewidth=3, alpha=0.5)
        ax.plot(mean, y, "o", color=colour, markersize=5)
        ax.annotate(
            kept.verdict, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=MUTED
        )
    labels = [
        f"{'A/A' if v is analysis.versus[0] else 'against ' + v.other}: {KEPT[name].words}"
        for v, name, _ in rows
    ]
    ax.set_yticks(range(len(rows)), labels)
    ax.set_xscale("symlog", linthresh=1)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}"))
    ax.invert_yaxis()
    ax.set_xlabel("margins better (right) or worse (left)")
    return Plate(
        name="kept",
        title="What the first arm gives its user meanwhile",
        caption="90 % intervals of the differences, in units of the plan’s margins. A gain needs every one to lie right of −1: "
        "less energy for worse service is none. "
        + (
            "Measured on the device."
            if analysis.real
            else "The device’s body is simulated, so these are simulated."
        ),
        svg=svg(figure, "kept", "what the first arm gives its user"),
    )


def _power(analysis: Analysis) -> Plate:
    figure = Figure(figsize=(WIDTH_IN, 3.4), layout="constrained")
    ax = figure.subplots()
    named: set[str] = set()
    for one in analysis.periods:
        hours, watts = _curve(one)
        arm = one.period.arm.removesuffix(AGAIN)
        ax.plot(
            one.period.start_h + hours, watts, drawstyle="steps-post", linewidth=0.7, color=colour_of(analysis, arm),
            label=arm if arm not in named else None,
        )  # fmt: skip
        named.add(arm)
    boundary = [one.period.start_h for one in analysis.periods if one.period.phase != "aa"]
    if boundary:
        ax.axvline(min(boundary) - analysis.plan.washout_h, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    ax.set_xlabel("hours of the plan")
    ax.set_ylabel("W")
    ax.set_ylim(bottom=0)
    figure.legend(loc="outside upper right", ncols=len(named))
    return _plate(
        analysis, figure, "power", "Power through the test",
        f"Mean of each {BINS}th of a period. Left of the dashed line is the A/A phase.",
    )  # fmt: skip


def _curve(one: PeriodFigures) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hours since the period began to count, and mean watts of the ticks that began in each bin."""
    hours = (one.ticks.t_s - one.count_s) / 3600
    place = np.clip((hours / one.period.hours * BINS).astype(int), 0, BINS - 1)
    energy, seconds = (
        np.bincount(place, column, BINS) for column in (one.ticks.energy_j, one.ticks.duration_s)
    )
    known = seconds > 0
    return np.arange(BINS)[known] * one.period.hours / BINS, energy[known] / seconds[known]


def _actions(analysis: Analysis) -> Plate:
    arms = list(analysis.plan.arms)
    figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.5 * len(arms)), layout="constrained")
    ax = figure.subplots()
    left = np.zeros(len(arms))
    for mode in ("sleep", "serve", "train"):
        watts = np.array([_mode_watts(analysis, arm, mode) for arm in arms])
        ax.barh(arms, watts, left=left, color=MODE_COLOURS[mode], label=mode, height=0.6)
        left += watts
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("W: joules of the ticks of that mode, over the whole time")
    figure.legend(loc="outside upper right", ncols=3)
    return _plate(
        analysis, figure, "modes", "Where the joules go", "By what was decided at each tick, sleep included."
    )


def _mode_watts(analysis: Analysis, arm: str, mode: str) -> float:
    periods: Sequence[PeriodFigures] = [
        p for p in analysis.periods if p.period.arm.removesuffix(AGAIN) == arm
    ]
    joules = sum(
        float(one.ticks.energy_j[np.char.startswith(one.ticks.action, mode)].sum()) for one in periods
    )
    return joules / max(sum(one.seconds for one in periods), 1e-9)
