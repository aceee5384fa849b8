"""`circadia meter …`: probe, calibrate, record and export; other packages add more."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from circadia.cli import commands_of, need

GROUP = "circadia.meter.commands"
"""The entry-point group through which other packages add to `circadia meter`."""


SERIAL_LINE = {"serial": "pyserial", "cobs": "cobs"}
"""Modules, and the packages they come with."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command; `PlatformUnavailable` without what the serial line needs."""
    need("meter", SERIAL_LINE, "meter")
    parser = subparsers.add_parser(
        "meter", help="the power meter: calibration, recordings", description=__doc__
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _add_probe(actions)
    _add_calibrate(actions)
    _add_record(actions)
    _add_export(actions)
    for add in commands_of(GROUP):
        add(actions)


Actions = argparse._SubParsersAction  # noqa: SLF001 - argparse has no other name for it


def _add_port(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port",
        default="auto",
        metavar="PATH",
        help="default: behind any USB port; `simulated`: the firmware on a simulated board",
    )


def _add_probe(actions: Actions[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("probe", help="what is there, and does it measure?")
    _add_port(parser)
    parser.add_argument("--seconds", type=float, default=3.0, help="default 3")
    parser.add_argument("--json", action="store_true", help="one flat object")
    parser.set_defaults(run=_probe)


def _add_calibrate(actions: Actions[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "calibrate",
        help="tell the meter its shunt, and measure its zero",
        description="Disconnect the load first (the supply may stay): what the meter still shows is its zero offset.",
    )
    _add_port(parser)
    parser.add_argument("--shunt", type=float, metavar="OHM", help="0.01 for one that is marked R010")
    parser.add_argument(
        "--gain-ppm", type=int, metavar="PPM", help="from a comparison with a better instrument"
    )
    parser.add_argument(
        "--device-id", type=lambda text: int(text, 16), metavar="HEX", help="a name; default: drawn once"
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of the zero, default 20; 0 leaves it as it is"
    )
    parser.set_defaults(run=_calibrate)


def _add_record(actions: Actions[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("record", help="write a recording until Ctrl-C or SIGTERM")
    parser.add_argument("file", type=Path, metavar="FILE.cimr")
    _add_port(parser)
    parser.add_argument(
        "--rate", type=float, default=1000.0, metavar="HZ", help="samples a second, default 1000"
    )
    parser.add_argument("--shunt", type=float, metavar="OHM", help="instead of what the meter keeps")
    parser.add_argument("--seconds", type=float, help="default: until Ctrl-C or SIGTERM")
    parser.set_defaults(run=_record)


def _add_export(actions: Actions[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("export", help="a recording as CSV: seconds, amperes, volts")
    parser.add_argument("file", type=Path, metavar="FILE.cimr")
    parser.add_argument("target", type=Path, metavar="FILE.csv", help="`-` is standard output")
    parser.set_defaults(run=_export)


def _probe(args: argparse.Namespace) -> int:
    from circadia_meter import probe

    return probe.run(args.port, args.seconds, as_json=args.json)


def _calibrate(args: argparse.Namespace) -> int:
    from circadia_meter import calibrate

    return calibrate.run(
        args.port,
        seconds=args.seconds,
        shunt_ohm=args.shunt,
        gain_ppm=args.gain_ppm,
        device_id=args.device_id,
    )


def _record(args: argparse.Namespace) -> int:
    from circadia_meter import record

    return record.run(args.port, args.file, rate_hz=args.rate, seconds=args.seconds, shunt_ohm=args.shunt)


def _export(args: argparse.Namespace) -> int:
    from circadia.writing import is_stdout
    from circadia_meter.recording import export_csv

    samples = export_csv(args.file, args.target)
    print(f"{args.target}: {samples:,} samples", file=sys.stderr if is_stdout(args.target) else sys.stdout)
    return 0
