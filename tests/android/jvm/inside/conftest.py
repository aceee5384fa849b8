"""For what runs beside a JVM, in a process of its own: see `test_in_a_jvm.py`."""

from __future__ import annotations

import os
import threading
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


def battery(phone: Any, **changes: int) -> None:
    """A phone's at 60 %, discharging at 400 mA, as documented, but for the changes."""
    shown = {
        "level": 60,
        "scale": 100,
        "plugged": 0,
        "status": 3,
        "temperature": 312,
        "voltage": 3900,
        "current": -400_000,
        "charge": 2_100_000,
        "energy": 8_000_000_000,
    } | changes
    for name in ("level", "scale", "plugged", "status", "temperature", "voltage"):
        phone.extra(name, shown[name])
    for number, name in ((2, "current"), (1, "charge"), (5, "energy")):
        phone.property(number, shown[name])


def in_threads(work: Callable[[], object], count: int) -> list[BaseException]:
    """Run it in so many threads at once, and once in each → what they raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  the test looks at it
            raised.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised
