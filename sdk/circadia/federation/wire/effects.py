"""What a protocol core asks its shell to do with the broker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """Listen to the topics that this filter matches; retained messages come again."""

    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe:
    """Stop listening."""

    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Send a message. An empty retained one makes the broker forget the topic's last."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1


Effect = Subscribe | Unsubscribe | Publish
