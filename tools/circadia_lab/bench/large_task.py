"""A task of a million parameters on a device: it trains, uploads, is answered and fetches the next version."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from circadia.errors import PlatformUnavailable
from circadia.federation.transport.broker import Broker
from circadia.learning.manifest import TaskManifest, dump_manifest
from circadia_lab.bench._machine import machine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.bench.__main__ import Figure

WIDTHS = (784, 1024, 200, 10)
"""Of the dense net in `data/million.tflite`, which `circadia task make tests/tasks/nets.py:million` made."""
PARAMETERS = sum(a * b + b for a, b in pairwise(WIDTHS))


def measure() -> dict[str, Figure]:
    """The figures below; needs mosquitto. One device, one aggregator that makes a version of each update.

    `parameters`; seconds: `load_s` (the task's files, test vectors included), `start_s` (the device, its store),
    `train_push_s` (a tick of 32 steps of 16 rows, the update packed and everything stored), `answered_s` (from then until
    the verdict is stored), `fetch_s` (from the pull until the next version is installed), `serve_s` (a tick that answers
    one request); `update_mb` on the wire; `device_mb` the most that the device's process held, `bare_mb` of it before
    the device was built, `aggregator_mb` what the aggregator's holds afterwards, `store_mb` and `ledger_mb` on the disk.
    """
    with tempfile.TemporaryDirectory(prefix="circadia-large-") as name, Broker() as broker:
        folder = Path(name)
        task, address = write_task(folder), f"127.0.0.1:{broker.port}"
        told = machine()
        device, aggregator_mb = _round(task, address, folder)
        sizes = {
            f"{what}_mb": sum(path.stat().st_size for path in folder.glob(f"{file}.db*")) / 1e6
            for what, file in (("store", "device"), ("ledger", "ledger"))
        }
    return {**told, "parameters": PARAMETERS, **device, "aggregator_mb": aggregator_mb, **sizes}


def write_task(folder: Path) -> Path:
    """The task's files: weights He-normal (He et al. 2015, eq. 10), biases 0."""
    model = resources.files("circadia_lab.bench").joinpath("data/million.tflite").read_bytes()
    (folder / "million.tflite").write_bytes(model)
    np.savez(folder / "million.npz", weights=first_weights())
    manifest = TaskManifest(
        name="million",
        labels=tuple("0123456789"),
        learning_rate=0.05,
        input_shape=(WIDTHS[0],),
        model="million.tflite",
        weights="million.npz",
        parameters=PARAMETERS,
    )
    path = folder / "million.toml"
    path.write_text(dump_manifest(manifest), encoding="utf-8")
    return path


def first_weights() -> NDArray[np.float32]:
    """(PARAMETERS,)"""
    random = np.random.default_rng(1)
    parts = []
    for inputs, outputs in pairwise(WIDTHS):
        parts += [random.normal(0, np.sqrt(2 / inputs), inputs * outputs), np.zeros(outputs)]
    weights: NDArray[np.float32] = np.concatenate(parts).astype(np.float32)
    return weights


def _round(task: Path, address: str, folder: Path) -> tuple[dict[str, Any], float]:
    """The device's figures, and the aggregator's memory."""
    aggregate = [
        sys.executable, "-m", "circadia", "aggregate", "--broker", address, "--federation", "large", "--task", str(task),
        "--ledger", str(folder / "ledger.db"), "--buffer", "1", "--json",
    ]  # fmt: skip
    with subprocess.Popen(aggregate, stdout=subprocess.PIPE, text=True) as aggregator:
        try:
            if aggregator.stdout is None or "ready" not in aggregator.stdout.readline():
                raise PlatformUnavailable("the aggregator did not start")
            command = [
                sys.executable,
                "-m",
                "circadia_lab.bench._large_device",
                str(task),
                address,
                str(folder),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            held_mb = psutil.Process(aggregator.pid).memory_info().rss / 2**20
        finally:
            aggregator.send_signal(signal.SIGTERM)
    if done.returncode:
        raise PlatformUnavailable(f"the device failed: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures, held_mb
