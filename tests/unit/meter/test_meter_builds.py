"""Several builds of the firmware at once, as several test processes make them."""

from __future__ import annotations

import fcntl
import shutil
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Waiting
from typing import TYPE_CHECKING

import pytest

from circadia.errors import MeterError
from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.host_core import HostCore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "firmware"
    shutil.copytree(firmware.folder(), copy, ignore=shutil.ignore_patterns("build"))
    monkeypatch.setenv(firmware.ENVIRONMENT, str(copy))
    return copy


def test_a_build_waits_for_another(sources: Path) -> None:
    (sources / "build").mkdir()
    with ThreadPoolExecutor(1) as pool, (sources / "build" / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        library = pool.submit(firmware.build_core)
        with pytest.raises(Waiting):
            library.result(timeout=0.3)
        assert not (sources / "build" / "libcore.so").exists()
        fcntl.flock(other, fcntl.LOCK_UN)
        assert HostCore(library.result(timeout=60)).take()


def test_a_folder_that_cannot_be_written_is_named(sources: Path) -> None:
    (sources / "build").write_text("a file in its place")
    with pytest.raises(MeterError, match=r"build: cannot be written .*CIRCADIA_FIRMWARE"):
        firmware.build_core()
