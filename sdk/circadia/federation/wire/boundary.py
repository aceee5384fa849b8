"""The one place where bytes from the broker turn into messages; nothing that comes in ends anything.

`read` blames the bytes for whatever happens while they are read. `hear` lets a core act on a sound message: what the
core finds wrong with its content is a `Corruption` as well; any other error is a fault of ours, which is logged with
its traceback and told apart.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from circadia.errors import RemoteProtocolError, StoreError
from circadia.federation.wire.corruption import Corruption
from circadia.federation.wire.envelope import DamageError
from circadia.federation.wire.messages import (
    Acknowledgement,
    Manifest,
    Message,
    ModelChunk,
    Status,
    UpdateChunk,
    Want,
    decode_as,
)
from circadia.federation.wire.topics import (
    MOST_BYTES,
    AckTopic,
    ManifestTopic,
    ModelTopic,
    StatusTopic,
    Topic,
    UpdateTopic,
    WantTopic,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)
Step = TypeVar("Step")

_BELONGS: dict[type[Topic], type[Message]] = {
    ManifestTopic: Manifest,
    ModelTopic: ModelChunk,
    WantTopic: Want,
    UpdateTopic: UpdateChunk,
    AckTopic: Acknowledgement,
    StatusTopic: Status,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A sound message in a topic of our federation."""

    where: Topic
    message: Message | None
    """None: a retained message was cleared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Bytes that are no message, or none that this version can read."""

    where: Topic | None
    """None when the topic is not ours either."""
    why: str
    damaged: bool
    """Nobody sent them like this; otherwise somebody did, perhaps somebody newer."""


def read(federation: str, topic: str, payload: bytes) -> Heard | Unread:
    """What came, for whatever topic and bytes. Raises nothing."""
    where = None
    try:
        where = _ours(federation, topic)
        if not payload and isinstance(where, ManifestTopic | ModelTopic | StatusTopic):
            return Heard(where=where, message=None)
        return Heard(where=where, message=decode_as(_BELONGS[type(where)], payload))
    except RemoteProtocolError as error:
        return Unread(where=where, why=str(error), damaged=isinstance(error, DamageError))
    except Exception as error:  # noqa: BLE001 - anybody's bytes: whatever reading them causes is theirs
        return Unread(where=where, why=f"unreadable: {type(error).__name__}", damaged=True)


def _ours(federation: str, topic: str) -> Topic:
    name, where = parse(topic)
    if name != federation:
        raise RemoteProtocolError(f"federation {name!r} is not ours, {federation!r}")
    return where


def hear(topic: str, act: Callable[[], tuple[Step, ...]]) -> tuple[Step | Corruption, ...]:
    """What a core answers to a sound message. `StoreError` comes out: the shell starts the core again."""
    try:
        return act()
    except RemoteProtocolError as error:
        return (corruption(topic, str(error)),)
    except StoreError:
        raise
    except Exception as error:
        log.exception("a fault of ours on a sound message in %r; the message was dropped", topic[:MOST_BYTES])
        return (corruption(topic, f"{type(error).__name__}: {error}", ours=True),)


def corruption(topic: str, why: str, *, ours: bool = False) -> Corruption:
    """The event, with the topic's name."""
    return Corruption(what=f"{topic[:MOST_BYTES]!r}: {why}", ours=ours)
