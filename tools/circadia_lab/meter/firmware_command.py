"""`circadia meter build` and `flash`: the meter's firmware, from a checkout."""

from __future__ import annotations

import argparse

Actions = argparse._SubParsersAction  # noqa: SLF001 - argparse has no other name for it


def register_build(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add the action."""
    parser = actions.add_parser("build", help="compile the firmware")
    parser.set_defaults(run=build)


def register_flash(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add the action."""
    parser = actions.add_parser("flash", help="compile the firmware and write it to a board")
    parser.add_argument("--port", required=True, metavar="PATH")
    parser.add_argument("--board", default="nano", help="nano, nano-old (bootloader of before 2018) or uno")
    parser.set_defaults(run=flash)


def build(_: argparse.Namespace) -> int:
    """Say how large it is."""
    from circadia_lab.meter.board import firmware

    image = firmware.build()
    print(f"{image.with_suffix('.hex')}: {firmware.program_bytes(image):,} of 32,256 bytes of program memory")
    return 0


def flash(args: argparse.Namespace) -> int:
    """Write it to the board at the port."""
    from circadia_lab.meter.board import firmware

    firmware.flash(args.port, args.board)
    return 0
