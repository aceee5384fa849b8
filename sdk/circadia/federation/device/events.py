"""What the device's side of the federation tells the agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.federation.wire.corruption import Corruption

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Corruption",
    "DeviceEvent",
    "ManifestSeen",
    "ModelArrived",
    "UpdateAcknowledged",
    "UpdatePutOff",
    "UpdatesHeld",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSeen:
    """The aggregator announced its newest version, or, after a time of doubt, that it went back to an older one.

    Told as well when that version is asked for and is here already.
    """

    version: int
    published_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelArrived:
    """A version was fetched whole: newer than the last one, or the one that the aggregator went back to."""

    version: int
    published_s: float
    weights: NDArray[np.float32]
    """(parameters,), bit for bit as the aggregator has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateAcknowledged:
    """The aggregator's verdict is durable: the update may be deleted. The same verdict may come more than once."""

    update_id: str
    accepted: bool
    reason: str = ""
    """Why it was rejected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePutOff:
    """Not now: the aggregator cannot read or use this update yet. Nothing is decided; it is tried again by itself."""

    update_id: str
    reason: str
    retry_s: float
    """Real seconds until the next try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatesHeld:
    """Several updates in a row were rejected for the same reason: for a while none is sent, then one is tried.

    With an empty reason: they are sent again.
    """

    reason: str
    """Of the last one."""
    rejected: int = 0
    """How many in a row."""
    retry_s: float = 0.0
    """Real seconds until one is tried."""


DeviceEvent = ManifestSeen | ModelArrived | UpdateAcknowledged | UpdatePutOff | UpdatesHeld | Corruption
