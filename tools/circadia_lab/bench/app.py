"""What the app costs beside the least there could be: its first frame, a frame, its service, a day opened. Linux only."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import PlatformUnavailable
from circadia_lab.bench._long_day import write_long_day
from circadia_lab.bench._machine import machine
from circadia_lab.bench.footprint import read_usage
from circadia_lab.phone.lived import lived

if TYPE_CHECKING:
    from circadia_lab.bench.__main__ import Figure

ROUNDS = 3
STARTS = 7
SETTLE_S = 8.0
"""After the start: models are loaded, the first decision is made, and both sleep."""
DAYS = 2.2
CONFIG = "[platform]\nprofile = 'pixel-3'\nscale = 1.001\n[store]\npath = 'device.db'\n"
"""Goes on where its store ends."""
AGREE = """
import sys, time
from pathlib import Path
from circadia_app import consent
consent.save(Path(sys.argv[1]), consent.Consent().agreed(time.time(), "1", learn=True))
"""


def measure() -> dict[str, Figure]:
    """Without a display; medians of rounds in which what is compared takes turns.

    `first_frame_s`: from the process's start to the app's first frame, which says that it starts, `day_shown_s` to the first
    with the day of its store, `minimal_first_frame_s` to that of a Kivy app of one label; `*_cpu_s` their processor seconds.
    `frame_ms`: processor time of the first screen's frame on new data, `minimal_frame_ms` of one that redraws as many
    rectangles. `day_opens_s`: from a store of 86,400 decisions to the first screen's view model. `run_mb`, `service_mb`:
    resident memory in 10⁶ bytes of `circadia run` and of the service, for a lone simulated device that nobody asks anything.
    """
    if importlib.util.find_spec("circadia_app") is None:
        raise PlatformUnavailable(
            "the app is not installed; say: . tools/environment.sh; environment app lab broker"
        )
    told = machine()
    with tempfile.TemporaryDirectory(prefix="circadia-app-") as name:
        folder = Path(name)
        day = folder / "day"
        day.mkdir()
        (day / "device.toml").write_text(CONFIG, encoding="utf-8")
        lived(day / "device.db", days=DAYS)
        return {
            **told,
            **_opening(folder),
            **_frames(folder, day),
            **_starts(folder, day),
            **_memory(folder),
        }


def _opening(folder: Path) -> dict[str, Figure]:
    seconds = folder / "seconds"
    seconds.mkdir()
    (seconds / "device.toml").write_text(CONFIG, encoding="utf-8")
    end_s = write_long_day(seconds / "device.db")
    return {"day_opens_s": float(_said(folder, "_app_day", str(seconds), str(end_s)))}


def _frames(folder: Path, day: Path) -> dict[str, Figure]:
    found = json.loads(_said(folder, "_app_frame", str(day)))
    return {**found, "frame_cpu_over_minimal": found["frame_ms"] / found["minimal_frame_ms"]}


def _starts(folder: Path, day: Path) -> dict[str, Figure]:
    """The first round compiles and warms the caches; it is not counted."""
    subprocess.run([sys.executable, "-c", AGREE, str(day / "consent.json")], check=True)
    columns: dict[str, list[float]] = {}
    for number in range(1 + STARTS):
        for module, names in (
            ("_app_first_frame", ("first_frame", "day_shown")),
            ("_app_minimal", ("minimal_first_frame",)),
        ):
            start_s = time.monotonic()
            said = [float(word) for word in _said(folder, module, str(day)).split()]
            for name, at_s, cpu_s in zip(names, said[::2], said[1::2], strict=True):
                if number:
                    columns.setdefault(f"{name}_s", []).append(at_s - start_s)
                    columns.setdefault(f"{name}_cpu_s", []).append(cpu_s)
    found = {name: statistics.median(values) for name, values in columns.items()}
    return {
        **found,
        "first_frame_over_minimal": found["first_frame_s"] / found["minimal_first_frame_s"],
        "day_shown_over_minimal": found["day_shown_s"] / found["minimal_first_frame_s"],
    }


def _said(folder: Path, module: str, *arguments: str) -> str:
    """The last line of a part that has a process of its own: Kivy has one window for each."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("KIVY_", "PYTHON"))},
        "SDL_VIDEODRIVER": "offscreen",
        "KIVY_HOME": str(folder / "kivy"),
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    answer = subprocess.run(
        [sys.executable, "-m", f"circadia_lab.bench.{module}", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise PlatformUnavailable(f"{module} failed: {answer.stderr.strip()[-500:]}")
    return answer.stdout.strip().splitlines()[-1]


def _memory(folder: Path) -> dict[str, Figure]:
    lone = folder / "lone"
    lone.mkdir()
    (lone / "device.toml").write_text("[store]\npath = 'run.db'\n", encoding="utf-8")
    subprocess.run([sys.executable, "-c", AGREE, str(lone / "consent.json")], check=True)
    rounds = [_round(lone) for _ in range(ROUNDS)]
    runs, services = zip(*rounds, strict=True)
    return {
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
