"""`circadia run`: one device, from a TOML file, until SIGTERM."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from circadia.runtime import Runtime
    from circadia.types import TickRecord


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("run", help="run a device until SIGTERM", description=__doc__)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file; without one, a simulated Pixel 3"
    )
    parser.add_argument("--quiet", action="store_true", help="no line per tick")
    parser.add_argument("--json", action="store_true", help="one JSON object per tick")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Tick until a signal ends it; everything is stored then. 1 if it ended of an error instead."""
    from circadia.config import DeviceConfig, load_config
    from circadia.watchdog import Watchdog
    from circadia.wiring import build

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    config = load_config(args.config) if args.config else DeviceConfig()
    show = () if args.quiet else (_json_line if args.json else _line,)
    runtime = build(config, observers=show)
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before the agent's thread starts, which inherits it
    where = f"{runtime.agent.policy.name} on {config.platform.profile}, store {config.store.path}"
    if (watchdog := Watchdog.of(os.environ)) is not None:
        runtime.watch(watchdog)
    device = runtime.agent.status().device
    print(f"{device}: {where}", flush=True)
    with runtime:
        threading.Thread(target=_tell_the_end, args=(runtime, threading.get_ident()), daemon=True).start()
        signal.sigwait(ends)  # in this thread: others, of libraries, may not have them blocked
    if runtime.failure is not None:
        print(f"{device}: ended after {runtime.ticks} ticks by {runtime.failure!r}; the log says where")
        return 1
    print(f"{device}: stopped after {runtime.ticks} ticks, {runtime.errors} errors; everything is stored")
    return 0


def _tell_the_end(runtime: Runtime, waiting: int) -> None:
    """An agent that ends of itself ends the wait for a signal."""
    runtime.join()
    if runtime.failure is not None:
        signal.pthread_kill(waiting, signal.SIGTERM)


def _line(record: TickRecord) -> None:
    seen, outcome = record.observation, record.outcome
    loss = f"  loss {outcome.training.loss:.3f}" if outcome.training else ""
    chosen = record.decision.sleep
    sleep = f"  then {chosen.length_s:.0f} s, {chosen.wake_on.value}" if chosen else ""
    print(
        f"{record.t_s:12.1f} s  battery {seen.battery_soc:6.1%}  {record.decision.action.name:26}"
        f"  served {len(outcome.served)}  queue {seen.queue_length:.0f}  version {record.version}{loss}{sleep}",
        flush=True,
    )


def _json_line(record: TickRecord) -> None:
    outcome = record.outcome
    line = {
        "t_s": record.t_s,
        "battery_soc": record.observation.battery_soc,
        "proposed": record.decision.proposed.name,
        "action": record.decision.action.name,
        "why": record.decision.why,
        "served": len(outcome.served),
        "expired": len(outcome.expired),
        "version": record.version,
        "sleep_s": record.decision.sleep.length_s if record.decision.sleep else None,
        "wake_on": record.decision.sleep.wake_on.value if record.decision.sleep else None,
    }
    print(json.dumps(line), flush=True)
