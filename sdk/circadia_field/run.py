"""`circadia field run`: play a frozen plan on this device, or in virtual time; again, it goes on where it was broken off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from circadia_field.bundle import Bundle

FIRMWARE, BODY = "firmware", "body"


def register(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action."""
    parser = actions.add_parser(
        "run", help="play a plan on this device, or go on with it", description=__doc__
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder; made if it is not there")
    parser.add_argument("--plan", type=Path, metavar="PLAN.json", help="frozen; to begin with")
    parser.add_argument(
        "--config", type=Path, metavar="DEVICE.toml", help="to begin with: the device and its meter"
    )
    parser.add_argument(
        "--examples",
        type=Path,
        metavar="FILE.npz",
        help="arrays x and y to ask and teach with; default: the digits",
    )
    parser.add_argument(
        "--virtual",
        nargs="?",
        const=FIRMWARE,
        default="",
        choices=(FIRMWARE, BODY),
        help="a simulated body in virtual time, measured by the meter's firmware on a simulated board, or by itself: "
        "exactly, days in seconds; default of --virtual: %(const)s",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Go on until the plan is done; 0 also if a signal broke it off."""
    import logging

    from circadia_field.conduct import conduct
    from circadia_field.stage import stage_named

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    bundle = _bundle(args)
    periods = len(bundle.plan.schedule())
    place, _ = bundle.next_up()
    print(f"{bundle.folder}: plan {bundle.plan.digest[:12]}, {place} of {periods} periods done", flush=True)
    done = conduct(bundle, stage_named(bundle.pins["virtual"]), _tell)
    if done:
        print(f"{bundle.folder}: all {periods} periods done; next: circadia field analyse {bundle.folder}")
    else:
        print(f"{bundle.folder}: broken off; circadia field run {bundle.folder} goes on with it")
    return 0


def _bundle(args: argparse.Namespace) -> Bundle:
    from circadia.errors import ConfigError
    from circadia_field.bundle import Bundle
    from circadia_field.pins import pin
    from circadia_field.stage import stage_named

    given = [args.plan, args.config]
    if args.bundle.exists():
        if any(given) or args.examples:
            raise ConfigError(
                f"{args.bundle}: was begun already, with a plan of its own; name the bundle alone to go on"
            )
        if args.virtual:
            raise ConfigError(f"{args.bundle}: was begun already; how it is measured is pinned in it")
        return Bundle(args.bundle)
    if not all(given):
        raise ConfigError(f"{args.bundle}: is not there; give --plan and --config to begin a test")
    stage_named(args.virtual)  # or it cannot be played
    return pin(args.bundle, args.plan, args.config, args.examples, virtual=args.virtual)


def _tell(line: str) -> None:
    print(line, flush=True)
