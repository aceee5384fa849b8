"""The front of average rewards, in pairs of objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.page.style import INK, MUTED, new_figure
from circadia_lab.policy.cmoppo.front import undominated
from circadia_lab.policy.env.interface import OBJECTIVES
from circadia_lab.policy.env.measures import ENERGY_SHARE
from circadia_lab.policy.evaluation.figures import violating
from circadia_lab.policy.evaluation.pictures.look import BLUE, VIOLET, look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from circadia_lab.policy.evaluation.evaluation import Scenario
    from circadia_lab.policy.evaluation.oracle_figures import OracleFigures

    Floats = NDArray[np.float64]

PAIRS = ((2, 0), (2, 1), (1, 0))
"""(across, up) objectives of the panels."""
LABELS = (
    "freshness of the model in service",
    "mean latency, % of the deadline",
    "energy, % of the battery a day",
)
_UNITS = np.array([1.0, -100.0, -100.0 * ENERGY_SHARE])
"""From rewards to what the labels say."""
BETTER = ("higher", "lower", "lower")


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """A policy's averages, one for each preference."""

    label: str
    reward: Floats
    """(points, objectives)"""
    kept: NDArray[np.bool_]
    """(points,) whether the limits hold."""
    colour: str
    marker: str
    joined: bool = False
    """With a line along what no other point of the pair beats."""
    size: float = 5.0


def front(points: Sequence[Points], title: str) -> Figure:
    """Three projections beside one another."""
    figure = new_figure(4.3)
    axes = figure.subplots(1, len(PAIRS))
    for ax, pair in zip(axes, PAIRS, strict=True):
        _panel(ax, points, *pair)
    axes[0].set_title(title)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 5))
    return figure


def of_scenario(scenario: Scenario) -> list[Points]:
    """All arms but the references; of a rule with a setting for each preference only that form."""
    names = {arm.name for arm in scenario.arms}
    shown = [
        arm
        for arm in scenario.arms
        if arm.kind != "reference"
        and f"{arm.name}, per preference" not in names
        and arm.name != "coupled-float"
    ]
    return [
        Points(
            label=arm.name,
            reward=np.mean([played.reward for played in arm.plays], axis=0),
            kept=np.median([violating(played) for played in arm.plays], axis=0) < 0.5,
            colour=look(arm.name).colour,
            marker=look(arm.name).marker,
            joined=arm is scenario.ours,
            size=6.0 if arm is scenario.ours else 4.0,
        )
        for arm in sorted(shown, key=lambda arm: arm is scenario.ours)
    ]


def of_oracle(oracle: OracleFigures) -> list[Points]:
    """The optimum, the networks of every seed, the distilled one."""
    all_kept = np.ones(len(oracle.preferences), bool)
    networks = [
        Points(
            label="networks, each seed",
            reward=oracle.reward.reshape(-1, len(OBJECTIVES)),
            kept=~oracle.violating(oracle.cost).ravel(),
            colour=BLUE,
            marker="o",
            size=3.5,
        )
    ]
    if oracle.distilled_reward is not None:
        kept = all_kept if oracle.distilled_cost is None else ~oracle.violating(oracle.distilled_cost)
        networks.append(
            Points(
                label="distilled optimum",
                reward=oracle.distilled_reward,
                kept=kept,
                colour=VIOLET,
                marker="p",
            )
        )
    optimum = Points(
        label="certified optimum", reward=oracle.optimum_reward, kept=~all_kept, colour=INK, marker="o",
        joined=True, size=8.0,
    )  # fmt: skip
    return [*networks, optimum]


def _panel(ax: Axes, points: Sequence[Points], across: int, up: int) -> None:
    frame = _frame(points, across, up)
    for group in points:
        values = group.reward * _UNITS
        x, y = values[:, across], values[:, up]
        if group.joined:
            order = _edge(group.reward[:, [across, up]])
            ax.plot(x[order], y[order], color=group.colour, linewidth=1.1, alpha=0.6, zorder=2)
        for kept in (True, False):
            chosen = group.kept == kept
            ax.scatter(
                x[chosen],
                y[chosen],
                s=group.size**2,
                marker=group.marker,
                linewidths=1.1,
                facecolors=group.colour if kept else "none",
                edgecolors=group.colour,
                label=group.label if kept == bool(group.kept.any()) else None,
                zorder=3,
            )
    ax.set_xlim(*frame[0])
    ax.set_ylim(*frame[1])
    ax.set_xlabel(f"{LABELS[across]}\n({BETTER[across]} is better)")
    ax.set_ylabel(f"{LABELS[up]}  ({BETTER[up]} is better)", color=MUTED)


def _frame(points: Sequence[Points], across: int, up: int) -> Floats:
    """(2, 2) lowest and highest of what keeps the limits, and of what is joined, with a margin."""
    values = np.concatenate([group.reward[group.kept | group.joined] for group in points]) * _UNITS
    low, high = values[:, [across, up]].min(0), values[:, [across, up]].max(0)
    margin = 0.06 * np.maximum(high - low, 1e-3)
    return np.stack([low - margin, high + margin], axis=-1)


def _edge(reward: Floats) -> NDArray[np.intp]:
    """Of two objectives: what nothing beats, in order."""
    chosen = np.nonzero(undominated(reward))[0]
    order: NDArray[np.intp] = chosen[np.argsort(reward[chosen, 0])]
    return order
