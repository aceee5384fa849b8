"""What the aggregator keeps: versions of the model, and the verdict on every update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Version:
    """One state of the global model."""

    number: int
    """1 is the task's initial state."""
    published_s: float
    weights: NDArray[np.float32]
    """(parameters,)"""
    updates: int = 0
    """How many updates made it from the version before."""
    examples: int = 0
    """Training examples behind them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of an update; it never changes."""

    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRecord:
    """An update and its verdict. What a rejected message did not tell is None."""

    device: str
    update_id: str
    verdict: Verdict
    received_s: float
    """The aggregator's clock for `published_s`."""
    base_version: int | None = None
    staleness: int | None = None
    """Versions published between its base and its arrival."""
    examples: int | None = None
    codec: str | None = None
    payload: bytes | None = None
    """Of an accepted update, until a version holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepUpdate:
    """An effect: make the record durable before anything that follows is sent."""

    record: UpdateRecord


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeepVersion:
    """An effect: make the version durable, and note that it holds every accepted update not yet held by one."""

    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """An event: an update that cannot be read or used yet. Nothing is kept; its device tries again."""

    device: str
    update_id: str
    reason: str
