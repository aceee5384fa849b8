"""The figures of a calibration's page, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FuncFormatter, PercentFormatter

from circadia_lab.measure.calibration.text import share
from circadia_lab.page.plate import Plate
from circadia_lab.page.style import ARM_COLOURS, INK, MUTED, RC, new_figure
from circadia_lab.page.svg import svg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import NDArray

    from circadia_lab.measure.calibration.calibration import Calibration
    from circadia_lab.measure.calibration.held_out import Foretold
    from circadia_lab.measure.calibration.power_fit import LoadPower

AFTER, BEFORE = ARM_COLOURS[0], ARM_COLOURS[1]
LABELLED = "125"
"""First digits of what a logarithmic axis labels."""
MOST_DOTS = 3000
"""More would make the page heavy; a drawn part shows the same."""


def plates(found: Calibration) -> list[Plate]:
    """Those that there is something for."""
    with mpl.rc_context(RC):
        return list(_plates(found))


def _plates(found: Calibration) -> Iterator[Plate]:
    if found.powers and found.powers.found:
        yield Plate(
            name="powers",
            title="Power of each load",
            caption=f"Blue: found in the {found.source} ticks, with its 95 % interval. Orange: the profile as it was, with two of "
            "its standard deviations. The scale is logarithmic.",
            svg=_powers(found.powers.found),
        )
    if found.foretold is not None:
        yield Plate(
            name="foretold",
            title="Ticks that were held out",
            caption=f"Each dot is a tick: what the profile foretells against what was {found.source}. On the line, both are the "
            "same.",
            svg=_foretold(found.foretold, found.source),
        )
    if found.cell is not None and found.cell.curve is not None:
        yield Plate(
            name="battery",
            title="Voltage of the battery",
            caption="Grey: recorded volts with the drop over the internal resistance added back. Blue: the curve that goes into "
            "the profile; its open circles were not told by the discharge. Band: two standard deviations.",
            svg=_battery(found),
        )


def _powers(loads: list[LoadPower]) -> str:
    figure = new_figure(0.9 + 0.55 * len(loads))
    ax = figure.subplots()
    ax.set_xscale("log")
    floor = min(min(one.watts.mean, one.before.value) for one in loads if one.watts.mean > 0) / 3
    for row, one in enumerate(reversed(loads)):
        _interval(ax, row + 0.16, one.watts.low, one.watts.mean, one.watts.high, AFTER, floor)
        low, high = (one.before.value + side * 2 * one.before.uncertainty for side in (-1, 1))
        _interval(ax, row - 0.16, low, one.before.value, high, BEFORE, floor)
    ax.set_yticks(range(len(loads)), [one.load.lower().replace("_", " ") for one in reversed(loads)])
    ax.set_ylim(-0.6, len(loads) - 0.4)
    _plain(ax.xaxis)
    ax.set_xlabel("W")
    ax.grid(visible=False, axis="y")
    return svg(figure, "powers", "Watts of each load before and after, with intervals")


def _interval(ax: Axes, y: float, low: float, mean: float, high: float, colour: str, floor: float) -> None:
    ax.plot([max(low, floor), max(high, floor)], [y, y], color=colour, linewidth=2.4, alpha=0.45)
    ax.plot([max(mean, floor)], [y], "o", color=colour, markersize=6)
    ax.annotate(f"{mean:.3g}", (max(high, floor), y), xytext=(7, 0), textcoords="offset points", va="center",
                fontsize=8, color=colour)  # fmt: skip


def _foretold(found: Foretold, source: str) -> str:
    figure = new_figure(4.4)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    every = np.concatenate([found.measured_j, found.foretold_j, found.before_j])
    ends = _ends(every)
    rows = np.arange(found.count)
    if found.count > MOST_DOTS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_DOTS, replace=False))
    for ax, foretold, colour, title in (
        (left, found.before_j, BEFORE, f"Profile as it was: sum {share(found.before_error.mean)} off"),
        (right, found.foretold_j, AFTER, f"Fitted profile: sum {share(found.total_error.mean)} off"),
    ):
        if every.min() > 0:
            ax.loglog()
            _plain(ax.xaxis)
            _plain(ax.yaxis)
        ax.plot(ends, ends, color=MUTED, linewidth=1, zorder=1)
        dots = {"markersize": 4, "alpha": 0.5, "markeredgewidth": 0}
        ax.plot(found.measured_j[rows], foretold[rows], "o", color=colour, **dots)
        ax.set_title(title)
        ax.set_xlabel(f"{source}, J a tick")
        ax.set_xlim(*ends)
        ax.set_ylim(*ends)
    left.set_ylabel("foretold, J a tick")
    return svg(figure, "foretold", "Foretold against metered joules of ticks held out, before and after")


def _plain(axis: Axis) -> None:
    """Numbers without exponents on a logarithmic axis."""

    def text(value: float, _: object) -> str:
        return f"{value:g}" if f"{value:e}"[0] in LABELLED else ""

    axis.set_major_formatter(FuncFormatter(text))
    axis.set_minor_formatter(FuncFormatter(text))


def _ends(joules: NDArray[np.float64]) -> tuple[float, float]:
    """Of both axes; logarithmic where nothing is 0 or less."""
    least, most = float(joules.min()), float(joules.max())
    return (0.8 * least, 1.25 * most) if least > 0 else (1.05 * least, 1.05 * most)


def _battery(found: Calibration) -> str:
    assert found.cell is not None
    figure = new_figure(4.6)
    ax = figure.subplots()
    cell, before = found.profile.battery, found.begun.battery.open_circuit_v
    for one in found.discharges:
        rows = np.unique(np.linspace(0, len(one.soc) - 1, MOST_DOTS).astype(int))
        open_circuit = one.flow.voltage_v + cell.internal_resistance_ohm.value * one.flow.current_a
        ax.plot(one.soc[rows], open_circuit[rows], ".", color=MUTED, markersize=4, alpha=0.6, zorder=1)
    curve = cell.open_circuit_v
    soc, volts = np.array(curve.soc), np.array(curve.value)
    sd = np.where(found.cell.found, found.cell.sd_v, curve.uncertainty)
    ax.fill_between(soc, volts - 2 * sd, volts + 2 * sd, color=AFTER, alpha=0.15, linewidth=0)
    ax.plot(before.soc, before.value, color=BEFORE, linewidth=1.4, linestyle=(0, (5, 3)), label="as it was")
    ax.plot(soc, volts, color=AFTER, linewidth=1.2, label="in the profile now")
    told = found.cell.found
    ax.plot(soc[told], volts[told], "o", color=AFTER, markersize=5.5)
    ax.plot(soc[~told], volts[~told], "o", color=AFTER, markersize=5.5, markerfacecolor="white")
    ax.set_xlabel("state of charge")
    ax.set_ylabel("V without load")
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    ax.legend(loc="upper left", labelcolor=INK)
    return svg(
        figure,
        "battery",
        "Open-circuit voltage against the state of charge, before and after, with recorded points",
    )
