"""`circadia demo`: the whole federation on this machine, two policies, one report."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia.writing import whole_text

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from circadia_lab.data.day.plan import Plan
    from circadia_lab.data.day.result import ArmResult
    from circadia_lab.fleet.demo.arm import Arm


MOST_DEVICES = 64
FEWEST_MINUTES = 0.25
LEAST_S = 3600.0
"""Less of a simulated day than this is not worth a report."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("demo", help="run a federation of simulated devices", description=__doc__)
    parser.add_argument("--devices", type=int, default=8, help="device processes (default 8)")
    parser.add_argument(
        "--minutes", type=float, default=3.0, help="wall time of each arm's simulated day (default 3)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chaos", action="store_true", help="kill and restart a device and the broker")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the summary here")
    parser.add_argument(
        "--out", type=Path, default=Path("demo-results"), metavar="FOLDER", help="report and raw data"
    )
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the day as one picture, too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play both arms, analyse them, write the report. Ctrl-C ends early and reports what there is."""
    from rich.console import Console

    from circadia_lab.data.day.plan import ARMS, Plan
    from circadia_lab.fleet.demo.summary import print_summary, summary
    from circadia_lab.fleet.report.page import write_report
    from circadia_lab.fleet.report.picture import readme_picture

    logging.basicConfig(level=logging.WARNING)
    _check(args)
    console = Console()
    plan = Plan(devices=args.devices, minutes=args.minutes, seed=args.seed, chaos=args.chaos)
    folder = args.out / time.strftime("%Y%m%d-%H%M%S")
    results: list[ArmResult] = []
    for name, policy in ARMS:
        try:
            results.append(_arm(console, plan, name, policy, folder / name))
        except KeyboardInterrupt:  # between the days; there is nothing to report of this arm
            if not results:
                raise
            break
        if not results[-1].complete:
            break
    if len(results) < len(ARMS) or not results[-1].complete:
        console.print("stopped early: the report covers what there is")
    report = folder / "report.html"
    found = summary(results, plan, report)
    write_report(results, found, report)
    if args.picture:
        readme_picture(results, args.picture)
    if args.json:
        with whole_text(args.json) as file:
            file.write(json.dumps(found, indent=2) + "\n")
    print_summary(console, found)
    console.print(f"report: {report}")
    return 0


def _check(args: argparse.Namespace) -> None:
    if not 1 <= args.devices <= MOST_DEVICES:
        raise ConfigError(f"--devices {args.devices}: from 1 to {MOST_DEVICES}, each is a process")
    if not FEWEST_MINUTES <= args.minutes <= 24 * 60:
        raise ConfigError(f"--minutes {args.minutes:g}: from {FEWEST_MINUTES} to 1440 (real time)")
    if args.seed < 0:
        raise ConfigError(f"--seed {args.seed}: must not be negative")


def _arm(console: Console, plan: Plan, name: str, policy: str, folder: Path) -> ArmResult:
    from circadia_lab.fleet.demo.analysis import analyse
    from circadia_lab.fleet.demo.arm import Arm

    start_s = time.monotonic()
    console.print(f"[bold]{name}[/bold]: starting {plan.devices} devices, a broker and an aggregator …")
    with Arm(plan=plan, name=name, policy=policy, folder=folder) as arm:
        console.print(arm.broker_note)
        complete = _watch(console, arm)
        console.print("delivering what waits …")
        day_s = min(arm.now_s, plan.day_s)
        arm.drain()
    if day_s < LEAST_S:
        raise KeyboardInterrupt
    wall_s = time.monotonic() - start_s
    with console.status("analysing …") as status:
        return analyse(
            arm,
            day_s=day_s,
            wall_s=wall_s,
            complete=complete,
            progress=lambda share, what: status.update(f"analysing {share:4.0%}  {what}"),
        )


def _watch(console: Console, arm: Arm) -> bool:
    """Show the table until the day is over; False after Ctrl-C."""
    from circadia_lab.fleet.demo.device_rows import read_row
    from circadia_lab.fleet.demo.live import LiveTable

    with LiveTable(console, arm.name, arm.plan.day_s) as table:

        def show(arm: Arm) -> None:
            rows = [
                read_row(device.store, device.name, device.profile, device.alive) for device in arm.devices
            ]
            table.update(rows, arm.now_s, arm.headline)

        try:
            arm.play(show)
        except KeyboardInterrupt:
            return False
    return True
