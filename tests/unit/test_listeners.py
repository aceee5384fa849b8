from __future__ import annotations

import asyncio
import gc
import logging
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from circadia.errors import CircadiaError, ConfigError
from circadia.events import Installed, Rejected
from circadia.listeners import STRIKES, Listeners

if TYPE_CHECKING:
    from circadia.events import Event


def installed(version: int) -> Installed:
    return Installed(version=version, published_s=0.0)


REJECTED = Rejected(update_id="u", reason="norm: too large")


def test_a_callback_hears_its_kind_until_it_is_ended() -> None:
    listeners, heard = Listeners(), []  # type: ignore[var-annotated]
    end = listeners.on(Installed, heard.append)
    listeners.tell(installed(1))
    listeners.tell(REJECTED)
    end()
    end()
    listeners.tell(installed(2))
    assert heard == [installed(1)]


def test_a_callback_that_raises_is_logged_counted_and_dropped(caplog: pytest.LogCaptureFixture) -> None:
    listeners, heard = Listeners(), []  # type: ignore[var-annotated]

    def stumbles(_event: Event) -> None:
        raise RuntimeError("the screen is gone")

    listeners.on(Installed, stumbles)
    listeners.on(Installed, heard.append)
    for version in range(STRIKES + 2):
        listeners.tell(installed(version))
    assert listeners.errors == STRIKES
    assert len(heard) == STRIKES + 2
    assert len(caplog.records) == STRIKES
    assert "dropped" in caplog.text


def test_a_callback_that_recovers_is_kept() -> None:
    listeners, calls = Listeners(), 0

    def stumbles_twice_in_three(_event: Event) -> None:
        nonlocal calls
        calls += 1
        if calls % 3:
            raise RuntimeError("busy")

    listeners.on(Installed, stumbles_twice_in_three)
    for version in range(9):
        listeners.tell(installed(version))
    assert calls == 9


def test_a_callback_may_listen_on_and_end_itself() -> None:
    listeners = Listeners()
    heard: list[int] = []
    ends: list[Any] = []

    def once(event: Installed) -> None:
        heard.append(event.version)
        ends[0]()
        listeners.on(Installed, lambda event: heard.append(-event.version))

    ends.append(listeners.on(Installed, once))
    for version in (1, 2):
        listeners.tell(installed(version))
    assert heard == [1, -2]


@pytest.mark.parametrize(
    ("kind", "call", "named"),
    [(int, print, "int"), ("answer", print, "Answered"), (Installed, 7, "function")],
)
def test_what_is_no_kind_and_no_function_is_refused(kind: Any, call: Any, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Listeners().on(kind, call)


@pytest.mark.parametrize("most", [0, -1, True, 2.5])
def test_a_stream_needs_room(most: Any) -> None:
    with pytest.raises(ConfigError, match="room"):
        Listeners().stream((Installed,), most)


def test_a_stream_hears_from_another_thread_in_any_loop() -> None:
    """The same stream in two loops after one another, as `asyncio.run` makes a new one each time."""
    listeners = Listeners()
    stream = listeners.stream((Installed,))

    async def read(count: int, start: int) -> list[int]:
        def tell() -> None:
            for i in range(count):
                listeners.tell(installed(start + i))

        teller = threading.Thread(target=tell)
        teller.start()
        found = [(await anext(stream)).version for _ in range(count)]
        teller.join()
        return found

    assert asyncio.run(read(50, 0)) == list(range(50))
    assert asyncio.run(read(50, 50)) == list(range(50, 100))
    assert stream.dropped == 0


def test_a_reader_that_was_cancelled_leaves_the_stream_to_the_next() -> None:
    listeners = Listeners()
    stream = listeners.stream((Installed,))

    async def gives_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.01)
        listeners.tell(installed(1))
        assert (await anext(stream)).version == 1

    asyncio.run(gives_up())


def test_two_tasks_cannot_share_a_stream() -> None:
    stream = Listeners().stream((Installed,))

    async def both() -> None:
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        with pytest.raises(CircadiaError, match="two tasks"):
            await anext(stream)
        waiting.cancel()

    asyncio.run(both())


def test_the_oldest_events_go_when_nobody_reads_and_are_counted() -> None:
    listeners = Listeners()
    stream = listeners.stream((), most=3)
    for version in range(10):
        listeners.tell(installed(version))
    listeners.close()

    async def rest() -> list[Any]:
        return [event async for event in stream]

    assert asyncio.run(rest()) == [installed(7), installed(8), installed(9)]
    assert stream.dropped == 7


def test_a_stream_ends_with_the_agent_for_whoever_waits() -> None:
    listeners = Listeners()

    async def wait() -> list[Any]:
        async with listeners.stream(()) as stream:
            threading.Timer(0.05, listeners.close).start()
            return [event async for event in stream]

    assert asyncio.run(wait()) == []
    assert asyncio.run(_all(listeners)) == []  # and one that comes too late


async def _all(listeners: Listeners) -> list[Any]:
    return [event async for event in listeners.stream(())]


def test_a_stream_that_nobody_holds_is_forgotten() -> None:
    listeners = Listeners()
    for _ in range(100):
        listeners.stream((Installed,))
    gc.collect()
    listeners.stream((Installed,))
    assert len(listeners._streams) <= 2
    listeners.tell(installed(1))


def test_a_loop_that_is_gone_does_not_disturb_the_agent(caplog: pytest.LogCaptureFixture) -> None:
    listeners = Listeners()
    stream = listeners.stream((Installed,))
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(anext(stream))
    loop.run_until_complete(asyncio.sleep(0))
    waiting.cancel()
    loop.run_until_complete(asyncio.gather(waiting, return_exceptions=True))
    loop.close()
    with caplog.at_level(logging.WARNING):
        listeners.tell(installed(1))
    assert not caplog.text
    assert asyncio.run(_next(stream)) == installed(1)


async def _next(stream: Any) -> Any:
    return await anext(stream)


class ClosesJustThen(asyncio.SelectorEventLoop):
    """A loop whose own thread closes it after another one has seen it open."""

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        self.close()
        return super().call_soon_threadsafe(callback, *args, context=context)


def test_a_loop_that_goes_just_then_does_not_disturb_the_agent() -> None:
    listeners = Listeners()
    stream = listeners.stream()
    loop = ClosesJustThen()
    waiting = loop.create_task(anext(stream))
    loop.run_until_complete(asyncio.sleep(0))
    reader = stream._reader
    waiting.cancel()
    loop.run_until_complete(asyncio.gather(waiting, return_exceptions=True))
    stream._reader = reader  # the cancel had not come yet
    listeners.tell(installed(1))
    assert asyncio.run(_next(stream)) == installed(1)


def test_many_threads_may_come_and_go() -> None:
    listeners, heard = Listeners(), []  # type: ignore[var-annotated]
    stop = threading.Event()

    def comes_and_goes() -> None:
        while not stop.is_set():
            listeners.on(Installed, lambda _event: None)()
            listeners.stream((Installed,)).close()

    threads = [threading.Thread(target=comes_and_goes) for _ in range(3)]
    listeners.on(Installed, heard.append)
    for thread in threads:
        thread.start()
    for version in range(300):
        listeners.tell(installed(version))
    stop.set()
    for thread in threads:
        thread.join()
    assert len(heard) == 300
    assert all(after.version == before.version + 1 for before, after in pairwise(heard))
