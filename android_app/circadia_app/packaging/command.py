"""`circadia android render | lint`: what an app for Android would be built from, and what is wrong with it."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from circadia_app.packaging.alignment import Alignment
    from circadia_app.packaging.finding import Finding
    from circadia_app.packaging.render import Rendered

LITERT = "com.google.ai.edge.litert:litert"
"""The library of gradle's that holds native code."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    about = "what an app for Android is built from, without an SDK, and what is wrong with it"
    commands = subparsers.add_parser("android", help=about, description=__doc__).add_subparsers(
        metavar="COMMAND", required=True
    )
    _add_render(commands)
    _add_lint(commands)


def _add_render(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "render manifest, services and gradle file as python-for-android would"
    parser = commands.add_parser("render", help=about, description=about)
    parser.add_argument("spec", type=Path, metavar="SPEC", help="a buildozer.spec")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder for it")
    parser.set_defaults(run=run_render)


def _add_lint(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "rules of Android up to API 36 and of Google Play; exit code 1 when something is wrong"
    parser = commands.add_parser("lint", help=about, description=about)
    parser.add_argument(
        "source", type=Path, metavar="SPEC|MANIFEST", help="a buildozer.spec, or a manifest as XML"
    )
    parser.add_argument(
        "--libraries",
        type=Path,
        action="append",
        default=[],
        metavar="DIR|AAR",
        help="check the alignment of every .so in it; may be repeated",
    )
    parser.set_defaults(run=run_lint)


def run_render(args: argparse.Namespace) -> int:
    """Print the command line, and where what lies."""
    from circadia_app.packaging.render import render

    done = render(args.spec, args.out)
    print(f"p4a {shlex.join(done.create)}")
    print(f"p4a {shlex.join(done.package)}")
    print(f"recipes   {' '.join(done.recipes)}")
    print(f"modules   {' '.join(done.modules)}")
    print(f"manifest  {done.manifest}")
    print(f"gradle    {done.project / 'build.gradle'}")
    print("Nothing was compiled; there is no Python in it.")
    return 0


def run_lint(args: argparse.Namespace) -> int:
    """Print the findings, and what was not looked at."""
    from circadia_app.packaging.alignment import alignment

    findings, fetched = _manifest(args.source)
    checked = {place: alignment(place) for place in args.libraries}
    findings += [finding for found in checked.values() for finding in found.findings]
    for finding in findings:
        print(finding)
    for place, found in checked.items():
        print(_counted(place, found))
    for line in _unchecked(fetched, args.libraries):
        print(line)
    print(f"{len(findings)} findings" if len(findings) != 1 else "1 finding")
    return int(bool(findings))


def _manifest(source: Path) -> tuple[list[Finding], tuple[str, ...]]:
    """The findings, and what gradle would fetch; of a manifest alone that is not known."""
    from circadia_app.packaging.lint import lint
    from circadia_app.packaging.render import render

    if source.suffix == ".xml":
        return lint(source), ()
    with tempfile.TemporaryDirectory(prefix="circadia-android-") as folder:
        done: Rendered = render(source, Path(folder) / "app")
        return lint(done.manifest, done.java), done.libraries


def _counted(place: Path, found: Alignment) -> str:
    narrow = f"; {found.narrow} of 32 bits need none" if found.narrow else ""
    return f"{place}: {found.checked} libraries of 64 bits held against pages of 16 KB{narrow}"


def _unchecked(fetched: Iterable[str], given: list[Path]) -> list[str]:
    """Libraries with native code that gradle would fetch and nobody gave us."""
    return [
        f"not checked: {name}: its libraries' alignment; gradle fetches it, --libraries takes its AAR"
        for name in fetched
        if name.startswith(LITERT) and not any("litert" in path.name.lower() for path in given)
    ]
