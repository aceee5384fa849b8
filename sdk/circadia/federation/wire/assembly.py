"""A payload in pieces: cut at one end, put together at the other in any order."""

from __future__ import annotations

from hashlib import sha256

from circadia.errors import RemoteProtocolError
from circadia.federation.wire.messages import CHUNK, chunk_length


def cut(payload: bytes) -> list[bytes]:
    """The payload's chunks: all of `CHUNK` bytes but the last."""
    return [piece(payload, chunk) for chunk in range(count(len(payload)))]


def count(size: int) -> int:
    """How many chunks a payload of `size` bytes takes."""
    return -(-size // CHUNK)


def piece(payload: bytes, chunk: int) -> bytes:
    """One of the payload's chunks; takes no longer for a longer payload."""
    return payload[chunk * CHUNK : (chunk + 1) * CHUNK]


class Assembly:
    """Collects the chunks of one payload. Doubled chunks are ignored."""

    def __init__(self, *, size: int, digest: bytes) -> None:
        self.size = size
        self.digest = digest
        self.chunks = count(size)
        self._data: dict[int, bytes] = {}
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes of the chunks that are there."""
        return self._held

    @property
    def missing(self) -> tuple[int, ...]:
        """The numbers of the chunks that are not there yet."""
        return tuple(chunk for chunk in range(self.chunks) if chunk not in self._data)

    @property
    def complete(self) -> bool:
        """Whether every chunk is there."""
        return len(self._data) == self.chunks

    def add(self, chunk: int, data: bytes) -> bool:
        """Take a chunk; False for one that is there already. `RemoteProtocolError` for a number or length that cannot be."""
        if not 0 <= chunk < self.chunks or len(data) != chunk_length(self.size, chunk):
            raise RemoteProtocolError(
                f"chunk {chunk} of {len(data)} bytes is not part of a payload of {self.size} bytes"
            )
        if chunk in self._data:
            return False
        self._data[chunk] = data
        self._held += len(data)
        return True

    def payload(self) -> bytes:
        """The whole; `RemoteProtocolError` when its SHA-256 does not fit, and then all chunks are missing again."""
        whole = b"".join(self._data[chunk] for chunk in range(self.chunks))
        if sha256(whole).digest() != self.digest:
            self._data.clear()
            self._held = 0
            raise RemoteProtocolError(f"payload of {self.size} bytes is damaged: its SHA-256 does not fit")
        return whole
