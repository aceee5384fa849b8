"""Messages ↔ bytes.

The body of an envelope (`envelope.py`) is a canonical, plain CBOR map with the key `kind` and the message's fields.
A reader passes over fields that it does not know, and fills in those that have a default here: so a field may be
added without anybody being left behind (docs/decisions/0011-messages-meet-versions.md).
`encode` raises `LocalProtocolError`, `decode` raises `RemoteProtocolError` and nothing else; both name the field.
"""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

import cbor2

from circadia.errors import LocalProtocolError, RemoteProtocolError
from circadia.federation.codecs import CODECS
from circadia.federation.wire.envelope import LARGEST_MESSAGE, load, seal, unseal
from circadia.federation.wire.topics import HIGHEST_NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = LARGEST_MESSAGE - 1024
"""Bytes of payload in every chunk but the last; the rest is for the header."""
MOST_EXAMPLES = 10_000_000
"""Behind one update."""
MOST_CHUNKS = 1024
LARGEST_PAYLOAD = CHUNK * MOST_CHUNKS
LONGEST_REASON = 512
"""Characters."""

Scalar = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Announces the newest version of the model."""

    task: str
    """SHA-256 of the task's model file, 64 hexadecimal digits."""
    version: int
    published_s: float
    parameters: int
    sha256: bytes
    """Of the packed model."""
    size: int
    """Of the packed model, in bytes."""
    chunks: int
    codec: str
    identity: str = ""
    """Digest of the task's identity, which has its labels and input too; release 0.1 does not know it and says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChunk:
    """One piece of a packed model."""

    version: int
    chunk: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateChunk:
    """One piece of a packed update. The header travels in every chunk, so that they may come in any order."""

    device: str
    update_id: str
    task: str
    base_version: int
    examples: int
    codec: str
    created_s: float
    sha256: bytes
    size: int
    chunks: int
    chunk: int
    data: bytes
    identity: str = ""
    """As in the manifest."""

    @property
    def header(self) -> tuple[object, ...]:
        """What every chunk of one update has in common."""
        return (
            self.device, self.update_id, self.task, self.base_version, self.examples,
            self.codec, self.created_s, self.sha256, self.size, self.identity,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What became of an update: durable when it says accepted or rejected, which are the verdicts."""

    update_id: str
    status: str
    """`accepted`, `rejected`; `incomplete`: chunks are missing; `not-now`: it cannot be read or used yet, see `reason`."""
    reason: str = ""
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A device lacks chunks of a version; version 0 asks for the manifest."""

    version: int
    chunks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Whether a device is there; the last will says that it is not."""

    device: str
    online: bool
    details: dict[str, Scalar] = field(default_factory=dict)


Message = Manifest | ModelChunk | UpdateChunk | Acknowledgement | Want | Status
M = TypeVar("M", bound=Message)

ACCEPTED, REJECTED, INCOMPLETE, NOT_NOW = "accepted", "rejected", "incomplete", "not-now"

# A rule takes a value and says what is wrong with it, or nothing.
if TYPE_CHECKING:
    Rule = Callable[[object], str]


def _whole(low: int, high: int) -> Rule:
    def rule(value: object) -> str:
        good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return "" if good else f"must be a whole number in [{low}, {high}]"

    return rule


def _text(pattern: str, meaning: str) -> Rule:
    shape = re.compile(pattern)

    def rule(value: object) -> str:
        return "" if isinstance(value, str) and shape.fullmatch(value) else f"must be {meaning}"

    return rule


def _one_of(*options: str) -> Rule:
    def rule(value: object) -> str:
        return "" if isinstance(value, str) and value in options else f"must be one of {', '.join(options)}"

    return rule


def _blob(low: int, high: int) -> Rule:
    def rule(value: object) -> str:
        good = isinstance(value, bytes) and low <= len(value) <= high
        return "" if good else f"must be {low} to {high} bytes"

    return rule


def _real(value: object) -> str:
    return "" if isinstance(value, float) and math.isfinite(value) else "must be a finite float"


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _chunk_list(value: object) -> str:
    one = _whole(0, MOST_CHUNKS - 1)
    good = isinstance(value, tuple) and len(value) <= MOST_CHUNKS and not any(one(item) for item in value)
    return "" if good else f"must be a list of at most {MOST_CHUNKS} chunk numbers"


def _details(value: object) -> str:
    good = isinstance(value, dict) and len(value) <= 16 and all(_detail(*item) for item in value.items())
    return "" if good else "must map at most 16 short names to finite numbers, flags or short texts"


def _detail(key: object, value: object) -> bool:
    if not (isinstance(key, str) and 1 <= len(key) <= 32):
        return False
    if isinstance(value, str):
        return len(value) <= 128
    if isinstance(value, int):
        return abs(value) < 2**63
    return isinstance(value, float) and math.isfinite(value)


