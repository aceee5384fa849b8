"""A device's recorded ticks, read from its store without touching it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import INDEX
from circadia.errors import ArtifactError, StoreError
from circadia.store.reading import StoreReader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.store.rows import Masked


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """What a device saw, what was forbidden, what it did."""

    t_s: NDArray[np.float64]
    """(ticks,)"""
    x: NDArray[np.float32]
    """(ticks, features) values as in `circadia.observation.values`."""
    admitted: NDArray[np.bool_]
    """(ticks, actions) what no limit forbade."""
    proposed: NDArray[np.int64]
    """(ticks,) catalogue indices drawn from the scores as they were …"""
    action: NDArray[np.int64]
    """… and what was done."""
    feasible: NDArray[np.bool_]
    """(ticks,) False where nothing was admissible."""
    draw: NDArray[np.float64]
    """(ticks,) the numbers at which actions and sleeps were drawn; NaN where none was recorded, or no sleep chosen."""
    sleep_draw: NDArray[np.float64]
    sleep_s: NDArray[np.float64]
    """(ticks,) how long they were to be, NaN likewise …"""
    wake_on: tuple[str, ...]
    """… and of which kind, empty likewise."""

    @property
    def ticks(self) -> int:
        """How many."""
        return len(self.t_s)


def read_trace(path: Path) -> Trace:
    """Every tick of a store, oldest first; a device may be running on it.

    What this version does not observe is dropped, what the store did not observe is NaN. `StoreError` for a file that is
    no store or has no ticks, `ArtifactError` for actions that this version does not know.
    """
    with StoreReader(path) as store:
        ticks = store.ticks()
    if not ticks:
        raise StoreError(f"{path}: has no ticks yet; let the device run first")
    return Trace(
        t_s=np.array([tick.t_s for tick in ticks], np.float64),
        x=np.stack([tick.x for tick in ticks]),
        admitted=np.stack([_admitted(tick.masked) for tick in ticks]),
        proposed=_indices([tick.proposed for tick in ticks], path),
        action=_indices([tick.action for tick in ticks], path),
        feasible=np.array([tick.feasible for tick in ticks], bool),
        draw=np.array([tick.draw for tick in ticks], np.float64),
        sleep_draw=np.array([tick.sleep_draw for tick in ticks], np.float64),
        sleep_s=np.array([tick.sleep_s for tick in ticks], np.float64),
        wake_on=tuple(tick.wake_on or "" for tick in ticks),
    )


def _admitted(masked: Masked) -> NDArray[np.bool_]:
    """(actions,) of today's; a name that is none of them is passed over."""
    admitted = np.ones(len(INDEX), bool)
    admitted[[INDEX[name] for _, names in masked for name in names if name in INDEX]] = False
    return admitted


def _indices(names: Sequence[str], path: Path) -> NDArray[np.int64]:
    unknown = sorted(set(names) - INDEX.keys())
    if unknown:
        raise ArtifactError(
            f"{path}: recorded actions that this version does not know: {', '.join(unknown)}; update Circadia"
        )
    return np.array([INDEX[name] for name in names])
