"""`circadia joules STORE`: what each action and each load drew, with intervals and the error budget."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rich.table import Table

    from circadia_field.ticks import Ticks
    from circadia_lab.measure.joules.budget import Budget
    from circadia_lab.measure.joules.joules import ActionJoules, Estimate, LoadWatts


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "joules", help="what each action was measured to draw", description=__doc__
    )
    parser.add_argument("store", type=Path, metavar="STORE.db", help="of a device that has a meter")
    parser.add_argument(
        "--gain-ppm", type=float, default=1000.0, help="the meter's gain, one deviation; default 1000"
    )
    parser.add_argument(
        "--offset-mw", type=float, default=0.5, help="its zero, after calibration; default 0.5"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--json", action="store_true", help="one object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print tables."""
    from circadia_field.ticks import read_ticks
    from circadia_lab.measure.joules.budget import Meter, budget
    from circadia_lab.measure.joules.joules import by_action, by_load

    ticks = read_ticks(args.store)
    actions, loads = by_action(ticks, seed=args.seed), by_load(ticks, seed=args.seed)
    sure = budget(ticks, Meter(gain=args.gain_ppm * 1e-6, offset_w=args.offset_mw * 1e-3))
    if args.json:
        print(json.dumps(as_json(ticks, actions, loads, sure), allow_nan=False))
    else:
        show(ticks, actions, loads, sure)
    return 0


def as_json(
    ticks: Ticks, actions: list[ActionJoules], loads: list[LoadWatts], sure: Budget
) -> dict[str, Any]:
    """Everything, NaN as null."""
    return {
        "source": ticks.source,
        "ticks": ticks.count,
        "unsettled": ticks.unsettled,
        "seconds": float(ticks.duration_s.sum()),
        "gap_s": float(ticks.gap_s.sum()),
        "energy_j": sure.energy_j,
        "sd_gain_j": sure.gain_j,
        "sd_offset_j": sure.offset_j,
        "sd_clocks_j": sure.clocks_j,
        "sd_j": sure.together_j,
        "actions": {
            one.action: {
                "ticks": one.ticks,
                "total_j": one.total_j,
                "joules": _numbers(one.joules),
                "watts": _numbers(one.watts),
            }
            for one in actions
        },
        "loads": {one.load: {"seconds": one.seconds, "watts": _numbers(one.watts)} for one in loads},
    }


def _numbers(estimate: Estimate) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in (estimate.mean, estimate.low, estimate.high)]


def show(ticks: Ticks, actions: list[ActionJoules], loads: list[LoadWatts], sure: Budget) -> None:
    """As tables on the terminal."""
    from rich.console import Console

    console = Console()
    hours = ticks.duration_s.sum() / 3600
    console.print(
        f"{ticks.count:,} ticks, {hours:.2f} h, {sure.energy_j:,.2f} J ({ticks.source}); "
        f"gaps {ticks.gap_s.sum():.1f} s, {ticks.unsettled} ticks without joules"
    )
    joules = [(one.action, f"{one.ticks:,}", f"{one.total_j:,.2f}", *_cells(one.joules)) for one in actions]
    watts = [(one.action, f"{one.seconds:,.1f}", *_cells(one.watts)) for one in actions]
    own = [(one.load.lower(), f"{one.seconds:,.1f}", *_cells(one.watts)) for one in loads]
    interval = "95 % interval"
    for title, columns, rows in (
        ("by action: joules", ("action", "ticks", "J", "J a tick", interval), joules),
        ("by action: watts over its whole time", ("action", "s", "W", interval), watts),
        ("by load: watts of its own", ("load", "s", "W", interval), own),
    ):
        console.print(_table(title, columns, rows))
    console.print("intervals by block bootstrap")
    share = sure.together_j / abs(sure.energy_j) if sure.energy_j else math.nan
    console.print(
        f"error budget (1 sd): gain {sure.gain_j:.3g} J, offset {sure.offset_j:.3g} J, clocks, gaps and sampling of steady loads "
        f"{sure.clocks_j:.3g} J; together {sure.together_j:.3g} J, {share:.2%}"
    )


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Fits into 80 columns; in fewer, a name goes on in the next line, for its end tells actions apart."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", overflow="fold", no_wrap=False)
    for row in rows:
        table.add_row(*row)
    return table


def _cells(estimate: Estimate) -> tuple[str, str]:
    if math.isnan(estimate.low):
        return f"{estimate.mean:.4g}", "too few ticks"
    return f"{estimate.mean:.4g}", f"{estimate.low:.4g} … {estimate.high:.4g}"
