"""`circadia meter plot`: a recording as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("plot", help="a recording as a page with a plot to zoom, pan and read")
    parser.add_argument("file", type=Path, metavar="FILE.cimr")
    parser.add_argument("--html", type=Path, required=True, metavar="FILE", help="the page")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write it, say what it shows."""
    from circadia_lab.meter.recording_page import write_recording_page
    from circadia_lab.meter.target import check_target
    from circadia_lab.meter.words import joules

    check_target("--html", args.html)
    found = write_recording_page(args.file, args.html)
    print(f"{args.html}: {found['seconds']:,} s, {joules(found['energy_j'])}, {found['source']}")
    return 0
