"""`circadia policy foretell`: what the simulator foretells of a run of `circadia demo`, arm by arm, beside what it gave."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia_lab.policy.commands.arguments import check_file, check_seed, write_whole

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rich.console import Console

    from circadia_lab.policy.evaluation.foretold import Foretold


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "foretell", help="hold the simulator against a run of circadia demo", description=__doc__
    )
    parser.add_argument(
        "summary", type=Path, metavar="SUMMARY.json", help="of the run (circadia demo --json)"
    )
    parser.add_argument("--copies", type=int, default=16, metavar="N", help="of the run's fleet (default 16)")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of the simulator's chance (default 0)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE.json", help="the figures there as well")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play every arm's policy for a day, print both. Ends with the two figures of the worst arm that could be played."""
    from rich.console import Console

    from circadia_lab.policy.commands.bar import Activity
    from circadia_lab.policy.evaluation.foretold import (
        foretell,
        joules_off,
        not_foretold,
        points_off,
        read_run,
    )

    check_seed(args.seed)
    if args.copies < 1:
        raise ConfigError(f"--copies {args.copies}: must be above 0")
    if args.json:
        check_file("--json", args.json, ".json")
    found = read_run(args.summary)
    with Activity(Console(stderr=True)) as tell:
        rows = foretell(found, copies=args.copies, seed=args.seed, tell=tell)
    left_out = not_foretold(found)
    _show(Console(), rows, left_out)
    figures = {"foretold_points_off": points_off(rows), "foretold_joules_off": joules_off(rows)}
    width = max(map(len, figures))
    print("\n".join(f"{name:{width}}  {shown(value, '.2f')}" for name, value in figures.items()))
    if args.json:
        heads = {name: value if math.isfinite(value) else None for name, value in figures.items()}
        whole = {**heads, "not_foretold": left_out, "arms": _told(rows)}
        write_whole(args.json, json.dumps(whole, indent=2, allow_nan=False) + "\n")
    return 0


def _told(rows: Sequence[Foretold]) -> dict[str, dict[str, Any]]:
    arms: dict[str, dict[str, Any]] = {}
    for row in rows:
        both = {"unit": row.unit, "foretold": row.foretold, "found": row.found, "off": row.off}
        arms.setdefault(row.arm, {})[row.name] = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in both.items()
        }
    return arms


def shown(value: float, how: str) -> str:
    """A dash for what is not known."""
    return f"{value:{how}}" if math.isfinite(value) else "–"


def _show(console: Console, rows: Sequence[Foretold], left_out: dict[str, str]) -> None:
    from rich.table import Table

    table = Table(title="the simulator against the run")
    for title in ("arm", "figure"):
        table.add_column(title)
    for title in ("foretold", "in the run", "off by"):
        table.add_column(title, justify="right")
    last = ""
    for row in rows:
        if last and row.arm != last:
            table.add_section()
        off = f"{100 * row.off:+.1f} %" if math.isfinite(row.off) else "–"
        arm, figure = "" if row.arm == last else row.arm, f"{row.name}, {row.unit}"
        table.add_row(arm, figure, shown(row.foretold, ".4g"), shown(row.found, ".4g"), off)
        last = row.arm
    for arm, why in left_out.items():
        table.add_section()
        table.add_row(arm, f"not foretold: {why}", *["–"] * 3)
    console.print(table)
