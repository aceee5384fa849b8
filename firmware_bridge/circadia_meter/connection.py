"""A port to open: a real one, or what a package brings under a name: the firmware on a simulated board."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from circadia.errors import PlatformUnavailable
from circadia_meter.dialogue import first_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PORTS = "circadia.meter.ports"
"""The entry-point group of context managers that make a port, of a load: seconds → (amperes, volts), or None."""
SIMULATED = "simulated"
SHUNT_OHM = 0.01
"""Of the simulated board."""


@contextmanager
def port_of(name: str, load: Callable[[float], tuple[float, float]] | None = None) -> Iterator[str]:
    """The path to open. `simulated` lives as long as the context; `PlatformUnavailable` without the workbench."""
    if name != SIMULATED:
        yield first_path(name)
        return
    found = tuple(entry_points(group=PORTS, name=SIMULATED))
    if not found:
        raise PlatformUnavailable(
            "--port simulated: the simulated board comes with the workbench: pip install './tools' in a checkout"
        )
    with found[0].load()(load) as path:
        yield path
