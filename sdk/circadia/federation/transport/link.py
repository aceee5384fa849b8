"""What a link joins: a protocol core and a sink for its steps, and how the link between them and a broker behaves."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from circadia.federation.wire.effects import Publish


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """How a link behaves. Real seconds."""

    keepalive_s: int = 240
    first_retry_s: float = 0.5
    longest_retry_s: float = 60.0
    namesake_s: float = 5.0
    """Before connecting again when another client of the same name has been there; it doubles each time up to the longest."""
    longest_namesake_s: float = 3600.0
    connect_timeout_s: float = 10.0
    most_packet_bytes: int = 64 * 1024
    """A packet beyond it is refused before it is sent: the broker would drop the connection for it."""
    most_inflight: int = 8
    """Messages sent and not confirmed by the broker: few, so that a slow link is not wedged."""
    most_queued: int = 4096
    """Messages that wait for their turn; more are dropped and counted."""


class Endpoint(Protocol):
    """A protocol core, as the link sees it. What it answers are effects for the broker and steps for the sink."""

    @property
    def due_s(self) -> float:
        """When `tick` has something to do."""
        ...

    def will(self) -> Publish:
        """What the broker says when the connection is lost."""
        ...

    def farewell(self) -> Publish:
        """What to say before leaving."""
        ...

    def connected(self, now_s: float) -> tuple[Any, ...]:
        """The broker answered."""
        ...

    def disconnected(self, now_s: float) -> tuple[Any, ...]:
        """The connection is gone."""
        ...

    def receive(self, topic: str, payload: bytes, now_s: float) -> tuple[Any, ...]:
        """A message came."""
        ...

    def tick(self, now_s: float) -> tuple[Any, ...]:
        """Time passed."""
        ...


class Sink(Protocol):
    """Takes the steps that are not for the broker."""

    def take(self, step: Any) -> None:
        """One step, before the core is called again."""
        ...

    def commit(self) -> None:
        """Called before anything is sent that the core answered since the last time."""
        ...


def client_id(federation: str, name: str) -> str:
    """Unique among federations on one broker, at most 73 characters (128 are allowed by the strictest)."""
    return f"{name}-{sha256(federation.encode()).hexdigest()[:8]}"
