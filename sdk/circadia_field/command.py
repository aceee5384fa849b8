"""`circadia field …`: what a policy saves, proved on a device. `run` is here; the workbench adds plan, analyse, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia.cli import commands_of

if TYPE_CHECKING:
    import argparse

GROUP = "circadia.field.commands"
"""The entry-point group through which other packages add to `circadia field`."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its actions."""
    parser = subparsers.add_parser("field", help="prove on a device what a policy saves", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for add in commands_of(GROUP):
        add(actions)
