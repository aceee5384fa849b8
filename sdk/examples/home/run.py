"""A home: two devices, a broker and an aggregator. One device learns, and the other gets what it learned.

The broker is mosquitto where it is installed, else iotcore: `pip install 'circadia[broker]'`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

import circadia
from circadia.federation.transport.broker import Broker

GIVE_UP_S = 90


def config(device: str, port: int) -> circadia.DeviceConfig:
    """`device.toml` for one of several devices."""
    base = circadia.load_config(Path("device.toml"))
    assert base.federation is not None
    return replace(
        base,
        device=device,
        store=replace(base.store, path=Path(f"{device}.db")),
        federation=replace(base.federation, broker=f"127.0.0.1:{port}"),
    )


def aggregator(port: int) -> subprocess.Popen[bytes]:
    """One update makes a version."""
    command = [sys.executable, "-m", "circadia", "aggregate", "--broker", f"127.0.0.1:{port}"]
    command += ["--federation", "home", "--task", "digits", "--ledger", "ledger.db", "--buffer", "1"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def main() -> None:
    """Until what the kitchen learned has come to the hall."""
    random = np.random.default_rng(2)
    with ExitStack() as home:
        broker = home.enter_context(Broker())
        service = home.enter_context(aggregator(broker.port))
        home.callback(service.terminate)
        kitchen = home.enter_context(circadia.launch(config("kitchen", broker.port)))
        hall = home.enter_context(circadia.launch(config("hall", broker.port)))
        for label in random.integers(0, 10, 200):
            kitchen.add_example(random.random((8, 8, 1), dtype=np.float32), int(label))
        end_s, version = time.monotonic() + GIVE_UP_S, 0
        while version < 2 and time.monotonic() < end_s:
            answer = hall.submit(random.random((8, 8, 1), dtype=np.float32), deadline_s=6 * 3600)
            version = answer.result(timeout=GIVE_UP_S).version
        print(f"over {broker.name}: the hall answers with version {version}, which the kitchen taught")


if __name__ == "__main__":
    main()
