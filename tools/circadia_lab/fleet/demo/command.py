"""`circadia demo`: the whole federation on this machine, several policies, one report."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia.writing import whole_text
from circadia_lab.data.day.plan import FLEETS, MIXED, WORKS, Plan

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rich.console import Console

    from circadia_lab.data.day.result import ArmResult
    from circadia_lab.data.day.run import Run
    from circadia_lab.fleet.demo.analysis import ArmFiles
    from circadia_lab.fleet.demo.arm import Arm
    from circadia_lab.fleet.demo.contender import Contender


MOST_DEVICES = 64
MOST_SEEDS = 100
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
    parser.add_argument(
        "--arms",
        metavar="NAME,…",
        help="who plays the same day, one after the other: circadia (the policy that ships), separate, rules, policy "
        "files (default: circadia,charging-only and, where there is that rule, due)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="so many, from --seed on (default 1)"
    )
    parser.add_argument(
        "--fleet", choices=tuple(FLEETS), default=MIXED, help="kinds of device (default: %(default)s)"
    )
    parser.add_argument(
        "--work",
        choices=tuple(WORKS),
        default="task",
        help="how long work takes and what it draws: as the task's operations, or as a CNN's (default: %(default)s)",
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help="the same day without waiting: all devices in this process on a clock that is moved, messages without a broker",
    )
    parser.add_argument("--chaos", action="store_true", help="kill and restart a device and the broker")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the summary here")
    parser.add_argument(
        "--out", type=Path, default=Path("demo-results"), metavar="FOLDER", help="report and raw data"
    )
    parser.add_argument(
        "--picture", type=Path, metavar="PNG", help="draw the first seed's day as one picture, too"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play all arms, analyse them, write the report. Ctrl-C ends early and reports what there is."""
    from rich.console import Console

    from circadia_lab.fleet.demo.contender import contenders, usual
    from circadia_lab.fleet.demo.summary import print_summary, summary
    from circadia_lab.fleet.report.page import write_report
    from circadia_lab.fleet.report.picture import readme_picture

    logging.basicConfig(level=logging.WARNING)
    _check(args)
    chosen = contenders(usual() if args.arms is None else args.arms.split(","))
    console = Console()
    folder = args.out / time.strftime("%Y%m%d-%H%M%S")
    runs = _runs(console, args, chosen, folder)
    if len(runs) < args.seeds or not _whole(runs[-1], chosen):
        console.print("stopped early: the report covers what there is")
    report = folder / "report.html"
    found = summary(runs, report)
    write_report(runs[0].arms, found, report)
    for seed in runs[1:]:
        page = folder / f"report-seed-{seed.plan.seed}.html"
        write_report(seed.arms, summary([seed], page), page)
    if args.picture:
        readme_picture(runs[0].arms, args.picture)
    if args.json:
        with whole_text(args.json) as file:
            file.write(json.dumps(found, indent=2) + "\n")
    print_summary(console, found)
    console.print(f"report: {report}")
    return 0


def _runs(console: Console, args: argparse.Namespace, chosen: Sequence[Contender], folder: Path) -> list[Run]:
    """Seed after seed, until somebody stops it."""
    from circadia_lab.data.day.run import Run, judged

    found: list[Run] = []
    for seed in range(args.seed, args.seed + args.seeds):
        plan = Plan(
            devices=args.devices,
            minutes=args.minutes,
            seed=seed,
            chaos=args.chaos,
            fleet=args.fleet,
            work=args.work,
            fast=args.fast,
        )
        where = folder / f"seed-{seed}" if args.seeds > 1 else folder
        if arms := _arms(console, plan, chosen, where):
            found.append(Run(plan=plan, arms=judged(arms)))
        if not arms or not _whole(found[-1], chosen):
            break
    if not found:
        raise KeyboardInterrupt
    return found


def _whole(run: Run, chosen: Sequence[Contender]) -> bool:
    """Whether nobody stopped it."""
    return len(run.arms) == len(chosen) and run.arms[-1].complete


def _arms(console: Console, plan: Plan, chosen: Sequence[Contender], folder: Path) -> list[ArmResult]:
    """One after the other: side by side they would take the processors from one another, and overrun."""
    found: list[ArmResult] = []
    for contender in chosen:
        try:
            play = _fast_arm if plan.fast else _arm
            found.append(play(console, plan, contender, folder / contender.name))
        except KeyboardInterrupt:  # between the days; there is nothing to report of this arm
            break
        if not found[-1].complete:
            break
    return found


def _check(args: argparse.Namespace) -> None:
    if not 1 <= args.devices <= MOST_DEVICES:
        raise ConfigError(f"--devices {args.devices}: from 1 to {MOST_DEVICES}, each is a process")
    if not FEWEST_MINUTES <= args.minutes <= 24 * 60:
        raise ConfigError(f"--minutes {args.minutes:g}: from {FEWEST_MINUTES} to 1440 (real time)")
    if args.seed < 0:
        raise ConfigError(f"--seed {args.seed}: must not be negative")
    if args.fast and args.chaos:
        raise ConfigError("--chaos kills processes, and --fast has none of them: leave one out")
    if not 1 <= args.seeds <= MOST_SEEDS:
        raise ConfigError(f"--seeds {args.seeds}: from 1 to {MOST_SEEDS}")


def _arm(console: Console, plan: Plan, contender: Contender, folder: Path) -> ArmResult:
    from circadia_lab.fleet.demo.arm import Arm

    start_s = time.monotonic()
    console.print(
        f"[bold]{contender.name}[/bold], seed {plan.seed}: starting {plan.devices} devices, a broker and an aggregator …"
    )
    with Arm(plan=plan, name=contender.name, policy=contender.policy, folder=folder) as arm:
        console.print(arm.broker_note)
        complete = _watch(console, arm)
        console.print("delivering what waits …")
        day_s = min(arm.now_s, plan.day_s)
        arm.drain()
    return _analysed(console, arm, day_s=day_s, wall_s=time.monotonic() - start_s, complete=complete)


def _fast_arm(console: Console, plan: Plan, contender: Contender, folder: Path) -> ArmResult:
    from circadia_lab.fleet.demo.fast import FastArm
    from circadia_lab.fleet.demo.live import clock

    start_s = time.monotonic()
    arm = FastArm(plan=plan, name=contender.name, policy=contender.policy, folder=folder)
    head = f"[bold]{contender.name}[/bold], seed {plan.seed}"
    with console.status(f"{head}: starting {plan.devices} devices …") as status:
        day_s = arm.play(lambda t_s: status.update(f"{head}: {clock(t_s, plan.day_s)}"))
    wall_s = time.monotonic() - start_s
    console.print(f"{head}: {day_s / 3600:.0f} h in {wall_s:.0f} s")
    return _analysed(console, arm, day_s=day_s, wall_s=wall_s, complete=day_s >= plan.day_s)


def _analysed(console: Console, arm: ArmFiles, *, day_s: float, wall_s: float, complete: bool) -> ArmResult:
    from circadia_lab.fleet.demo.analysis import analyse

    if day_s < LEAST_S:
        raise KeyboardInterrupt
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
