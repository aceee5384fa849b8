"""`circadia broker`: an MQTT broker for one machine or a home network, until SIGTERM."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("broker", help="run an MQTT broker until SIGTERM", description=__doc__)
    parser.add_argument("--port", type=int, default=1883, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--persist", type=Path, metavar="DIR", help="keep retained messages here (mosquitto)")
    parser.add_argument(
        "--embedded", action="store_true", help="use iotcore even where mosquitto is installed"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Listen until a signal ends it; 1 when the broker dies by itself."""
    from circadia.ending import ending
    from circadia.federation.transport.broker import Broker

    program = Broker(host=args.host, port=args.port, persist=args.persist, embedded=args.embedded)
    with ending() as ended, program as broker:
        print(f"{broker.name} listens on {broker.host}:{broker.port}; it cannot {broker.limits}", flush=True)
        while not ended.wait(1.0):
            if not broker.running:
                print(
                    f"{broker.name} on {broker.host}:{broker.port} has died; start it again", file=sys.stderr
                )
                return 1
    print(f"{broker.name}: stopped")
    return 0
