"""How right the devices are: over the day, on the common held-out images and on their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.fleet.report import curve
from circadia_lab.fleet.report.fleet import span_s
from circadia_lab.fleet.report.marks import mark_drifts
from circadia_lab.page.style import arm_colour, day_axis, end_labels, new_figure, nothing, percent_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.data.day.result import ArmResult, DeviceResult, Series


def draw_accuracy(
    ax: Axes,
    arms: Sequence[ArmResult],
    pick: Callable[[DeviceResult], Series],
    *,
    apart: float = 0.075,
    names: bool = True,
) -> None:
    """Mean over the devices for each arm, the devices themselves as thin lines.

    `apart` as in `end_labels`, which bear the arms' names unless they are told elsewhere.
    """
    labels: list[tuple[float, str, str]] = []
    for index, arm in enumerate(arms):
        colour = arm_colour(index)
        t_s, mean = mean_over_devices(arm, pick)
        for device in arm.devices:
            ax.plot(*curve.finite(pick(device)), color=colour, linewidth=0.7, alpha=0.25, zorder=2)
        if np.isfinite(mean).any():
            ax.plot(t_s, mean, color=colour, linewidth=2.4, zorder=4)
            final = float(mean[np.isfinite(mean)][-1])
            told = f"{100 * final:.1f} %"
            labels.append((final, f"{arm.arm}  {told}" if names else told, colour))
    if not labels:
        nothing(ax, "nothing was evaluated")
        return
    day_axis(ax, span_s(arms), label=False)
    percent_axis(ax)
    mark_drifts(ax, arms[0].drifts)
    _mark_incidents(ax, arms)
    end_labels(ax, labels, apart=apart)


def mean_over_devices(
    arm: ArmResult, pick: Callable[[DeviceResult], Series]
) -> tuple[curve.Values, curve.Values]:
    """(t_s, mean) at every time at which some device was evaluated."""
    chosen = [pick(device) for device in arm.devices]
    times = [curve.finite(series)[0] for series in chosen]
    t_s = np.unique(np.concatenate(times)) if times else np.empty(0)
    return t_s, curve.mean([curve.held(series, t_s) for series in chosen])


def _mark_incidents(ax: Axes, arms: Sequence[ArmResult]) -> None:
    for index, arm in enumerate(arms):
        for incident in arm.incidents:
            back = "restart" in incident.what
            ax.plot(
                [incident.t_s],
                [0.025 + 0.04 * index],
                marker="^" if back else "x",
                markersize=4.5,
                markerfacecolor="none",
                color=arm_colour(index),
                linestyle="none",
                transform=ax.get_xaxis_transform(),
                zorder=5,
            )


def accuracy(arms: Sequence[ArmResult]) -> Figure:
    """Over the day, on the common held-out images and on the devices' own."""
    figure = new_figure(6.4)
    common, own = figure.subplots(2, 1, sharex=True)
    draw_accuracy(common, arms, lambda device: device.accuracy_common)
    draw_accuracy(own, arms, lambda device: device.accuracy_own)
    common.set_title("On held-out images under all devices’ conditions", pad=16)
    own.set_title("On held-out images of each device’s own classes and condition", pad=16)
    own.set_xlabel("simulated time of day")
    return figure
