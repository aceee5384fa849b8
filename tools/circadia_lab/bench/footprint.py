"""What the device's package costs: import, install, and a device at rest. Needs Linux's /proc and a checkout."""

from __future__ import annotations

import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import circadia_lab
from circadia.errors import PlatformUnavailable
from circadia.federation.transport.broker import Broker

if TYPE_CHECKING:
    from types import TracebackType

ROUNDS = 15
REST_S = 120.0
SETTLE_S = 10.0
"""After the start, before the window of a device at rest opens."""
PERIOD_S = 60.0
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "sdk", "firmware_bridge", "tools")
BUILDERS = ("pip", "setuptools", "_distutils_hack", "pkg_resources", "distutils-precedence.pth")


def measure() -> dict[str, float | int | str | bool | None]:
    """The figures below, of an environment with the device's dependencies only.

    `import_s` is what `import circadia` adds to a bare interpreter (medians of interleaved runs); `installed_mb`
    sums the files of site-packages without pip and setuptools. `rest_*`, `*_per_minute` and `*_per_hour` are of a
    `circadia run` that nobody asks anything, connected to a broker, ticking once a minute: `disk_kb_per_hour`
    is how much the store's files grow (seen over an hour of ticks on a clock 60 times as fast),
    `written_kb_per_hour` what is handed to the file system (wchar of /proc/PID/io), `block_kb_per_hour` the whole
    pages that this dirties, the file system's own included (write_bytes; 0 on a tmpfs);
    `wakeups_per_minute` are voluntary context switches of all threads beyond one a tick; the link's keep-alive of
    one in four minutes may fall outside the window.
    """
    with tempfile.TemporaryDirectory(prefix="circadia-footprint-") as name:
        folder = Path(name)
        python = install(folder)
        return {
            **import_times(python),
            "installed_mb": installed_bytes(python) / 1e6,
            **at_rest(python, folder),
            "disk_kb_per_hour": growth(python, folder) / 1e3,
        }


