"""Wakes a thread that waits for sockets."""

from __future__ import annotations

import socket
from contextlib import suppress


class Bell:
    """`ring` is for any thread, all else for the one that waits."""

    def __init__(self) -> None:
        self._out, self._in = socket.socketpair()
        self._out.setblocking(False)
        self._in.setblocking(False)

    def fileno(self) -> int:
        """What to wait for."""
        return self._out.fileno()

    def ring(self) -> None:
        """Wake it; once it is closed nobody is woken."""
        with suppress(OSError):  # it is rung already, or closed
            self._in.send(b"x")

    def hush(self) -> None:
        """It has been heard."""
        with suppress(BlockingIOError):
            while self._out.recv(4096):
                pass

    def close(self) -> None:
        """Let go of it."""
        self._in.close()
        self._out.close()
