"""The link: its codec, and both ends over a real socket."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError
from circadia_app.link.client import LinkClient, Refused
from circadia_app.link.lines import MOST_BYTES, Lines, encode
from circadia_app.link.server import LinkServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from circadia_app.link.server import Request

WAIT_S = 10.0
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)


@given(st.lists(OBJECTS, max_size=5), st.lists(st.integers(1, 50), min_size=1))
def test_what_is_said_is_heard_however_it_is_cut(messages: list[dict[str, Any]], pieces: list[int]) -> None:
    data, heard, lines, turn = b"".join(map(encode, messages)), [], Lines(), 0
    while data:
        size = pieces[turn % len(pieces)]
        heard += lines.feed(data[:size])
        data, turn = data[size:], turn + 1
    assert heard == messages


@given(st.binary(max_size=200), OBJECTS)
def test_noise_is_an_error_of_its_own_line(noise: bytes, message: dict[str, Any]) -> None:
    *before, last = Lines().feed(noise + b"\n" + encode(message))
    assert last == message
    assert all(isinstance(one, dict | RemoteProtocolError) for one in before)


@pytest.mark.parametrize("line", [b"[1]", b'"x"', b"NaN", b'{"a": NaN}', b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_line_that_is_no_object_is_told(line: bytes) -> None:
    (error,) = Lines().feed(line + b"\n")
    assert isinstance(error, RemoteProtocolError)


def test_a_line_without_an_end_is_given_up() -> None:
    lines = Lines()
    for _ in range(MOST_BYTES // 1000):
        assert lines.feed(b"x" * 1000) == []
    with pytest.raises(RemoteProtocolError, match="more than"):
        lines.feed(b"x" * 1000)


def until(condition: Callable[[], Any], what: str, limit_s: float = WAIT_S) -> Any:
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if found := condition():
            return found
        time.sleep(0.002)
    pytest.fail(f"waited {limit_s:g} s in vain for {what}")


def answer(request: Request) -> None:
    """Echoes what it is asked, but for what it refuses or leaves open."""
    match request.do:
        case "echo":
            request.answer(**request.fields)
        case "refuse":
            request.refuse("it is not done; ask another")


@contextmanager
def serving(path: Path, **options: Any) -> Iterator[LinkServer]:
    server = LinkServer(path, answer, **options)
    server.start()
    yield server
    server.close()


@contextmanager
def asking(path: Path, **options: Any) -> Iterator[LinkClient]:
    client = LinkClient(path, **{"retry_s": (0.01, 0.05), **options})
    client.start()
    yield client
    client.close()


def test_answers_and_refusals_and_events_arrive(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    with serving(tmp_path / "link") as server, asking(tmp_path / "link", on_event=events.append) as client:
        until(lambda: client.connected, "the agent")
        answers = [client.ask("echo", n=n) for n in range(100)]
        assert [one.result(WAIT_S)["n"] for one in answers] == list(range(100))
        with pytest.raises(Refused, match="not done; ask another"):
            client.ask("refuse").result(WAIT_S)
        server.tell("decided", action="sleep")
        assert until(lambda: events, "the event") == [{"event": "decided", "action": "sleep"}]
        with pytest.raises(LocalProtocolError, match="echo"):
            client.ask("echo", x=float("nan"))
        with pytest.raises(ValueError, match="JSON"):
            server.tell("decided", x=float("nan"))


def test_who_waits_when_the_agent_ends_hears_it_at_once(tmp_path: Path) -> None:
    changes: list[bool] = []
    with asking(tmp_path / "link", on_change=changes.append) as client:
        with serving(tmp_path / "link"):
            until(lambda: client.connected, "the agent")
            open_end = client.ask("nothing")
            assert not open_end.cancel()
        began_s = time.monotonic()
        with pytest.raises(ConnectionLost, match="it has ended"):
            open_end.result(WAIT_S)
        assert time.monotonic() - began_s < 1.0
        with pytest.raises(ConnectionLost, match="not there"):
            client.ask("echo").result(0)
        with serving(tmp_path / "link"):
            until(lambda: client.connected, "the agent again")
            assert client.ask("echo", n=1).result(WAIT_S)["n"] == 1
    assert changes == [True, False, True, False]


def test_what_is_asked_of_a_starting_agent_is_held_for_it(tmp_path: Path) -> None:
    with asking(tmp_path / "link", hold_s=WAIT_S) as client:
        early = client.ask("echo", n=4)
        with serving(tmp_path / "link"):
            assert early.result(WAIT_S)["n"] == 4


def test_what_is_held_is_given_back_when_nobody_comes_or_the_screens_leave(tmp_path: Path) -> None:
    with asking(tmp_path / "link", hold_s=0.05) as client, pytest.raises(ConnectionLost, match="not there"):
        client.ask("echo", n=4).result(WAIT_S)
    with asking(tmp_path / "link", hold_s=3600.0) as client:
        held = client.ask("echo", n=4)
    with pytest.raises(ConnectionLost, match="not there"):
        held.result(WAIT_S)
    with pytest.raises(ConnectionLost):
        client.ask("echo", n=4).result(WAIT_S)


def test_who_does_not_look_hears_nothing_until_it_does_again(tmp_path: Path) -> None:
    with serving(tmp_path / "link") as server, asking(tmp_path / "link") as client:
        for _ in range(3):
            until(lambda: client.connected, "the agent")
            assert client.ask("echo", n=1).result(WAIT_S)["n"] == 1
            client.rest()
            until(lambda: server.screens == 0, "the screens to leave")
            time.sleep(0.15)
            assert server.screens == 0
            client.go_on()


def test_an_agent_that_says_nothing_counts_as_gone(tmp_path: Path) -> None:
    with serving(tmp_path / "link", heartbeat_s=60.0), asking(tmp_path / "link", silence_s=0.2) as client:
        until(lambda: client.connected, "the agent")
        until(lambda: "said nothing for 0.2 s" in client.trouble, "the silence to be noticed")


def test_heartbeats_keep_a_connection_without_news(tmp_path: Path) -> None:
    changes: list[bool] = []
    with (
        serving(tmp_path / "link", heartbeat_s=0.05),
        asking(tmp_path / "link", silence_s=0.3, on_change=changes.append) as client,
    ):
        until(lambda: client.connected, "the agent")
        time.sleep(0.8)
        assert changes == [True]


def test_an_agent_of_another_version_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "link"))
        listener.listen()
        with asking(tmp_path / "link") as client:
            sock, _ = listener.accept()
            sock.sendall(encode({"event": "hello", "link": 2, "pid": 1}))
            until(lambda: "version 2 of the link" in client.trouble, "the other version to be told")
            assert not client.connected
            sock.close()


def test_a_socket_that_a_killed_service_left_is_replaced_and_a_long_path_works(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "link"))
    (tmp_path / "link").rename(folder / "link")
    with serving(folder / "link"), asking(folder / "link") as client:
        until(lambda: client.connected, "the agent")
    assert not (folder / "link").exists()


def test_bad_input_is_answered_and_harms_nobody_else(tmp_path: Path) -> None:
    with serving(tmp_path / "link") as server, asking(tmp_path / "link") as client:
        until(lambda: client.connected, "the agent")
        with socket.socket(socket.AF_UNIX) as rude:
            rude.connect(str(tmp_path / "link"))
            rude.settimeout(WAIT_S)
            rude.sendall(b'nonsense\n{"id": true, "do": "echo"}\n{"id": 1, "do": 5}\n')
            heard = b""
            while heard.count(b"error") < 3:
                heard += rude.recv(65_536)
            assert server.screens == 2
            with suppress(BrokenPipeError, ConnectionResetError):  # given up before all of it is there
                rude.sendall(b"x" * (MOST_BYTES + 70_000))
            until(lambda: server.screens == 1, "the flood to be given up")
        assert client.ask("echo", n=1).result(WAIT_S)["n"] == 1


def test_screens_that_do_not_read_hold_nobody_up(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    with (
        serving(tmp_path / "link") as server,
        asking(tmp_path / "link", on_event=events.append) as client,
        socket.socket(socket.AF_UNIX) as deaf,
    ):
        until(lambda: client.connected, "the agent")
        deaf.connect(str(tmp_path / "link"))
        until(lambda: server.screens == 2, "the other screens")
        for number in range(100):
            server.tell("decided", number=number, padding="x" * 10_000)
            until(lambda number=number: len(events) > number, "the event")  # type: ignore[misc]
        assert server.screens == 2
