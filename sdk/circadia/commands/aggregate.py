"""`circadia aggregate`: judge, keep and average the devices' updates, publish the model, until SIGTERM."""

from __future__ import annotations

import json
import logging
import math
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from circadia.federation.aggregate.service import Report

COMPLAINTS = ("not-now", "corruption")
COMPLAINT_PAUSE_S = 1.0


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("aggregate", help="run a federation's aggregator", description=__doc__)
    parser.add_argument("--broker", required=True, metavar="HOST:PORT")
    parser.add_argument("--federation", required=True, metavar="ID", help="its name in every topic")
    parser.add_argument("--task", required=True, metavar="NAME|PATH", help="a shipped task or a manifest")
    parser.add_argument(
        "--ledger", required=True, type=Path, metavar="PATH", help="SQLite file, made if missing"
    )
    parser.add_argument(
        "--buffer", type=int, default=4, metavar="K", help="updates a version (default: %(default)s)"
    )
    parser.add_argument(
        "--rate", type=float, default=0.5, help="step along the updates' mean (default: %(default)s)"
    )
    parser.add_argument(
        "--timeout-s", type=float, default=600.0, metavar="T",
        help="real seconds after which fewer updates make a version (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--keep-versions", type=int, default=8, metavar="N",
        help="drop the weights of versions before the last N; 0 keeps all (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--keep-mb", type=float, default=256.0, metavar="MB",
        help="drop more than those where they are larger together; 0 for no limit (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--epoch-s", type=float, metavar="T",
        help="monotonic time at which a simulated day began; without it, times are those of the Unix epoch",
    )  # fmt: skip
    parser.add_argument(
        "--scale", type=float, default=1.0, help="simulated seconds a real one (with --epoch-s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal ends it; everything that was acknowledged is in the ledger then."""
    from circadia.federation.aggregate.aggregator import AggregatorSettings
    from circadia.federation.aggregate.ledger import Ledger
    from circadia.federation.aggregate.service import AggregatorService
    from circadia.federation.transport.address import BrokerAddress
    from circadia.learning.task_file import load_task

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    task = load_task(args.task)
    address = BrokerAddress.parse(args.broker)
    settings = AggregatorSettings(
        federation=args.federation,
        task=task.digest,
        identity=task.identity.digest,
        buffer=args.buffer,
        rate=args.rate,
        timeout_s=args.timeout_s,
    )
    weights = task.initial_weights
    for option, value in (("--keep-versions", args.keep_versions), ("--keep-mb", args.keep_mb)):
        if not 0 <= value < math.inf:
            raise ConfigError(f"{option} {value}: must be 0 (for all) or more")
    ledger = Ledger(
        args.ledger,
        task=task.digest,
        identity=task.identity,
        parameters=int(weights.size),
        keep_versions=args.keep_versions or None,
        keep_bytes=int(args.keep_mb * 1e6) or None,
    )
    display = _Display(args.json)
    service = AggregatorService(
        address=address,
        ledger=ledger,
        settings=settings,
        initial_weights=weights,
        stamp=_stamp(args.epoch_s, args.scale),
        random=random.Random(),
        report=display.show,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    newest = ledger.newest()
    ready = {"event": "ready", "broker": str(address), "federation": args.federation}
    _show({**ready, "version": newest.number if newest else 0, "ledger": str(args.ledger)}, args.json)
    service.run()
    ledger.close()
    _show({"event": "stopped", "federation": args.federation, **display.totals}, args.json)
    return 0


def _stamp(epoch_s: float | None, scale: float) -> Callable[[float], float]:
    """From the monotonic clock to the federation's time: the Unix epoch's, or that of a simulated day."""
    if not math.isfinite(scale) or scale <= 0:
        raise ConfigError(f"--scale {scale}: must be positive")
    if epoch_s is None:
        return lambda _now_s: time.time()
    return lambda now_s: (now_s - epoch_s) * scale


class _Display:
    """A line for each report. Anybody can cause complaints: of each kind, few are shown, with their number so far."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._so_far: Counter[str] = Counter()
        self._next_s: dict[str, float] = {}

    @property
    def totals(self) -> dict[str, int]:
        """How many complaints there were, by kind; kinds without one are left out."""
        return dict(self._so_far)

    def show(self, report: Report) -> None:
        """Print it, or count it."""
        line = _describe(report)
        kind = line["event"]
        if kind in COMPLAINTS:
            self._so_far[kind] += 1
            now_s = time.monotonic()
            if now_s < self._next_s.get(kind, -math.inf):
                return
            self._next_s[kind] = now_s + COMPLAINT_PAUSE_S
            line["so_far"] = self._so_far[kind]
        _show(line, self._as_json)


def _describe(report: Report) -> dict[str, Any]:
    from circadia.federation.aggregate.records import KeepUpdate, KeepVersion, PutOff
    from circadia.federation.wire.corruption import Corruption

    if isinstance(report, KeepVersion):
        version = report.version
        return {
            "event": "version",
            "version": version.number,
            "published_s": version.published_s,
            "updates": version.updates,
            "examples": version.examples,
        }
    if isinstance(report, KeepUpdate):
        record = report.record
        return {
            "event": "update",
            "device": record.device,
            "update_id": record.update_id,
            "accepted": record.verdict.accepted,
            "reason": record.verdict.reason,
            "base_version": record.base_version,
            "staleness": record.staleness,
            "examples": record.examples,
            "received_s": record.received_s,
        }
    if isinstance(report, PutOff):
        return {
            "event": "not-now",
            "device": report.device,
            "update_id": report.update_id,
            "reason": report.reason,
        }
    if isinstance(report, Corruption):
        return {"event": "corruption", "what": report.what, "ours": report.ours}
    return {"event": "store-error", "what": str(report)}


def _show(line: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(line))
    else:
        event = line.pop("event")
        print(f"{event:11}", *(f"{key}={value}" for key, value in line.items() if value not in {None, ""}))
    sys.stdout.flush()
