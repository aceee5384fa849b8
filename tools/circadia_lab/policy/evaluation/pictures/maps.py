"""Maps of actions: what a policy draws by two features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from circadia.types import ClockLevel, Mode
from circadia_lab.page.style import MODE_COLOURS, new_figure
from circadia_lab.policy.env.fixed import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circadia_lab.policy.evaluation.action_map import ActionMap

COLUMNS = 3
_NAMES = [
    "train high" if a.mode is Mode.TRAIN and a.clock is ClockLevel.HIGH else a.mode.value for a in CATALOGUE
]
COLOURS = np.array([to_rgb(MODE_COLOURS[name]) for name in _NAMES])
"""(actions, 3)"""


def maps(shown: Sequence[ActionMap]) -> Figure:
    """Three in a row; a place's colour is the mixture of the modes' by their chances."""
    rows = -(-len(shown) // COLUMNS)
    figure = new_figure(3.2 * rows + 0.5)
    axes = figure.subplots(rows, COLUMNS, squeeze=False)
    for ax, chart in zip(axes.ravel(), shown, strict=False):
        _panel(ax, chart)
    for ax in axes.ravel()[len(shown) :]:
        ax.remove()
    for ax in axes[:, 1:].ravel():
        ax.set_ylabel("")
    names = {
        "sleep": "sleep",
        "serve": "serve",
        "train": "train, low clock",
        "train high": "train, high clock",
    }
    handles = [Patch(color=MODE_COLOURS[key], label=label) for key, label in names.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _panel(ax: Axes, chart: ActionMap) -> None:
    half_x, half_y = (0.5 * (axis[1] - axis[0]) for axis in (chart.x, chart.y))
    extent = (chart.x[0] - half_x, chart.x[-1] + half_x, chart.y[0] - half_y, chart.y[-1] + half_y)
    ax.grid(visible=False)
    ax.imshow(
        np.clip(chart.chances @ COLOURS, 0, 1),
        origin="lower",
        aspect="auto",
        extent=extent,
        interpolation="nearest",
    )
    if chart.y.max() <= 1:
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_title(f"{chart.name}, {chart.what}")
    ax.set_xlabel(chart.x_label)
    ax.set_ylabel(chart.y_label)
