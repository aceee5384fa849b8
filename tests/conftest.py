"""What tests of every kind may ask for."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.register_assert_rewrite("circadia.testing")
HERE = Path(__file__).resolve().parent
# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """A shell ignores Ctrl-C for what it runs in the background, and so would everything that tests start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings: `CIRCADIA_SHARED`, or `shared` in the checkout or beside it; a skip without it."""
    named = os.environ.get("CIRCADIA_SHARED")
    folders = [Path(named)] if named else [HERE.parent / "shared", HERE.parents[1] / "shared"]
    for folder in folders:
        if (folder / "data" / "SOURCES.md").is_file():
            return folder / "data"
    pytest.skip(f"no real recordings in {' or '.join(map(str, folders))}; CIRCADIA_SHARED names their folder")
