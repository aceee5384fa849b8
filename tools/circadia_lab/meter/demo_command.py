"""`circadia meter demo`: power and decisions, live, from the firmware in its simulator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "demo",
        help="power and decisions, live, from the firmware in its simulator",
        description="A simulated phone learns, serves and sleeps; what it draws flows through a simulated shunt, the real "
        "firmware measures it on a simulated board, and the real reader gives the joules to the real agent. Nothing of it "
        "is measured on hardware.",
    )
    parser.add_argument("--seconds", type=float, metavar="N", help="default: until Ctrl-C or SIGTERM")
    parser.add_argument("--policy", default="default", help="`default`, a rule or a policy file")
    parser.add_argument(
        "--speed",
        type=float,
        default=10.0,
        metavar="N",
        help="seconds of the device in a real one, default 10, since one training takes a phone a minute; joules are "
        "watts times the device's seconds",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unplug", action="store_true", help="pull the meter's cable midway, for 3 s")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with the plot at the end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures at the end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play it."""
    from circadia_lab.meter import demo

    return demo.run(
        policy=args.policy,
        seconds=args.seconds,
        speed=args.speed,
        seed=args.seed,
        unplug=args.unplug,
        html=args.html,
        json_file=args.json,
    )
