"""`circadia field analyse`: what a test found, as JSON and one HTML page; everything sealed and packed into one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def register(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action."""
    parser = actions.add_parser(
        "analyse", help="what the test found: JSON, page, sealed bundle", description=__doc__
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a test")
    parser.add_argument("--json", action="store_true", help="print the result")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write, seal, pack."""
    from circadia.energy.profile_file import load_profile
    from circadia.errors import ConfigError
    from circadia_field.bundle import PINNED, REPORT, RESULT, Bundle, writing
    from circadia_field.packing import pack, seal
    from circadia_field.pins import PROFILE
    from circadia_lab.field.analysis.analysis import analyse
    from circadia_lab.field.analysis.result import as_json
    from circadia_lab.field.analysis.words import verdicts
    from circadia_lab.field.report.page import write_report

    if args.bundle.is_file():
        raise ConfigError(f"{args.bundle}: is a packed bundle; `circadia field verify` analyses it again")
    bundle = Bundle(args.bundle)
    found = analyse(bundle)
    profile = load_profile(bundle.folder / PINNED / PROFILE)
    result = as_json(found, profile)
    with writing(bundle.folder):
        text = json.dumps(result, indent=1, allow_nan=False) + "\n"
        (bundle.folder / RESULT).write_text(text, encoding="utf-8")
        write_report(found, result, bundle, bundle.folder / REPORT)
        seal_hash = seal(bundle)
        packed = pack(bundle.folder)
    if args.json:
        print(json.dumps(result, indent=1, allow_nan=False))
        return 0
    for line in verdicts(found):
        print(line)
    print(f"{bundle.folder / REPORT}: the page")
    print(
        f"{packed}: everything, sealed as {seal_hash[:16]}; circadia field verify {packed} checks it anywhere"
    )
    return 0
