"""What every message travels in: see docs/decisions/0011-messages-meet-versions.md.

    [readable_from, body: bytes, SHA-256(readable_from as one byte, body): bytes, signature: null | bytes]

A CBOR array of four. `readable_from` is the oldest schema that a reader must know to take the body as it is meant; a
body that only has more fields than this keeps its number. The digest finds damage. The last place is kept for a
signature; schema 1 writes null there and passes over whatever else is in it.
"""

from __future__ import annotations

from hashlib import sha256

import cbor2

from circadia.errors import LocalProtocolError, RemoteProtocolError
from circadia.federation.wire import plain

SCHEMA = 1
"""What this version writes, and the newest that it reads."""
LARGEST_MESSAGE = 60 * 1024
"""Bytes of an encoded message, at most: half of the smallest limit that common brokers set."""


class DamageError(RemoteProtocolError):
    """The bytes are not what the sender sent: dropped, and sent again in time."""


def seal(body: bytes) -> bytes:
    """The body in an envelope; `LocalProtocolError` beyond `LARGEST_MESSAGE`."""
    wire = cbor2.dumps([SCHEMA, body, _digest(SCHEMA, body), None])
    if len(wire) > LARGEST_MESSAGE:
        raise LocalProtocolError(f"message takes {len(wire)} bytes, the limit is {LARGEST_MESSAGE}")
    return wire


def unseal(wire: bytes) -> bytes:
    """The body, whole as it was sent.

    `DamageError` for bytes that no sender sends; plain `RemoteProtocolError` for a message that is too long, or that
    only a newer version may read.
    """
    if len(wire) > LARGEST_MESSAGE:
        raise RemoteProtocolError(f"message of {len(wire)} bytes: the limit is {LARGEST_MESSAGE}")
    try:
        envelope = load(wire)
    except RemoteProtocolError as error:
        raise DamageError(str(error)) from error
    match envelope:
        case [int(schema), bytes(body), bytes(digest), None | bytes()]:
            if not 0 <= schema < 256 or _digest(schema, body) != digest:
                raise DamageError("message is damaged: its SHA-256 does not fit")
            if schema != SCHEMA:
                raise RemoteProtocolError(f"schema: {schema} is unknown, this version speaks {SCHEMA}")
            return body
    raise DamageError("message is not a CBOR array [schema, body, digest, signature]")


def load(data: bytes) -> object:
    """One plain CBOR item; `RemoteProtocolError` for anything else."""
    try:
        plain.check(data)
        item: object = cbor2.loads(data)
    except (ValueError, cbor2.CBORDecodeError) as error:
        raise RemoteProtocolError(f"message is not plain CBOR: {error}") from error
    return item


def _digest(schema: int, body: bytes) -> bytes:
    return sha256(bytes([schema]) + body).digest()
