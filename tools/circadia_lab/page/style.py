"""Colours, fonts and axes that all figures share. The colours stay apart for colour-blind readers and in grey print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, GRID, PAPER = "#1f2933", "#5f6b7a", "#e4e8ed", "#ffffff"
CHARGE = "#fbe7b2"
ARM_COLOURS = ("#0b66b0", "#d1570b", "#3f7d20", "#8a4a9e")
"""Of the arms, in their order."""
FURTHER_COLOURS = ("#b0912a", "#5f6b7a")
"""Of a fifth and a sixth."""
MODE_COLOURS = {"sleep": "#e3e7ec", "serve": "#12a07a", "train": "#a887cf", "train high": "#55288c"}
"""Of actions; training at a high clock is darker."""
PUSH, PULL = INK, "#8b96a5"
HOUR_S = 3600.0
WIDTH_IN = 11.0

RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 8.5,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": "#b8c0ca",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",  # text stays text: it can be searched, and the page brings its font
    "svg.hashsalt": "circadia",  # the same figure twice is the same bytes
    "figure.facecolor": PAPER,
}


def arm_colour(index: int) -> str:
    """The colour of the arm at that place."""
    colours = (*ARM_COLOURS, *FURTHER_COLOURS)
    return colours[index % len(colours)]


def clock(t_s: float) -> str:
    """HH:MM of seconds since midnight."""
    minutes = round(t_s / 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def day_axis(ax: Axes, day_s: float, *, label: bool = True, ticks: int = 9) -> None:
    """Time in seconds since midnight, from 0 to `day_s`, labelled with hours."""
    ax.set_xlim(0, max(day_s, 60.0))
    step_s = next(
        (h * HOUR_S for h in (0.25, 0.5, 1, 2, 3, 4, 6) if day_s / (h * HOUR_S) <= ticks), 12 * HOUR_S
    )
    ax.xaxis.set_major_locator(FixedLocator(list(np.arange(0, day_s + 1, step_s))))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda t, _: clock(t)))
    if label:
        ax.set_xlabel("simulated time of day")


def percent_axis(ax: Axes, *, decimals: int | None = 0) -> None:
    """The y axis is a share."""
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=decimals, symbol=" %"))


def end_labels(ax: Axes, labels: list[tuple[float, str, str]], *, apart: float = 0.075) -> None:
    """(y, text, colour) right of the axes, each at its y or moved up as far as the one below needs.

    `apart` is a share of the axes' height.
    """
    low, high = ax.get_ylim()
    floor = -np.inf
    for y, text, colour in sorted(labels):
        place = max((y - low) / (high - low), floor + apart)
        floor = place
        ax.annotate(
            text,
            (1.0, place),
            xycoords="axes fraction",
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=colour,
            fontweight="bold",
        )


def nothing(ax: Axes, what: str) -> None:
    """An axes without data says so."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, what, transform=ax.transAxes, ha="center", va="center", color=MUTED)


def new_figure(height_in: float) -> Figure:
    """A figure of the page's width."""
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.06, hspace=0.06)  # type: ignore[union-attr,call-arg]
    return figure
