"""One picture that sums a demonstration up, for the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from circadia.writing import whole_file
from circadia_lab.fleet.report.accuracy import draw_accuracy
from circadia_lab.fleet.report.actions import draw_actions
from circadia_lab.fleet.report.fleet import names
from circadia_lab.fleet.report.marks import arm_handles, mark_drifts
from circadia_lab.fleet.report.paid import draw_answers, draw_hours
from circadia_lab.page.ribbon import legend_handles
from circadia_lab.page.style import RC

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from circadia_lab.data.day.result import ArmResult

SIZE_IN, DPI = (8.0, 4.5), 200
"""1600 × 900 pixels, with type that is still read at half the size."""
FEWEST, MOST = 3, 4
"""Devices that are shown, if there are so many."""


def readme_picture(arms: Sequence[ArmResult], path_png: Path) -> None:
    """Accuracy through the drift, right answers, devices' actions, hours of battery, as a PNG of 1600 × 900 pixels."""
    with mpl.rc_context(
        {**RC, "font.size": 8, "axes.titlesize": 8.5, "xtick.labelsize": 7.5, "ytick.labelsize": 7.5}
    ):
        figure = Figure(figsize=SIZE_IN, layout="constrained")
        columns = figure.add_gridspec(1, 2, width_ratios=(2, 1))
        left, right = figure.add_subfigure(columns[0]), figure.add_subfigure(columns[1])
        rows = left.add_gridspec(2, 1, height_ratios=(1, 0.75 + 0.22 * len(arms)))
        top, bottom = left.add_subfigure(rows[0]), left.add_subfigure(rows[1])
        accuracy = top.subplots()
        draw_accuracy(accuracy, arms, lambda device: device.accuracy_common, apart=0.14, names=False)
        accuracy.set_title("Accuracy of the fleet through a drift: mean, and each device", pad=17)
        _actions(bottom.subplots(), arms, chosen(arms))
        _felt(right, arms)
        path_png.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path_png) as file:
            figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})


def chosen(arms: Sequence[ArmResult]) -> list[str]:
    """The first device of each kind, four at most; then others, three in all."""
    profile = {device.name: device.profile for arm in arms for device in arm.devices}
    firsts = {kind: name for name, kind in reversed(profile.items())}
    ranked = sorted(names(arms), key=lambda name: firsts[profile[name]] != name)
    return ranked[: max(min(len(firsts), MOST), FEWEST)]


def _actions(ax: mpl.axes.Axes, arms: Sequence[ArmResult], devices: Sequence[str]) -> None:
    draw_actions(ax, arms, devices)
    mark_drifts(ax, arms[0].drifts, label=False)
    ax.set_title("What devices did all day")
    ax.set_xlabel("")
    handles = [*arm_handles(arms), *legend_handles()]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.42, -0.1), ncols=4, fontsize=7,
              columnspacing=0.9, handlelength=1, handletextpad=0.4)  # fmt: skip


def _felt(figure: mpl.figure.SubFigure, arms: Sequence[ArmResult]) -> None:
    """What a person notices; the bars of answers name the arms' colours."""
    answers, hours = figure.subplots(2, 1, height_ratios=(0.5 + 0.2 * len(arms), 2))
    draw_answers(answers, arms)
    answers.set_title("Right of 100 questions")
    draw_hours(hours, arms)
    hours.set_title("Battery hours, simulated")
    hours.set_xlabel("")
