"""The agent's end: takes in what screens ask, and tells them what happens."""

from __future__ import annotations

import logging
import os
import selectors
import socket
import struct
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from circadia.errors import PlatformUnavailable, RemoteProtocolError
from circadia_app.link.bell import Bell
from circadia_app.link.channel import Channel, address_of
from circadia_app.link.lines import VERSION, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
"""Only while somebody listens: without screens nothing wakes the phone."""
MOST_SCREENS = 8
ALIVE = encode({"event": "alive"})
LINGER_S = 0.5
"""How long the last answers may take when the link closes."""


class Request:
    """What somebody asked; one of `answer` and `refuse` is called once, from any thread."""

    def __init__(self, do: str, fields: dict[str, Any], reply: Callable[[dict[str, Any]], None]) -> None:
        """`fields`: as they came in; nothing of them is checked."""
        self.do = do
        self.fields = fields
        self._reply = reply

    def answer(self, **fields: Any) -> None:
        """It is done; values that JSON has."""
        self._reply({"ok": True, **fields})

    def refuse(self, why: str) -> None:
        """It is not done: what is wrong, and what to do."""
        self._reply({"error": why})


class LinkServer:
    """A thread of its own between `start` and `close`. `ask` is called on it: let it only queue the request."""

    def __init__(
        self,
        path: Path,
        ask: Callable[[Request], None],
        *,
        on_screens: Callable[[int], None] = lambda _screens: None,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        """`on_screens` hears, on that thread, how many are connected whenever one comes or goes."""
        self._path = path
        self._ask = ask
        self._on_screens = on_screens
        self._heartbeat_s = heartbeat_s
        self._outbox: deque[tuple[Channel | None, bytes]] = deque()
        self._bell: Bell  # both from `start` on
        self._selector: selectors.BaseSelector
        self._channels: set[Channel] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="circadia-link", daemon=True)
        self._listener: socket.socket | None = None

    @property
    def screens(self) -> int:
        """How many are connected."""
        return len(self._channels)

    def start(self) -> None:
        """Listen, in the place of a socket that a killed service left. `PlatformUnavailable` where that cannot be done."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            with address_of(self._path) as address:
                listener.bind(address)
            self._path.chmod(0o600)
            listener.listen(MOST_SCREENS)
        except OSError as error:
            listener.close()
            raise PlatformUnavailable(f"{self._path}: no socket can be made there: {error}") from error
        listener.setblocking(False)
        self._listener = listener
        self._bell, self._selector = Bell(), selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, None)
        self._selector.register(self._bell, selectors.EVENT_READ, None)
        self._thread.start()

    def tell(self, event: str, **fields: Any) -> None:
        """All who are connected, if they read. Values that JSON has; from any thread."""
        if self._channels:
            self._post(None, {"event": event, **fields})

    def close(self) -> None:
        """Say what is still to be said, and go; a second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        if self._thread.ident is None:
            return
        self._bell.ring()
        self._thread.join()
        self._selector.close()
        self._bell.close()

    def _post(self, channel: Channel | None, message: dict[str, Any]) -> None:
        self._outbox.append((channel, encode(message)))  # here, where whoever says what JSON has not is told
        self._bell.ring()

    # On the link's thread

    def _run(self) -> None:
        try:
            beat_s = time.monotonic() + self._heartbeat_s
            while not self._closing.is_set():
                self._turn(beat_s - time.monotonic())
                if time.monotonic() >= beat_s:
                    self._say(None, ALIVE)
                    beat_s = time.monotonic() + self._heartbeat_s
            self._linger(time.monotonic() + LINGER_S)
        finally:
            self._hang_up()

    def _turn(self, left_s: float) -> None:
        for key, _ in self._selector.select(max(left_s, 0.0) if self._channels else None):
            if key.fileobj is self._bell:
                self._bell.hush()
            elif key.fileobj is self._listener:
                self._accept()
            elif key.data in self._channels:
                self._exchange(key.data)
        self._flush()

    def _linger(self, until_s: float) -> None:
        self._flush()
        while any(channel.waits for channel in self._channels) and time.monotonic() < until_s:
            self._selector.select(until_s - time.monotonic())
            self._flush()

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        if not _is_ours(sock) or len(self._channels) >= MOST_SCREENS:
            sock.close()
            return
        channel = Channel(sock)
        self._channels.add(channel)
        self._selector.register(sock, selectors.EVENT_READ, channel)
        self._say(channel, encode({"event": "hello", "link": VERSION, "pid": os.getpid()}))
        self._on_screens(self.screens)

    def _exchange(self, channel: Channel) -> None:
        try:
            messages = channel.read()
        except RemoteProtocolError as error:
            self._drop(channel, str(error))
            return
        for message in messages or ():
            self._hear(channel, message)
        if messages is None:
            self._drop(channel, "it has gone")

    def _hear(self, channel: Channel, message: dict[str, Any] | RemoteProtocolError) -> None:
        if isinstance(message, RemoteProtocolError):
            self._say(channel, encode({"id": None, "error": str(message)}))
            return
        number, do = message.pop("id", None), message.pop("do", None)
        if isinstance(number, bool) or not isinstance(number, int) or not isinstance(do, str):
            error = "a request takes an `id`, a whole number, and `do`, a name"
            self._say(channel, encode({"id": None, "error": error}))
            return
        self._ask(Request(do, message, lambda reply: self._post(channel, {"id": number, **reply})))

    def _flush(self) -> None:
        while self._outbox:
            self._say(*self._outbox.popleft())
        for channel in list(self._channels):
            if channel.waits and not channel.write():
                self._drop(channel, "it has gone")
                continue
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if channel.waits else 0)
            if channel in self._channels and self._selector.get_key(channel.sock).events != wanted:
                self._selector.modify(channel.sock, wanted, channel)

    def _say(self, channel: Channel | None, line: bytes) -> None:
        """To one, or all; what is said to all may be left out for who does not read."""
        for one in (
            list(self._channels) if channel is None else [channel] if channel in self._channels else []
        ):
            try:
                one.put(line, spare=channel is None)
            except RemoteProtocolError as error:
                self._drop(one, str(error))

    def _drop(self, channel: Channel, why: str) -> None:
        if channel not in self._channels:
            return
        self._channels.discard(channel)
        self._selector.unregister(channel.sock)
        channel.close()
        log.info("link: screens left: %s; %d events not told", why, channel.dropped)
        self._on_screens(self.screens)

    def _hang_up(self) -> None:
        for channel in list(self._channels):
            self._drop(channel, "the service ends")
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._path.unlink(missing_ok=True)


def _is_ours(sock: socket.socket) -> bool:
    """Whether it is a process of the same user: on a phone every app is a user of its own."""
    _, user, _ = struct.unpack("iii", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return bool(user == os.getuid())
