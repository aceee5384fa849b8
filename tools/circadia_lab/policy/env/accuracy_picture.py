"""One picture of the accuracy model: how it predicts runs that it did not see, and what each field costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from circadia.writing import whole_file
from circadia_lab.page.style import ARM_COLOURS, INK, MUTED, RC, percent_axis
from circadia_lab.policy.env.accuracy import share
from circadia_lab.policy.env.accuracy_estimate import ALL, HOLD_OUT, MISSED, estimate

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from circadia_lab.policy.env.accuracy_estimate import Fit, Table

SIZE_IN, DPI = (13.0, 3.6), 150
HOUR_S = 3600.0
LABELS = {
    "model_age_s": ("age of the model, hours", HOUR_S, 48.0),
    "fresh_age_s": ("age of the oldest unseen example, hours", HOUR_S, 48.0),
    "practice": ("rows trained on lately", 1.0, 16_384.0),
    "unsent_examples": ("rows trained on and not sent", 1.0, 3000.0),
}
"""Of each field: axis label, unit, end of the axis."""


def draw(found: Fit, table: Table, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    with mpl.rc_context(RC):
        figure = Figure(figsize=SIZE_IN, layout="constrained")
        left, *others = figure.subplots(1, 1 + len(ALL), width_ratios=(1.35, *[1] * len(ALL)))
        _runs(left, found, table)
        for i, ax in enumerate(others):
            _effect(ax, found, i)
        top = max(ax.get_ylim()[1] for ax in others)
        for ax in others:
            ax.set_ylim(0, top)
        others[0].set_ylabel("accuracy lost")
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})


def _runs(ax: Axes, found: Fit, table: Table) -> None:
    """True against predicted means of the held-out runs."""
    number = np.arange(len(table.accuracy))
    held_out = table.of(number[number % HOLD_OUT == 0])
    predicted = estimate(table.of(number[number % HOLD_OUT != 0])).predict(held_out).mean(1)
    true = held_out.accuracy.mean(1)
    ends = [min(predicted.min(), true.min()) - 0.02, max(predicted.max(), true.max()) + 0.02]
    ax.plot(ends, ends, color=MUTED, linewidth=1)
    ax.scatter(predicted, true, s=16, color=ARM_COLOURS[0], alpha=0.8, linewidths=0)
    ax.set(xlim=ends, ylim=ends, xlabel="predicted", ylabel="true")
    ax.set_title(f"Mean accuracy of {len(true)} unseen fleets: R² {found.held_out.run_r2:.2f}")
    percent_axis(ax)
    ax.xaxis.set_major_formatter(ax.yaxis.get_major_formatter())


def _effect(ax: Axes, found: Fit, i: int) -> None:
    """The fitted loss, and where the bootstrap's middle 90 % run."""
    label, unit, end = LABELS[ALL[i]]
    x = np.linspace(0, end, 200)
    curves = [
        p.losses[i] * share(x * unit, p.scales[i], missed=ALL[i] in MISSED)
        for p in (found.parameters, *found.again)
    ]
    low, high = np.quantile(curves[1:], (0.05, 0.95), axis=0)
    ax.fill_between(x, low, high, color=ARM_COLOURS[0], alpha=0.15, linewidth=0)
    ax.plot(x, curves[0], color=ARM_COLOURS[0], linewidth=2)
    ax.set_xlim(0, end)
    ax.set_xlabel(label, color=INK)
    percent_axis(ax)
