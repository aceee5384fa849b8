"""The rivals' Python environment: `.venv-rivals` in the checkout's root, made on first use from `tools/rivals.txt`."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import circadia_lab
from circadia.errors import ConfigError

NEEDED_BYTES = 9e9
"""PyTorch with its libraries: some 2 GB of archives, unpacked into 5 GB."""
ROOT = Path(circadia_lab.__file__).parents[2]
"""Of the checkout."""


def rivals_python(root: Path = ROOT) -> Path:
    """The environment's interpreter; makes the environment if it is missing or out of date, which takes minutes.

    `ConfigError` tells what to do where that fails; nothing half made is ever used.
    """
    wanted = _requirements(root)
    folder = root / ".venv-rivals"
    with wanted.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # one set-up at a time
        stamp = f"{root}\n{hashlib.sha256(file.read()).hexdigest()}\n{sys.version}\n"
        if not _is_current(folder, stamp):
            _make(folder, wanted)
            (folder / "stamp").write_text(stamp, encoding="utf-8")
    return _interpreter(folder)


def _requirements(root: Path) -> Path:
    path = root / "tools" / "rivals.txt"
    if not path.exists():
        raise ConfigError(f"{path} is missing; the rivals are compared with in a checkout")
    return path


def _is_current(folder: Path, stamp: str) -> bool:
    try:
        return (folder / "stamp").read_text(encoding="utf-8") == stamp and _interpreter(folder).exists()
    except (OSError, UnicodeDecodeError):
        return False


def _interpreter(folder: Path) -> Path:
    return folder / "bin" / "python"


def _make(folder: Path, wanted: Path) -> None:
    _check_space(folder.parent)
    print(f"making {folder}: about 5 GB, some minutes, once", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    _call("making it", sys.executable, "-m", "venv", str(folder))
    pip = (str(_interpreter(folder)), "-m", "pip", "--disable-pip-version-check", "install", "-q")
    _call("installing", *pip, "--no-cache-dir", "--no-deps", "--no-input", "-r", str(wanted))


def _check_space(root: Path) -> None:
    free = shutil.disk_usage(root).free
    if free < NEEDED_BYTES:
        raise ConfigError(
            f"{root} has {free / 1e9:.1f} GB left; the rivals' environment needs {NEEDED_BYTES / 1e9:.0f} GB while it "
            "is made: free some and run this again"
        )


def _call(what: str, *command: str) -> None:
    answer = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if answer.returncode:
        raise ConfigError(
            f"the rivals' environment: {what} failed; check network, disk and TMPDIR, then run this again. "
            f"It said: {answer.stderr.strip()[-600:]}"
        )
