"""Joules by action and by load; simulated, and labelled so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.fleet.report.fleet import device_named, names
from circadia_lab.fleet.report.marks import arm_handles
from circadia_lab.page.style import INK, MODE_COLOURS, MUTED, arm_colour, new_figure, nothing

MODES = ("sleep", "serve", "train")

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.data.day.result import ArmResult


def energy(arms: Sequence[ArmResult]) -> Figure:
    """Joules by action for each device, and by load for the fleet."""
    devices = names(arms)
    figure = new_figure(1.1 + 0.24 * max(len(devices), 5) * (len(arms) + 0.55))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _energy_bars(left, arms, devices)
    _load_bars(right, arms)
    return figure


def _energy_bars(ax: Axes, arms: Sequence[ArmResult], devices: Sequence[str]) -> None:
    ax.set_title("Simulated joules by action, for each device")
    if not any(_positive(device.energy_j) for arm in arms for device in arm.devices):
        nothing(ax, "no energy was settled")
        return
    pitch = len(arms) + 0.55
    for row, name in enumerate(devices):
        for index, arm in enumerate(arms):
            y = row * pitch + index
            ax.plot([-0.006] * 2, [y - 0.4, y + 0.4], color=arm_colour(index), linewidth=3.2, solid_capstyle="butt",
                    transform=ax.get_yaxis_transform(), clip_on=False)  # fmt: skip
            device = device_named(arm, name)
            _stack(ax, y, {} if device is None else device.energy_j, label=row == index == 0)
    ax.set_yticks([row * pitch + (len(arms) - 1) / 2 for row in range(len(devices))], list(devices))
    ax.set_ylim(len(devices) * pitch - 0.9, -0.7)
    ax.tick_params(axis="y", labelcolor=INK, pad=8)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="y", visible=False)
    ax.set_xlim(left=0)
    ax.set_xlabel("kJ over the day (simulated)")
    handles, labels = ax.get_legend_handles_labels()
    ax.figure.legend(
        [*arm_handles(arms), *handles], [*(a.arm for a in arms), *labels], loc="outside upper left", ncols=6
    )


def _stack(ax: Axes, y: float, energy_j: dict[str, float], *, label: bool) -> None:
    left = 0.0
    colours = {"sleep": "#c3cad3", "serve": MODE_COLOURS["serve"], "train": "#7d55b0"}
    for mode in (*MODES, *sorted(set(energy_j) - set(MODES))):
        joules = energy_j.get(mode, 0.0)
        kilojoules = joules / 1e3 if np.isfinite(joules) else 0.0
        ax.barh(y, kilojoules, 0.8, left, color=colours.get(mode, MUTED), label=mode if label else None)
        left += kilojoules


def _load_bars(ax: Axes, arms: Sequence[ArmResult]) -> None:
    ax.set_title("Simulated joules by load, the whole fleet")
    sums = [_summed(arm) for arm in arms]
    loads = list(dict.fromkeys(load for total in sums for load in total))
    if not any(_positive(total) for total in sums):
        nothing(ax, "no energy was settled")
        return
    height = 0.8 / len(arms)
    for index, total in enumerate(sums):
        y = np.arange(len(loads)) - 0.4 + height * (index + 0.5)
        widths = [total.get(load, 0.0) / 1e3 for load in loads]
        ax.barh(y, widths, height * 0.9, color=arm_colour(index))
        for place, width in zip(y, widths, strict=True):
            ax.annotate(f"{width:,.1f}", (width, float(place)), xytext=(3, 0), textcoords="offset points", va="center",
                        fontsize=7.5, color=MUTED)  # fmt: skip
    ax.set_yticks(range(len(loads)), [load.lower().replace("_", " ") for load in loads])
    ax.set_ylim(len(loads) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.12)
    ax.set_xlabel("kJ over the day (simulated)")


def _summed(arm: ArmResult) -> dict[str, float]:
    total: dict[str, float] = {}
    for device in arm.devices:
        for load, joules in device.energy_by_load_j.items():
            if np.isfinite(joules):
                total[load] = total.get(load, 0.0) + joules
    return total


def _positive(energy_j: dict[str, float]) -> bool:
    return any(np.isfinite(joules) and joules > 0 for joules in energy_j.values())
