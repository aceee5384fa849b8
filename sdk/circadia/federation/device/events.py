"""What the device's side of the federation tells the agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSeen:
    """The aggregator announced its newest version."""

    version: int
    published_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelArrived:
    """A version was fetched whole."""

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
class Corruption:
    """Something came that the protocol does not allow; it was dropped."""

    what: str


DeviceEvent = ManifestSeen | ModelArrived | UpdateAcknowledged | Corruption
