"""`circadia field verify`: analyse a bundle from scratch, and compare with what it says it found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


def register(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action."""
    parser = actions.add_parser("verify", help="analyse a bundle again, and compare", description=__doc__)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder, or the .zip that analyse made")
    parser.add_argument(
        "--plan-hash", metavar="SHA256", help="that was told before the test began, or its beginning"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 if all agrees, 1 if something does not."""
    from circadia.energy.profile_file import load_profile
    from circadia_field.bundle import PINNED, RESULT, Bundle
    from circadia_field.packing import broken_seals, opened
    from circadia_field.pins import PROFILE
    from circadia_lab.field.analysis.analysis import analyse
    from circadia_lab.field.analysis.result import as_json, differences
    from circadia_lab.field.analysis.words import verdicts

    with opened(args.bundle) as folder:
        wrong = _told_at_once(broken_seals(folder))
        sealed = len(wrong)
        bundle = Bundle(folder)
        if args.plan_hash and not bundle.plan.digest.startswith(args.plan_hash.lower()):
            wrong.append(f"plan.json: has the hash {bundle.plan.digest}, not {args.plan_hash}")
        found = analyse(bundle)
        wrong += differences(_told(folder / RESULT), as_json(found, load_profile(folder / PINNED / PROFILE)))
        files = len(bundle.raw())
    _told_at_once(wrong[sealed:])
    if wrong:
        print(f"{args.bundle}: does not agree with itself in {len(wrong)} places")
        return 1
    for line in verdicts(found):
        print(line)
    print(f"{args.bundle}: plan {bundle.plan.digest[:12]}, {files} raw files, analysed again: all agrees")
    return 0


def _told_at_once(lines: list[str]) -> list[str]:
    """Before an error of what follows from them ends it."""
    for line in lines:
        print(line, flush=True)
    return lines


def _told(path: Path) -> Any:
    from circadia.errors import ConfigError

    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); `circadia field analyse` writes it") from error
