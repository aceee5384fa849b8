"""For what runs beside a JVM, in a process of its own: see `test_in_a_jvm.py`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from circadia_app.jvm import Jvm

NEWEST = 36


@pytest.fixture(scope="session")
def context() -> Any:
    """An app's, whose class loader alone knows the app's own classes."""
    from jnius import autoclass

    return autoclass("org.circadia.fake.FakeContext")(os.environ["CIRCADIA_OWN_CLASSES"])


@pytest.fixture
def phone() -> Iterator[Any]:
    """What the fakes of Android answer, as it came from the shop and with a battery."""
    from jnius import autoclass
    from tests.android.jvm.inside.battery import battery

    made = autoclass("org.circadia.fake.Phone")
    made.reset()
    battery(made)
    yield made
    made.reset()


@pytest.fixture(scope="session")
def jvm(context: Any) -> Jvm:
    """Of the newest level."""
    from circadia_app.jvm import Jvm

    return Jvm(context, NEWEST)


@pytest.fixture(scope="session")
def at_level(context: Any) -> Callable[[int], Jvm]:
    """Of a level."""
    from circadia_app.jvm import Jvm

    return lambda level: Jvm(context, level)
