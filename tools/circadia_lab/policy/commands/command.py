"""`circadia policy`: train, certify, evaluate, export and inspect policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia_lab.policy.commands import evaluate, export, foretell, inspection, oracle, train

if TYPE_CHECKING:
    import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its own commands."""
    parser = subparsers.add_parser(
        "policy", help="train, certify, evaluate, export and inspect policies", description=__doc__
    )
    own = parser.add_subparsers(metavar="COMMAND", required=True)
    for part in (train, oracle, evaluate, foretell, export, inspection):
        part.register(own)
