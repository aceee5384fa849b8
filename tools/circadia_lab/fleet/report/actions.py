"""What every device did all day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia_lab.fleet.report.fleet import device_named, names, span_s
from circadia_lab.fleet.report.marks import arm_handles, mark_drifts
from circadia_lab.page.ribbon import draw_ribbon, legend_handles
from circadia_lab.page.style import INK, arm_colour, day_axis, new_figure, nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.data.day.result import ArmResult


def draw_actions(ax: Axes, arms: Sequence[ArmResult], devices: Sequence[str]) -> None:
    """One group a device, one ribbon an arm; a bar in the arm's colour stands left of each ribbon."""
    pitch = len(arms) + 0.55
    day_s = span_s(arms)
    for row, name in enumerate(devices):
        for index, arm in enumerate(arms):
            y = -(row * pitch + index) - 0.68
            ax.plot([-0.006] * 2, [y, y + 0.68], color=arm_colour(index), linewidth=3.2, solid_capstyle="butt",
                    transform=ax.get_yaxis_transform(), clip_on=False)  # fmt: skip
            if device := device_named(arm, name):
                draw_ribbon(ax, device.stays, y, 0.68, arm.day_s)
    ax.set_ylim(-len(devices) * pitch + 0.2, 0.25)
    ax.set_yticks([-(row * pitch + len(arms) / 2) for row in range(len(devices))], list(devices))
    ax.tick_params(axis="y", labelcolor=INK, pad=8)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="y", visible=False)
    day_axis(ax, day_s)


def actions(arms: Sequence[ArmResult]) -> Figure:
    """What every device did all day."""
    devices = names(arms)
    figure = new_figure(1.2 + 0.26 * max(len(devices), 1) * (len(arms) + 0.55))
    ax = figure.subplots()
    if not devices:
        nothing(ax, "no devices")
        return figure
    draw_actions(ax, arms, devices)
    mark_drifts(ax, arms[0].drifts)
    figure.legend(handles=[*arm_handles(arms), *legend_handles()], loc="outside upper left", ncols=8,
                  columnspacing=1.2, handlelength=1.3)  # fmt: skip
    return figure
