"""The screens' end: asks, hears what happens, and sees when the agent is not there."""

from __future__ import annotations

import logging
import math
import os
import select
import socket
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from circadia.errors import CircadiaError, ConnectionLost, LocalProtocolError, RemoteProtocolError
from circadia_app.link.bell import Bell
from circadia_app.link.channel import Channel, address_of
from circadia_app.link.lines import VERSION, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

SILENCE_S = 5.0
"""Without a word from the agent it counts as gone."""
RETRY_S = (0.1, 5.0)
"""First and longest pause between two tries to connect; it doubles in between."""


class Refused(CircadiaError):
    """The agent did not do what was asked; the message says why, and what to do."""


class LinkClient:
    """A thread of its own between `start` and `close`, on which `on_event` and `on_change` are called."""

    def __init__(
        self,
        path: Path,
        *,
        on_event: Callable[[dict[str, Any]], None] = lambda _event: None,
        on_change: Callable[[bool], None] = lambda _connected: None,
        silence_s: float = SILENCE_S,
        retry_s: tuple[float, float] = RETRY_S,
        hold_s: float = 0.0,
    ) -> None:
        """`on_event` hears each event but heartbeats; `on_change` whether the agent is there, when that changes.

        `hold_s`: what is asked while the agent is not there waits at least so long for it, for an agent that is just starting.
        """
        self.pid: int | None = None
        """The agent's process, while it is there."""
        self.trouble = "not asked yet"
        """Why the agent is not there; empty: it is."""
        self._path = path
        self._on_event = on_event
        self._on_change = on_change
        self._silence_s = silence_s
        self._retry_s = retry_s
        self._hold_s = hold_s
        self._held: list[tuple[float, int, bytes]] = []
        """(until when, its number, its line) of what was asked while the agent was not there."""
        self._gate = threading.Lock()
        self._asked: dict[int, Future[dict[str, Any]]] = {}
        self._next = 1
        self._outbox: deque[bytes] = deque()
        self._connected = False
        self._closing = threading.Event()
        self.resting = False
        """Between `rest` and `go_on`."""
        self._bell: Bell  # from `start` on
        self._thread = threading.Thread(target=self._run, name="circadia-screens-link", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the agent is there."""
        return self._connected

    def start(self) -> None:
        """Connect, and again whenever the connection is lost, after growing pauses."""
        self._bell = Bell()
        self._thread.start()

    def ask(self, do: str, **fields: Any) -> Future[dict[str, Any]]:
        """→ a Future of the answer. It raises `Refused`, or `ConnectionLost` where the agent is not there or goes.

        Nothing is asked twice: after `ConnectionLost` it may have been done or not. `LocalProtocolError` for what JSON has
        not.
        """
        answer: Future[dict[str, Any]] = Future()
        answer.set_running_or_notify_cancel()  # what is asked is asked
        with self._gate:
            number, self._next = self._next, self._next + 1
            message = {"id": number, "do": do, **fields}
            try:
                line = encode(message)
            except (TypeError, ValueError) as error:
                raise LocalProtocolError(f"{do}: {error}; ask with numbers, texts, lists and null") from error
            if not self._connected and (self._hold_s <= 0 or self._closing.is_set()):
                answer.set_exception(ConnectionLost(f"the agent is not there: {self.trouble}"))
                return answer
            self._asked[number] = answer
            if self._connected:
                self._outbox.append(line)
            else:
                self._held.append((time.monotonic() + self._hold_s, number, line))
        self._bell.ring()
        return answer

    def rest(self) -> None:
        """Leave until `go_on`: who is not looking hears nothing."""
        self.resting = True
        self._bell.ring()

    def go_on(self) -> None:
        """Connect again."""
        self.resting = False
        self._bell.ring()

    def close(self) -> None:
        """Leave; who waits for an answer hears `ConnectionLost`. A second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        if self._thread.ident is None:
            return
        self._bell.ring()
        self._thread.join()
        self._bell.close()

    # On the link's thread

    def _run(self) -> None:
        pause_s = self._retry_s[0]
        while not self._closing.is_set():
            channel = None if self.resting else self._dial()
            if channel is not None:
                why = self._serve(channel)
                pause_s = self._retry_s[0] if self._connected else pause_s
                self._lost(why)
                channel.close()
            self._tire()
            if not self._closing.is_set():
                rested = self.resting
                self._sleep(math.inf if rested else pause_s)
                pause_s = self._retry_s[0] if rested else min(2 * pause_s, self._retry_s[1])
        self._tire()

    def _tire(self) -> None:
        """Of holding what was asked long enough ago, and in the end of all."""
        with self._gate:
            now_s = math.inf if self._closing.is_set() else time.monotonic()
            tired = [number for until_s, number, _ in self._held if until_s <= now_s]
            self._held = [one for one in self._held if one[0] > now_s]
            answers = [self._asked.pop(number) for number in tired]
        for answer in answers:
            answer.set_exception(ConnectionLost(f"the agent is not there: {self.trouble}"))

    def _sleep(self, pause_s: float) -> None:
        """So long, or until `rest` or `go_on` changes what is to be done."""
        until_s, resting = time.monotonic() + pause_s, self.resting
        while not self._closing.is_set() and (left_s := until_s - time.monotonic()) > 0:
            select.select([self._bell], [], [], None if math.isinf(left_s) else left_s)
            self._bell.hush()
            if self.resting is not resting:
                return

    def _dial(self) -> Channel | None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self._silence_s)
        try:
            with address_of(self._path) as address:
                sock.connect(address)
        except OSError as error:
            sock.close()
            self.trouble = f"{self._path}: {os.strerror(error.errno) if error.errno else error}"
            return None
        return Channel(sock)

    def _serve(self, channel: Channel) -> str:
        """Until the connection ends → why."""
        heard_s = time.monotonic()
        while not (self._closing.is_set() or self.resting):
            left_s = heard_s + self._silence_s - time.monotonic()
            if left_s <= 0:
                return f"it has said nothing for {self._silence_s:g} s"
            sock = channel.sock.fileno()
            writes = [sock] if channel.waits else []
            readable, _, _ = select.select([sock, self._bell.fileno()], writes, [], left_s)
            self._bell.hush()
            try:
                messages = channel.read() if sock in readable else []
                while self._outbox:
                    channel.put(self._outbox.popleft())
                if messages is None or (channel.waits and not channel.write()):
                    return "it has ended"
                for message in messages:
                    heard_s = time.monotonic()
                    self._hear(message)
            except RemoteProtocolError as error:
                return str(error)
        return "the screens are not looking"

    def _hear(self, message: dict[str, Any] | RemoteProtocolError) -> None:
        if isinstance(message, RemoteProtocolError):
            raise message
        event = message.get("event")
        if event == "hello":
            self._meet(message)
        elif event is None:
            self._answered(message)
        elif event != "alive" and self._connected:
            self._call(self._on_event, message)

    def _meet(self, hello: dict[str, Any]) -> None:
        if hello.get("link") != VERSION:
            raise RemoteProtocolError(
                f"it speaks version {hello.get('link')!r} of the link, these screens {VERSION}: end the app and open it again"
            )
        with self._gate:
            self.pid, self.trouble, self._connected = hello.get("pid"), "", True
            self._outbox.extend(line for _, _, line in self._held)
            self._held.clear()
        self._call(self._on_change, True)

    def _answered(self, message: dict[str, Any]) -> None:
        with self._gate:
            answer = self._asked.pop(message.get("id") or 0, None)
        if answer is None:
            return
        if message.get("ok") is True:
            answer.set_result(message)
        else:
            answer.set_exception(Refused(str(message.get("error", "it was refused without a reason"))))

    def _lost(self, why: str) -> None:
        with self._gate:
            was, self._connected = self._connected, False
            self.pid, self.trouble = None, why
            held = {number for _, number, _ in self._held}
            asked = {number: answer for number, answer in self._asked.items() if number not in held}
            self._asked = {number: answer for number, answer in self._asked.items() if number in held}
            self._outbox.clear()
        for answer in asked.values():
            answer.set_exception(ConnectionLost(f"the agent has not answered: {why}"))
        if was:
            self._call(self._on_change, False)

    def _call(self, listener: Callable[[Any], None], what: Any) -> None:
        try:
            listener(what)
        except Exception:
            log.exception("a listener of the link failed")
