"""Tier 3: what runs beside a desktop's JVM, over fakes of Android; each file of it in a process of its own.

A JVM cannot be started twice in one process, and its threads are counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.android.jvm.conftest import Classes

HERE = Path(__file__).resolve().parent
FILES = sorted(path.name for path in (HERE / "inside").glob("check_*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_in_a_jvm(name: str, classes: Classes) -> None:
    pytest.importorskip("jnius_config", reason="needs pyjnius: the environment's tier `app`")
    environment = os.environ | {
        "CLASSPATH": str(classes.fakes),
        "CIRCADIA_OWN_CLASSES": str(classes.own),
        "PYTHONPATH": str(HERE.parents[2]),
    }
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            str(HERE / "inside" / name),
            "-q",
            "-p",
            "no:xdist",
            "-p",
            "no:cacheprovider",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ran.returncode == 0, f"{ran.stdout[-12000:]}\n{ran.stderr[-4000:]}"
    assert " passed" in ran.stdout
