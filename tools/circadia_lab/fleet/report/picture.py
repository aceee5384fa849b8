"""One picture that sums a demonstration up, for the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from circadia.writing import whole_file
from circadia_lab.fleet.report.accuracy import draw_accuracy
from circadia_lab.fleet.report.actions import draw_actions
from circadia_lab.fleet.report.battery import draw_battery
from circadia_lab.fleet.report.fleet import names, span_s
from circadia_lab.fleet.report.marks import arm_handles, mark_drifts
from circadia_lab.page.ribbon import legend_handles
from circadia_lab.page.style import INK, RC, day_axis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from circadia_lab.data.day.result import ArmResult

SIZE_IN, DPI = (8.0, 4.5), 200
"""1600 × 900 pixels, with type that is still read at half the size."""
SHOWN = 3


def readme_picture(arms: Sequence[ArmResult], path_png: Path) -> None:
    """Accuracy through the drift, and three devices' actions and batteries, as a PNG of 1600 × 900 pixels."""
    with mpl.rc_context(
        {**RC, "font.size": 8, "axes.titlesize": 8.5, "xtick.labelsize": 7.5, "ytick.labelsize": 7.5}
    ):
        figure = Figure(figsize=SIZE_IN, layout="constrained")
        rows = figure.add_gridspec(2, 1, height_ratios=(1, 1.2))
        top, bottom = figure.add_subfigure(rows[0]), figure.add_subfigure(rows[1])
        accuracy = top.subplots()
        draw_accuracy(accuracy, arms, lambda device: device.accuracy_common, apart=0.12)
        accuracy.set_title(
            "Accuracy of the fleet through a drift: mean of the devices, and each device", pad=17
        )
        columns = bottom.add_gridspec(1, 2, width_ratios=(2.35, 1))
        left, right = bottom.add_subfigure(columns[0]), bottom.add_subfigure(columns[1])
        devices = chosen(arms)
        _actions(left.subplots(), arms, devices)
        _batteries(right, arms, devices)
        path_png.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path_png) as file:
            figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})


def chosen(arms: Sequence[ArmResult]) -> list[str]:
    """The first device of each profile, then others, three in all at most."""
    profile = {device.name: device.profile for arm in arms for device in arm.devices}
    firsts = {kind: name for name, kind in reversed(profile.items())}
    ranked = sorted(names(arms), key=lambda name: firsts[profile[name]] != name)
    return ranked[:SHOWN]


def _actions(ax: mpl.axes.Axes, arms: Sequence[ArmResult], devices: Sequence[str]) -> None:
    draw_actions(ax, arms, devices)
    mark_drifts(ax, arms[0].drifts, label=False)
    ax.set_title("What three devices did")
    ax.set_xlabel("")
    handles = [*arm_handles(arms), *legend_handles()]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.42, -0.1), ncols=4, fontsize=7,
              columnspacing=0.9, handlelength=1, handletextpad=0.4)  # fmt: skip


def _batteries(figure: mpl.figure.SubFigure, arms: Sequence[ArmResult], devices: Sequence[str]) -> None:
    if not devices:
        return
    axes = figure.subplots(len(devices), 1, sharex=True, squeeze=False).ravel()
    for ax, name in zip(axes, devices, strict=True):
        draw_battery(ax, arms, name)
        day_axis(ax, span_s(arms), label=False, ticks=4)
        mark_drifts(ax, arms[0].drifts, label=False)
        ax.text(0.02, 0.08, name, transform=ax.transAxes, fontsize=7, color=INK)
        ax.set_yticks([0, 0.5, 1])
    axes[0].set_title("Their batteries (simulated)")
