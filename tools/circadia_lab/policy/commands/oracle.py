"""`circadia policy oracle`: the certified optimum of a grid problem, and what coupling serving and training is worth.

With --regimes: of the choice when to wake and what to do in one wake, for twelve kinds of device.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia_lab.policy.commands import regimes
from circadia_lab.policy.commands.arguments import (
    DEFAULT_GRID,
    check_file,
    check_folder,
    preference_of,
    write_whole,
)

if TYPE_CHECKING:
    import argparse

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from circadia_lab.policy.oracle.coupling import Coupled
    from circadia_lab.policy.oracle.grid import Grid
    from circadia_lab.policy.oracle.optimum import Optimum

    Floats = NDArray[np.float64]

SIZES = {"8k": "phone", "40k": "phone-40k", "170k": "phone-170k", "1m": "phone-1m"}
TOLERANCE = 1e-3
BINDS = 0.999
"""Share of a limit that a cost reaches where the limit binds."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "oracle", help="the certified optimum of a grid problem", description=__doc__
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--states", choices=tuple(SIZES), help="a phone's grid of about that size (default 8k)"
    )
    which.add_argument("--grid", default=DEFAULT_GRID, metavar="NAME", help="another grid problem, by name")
    which.add_argument(
        "--regimes", action="store_true", help="what waking and deciding together is worth, by kind of device"
    )
    parser.add_argument(
        "--preference",
        metavar="A,L,E|all",
        help="accuracy, latency, energy; all: the 21 anchors (default)",
    )
    parser.add_argument("--tolerance", type=float, help=f"largest relative gap (default {TOLERANCE:g})")
    parser.add_argument("--coupling", action="store_true", help="also: what one decision is worth over two")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the answer, or take a kept one")
    parser.add_argument("--json", type=Path, metavar="FILE.json", help="write all figures")
    regimes.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Enumerate, solve, print. `InfeasibleProblem` names the limits that nobody can keep."""
    if args.regimes:
        return regimes.run(args)
    regimes.refuse(args)
    from rich.console import Console

    from circadia_lab.policy.oracle.grids import grid_named

    preferences = _preferences("all" if args.preference is None else args.preference)
    tolerance = TOLERANCE if args.tolerance is None else args.tolerance
    if not 0 < tolerance < 1:
        raise ConfigError(f"--tolerance {tolerance:g}: must lie between 0 and 1")
    if args.json:
        check_file("--json", args.json, ".json")
    if args.keep:
        check_folder("--keep", args.keep)
    spec = grid_named(SIZES[args.states] if args.states else args.grid)
    console, start_s = Console(), time.monotonic()
    grid = enumerated(spec)
    found = solved(grid, preferences, tolerance=tolerance, keep=args.keep)
    show(console, grid, found)
    figures = figures_of(grid, found)
    if args.coupling:
        worth = coupled(grid, found)
        show_worth(console, worth)
        figures["coupling"] = [worth_of(each) for each in worth]
    figures["seconds"] = round(time.monotonic() - start_s, 2)
    if args.json:
        write_whole(args.json, json.dumps(figures, indent=2) + "\n")
    return 0


def _preferences(text: str) -> Floats:
    from circadia_lab.policy.env.preferences import ANCHORS

    return ANCHORS if text == "all" else preference_of(text)[None]


def enumerated(spec: Any) -> Grid:
    """The grid, with a bar on standard error."""
    from circadia_lab.policy.commands.bar import bar
    from circadia_lab.policy.oracle.grid import make_grid

    with bar(f"enumerating {spec.name}", 1.0) as tell:
        return make_grid(spec, tell)


def solved(grid: Grid, preferences: Floats, *, tolerance: float, keep: Path | None) -> Optimum:
    """Its optima, likewise."""
    from circadia_lab.policy.commands.bar import bar
    from circadia_lab.policy.oracle.optimum import optimum

    with bar(f"certifying {len(preferences)} preferences", len(preferences)) as tell:
        return optimum(grid, preferences, folder=keep, tolerance=tolerance, progress=lambda i, _: tell(i + 1))


def coupled(grid: Grid, found: Optimum) -> tuple[Coupled, ...]:
    """What coupling is worth under each of the preferences, likewise."""
    from circadia_lab.policy.commands.bar import bar
    from circadia_lab.policy.oracle.coupling import coupling

    done = 0

    def count(_: Coupled) -> None:
        nonlocal done
        done += 1
        tell(done)

    with bar("searching for separate deciders", len(found.values)) as tell:
        return coupling(grid, found, progress=count)


def show_worth(console: Console, worth: tuple[Coupled, ...]) -> None:
    """A line a preference, the largest worth first."""
    lines = [
        "",
        "decided together and apart: what the optimum loses at most if serving and training decide apart",
        "",
    ]
    lines += [
        f"{'preference':11}{'together':>10}{'apart':>10}{'worth':>10}{'of Σ w |returns|':>18}{'pairs':>7}"
    ]
    for each in sorted(worth, key=lambda each: -each.share):
        weights = " ".join(f"{w:.2g}" for w in each.preference)
        kept = "" if each.feasible else "  no pair keeps the limits"
        lines += [
            f"{weights:11}{each.together:10.5f}{each.apart:10.5f}{each.worth:10.5f}{each.share:17.2%} {each.pairs:7}"
            + kept
        ]
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def worth_of(each: Coupled) -> dict[str, Any]:
    """For JSON."""
    names = ("together", "upper", "apart", "worth", "share")
    found: dict[str, Any] = {name: float(getattr(each, name)) for name in names}
    return {
        "preference": each.preference.tolist(),
        **found,
        "feasible": bool(each.feasible),
        "pairs": each.pairs,
    }


def figures_of(grid: Grid, found: Optimum) -> dict[str, Any]:
    """For JSON."""
    from circadia_lab.policy.env.interface import COSTS, OBJECTIVES

    rows = [
        {
            "preference": found.preferences[i].tolist(),
            "value": float(found.values[i]),
            "upper": float(found.upper[i]),
            "gap": float(found.gaps[i]),
            "returns": dict(zip(OBJECTIVES, found.returns[i].tolist(), strict=True)),
            "costs": dict(zip(COSTS, found.costs[i].tolist(), strict=True)),
            "multipliers": dict(zip(COSTS, found.multipliers[i].tolist(), strict=True)),
            "binding": _binding(grid, found, i),
            "columns": int(found.planned[i]),
        }
        for i in range(len(found.values))
    ]
    return {
        "grid": grid.spec.name,
        "states": grid.chain.states,
        "limits": dict(zip(COSTS, grid.chain.limits.tolist(), strict=True)),
        "largest_gap": float(found.gaps.max()),
        "random_returns": dict(zip(OBJECTIVES, found.random_returns.tolist(), strict=True)),
        "optima": rows,
    }


def _binding(grid: Grid, found: Optimum, i: int) -> list[str]:
    from circadia_lab.policy.env.interface import COSTS

    reached = found.costs[i] >= BINDS * grid.chain.limits
    return [name for name, yes in zip(COSTS, reached, strict=True) if yes]


def show(console: Console, grid: Grid, found: Optimum) -> None:
    """A line a preference, in 80 columns; prices of the limits where there is one line only."""
    from circadia_lab.policy.env.interface import COSTS, OBJECTIVES

    limits = ", ".join(f"{name} ≤ {limit:g}" for name, limit in zip(COSTS, grid.chain.limits, strict=True))
    lines = [f"{grid.spec.name}: {grid.chain.states:,} states; {limits}", ""]
    lines += [
        f"{'preference':11}{'optimum':>9}{'gap':>9}" + "".join(f"{n:>9}" for n in (*OBJECTIVES, *COSTS))
    ]
    lines += [_line(grid, found, i) for i in range(len(found.values))]
    if len(found.values) == 1:
        prices = zip(COSTS, found.multipliers[0], strict=True)
        lines += ["", "a unit of each limit is worth " + ", ".join(f"{n} {p:.4g}" for n, p in prices)]
    notes = "* at its limit. gap: the certified bound above the optimum, relative to Σ w·|returns|."
    console.print("\n".join([*lines, "", notes]), highlight=False, soft_wrap=True)


def _line(grid: Grid, found: Optimum, i: int) -> str:
    from circadia_lab.policy.env.interface import COSTS

    binding = _binding(grid, found, i)
    costs = (f"{c:.4f}{'*' if n in binding else ' '}" for n, c in zip(COSTS, found.costs[i], strict=True))
    weights = " ".join(f"{w:.2g}" for w in found.preferences[i])
    returns = "".join(f"{r:9.4f}" for r in found.returns[i])
    return f"{weights:11}{found.values[i]:9.5f}{found.gaps[i]:9.0e}{returns}" + "".join(
        f"{c:>9}" for c in costs
    )
