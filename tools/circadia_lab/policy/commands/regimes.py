"""`circadia policy oracle --regimes`: what choosing when to wake is worth, and deciding everything in one wake."""

from __future__ import annotations

import json
import os
import platform
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia_lab.policy.commands.arguments import check_file, write_whole
from circadia_lab.policy.commands.arguments import refuse as without

if TYPE_CHECKING:
    import argparse

    from circadia_lab.policy.regimes.arms import Row
    from circadia_lab.policy.regimes.regime import Regime
    from circadia_lab.policy.regimes.sensitivity import Line
    from circadia_lab.policy.regimes.worlds.report import Lead


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those that only `--regimes` takes."""
    from pathlib import Path

    parser.add_argument("--html", type=Path, metavar="FILE.html", help="with --regimes: a page with pictures")
    parser.add_argument(
        "--sensitivity",
        action="store_true",
        help="with --regimes: also one number at a time, lower and higher",
    )
    parser.add_argument(
        "--worlds",
        action="store_true",
        help="with --regimes: also worlds with harvest, and with day and night",
    )
    parser.add_argument(
        "--quick", action="store_true", help="with --regimes: three of them, searched coarsely"
    )


def refuse(args: argparse.Namespace) -> None:
    """`ConfigError` if one of them was given without `--regimes`."""
    for name in ("html", "sensitivity", "worlds", "quick"):
        if getattr(args, name):
            raise ConfigError(f"--{name} goes with --regimes")


def run(args: argparse.Namespace) -> int:
    """Solve, simulate, print, write."""
    from circadia_lab.policy.regimes.figures import figures
    from circadia_lab.policy.regimes.shipped import BARRED, REGIMES, regime_named
    from circadia_lab.policy.regimes.tables import text

    without(
        args,
        ("preference", "tolerance", "coupling", "keep"),
        "is of a grid problem, --regimes solves its own and tells what coupling is worth",
    )
    for option, path, suffix in (("--json", args.json, ".json"), ("--html", args.html, ".html")):
        if path:
            check_file(option, path, suffix)
    start_s = time.monotonic()
    chosen = tuple(regime_named(name) for name in BARRED) if args.quick else REGIMES
    rows = solved(chosen, quick=args.quick)
    lines = varied(args.quick) if args.sensitivity else ()
    worlds = led(args.quick) if args.worlds else []
    print(text(rows))
    found: dict[str, Any] = {**figures(rows), "quick": args.quick, **_when(start_s)}
    if lines:
        from circadia_lab.policy.regimes.sensitivity import figures_of, table

        print("\n" + table(lines))
        found["sensitivity"] = figures_of(lines)
    if worlds:
        from circadia_lab.policy.regimes.worlds.report import figures_of as world_figures
        from circadia_lab.policy.regimes.worlds.report import table as world_table

        print("\n" + world_table(worlds))
        found |= world_figures(worlds)
    if args.json:
        write_whole(args.json, json.dumps(found, indent=2) + "\n")
    if args.html:
        from circadia_lab.policy.regimes.page import write_page

        write_page(rows, lines, worlds, found, args.html)
    return 0


def _when(start_s: float) -> dict[str, Any]:
    load = f"{os.getloadavg()[0]:.1f}"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, load {load}",
        "seconds": round(time.monotonic() - start_s, 1),
    }


def solved(regimes: tuple[Regime, ...], *, quick: bool) -> list[Row]:
    """Their arms, with a bar on standard error."""
    from rich.console import Console

    from circadia_lab.policy.commands.bar import Activity
    from circadia_lab.policy.regimes.arms import QUICK, Effort, row_of

    effort = QUICK if quick else Effort()
    rows = []
    with Activity(Console(stderr=True)) as tell:
        for i, regime in enumerate(regimes):
            tell(regime.title, i / len(regimes))
            rows.append(row_of(regime, effort))
    return rows


def varied(quick: bool) -> tuple[Line, ...]:
    """The sensitivities, likewise."""
    from rich.console import Console

    from circadia_lab.policy.commands.bar import Activity
    from circadia_lab.policy.regimes.sensitivity import plans, solve

    every = plans(quick=quick)
    lines = []
    with Activity(Console(stderr=True)) as tell:
        for i, each in enumerate(every):
            tell(each.title, i / len(every))
            lines.append(solve(each))
    return tuple(lines)


def led(quick: bool) -> list[Lead]:
    """The worlds, likewise."""
    from rich.console import Console

    from circadia_lab.policy.commands.bar import Activity
    from circadia_lab.policy.regimes.worlds.report import leads

    with Activity(Console(stderr=True)) as tell:
        return leads(quick=quick, tell=tell)