_VERSION = _whole(0, HIGHEST_NUMBER)
_ID = _text(r"[A-Za-z0-9_-]{1,64}", "1 to 64 of the characters A-Z a-z 0-9 _ -")
_DIGEST = _text(r"[0-9a-f]{64}", "64 hexadecimal digits")
_IDENTITY = _text(r"[0-9a-f]{64}|", "64 hexadecimal digits, or nothing")
_PACKED: dict[str, Rule] = {
    "sha256": _blob(32, 32),
    "size": _whole(1, LARGEST_PAYLOAD),
    "chunks": _whole(1, MOST_CHUNKS),
    "codec": _one_of(*CODECS),
}
_PIECE: dict[str, Rule] = {"chunk": _whole(0, MOST_CHUNKS - 1), "data": _blob(1, CHUNK)}
_KINDS: dict[str, type[Message]] = {
    "manifest": Manifest,
    "model-chunk": ModelChunk,
    "update-chunk": UpdateChunk,
    "acknowledgement": Acknowledgement,
    "want": Want,
    "status": Status,
}
_NAMES: dict[type, str] = {kind: name for name, kind in _KINDS.items()}
_RULES: dict[type[Message], dict[str, Rule]] = {
    Manifest: {
        "task": _DIGEST,
        "version": _whole(1, HIGHEST_NUMBER),
        "published_s": _real,
        "parameters": _whole(1, LARGEST_PAYLOAD),
        **_PACKED,
        "identity": _IDENTITY,
    },
    ModelChunk: {"version": _whole(1, HIGHEST_NUMBER), **_PIECE},
    UpdateChunk: {
        "device": _ID,
        "update_id": _ID,
        "task": _DIGEST,
        "base_version": _VERSION,
        "examples": _whole(1, MOST_EXAMPLES),
        "created_s": _real,
        **_PACKED,
        **_PIECE,
        "identity": _IDENTITY,
    },
    Acknowledgement: {
        "update_id": _ID,
        "status": _one_of(ACCEPTED, REJECTED, INCOMPLETE, NOT_NOW),
        "reason": _text(rf"(?s:.{{0,{LONGEST_REASON}}})", f"a text of at most {LONGEST_REASON} characters"),
        "missing": _chunk_list,
    },
    Want: {"version": _VERSION, "chunks": _chunk_list},
    Status: {"device": _ID, "online": _flag, "details": _details},
}
_REQUIRED: dict[type[Message], tuple[str, ...]] = {
    kind: tuple(f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING)
    for kind in _RULES
}


def is_digest(text: str) -> bool:
    """Whether `text` is a SHA-256 in hexadecimal digits."""
    return not _DIGEST(text)


def encode(message: Message) -> bytes:
    """The message's bytes, at most `LARGEST_MESSAGE`; `LocalProtocolError` when a field breaks its rule."""
    if complaint := _complaint(message):
        raise LocalProtocolError(complaint)
    values = {f.name: getattr(message, f.name) for f in fields(message)}
    if values.get("identity") == "":
        del values["identity"]  # as release 0.1 wrote it, to the bit
    return seal(cbor2.dumps({"kind": _NAMES[type(message)], **values}, canonical=True))


def decode(wire: bytes) -> Message:
    """The message in these bytes.

    `DamageError` for bytes that no sender sends; plain `RemoteProtocolError` for a message that breaks the rules, or
    follows later ones.
    """
    values = load(unseal(wire))
    if not isinstance(values, dict):
        raise RemoteProtocolError("body: must be a map")
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        told = repr(kind[:32]) if isinstance(kind, str) else "none that is a text"
        raise RemoteProtocolError(f"kind: {told} is not one of {', '.join(_KINDS)}")
    return _message(kind, values)


def decode_as(expected: type[M], wire: bytes) -> M:
    """The message in these bytes, which must be of that type."""
    message = decode(wire)
    if not isinstance(message, expected):
        raise RemoteProtocolError(f"kind: {_NAMES[type(message)]} came where {_NAMES[expected]} belongs")
    return message


def _message(kind: str, values: dict[Any, Any]) -> Message:
    cls: Callable[..., Message] = _KINDS[kind]
    known = {f.name: values[f.name] for f in fields(_KINDS[kind]) if f.name in values}
    if lacking := [name for name in _REQUIRED[_KINDS[kind]] if name not in known]:
        raise RemoteProtocolError(f"{kind}: fields missing: {', '.join(lacking)}")
    message = cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in known.items()})
    if complaint := _complaint(message):
        raise RemoteProtocolError(complaint)
    return message


def _complaint(message: Message) -> str:
    """What is wrong with a message, or nothing."""
    kind = _NAMES[type(message)]
    for name, rule in _RULES[type(message)].items():
        if complaint := rule(getattr(message, name)):
            return f"{kind}.{name}: {complaint}"
    complaint = _disagreement(message)
    return f"{kind}.{complaint}" if complaint else ""


def _disagreement(message: Message) -> str:
    """What two fields say differently."""
    if isinstance(message, Manifest | UpdateChunk) and message.chunks != -(-message.size // CHUNK):
        return f"chunks: {message.size} bytes take {-(-message.size // CHUNK)} chunks, not {message.chunks}"
    if isinstance(message, UpdateChunk):
        if message.chunk >= message.chunks:
            return f"chunk: {message.chunk} of {message.chunks}"
        if len(message.data) != chunk_length(message.size, message.chunk):
            return f"data: {len(message.data)} bytes in chunk {message.chunk} of {message.size} bytes"
    if isinstance(message, Acknowledgement) and bool(message.missing) != (message.status == INCOMPLETE):
        return "missing: goes with the status incomplete, and only with it"
    return ""


def chunk_length(size: int, chunk: int) -> int:
    """Bytes in chunk number `chunk` of a payload of `size` bytes."""
    return min(CHUNK, size - chunk * CHUNK)
