"""A day in the life of a device, one column for each policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from circadia.observation import DAY_S, HOUR_S
from circadia.types import Link
from circadia_lab.data.day.result import Stay
from circadia_lab.page.ribbon import draw_ribbon, legend_handles
from circadia_lab.page.style import CHARGE, INK, MUTED, day_axis, new_figure, percent_axis
from circadia_lab.policy.env.fixed import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from circadia_lab.policy.evaluation.day import Day

LINK_COLOURS = {Link.NONE: "#f3d3c3", Link.METERED: "#cfe0ee", Link.FREE: "#5b9bd0"}
USER = "#8a94a3"
MODEL, DATA, LOST = "#0b66b0", "#8a4a9e", "#d1570b"


def days(shown: Sequence[Day]) -> Figure:
    """Battery, actions, queue and ages over a day, the same chance in every column."""
    figure = new_figure(6.6)
    axes = figure.subplots(
        4, len(shown), squeeze=False, sharex=True, sharey="row", height_ratios=(1.5, 0.95, 1.1, 1.3)
    )
    for column, day in zip(axes.T, shown, strict=True):
        _battery(column[0], day)
        _actions(column[1], day)
        _queue(column[2], day)
        _ages(column[3], day)
        wanted = " / ".join(f"{w:.2g}" for w in day.preference)
        column[0].set_title(f"{day.name} on {day.device}, preference {wanted}")
        day_axis(column[3], DAY_S, ticks=9 if len(shown) == 1 else 5)
    axes[2, 0].set_ylim(bottom=-0.6)
    axes[3, 0].set_ylim(bottom=0)
    for ax, label in zip(axes[:, 0], ("battery", "actions", "requests\nwaiting", "age, h"), strict=True):
        ax.set_ylabel(label)
    figure.legend(handles=_handles(), loc="outside lower center", ncols=7, fontsize=7.5, columnspacing=1.2)
    return figure


def _battery(ax: Axes, day: Day) -> None:
    for start, end in spans(day.t_s, day.charging > 0):
        ax.axvspan(start, end, color=CHARGE, linewidth=0)
    ax.plot(day.t_s, day.soc, color=INK, linewidth=1.4)
    ax.axhline(day.floor, color=LOST, linewidth=0.9, linestyle=(0, (4, 3)))
    ax.set_ylim(-0.02, 1.04)
    percent_axis(ax)


def _actions(ax: Axes, day: Day) -> None:
    stays = [
        Stay(t_s=t, duration_s=dt, busy_s=busy, action=NAMES[action])
        for t, dt, busy, action in zip(
            day.t_s.tolist(), day.dt_s.tolist(), day.busy_s.tolist(), day.action.tolist(), strict=True
        )
    ]
    draw_ribbon(ax, stays, 1.0, 1.0, DAY_S)
    for link, colour in LINK_COLOURS.items():
        for start, end in spans(day.t_s, day.link == link):
            ax.fill_between([start, end], 0.1, 0.4, color=colour, linewidth=0)
    for start, end in spans(day.t_s, day.user > 0):
        ax.fill_between([start, end], -0.35, -0.05, color=USER, linewidth=0)
    ax.set_ylim(-0.45, 2.1)
    ax.set_yticks([-0.2, 0.25, 1.5], ["user", "link", "does"])
    ax.grid(visible=False)


def _queue(ax: Axes, day: Day) -> None:
    ax.step(day.t_s, day.queue, where="post", color=MUTED, linewidth=0.8)
    lost = day.expired > 0
    ax.plot(day.t_s[lost], day.queue[lost], "x", color=LOST, markersize=5, zorder=4)
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _ages(ax: Axes, day: Day) -> None:
    ax.plot(day.t_s, day.model_age_s / HOUR_S, color=MODEL, linewidth=1.1)
    ax.plot(day.t_s, day.fresh_age_s / HOUR_S, color=DATA, linewidth=1.1)
    for limit in {day.stale_s, day.old_s}:
        ax.axhline(limit / HOUR_S, color=LOST, linewidth=0.9, linestyle=(0, (4, 3)))


def _handles() -> list[Line2D | Patch]:
    lines = [
        Line2D([], [], color=MODEL, label="model in service"),
        Line2D([], [], color=DATA, label="oldest example not trained on"),
        Line2D([], [], color=LOST, linestyle=(0, (4, 3)), label="floor; limit of the ages"),
        Line2D([], [], color=LOST, marker="x", linestyle="none", label="requests lost"),
    ]
    links = [Patch(color=LINK_COLOURS[link], label=f"link: {link.name.lower()}") for link in LINK_COLOURS]
    patches = [Patch(color=CHARGE, label="charging"), Patch(color=USER, label="in use"), *links]
    return [*legend_handles(), *patches, *lines]  # type: ignore[list-item]  # artists that make legends


def spans(t_s: NDArray[np.float64], on: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """(start, end) of the stretches in which it is on; the last ends with the day."""
    edges = np.diff(np.concatenate([[0], on.astype(int), [0]]))
    ends = np.append(t_s, DAY_S)
    return [
        (float(ends[a]), float(ends[b]))
        for a, b in zip(*(np.nonzero(edges == e)[0] for e in (1, -1)), strict=True)
    ]
