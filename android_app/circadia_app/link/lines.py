"""The codec: bytes ↔ JSON objects, one a line. Sans-IO."""

from __future__ import annotations

import json
from typing import Any

from circadia.errors import RemoteProtocolError

VERSION = 1
"""Of the link, as the agent says it in its first line."""
MOST_BYTES = 1 << 20
"""Of a line: room for an input of a hundred thousand numbers."""


def encode(message: dict[str, Any]) -> bytes:
    """The line. `ValueError` for a NaN or an infinity, which JSON has not: say null."""
    return (
        json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
        + b"\n"
    )


class Lines:
    """What comes in, in pieces of any size."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any] | RemoteProtocolError]:
        """The objects that are whole now; an error in the place of each line that is none.

        Raises `RemoteProtocolError` for a line beyond `MOST_BYTES`: who sends that is not one of ours.
        """
        lines: list[bytearray] = []
        self._rest += data
        if b"\n" in data:
            *lines, self._rest = self._rest.split(b"\n")
        if len(self._rest) > MOST_BYTES or any(len(line) > MOST_BYTES for line in lines):
            raise RemoteProtocolError(f"a line of more than {MOST_BYTES} bytes; send less at once")
        return [_object(bytes(line)) for line in lines if line.strip()]


def _object(line: bytes) -> dict[str, Any] | RemoteProtocolError:
    try:
        found = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return RemoteProtocolError(f"a line that is no JSON: {error}")
    if not isinstance(found, dict):
        return RemoteProtocolError("a line that is no JSON object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