def install(folder: Path) -> Path:
    """A fresh environment with the device set, not editable → its interpreter."""
    checkout = Path(circadia_lab.__file__).parents[2]
    if not (checkout / "pyproject.toml").exists():
        raise PlatformUnavailable(f"{checkout} is no checkout; the footprint is measured from one")
    source = folder / "source"
    source.mkdir()
    for entry in SOURCES:
        copy = shutil.copytree if (checkout / entry).is_dir() else shutil.copy
        copy(checkout / entry, source / entry)
    python = folder / "environment" / "bin" / "python"
    _call(sys.executable, "-m", "venv", str(folder / "environment"))
    constraints = str(source / "tools" / "constraints.txt")
    pip = (str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-c", constraints)
    _call(*pip, "setuptools")
    _call(*pip, "--no-build-isolation", str(source))
    return python


def _call(*command: str) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if answer.returncode:
        raise PlatformUnavailable(f"{' '.join(command)} failed: {answer.stderr.strip()[-500:]}")
    return answer.stdout


def installed_bytes(python: Path) -> int:
    """Size of the files in site-packages, bytecode included, without what only builds."""
    site = Path(_call(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    entries = [e for e in site.iterdir() if not e.name.startswith(BUILDERS)]
    return sum(f.stat().st_size for e in entries for f in (e, *e.rglob("*")) if f.is_file())


def import_times(python: Path) -> dict[str, float]:
    """Seconds of an interpreter that imports circadia, one that does not, and the difference."""
    bare, raw = [], []
    for _ in range(ROUNDS):
        bare.append(_wall_s(str(python), "-c", "pass"))
        raw.append(_wall_s(str(python), "-c", "import circadia"))
    raw_s, bare_s = statistics.median(raw), statistics.median(bare)
    return {"import_s": raw_s - bare_s, "import_raw_s": raw_s, "bare_python_s": bare_s}


def _wall_s(*command: str) -> float:
    start_s = time.perf_counter()
    _call(*command)
    return time.perf_counter() - start_s


def at_rest(python: Path, folder: Path, policy: str = "default") -> dict[str, float]:
    """A device that is left alone for `REST_S`."""
    with (
        Broker() as broker,
        Device(python, folder / "rest", f"{broker.host}:{broker.port}", policy) as device,
    ):
        time.sleep(SETTLE_S)
        before = device.usage()
        time.sleep(REST_S)
        after = device.usage()
        ticks = device.ticks()
    hours, minutes = REST_S / 3600, REST_S / 60
    switches = after.switches - before.switches
    return {
        "rest_rss_mb": after.rss_bytes / 1e6,
        "rest_threads": after.threads,
        "rest_ticks": ticks,
        "wakeups_per_minute": (switches - REST_S / PERIOD_S) / minutes,
        "block_kb_per_hour": (after.disk_bytes - before.disk_bytes) / 1e3 / hours,
        "written_kb_per_hour": (after.written_bytes - before.written_bytes) / 1e3 / hours,
        "cpu_s_per_hour": (after.cpu_s - before.cpu_s) / hours,
    }


def growth(python: Path, folder: Path, policy: str = "default") -> int:
    """Bytes that the store's files grow by in an hour of the device's time."""
    fast = 60.0
    with Device(python, folder / "hour", "127.0.0.1:1", policy, scale=fast) as device:
        time.sleep(SETTLE_S)
        before = device.stored_bytes()
        time.sleep(3600 / fast)
        return device.stored_bytes() - before


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the kernel counts of a process."""

    rss_bytes: int
    threads: int
    switches: int
    disk_bytes: int
    written_bytes: int
    cpu_s: float


class Device:
    """A `circadia run` process."""

    def __init__(self, python: Path, folder: Path, broker: str, policy: str, scale: float = 1.0) -> None:
        folder.mkdir()
        self._python = python
        self._policy = policy
        self._scale = scale
        self._folder = folder
        self._broker = broker
        self._output = folder / "output.txt"

    def __enter__(self) -> Self:
        config = self._folder / "device.toml"
        store = self._folder / "circadia.db"
        config.write_text(
            f"[agent]\nperiod_s = {PERIOD_S}\npolicy = '{self._policy}'\n"
            f"[platform]\nscale = {self._scale}\n[store]\npath = '{store}'\n[federation]\nbroker = '{self._broker}'\n",
            encoding="utf-8",
        )
        command = [str(self._python), "-m", "circadia", "run", "--json", "--config", str(config)]
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def usage(self) -> Usage:
        """Now; `PlatformUnavailable` with its last words when it has ended."""
        if self._process.poll() is not None:
            words = self._output.read_text(encoding="utf-8", errors="replace").strip()[-500:]
            raise PlatformUnavailable(f"circadia run ended by itself: {words}")
        return read_usage(Path("/proc") / str(self._process.pid))

    def stored_bytes(self) -> int:
        """Size of the store's files."""
        return sum(file.stat().st_size for file in self._folder.glob("circadia.db*"))

    def ticks(self) -> int:
        """Ticks so far."""
        return self._output.read_text(encoding="utf-8").count('"action"')


def read_usage(process: Path) -> Usage:
    """From /proc/PID; resident memory is the kernel's exact sum where it gives one."""
    tasks = list((process / "task").iterdir())
    io = (process / "io").read_text()
    clock_ticks = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
    return Usage(
        rss_bytes=1024 * _number("Rss", (process / "smaps_rollup").read_text()),
        threads=len(tasks),
        switches=sum(_number("voluntary_ctxt_switches", (task / "status").read_text()) for task in tasks),
        disk_bytes=_number("write_bytes", io),
        written_bytes=_number("wchar", io),
        cpu_s=sum(map(int, clock_ticks)) / 100,
    )


def _number(name: str, text: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+)", text, re.MULTILINE)
    if found is None:
        raise PlatformUnavailable(f"this kernel's /proc does not tell {name}")
    return int(found[1])
