"""What the app costs: its service at rest beside `circadia run` in the same minutes. Needs Linux's /proc and the app."""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import PlatformUnavailable
from circadia_lab.bench._machine import machine
from circadia_lab.bench.footprint import read_usage

if TYPE_CHECKING:
    from circadia_lab.bench.__main__ import Figure

ROUNDS = 3
SETTLE_S = 8.0
"""After the start: models are loaded, the first decision is made, and both sleep."""
AGREE = """
import sys, time
from pathlib import Path
from circadia_app import consent
consent.save(Path(sys.argv[1]), consent.Consent().agreed(time.time(), "1", learn=True))
"""


def measure() -> dict[str, Figure]:
    """Resident memory in 10⁶ bytes, medians of rounds in which both run: of a lone simulated device that nobody asks anything.

    `run_mb`: `circadia run`; `service_mb`: `python -m circadia_app.service`, no screens connected; `service_over_run_mb`
    the median of their differences.
    """
    if importlib.util.find_spec("circadia_app") is None:
        raise PlatformUnavailable(
            "the app is not installed; say: . tools/environment.sh; environment app lab broker"
        )
    told = machine()
    with tempfile.TemporaryDirectory(prefix="circadia-app-") as name:
        folder = Path(name)
        (folder / "device.toml").write_text("[store]\npath = 'run.db'\n", encoding="utf-8")
        subprocess.run([sys.executable, "-c", AGREE, str(folder / "consent.json")], check=True)
        rounds = [_round(folder) for _ in range(ROUNDS)]
    runs, services = zip(*rounds, strict=True)
    return {
        **told,
        "run_mb": statistics.median(runs),
        "service_mb": statistics.median(services),
        "service_over_run_mb": statistics.median(service - run for run, service in rounds),
    }


def _round(folder: Path) -> tuple[float, float]:
    commands = (["circadia", "run", "--quiet", "--config", "device.toml"], ["circadia_app.service", "."])
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    try:
        time.sleep(SETTLE_S)
        for process, command in zip(processes, commands, strict=True):
            if process.poll() is not None:
                raise PlatformUnavailable(
                    f"python -m {' '.join(command)} ended by itself ({process.returncode})"
                )
        run, service = (read_usage(Path("/proc") / str(process.pid)).rss_bytes / 1e6 for process in processes)
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)
    return run, service
