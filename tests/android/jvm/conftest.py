"""Java's classes, compiled once a run."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parents[2] / "android_app/java/org/circadia/android"
MINE = ("PowerReader.java", "PowerMonitors.java", "Screen.java", "TfliteBridge.java", "UsbSerial.java")
"""What needs nothing of python-for-android."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """Folders of compiled classes."""

    fakes: Path
    """Of `android.*`, python-for-android and LiteRT."""
    own: Path
    """Of the app, compiled against them."""


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Classes:
    if shutil.which("javac") is None:
        pytest.skip("needs a JDK: apt-get install openjdk-17-jdk-headless")
    folder = tmp_path_factory.mktemp("java")
    made = Classes(fakes=folder / "fakes", own=folder / "own")
    compiled(made.fakes, sorted((HERE / "java").rglob("*.java")))
    compiled(made.own, [SOURCES / name for name in MINE], "-cp", str(made.fakes))
    return made


def compiled(into: Path, sources: list[Path], *options: str) -> None:
    """`javac`, warnings being errors; `options` before the files."""
    ran = subprocess.run(
        [
            "javac",
            "--release",
            "8",
            "-Xlint:all,-options",
            "-Werror",
            "-d",
            str(into),
            *options,
            *map(str, sources),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
