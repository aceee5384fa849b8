"""The firmware's sources: where they are, how they are built and put on a board."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import ConfigError, MeterError, PlatformUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

BOARD = "atmega328p"
ENVIRONMENT = "CIRCADIA_FIRMWARE"
TOOLS = {
    "avr-gcc": "gcc-avr avr-libc",
    "avr-size": "binutils-avr",
    "make": "make",
    "cc": "gcc libc6-dev",
    "avrdude": "avrdude",
}
"""Programs, and the Debian packages they come with."""
SIMULATOR_HEADER = Path("/usr/include/simavr/sim_avr.h")
SIMULATOR_PACKAGES = "libsimavr-dev libelf1"
BOOTLOADERS = {"nano": 115200, "nano-old": 57600, "uno": 115200}
"""Of the boards' bootloaders: baud."""


def folder() -> Path:
    """With the Makefile. `PlatformUnavailable` where only the Python packages are installed."""
    named = os.environ.get(ENVIRONMENT)
    found = Path(named) if named else Path(__file__).parents[4] / "firmware_bridge" / "firmware"
    if not (found / "Makefile").is_file():
        raise PlatformUnavailable(
            f"{found}: the firmware's sources are not here; run from a checkout, or set {ENVIRONMENT} to its "
            "firmware_bridge/firmware"
        )
    return found


def build() -> Path:
    """The firmware's ELF file, made anew if a source is newer; its .hex lies beside it."""
    _need("make", "avr-gcc", "avr-size")
    return _make("all", f"{BOARD}.elf")


def build_simulator() -> Path:
    """The simulated microcontroller, a shared library."""
    _need("make", "cc")
    if not SIMULATOR_HEADER.is_file():
        raise PlatformUnavailable(f"simavr is missing: apt-get install {SIMULATOR_PACKAGES}")
    return _make("simulator", "libsimulator.so")


def build_core() -> Path:
    """The portable core for this machine, a shared library."""
    _need("make", "cc")
    return _make("host", "libcore.so")


def program_bytes(image: Path) -> int:
    """Of the board's program memory that an ELF file takes."""
    told = subprocess.run(["avr-size", str(image)], capture_output=True, text=True, check=True).stdout
    text, data = told.splitlines()[1].split()[:2]
    return int(text) + int(data)


def flash(port: str, bootloader: str) -> None:
    """Build, and write the program memory of the board at `port`."""
    if bootloader not in BOOTLOADERS:
        raise ConfigError(f"board {bootloader!r}: choose {', '.join(BOOTLOADERS)}")
    image = build().with_suffix(".hex")
    _need("avrdude")
    arguments = ["-p", BOARD, "-c", "arduino", "-P", port, "-b", str(BOOTLOADERS[bootloader]), "-D"]
    done = subprocess.run(["avrdude", *arguments, "-U", f"flash:w:{image}:i"], check=False)
    if done.returncode != 0:
        raise MeterError(
            f"{port}: avrdude could not write the firmware; is this the right port, and is it a {bootloader}? Nanos "
            "made before 2018 need --board nano-old"
        )


def _need(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(TOOLS[program] for program in missing)
        raise PlatformUnavailable(f"{', '.join(missing)} is missing: apt-get install {packages}")


def _make(target: str, product: str) -> Path:
    where = folder()
    with _turn(where / "build"):
        done = subprocess.run(
            ["make", "--no-print-directory", target], cwd=where, capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise MeterError(f"the firmware does not build:\n{done.stderr.strip() or done.stdout.strip()}")
    return where / "build" / product


@contextmanager
def _turn(build: Path) -> Iterator[None]:
    """One build at a time: nobody links a library anew that another process has just loaded."""
    try:
        build.mkdir(exist_ok=True)
        file = (build / "lock").open("w")
    except OSError as error:
        raise MeterError(
            f"{build}: cannot be written ({error.strerror}); copy firmware_bridge/firmware, and set {ENVIRONMENT}"
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
