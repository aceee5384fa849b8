"""Who hears of a device's events: callbacks on the agent's thread, and streams for any loop of asyncio."""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from circadia.errors import CircadiaError, ConfigError
from circadia.events import KINDS, Event
from circadia.ranges import is_whole

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

log = logging.getLogger(__name__)

STRIKES = 3
"""Failures in a row after which a callback is dropped."""
MOST_EVENTS = 256
"""That wait in a stream for whoever reads it."""

E = TypeVar("E", bound=Event)


class _Callback:
    """Who hears of a kind of event, and how often in a row that failed."""

    def __init__(self, kind: type[Any], call: Callable[[Any], object]) -> None:
        self.kind = kind
        self.call = call
        self.strikes = 0


class EventStream(Generic[E]):
    """Events for one task at a time, in whichever loop that runs: `async for event in stream`.

    At most `most` wait; of more the oldest go, counted. It ends with the agent, after what still waited, or by `close`.
    """

    def __init__(self, kinds: tuple[type[Event], ...], most: int) -> None:
        self.dropped = 0
        """Events that nobody read in time."""
        self._kinds: tuple[type[Any], ...] = kinds
        self._most = most
        self._lock = threading.Lock()
        self._events: deque[E] = deque()
        self._reader: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None
        self._closed = False

    def put(self, event: Any) -> None:
        """Let it wait, if it is of a kind that is listened to; from any thread."""
        if not isinstance(event, self._kinds):
            return
        with self._lock:
            if self._closed:
                return
            if len(self._events) >= self._most:
                self._events.popleft()
                self.dropped += 1
            self._events.append(event)
            self._ring()

    def close(self) -> None:
        """Take nothing more; who reads gets what waits, and then the end. From any thread."""
        with self._lock:
            self._closed = True
            self._ring()

    def _ring(self) -> None:
        reader, self._reader = self._reader, None
        if reader is None or reader[0].is_closed():
            return
        loop, waiter = reader
        with suppress(RuntimeError):  # it was closed this moment
            loop.call_soon_threadsafe(_wake, waiter)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        while True:
            with self._lock:
                if self._events:
                    return self._events.popleft()
                if self._closed:
                    raise StopAsyncIteration
                waiter = self._wait()
            await waiter

    def _wait(self) -> asyncio.Future[None]:
        from asyncio import get_running_loop  # a device without readers need not load it

        if self._reader is not None and not (self._reader[0].is_closed() or self._reader[1].done()):
            raise CircadiaError("two tasks read one stream of events; give each its own by `agent.events()`")
        loop = get_running_loop()
        waiter = loop.create_future()
        self._reader = (loop, waiter)
        return waiter

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Listeners:
    """All who listen to one agent. `tell` belongs to the agent's thread, all else to any."""

    def __init__(self) -> None:
        self.errors = 0
        """How often a callback raised."""
        self._lock = threading.Lock()
        self._callbacks: tuple[_Callback, ...] = ()
        self._streams: tuple[weakref.ref[EventStream[Any]], ...] = ()
        self._closed = False

    def on(self, kind: type[E], call: Callable[[E], object]) -> Callable[[], None]:
        """Call it with each event of that kind, on the agent's thread, which waits for it → a function that ends this.

        One that raises is logged and counted, and disturbs neither the agent nor the others; after `STRIKES` failures
        in a row it is called no more.
        """
        _check(kind)
        if not callable(call):
            raise ConfigError(f"listener {call!r}: must be a function of one event")
        callback = _Callback(kind, call)
        with self._lock:
            self._callbacks += (callback,)
        return lambda: self._forget(callback)

    def stream(self, kinds: tuple[type[Event], ...] = (), most: int = MOST_EVENTS) -> EventStream[Any]:
        """Events of these kinds, of all without one, from now on; `most` may wait. Whoever lets go of it ends it."""
        for kind in kinds:
            _check(kind)
        if not is_whole(most) or most < 1:
            raise ConfigError(f"a stream of events with room for {most!r}: at least one event must fit")
        stream: EventStream[Any] = EventStream(kinds or KINDS, most)
        with self._lock:
            alive = tuple(ref for ref in self._streams if ref() is not None)
            self._streams = (*alive, weakref.ref(stream))
            if self._closed:
                stream.close()
        return stream

    def tell(self, event: Event) -> None:
        """Everybody who listens to its kind hears of it."""
        for callback in self._callbacks:
            if isinstance(event, callback.kind):
                self._call(callback, event)
        for ref in self._streams:
            if (stream := ref()) is not None:
                stream.put(event)

    def _call(self, callback: _Callback, event: Event) -> None:
        try:
            callback.call(event)
        except Exception:
            self.errors += 1
            callback.strikes += 1
            left = STRIKES - callback.strikes
            log.exception(
                "listener %r failed; %s", callback.call, f"{left} more tries" if left else "dropped"
            )
            if not left:
                self._forget(callback)
        else:
            callback.strikes = 0

    def _forget(self, callback: _Callback) -> None:
        with self._lock:
            self._callbacks = tuple(other for other in self._callbacks if other is not callback)

    def close(self) -> None:
        """Nothing more is told: streams end."""
        with self._lock:
            self._closed = True
            streams = self._streams
        for ref in streams:
            if (stream := ref()) is not None:
                stream.close()


def _check(kind: object) -> None:
    if kind not in KINDS:
        raise ConfigError(
            f"{kind!r} is no kind of event; circadia.events has {', '.join(known.__name__ for known in KINDS)}"
        )
