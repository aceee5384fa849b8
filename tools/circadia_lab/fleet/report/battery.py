"""The devices’ batteries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia_lab.fleet.report import curve
from circadia_lab.fleet.report.fleet import device_named, names, span_s
from circadia_lab.fleet.report.marks import mark_drifts
from circadia_lab.page.style import CHARGE, arm_colour, day_axis, new_figure, nothing, percent_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.data.day.result import ArmResult


def draw_battery(ax: Axes, arms: Sequence[ArmResult], name: str) -> None:
    """One device's state of charge, all arms; shaded while it charged in the first arm that has it."""
    shaded = False
    for index, arm in enumerate(arms):
        device = device_named(arm, name)
        if device is None:
            continue
        spans = [] if shaded else curve.spans(device.charging, arm.day_s)
        for start, end in spans:
            ax.axvspan(start, end, color=CHARGE, linewidth=0, zorder=0)
        shaded = shaded or bool(device.charging.t_s)
        ax.plot(*curve.finite(device.battery_soc), color=arm_colour(index), linewidth=1.5, label=arm.arm)
    ax.set_ylim(0, 1.02)
    percent_axis(ax)


def battery(arms: Sequence[ArmResult]) -> Figure:
    """Small multiples: one panel a device."""
    devices = names(arms)
    columns = 4 if len(devices) > 3 else max(len(devices), 1)
    rows = max(-(-len(devices) // columns), 1)
    figure = new_figure(0.7 + 1.65 * rows)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    if not devices:
        nothing(axes[0], "no devices")
    for ax, name in zip(axes, devices, strict=False):
        draw_battery(ax, arms, name)
        day_axis(ax, span_s(arms), label=False, ticks=4)
        mark_drifts(ax, arms[0].drifts, label=False)
        ax.set_title(name, pad=5)
    for ax in axes[max(len(devices), 1) :]:
        ax.set_axis_off()
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper left", ncols=len(handles))
    return figure
