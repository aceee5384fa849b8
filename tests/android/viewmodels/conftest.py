"""What lies beside the tests: moments that a test says something of, a store of some days, invented screens."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from circadia_app.past import read_past
from circadia_app.texts import texts_of
from circadia_app.viewmodels.snapshot import midnight_of
from circadia_lab.phone.lived import lived as play

if TYPE_CHECKING:
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.snapshot import Snapshot

HERE = Path(__file__).parent


def _beside(name: str) -> Any:
    """The module of a file beside this one: tests are no packages."""
    full = f"circadia_viewmodel_tests_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, HERE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


@pytest.fixture(scope="session")
def moments() -> Any:
    return _beside("moments")


@pytest.fixture(scope="session")
def invented() -> Any:
    return _beside("invented")


@pytest.fixture(params=["en", "de"])
def texts(request: pytest.FixtureRequest) -> Texts:
    return texts_of(request.param)


@pytest.fixture(scope="session")
def english() -> Texts:
    return texts_of("en")


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory, moments: Any) -> Snapshot:
    """A simulated phone after four days."""
    path = tmp_path_factory.mktemp("lived") / "device.db"
    clock_s = play(path, days=4.2)
    past = read_past(path, clock_s)
    live = moments.live(
        moments.status(version=0, next_wake_s=clock_s + 1800), None, simulated=True, clock_s=clock_s
    )
    made: Snapshot = replace(
        moments.snapshot(), past=past, live=live, clock_s=clock_s, midnight_s=midnight_of(past.ticks, clock_s)
    )
    return made
