"""How latencies and the ages of models are distributed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from circadia_lab.fleet.report import curve
from circadia_lab.fleet.report.marks import arm_handles
from circadia_lab.page.style import arm_colour, new_figure, nothing, percent_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.data.day.result import ArmResult


DURATIONS = ((0.1, "0.1 s"), (1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (21600, "6 h"),
             (86400, "24 h"))  # fmt: skip


def distributions(arms: Sequence[ArmResult]) -> Figure:
    """Latency of requests and age of the model."""
    figure = new_figure(3.5)
    latency, age = figure.subplots(1, 2)
    _latency(latency, arms)
    _ages(age, arms)
    handles = arm_handles(arms)
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    return figure


def _latency(ax: Axes, arms: Sequence[ArmResult]) -> None:
    ax.set_title("Requests answered within …")
    drawn = False
    for index, arm in enumerate(arms):
        samples = [latency for device in arm.devices for latency in device.latency_s]
        x, share = curve.cumulative(samples, arm.served + arm.expired)
        if not len(x):
            continue
        _steps(ax, x, share, arm_colour(index), lowest=0.1)
        drawn = True
    _duration_axis(ax, drawn, "nothing was served", "from asking to the answer, simulated (log scale)")


def _ages(ax: Axes, arms: Sequence[ArmResult]) -> None:
    ax.set_title("Installed model at most this old")
    drawn = False
    for index, arm in enumerate(arms):
        x, share = curve.staleness(arm.devices, arm.day_s)
        if not len(x):
            continue
        _steps(ax, x, share, arm_colour(index), lowest=10)
        drawn = True
    _duration_axis(
        ax, drawn, "no model was installed", "time since its version was published, simulated (log scale)"
    )


def _steps(ax: Axes, x: curve.Values, share: curve.Values, colour: str, *, lowest: float) -> None:
    """A distribution as steps, thinned to 400; rings at its median and 95th percentile."""
    x = np.maximum(x, lowest)
    for level in (0.5, 0.95):
        place = min(int(np.searchsorted(share, level * share[-1])), len(x) - 1)
        ax.plot(x[place], share[place], "o", color=colour, markerfacecolor="white", markersize=5, zorder=4)
    keep = np.unique(np.linspace(0, len(x) - 1, 400).astype(int))
    ax.step(
        np.insert(x[keep], 0, x[0]), np.insert(share[keep], 0, 0), where="post", color=colour, linewidth=1.8
    )


def _duration_axis(ax: Axes, drawn: bool, empty: str, label: str) -> None:
    if not drawn:
        nothing(ax, empty)
        return
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    marks = [(t, text) for t, text in DURATIONS if low <= t <= high]
    ax.xaxis.set_major_locator(FixedLocator([t for t, _ in marks]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda t, _: dict(DURATIONS).get(t, f"{t:g} s")))
    ax.set_ylim(0, 1.02)
    percent_axis(ax)
    ax.set_xlabel(label)
