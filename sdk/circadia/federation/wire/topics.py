"""The topic scheme: see decisions/0003-topic-scheme.md. It never changes under one version number.

    circadia/1/<federation>/model/manifest                                   retained
    circadia/1/<federation>/model/<version>/<chunk>                          retained
    circadia/1/<federation>/model/want/<device>
    circadia/1/<federation>/update/<shard>/<device>/<update_id>/<chunk>
    circadia/1/<federation>/ack/<device>
    circadia/1/<federation>/status/<device>                                  retained, last will
    circadia/1/<federation>/status/<device>/claim                            retained; the transport's own

At most 7 slashes and 256 bytes: the limits of the strictest common broker.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from circadia.errors import LocalProtocolError, RemoteProtocolError

ROOT = ("circadia", "1")
SHARDS = 16
"""Updates of one device always share a shard, so that one worker sees all chunks of an update."""
AGGREGATOR = "aggregator"
"""The name under which the aggregator shows its status; no device may have it."""
MOST_SLASHES = 7
MOST_BYTES = 256
HIGHEST_NUMBER = 2**31 - 1

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestTopic:
    """Where the newest version is announced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTopic:
    """One chunk of one version of the model."""

    version: int
    chunk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WantTopic:
    """Where a device asks for what the broker does not have."""

    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTopic:
    """One chunk of one update."""

    device: str
    update_id: str
    chunk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AckTopic:
    """Where a device hears what became of its updates."""

    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusTopic:
    """Whether a device is there."""

    device: str


Topic = ManifestTopic | ModelTopic | WantTopic | UpdateTopic | AckTopic | StatusTopic


def is_id(text: str) -> bool:
    """Whether `text` may name a federation, a device or an update: 1 to 64 of `A-Z a-z 0-9 _ -`."""
    return _ID.fullmatch(text) is not None


def checked_id(what: str, text: str) -> str:
    """`text` itself; `LocalProtocolError` naming `what` when it is not an id."""
    if not is_id(text):
        raise LocalProtocolError(f"{what} {text!r}: use 1 to 64 of the characters A-Z a-z 0-9 _ -")
    return text


def shard_of(device: str) -> int:
    """The shard of a device's updates, the same on every machine: the first 4 bytes of SHA-256(device) mod 16."""
    return int.from_bytes(sha256(device.encode()).digest()[:4], "big") % SHARDS


def build(federation: str, topic: Topic) -> str:
    """The topic's text; `LocalProtocolError` for an id or number that the scheme does not allow."""
    match topic:
        case ManifestTopic():
            parts = ["model", "manifest"]
        case ModelTopic():
            parts = ["model", _number(topic.version), _number(topic.chunk)]
        case WantTopic():
            parts = ["model", "want", checked_id("device", topic.device)]
        case UpdateTopic():
            device, update_id = checked_id("device", topic.device), checked_id("update", topic.update_id)
            parts = ["update", str(shard_of(device)), device, update_id, _number(topic.chunk)]
        case AckTopic():
            parts = ["ack", checked_id("device", topic.device)]
        case StatusTopic():
            parts = ["status", checked_id("device", topic.device)]
    return "/".join((*ROOT, checked_id("federation", federation), *parts))


def parse(text: str) -> tuple[str, Topic]:
    """The federation and the topic; `RemoteProtocolError` for a text that `build` cannot have made."""
    parts = text.split("/")
    if len(parts) > MOST_SLASHES + 1 or tuple(parts[:2]) != ROOT or len(parts) < 4 or not is_id(parts[2]):
        raise RemoteProtocolError(f"topic {text[:MOST_BYTES]!r} is not of the form circadia/1/<federation>/…")
    topic = _parse_rest(parts[3:])
    if topic is None:
        raise RemoteProtocolError(f"topic {text[:MOST_BYTES]!r} is not part of the scheme")
    return parts[2], topic


def _parse_rest(parts: list[str]) -> Topic | None:  # noqa: PLR0911 - one per line of the table
    match parts:
        case ["model", "manifest"]:
            return ManifestTopic()
        case ["model", "want", device] if is_id(device):
            return WantTopic(device=device)
        case ["model", version, chunk] if _is_number(version) and _is_number(chunk):
            return ModelTopic(version=int(version), chunk=int(chunk))
        case ["update", shard, device, update, chunk] if (
            is_id(device) and is_id(update) and _is_number(chunk)
        ):
            right = shard == str(shard_of(device))
            return UpdateTopic(device=device, update_id=update, chunk=int(chunk)) if right else None
        case ["ack", device] if is_id(device):
            return AckTopic(device=device)
        case ["status", device] if is_id(device):
            return StatusTopic(device=device)
    return None


def model_filter(federation: str, version: int) -> str:
    """Matches every chunk of one version."""
    return "/".join((*ROOT, checked_id("federation", federation), "model", _number(version), "+"))


def want_filter(federation: str) -> str:
    """Matches every device's wants."""
    return "/".join((*ROOT, checked_id("federation", federation), "model", "want", "+"))


def update_filter(federation: str, shard: int | None = None) -> str:
    """Matches the updates of one shard, or all of them."""
    where = "+" if shard is None else _number(shard)
    return "/".join((*ROOT, checked_id("federation", federation), "update", where, "+", "+", "+"))


def _number(value: int) -> str:
    if not 0 <= value <= HIGHEST_NUMBER:
        raise LocalProtocolError(f"number {value} in a topic: it must lie in [0, {HIGHEST_NUMBER}]")
    return str(value)


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and int(text) <= HIGHEST_NUMBER
