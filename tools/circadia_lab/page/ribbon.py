"""A device's day of actions as a ribbon: one colour a mode, marks for what went over the link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from circadia_lab.page.action_name import exchange_of, pushes, works_of
from circadia_lab.page.style import MODE_COLOURS, PULL, PUSH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


class Stay(Protocol):
    """An action and how long its tick lasted, in seconds since midnight."""

    @property
    def t_s(self) -> float:
        """When it began."""
        ...

    @property
    def duration_s(self) -> float:
        """Until the next tick."""
        ...

    @property
    def busy_s(self) -> float:
        """Of that, with work."""
        ...

    @property
    def action(self) -> str:
        """Its stable name."""
        ...


SHORTEST = 1 / 900
"""Share of the day that a bar is drawn wide at least: shorter ones would not be seen."""
LAYERS = ("train", "train high", "serve")
"""Drawn in this order over the ribbon's ground, sleep."""


def colour_keys(action: str) -> tuple[str, ...]:
    """The names in `MODE_COLOURS` of what an action does."""
    high = "high" in action.split("/")
    return tuple("train high" if work == "train" and high else work for work in works_of(action))


def bars(stays: Iterable[Stay], key: str, shortest_s: float) -> list[tuple[float, float]]:
    """(start, end) of the busy time of the stays of that colour; those that touch are one.

    Where a wake served and trained, serving is as short as can be seen: answers come first, and training takes longer.
    """
    found: list[tuple[float, float]] = []
    for stay in stays:
        keys = colour_keys(stay.action)
        if key not in keys or not np.isfinite(stay.t_s):
            continue
        busy_s = stay.busy_s if np.isfinite(stay.busy_s) and key == keys[-1] else 0.0
        start, end = stay.t_s, stay.t_s + max(busy_s, shortest_s)
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def draw_ribbon(ax: Axes, stays: Sequence[Stay], y: float, height: float, day_s: float) -> None:
    """The ribbon with its lower edge at `y`; marks of syncs hang below it, a quarter of its height long."""
    ground = [
        (stay.t_s, min(stay.t_s + stay.duration_s, day_s)) for stay in stays if np.isfinite(stay.duration_s)
    ]
    _rectangles(ax, _joined(ground), y, height, MODE_COLOURS["sleep"], 1)
    for layer, key in enumerate(LAYERS):
        rows = bars(stays, key, SHORTEST * day_s)
        _rectangles(ax, rows, y, height, MODE_COLOURS[key], 2 + layer)
    seen = [stay for stay in stays if np.isfinite(stay.t_s) and exchange_of(stay.action)]
    for sends, colour in ((False, PULL), (True, PUSH)):
        marks = [stay.t_s for stay in seen if pushes(stay.action) is sends]
        ax.vlines(marks, y - 0.32 * height, y - 0.04 * height, color=colour, linewidth=0.8)


def legend_handles() -> list[Artist]:
    """The key to the ribbon."""
    names = {
        "sleep": "sleep",
        "serve": "serve",
        "train": "train, low clock",
        "train high": "train, high clock",
    }
    patches: list[Artist] = [Patch(color=MODE_COLOURS[key], label=label) for key, label in names.items()]
    for label, colour in (("sends an update", PUSH), ("asks for a model", PULL)):
        patches.append(Line2D([], [], color=colour, marker="|", linestyle="none", markersize=7, label=label))
    return patches


def _joined(rows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Bars with less than a second between them are one."""
    found: list[tuple[float, float]] = []
    for start, end in rows:
        if found and start - found[-1][1] < 1.0:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _rectangles(
    ax: Axes, rows: Sequence[tuple[float, float]], y: float, height: float, colour: str, order: float
) -> None:
    """All of them as one path: hundreds of elements less in the page."""
    if not rows:
        return
    vertices = [
        corner for a, b in rows for corner in ((a, y), (b, y), (b, y + height), (a, y + height), (a, y))
    ]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(rows)
    ax.add_patch(PathPatch(Path(vertices, codes), facecolor=colour, edgecolor="none", zorder=order))
