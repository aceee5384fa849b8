"""How near every cost is to its limit, preference by preference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import TwoSlopeNorm

from circadia_lab.page.style import INK, new_figure
from circadia_lab.policy.env.interface import COSTS
from circadia_lab.policy.evaluation.pictures.look import FIXED_INK, SHARE_OF_LIMIT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from circadia_lab.policy.evaluation.arm import Arm
    from circadia_lab.policy.evaluation.evaluation import Scenario

    Floats = NDArray[np.float64]

MOST = 3.0
"""Times the limit, where the colours end."""
SHOWN = 7
"""Arms at most."""


def limits(scenario: Scenario) -> Figure:
    """Rows are costs under each policy, columns preferences; numbers stand where a limit is broken."""
    shown = _shown(scenario)
    figure = new_figure(0.62 * len(shown) + 1.9)
    ax = figure.subplots()
    shares = np.concatenate([_shares(arm) for arm in shown])
    norm = TwoSlopeNorm(1.0, vmin=0.0, vmax=MOST)
    picture = ax.pcolormesh(shares, cmap=SHARE_OF_LIMIT, norm=norm, edgecolors="#ffffff", linewidth=0.8)
    ax.invert_yaxis()
    _texts(ax, shares)
    _labels(ax, scenario, shown)
    bar = figure.colorbar(picture, ax=ax, ticks=[0, 0.5, 1, 2, 3], fraction=0.025, pad=0.01)
    bar.set_label("average / limit")
    bar.outline.set_visible(False)
    return figure


def _shown(scenario: Scenario) -> list[Arm]:
    """Ours, those trained likewise, then the rules by name; no reference."""
    order = {"trained": 0, "ablation": 1, "ceiling": 2, "rule": 3}
    able = [arm for arm in scenario.arms if arm.kind in order and ", per preference" not in arm.name]
    return sorted(able, key=lambda arm: order[arm.kind])[:SHOWN]


def _shares(arm: Arm) -> Floats:
    """(costs, preferences) median over the seeds."""
    shares: Floats = 1 + np.median([played.excess for played in arm.plays], axis=0).T
    return shares


def _texts(ax: Axes, shares: Floats) -> None:
    for (row, column), share in np.ndenumerate(shares):
        if share > 1:
            colour = "#ffffff" if share > 0.6 * MOST else FIXED_INK
            text = f"{share:.2f}" if share < 10 else f"{share:.0f}"
            ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=6.5, color=colour)


def _labels(ax: Axes, scenario: Scenario, shown: list[Arm]) -> None:
    preferences = scenario.ours.plays[0].preferences
    ax.set_xticks(
        np.arange(len(preferences)) + 0.5,
        ["\n".join(f"{w:.1f}" for w in preference) for preference in preferences],
        fontsize=7,
    )
    ax.set_xlabel("preference: accuracy, latency, energy (top to bottom)")
    ax.set_yticks(np.arange(len(shown) * len(COSTS)) + 0.5, list(COSTS) * len(shown), fontsize=7.5)
    for i, arm in enumerate(shown):
        y = i * len(COSTS)
        if i:
            ax.axhline(y, color=INK, linewidth=1.1)
        ax.annotate(
            arm.name, (0, y + len(COSTS) / 2), xycoords=("axes fraction", "data"), xytext=(-52, 0),
            textcoords="offset points", ha="right", va="center", fontsize=8.5, fontweight="bold", color=INK,
        )  # fmt: skip
    ax.grid(visible=False)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
