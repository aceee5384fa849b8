"""`circadia field`: what a policy saves, proved on a device: plan, run, analyse, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia_lab.field.commands import analyse, plan, run, verify

if TYPE_CHECKING:
    import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its actions."""
    parser = subparsers.add_parser("field", help="prove on a device what a policy saves", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for action in (plan, run, analyse, verify):
        action.register(actions)
