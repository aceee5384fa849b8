"""One connected socket that never waits, with what is still to be sent."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from circadia.errors import RemoteProtocolError
from circadia_app.link.lines import Lines

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = 65_536
MOST_WAITING = 4 << 20
"""Bytes for a side that does not read; then the connection is given up."""
EVENTS_UP_TO = 1 << 18
"""Beyond so many no event is added: only what was asked for is answered."""
LONGEST_PATH = 100
"""Of a socket's address; the kernel takes 107 bytes."""


class Channel:
    """Of one thread."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.dropped = 0
        """Events that found too much waiting."""
        self._lines = Lines()
        self._out = bytearray()

    @property
    def waits(self) -> bool:
        """Whether something is to be sent."""
        return bool(self._out)

    def put(self, line: bytes, *, spare: bool = False) -> None:
        """Send it as soon as the other side reads; `spare`: unless much waits already.

        `RemoteProtocolError` when the other side has not read for too long.
        """
        if spare and len(self._out) > EVENTS_UP_TO:
            self.dropped += 1
            return
        self._out += line
        if len(self._out) > MOST_WAITING:
            raise RemoteProtocolError("the other side does not read")

    def read(self) -> list[dict[str, Any] | RemoteProtocolError] | None:
        """What has come; None: the other side has gone. `RemoteProtocolError` as `Lines.feed`."""
        try:
            data = self.sock.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:
            return None
        return self._lines.feed(data) if data else None

    def write(self) -> bool:
        """Send what it takes now; False: the other side has gone."""
        try:
            sent = self.sock.send(self._out)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        del self._out[:sent]
        return True

    def close(self) -> None:
        """Let go of it."""
        self.sock.close()


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """The socket's address: its path, or where that is too long for one, a shorter name of the same place."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
