"""What a federation needs of a broker, asked of each in plain MQTT."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from circadia.errors import PlatformUnavailable
from circadia.federation.transport.broker import MOST_PACKET_BYTES, Broker, find_mosquitto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_MOSQUITTO = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
LIMIT_S = 10.0


@pytest.fixture(params=[pytest.param("mosquitto", marks=NO_MOSQUITTO), "iotcore"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    with Broker(embedded=request.param == "iotcore") as started:
        assert started.name == request.param
        yield started


class Guest:
    """A client that is connected, and what it heard."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard: queue.Queue[MQTTMessage] = queue.Queue()
        self.gone: queue.Queue[object] = queue.Queue()
        self.ready: queue.Queue[bool] = queue.Queue()
        self.subscribed: queue.Queue[int] = queue.Queue()
        client.on_message = lambda _c, _d, message: self.heard.put(message)
        client.on_disconnect = lambda _c, _d, _f, code, _p: self.gone.put(code)
        client.on_connect = lambda _c, _d, flags, _r, _p: self.ready.put(flags.session_present)
        client.on_subscribe = lambda _c, _d, mid, _r, _p: self.subscribed.put(mid)

    def listen(self, pattern: str) -> None:
        self.client.subscribe(pattern, qos=1)
        self.subscribed.get(timeout=LIMIT_S)

    def tell(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(LIMIT_S)

    def next(self) -> MQTTMessage:
        return self.heard.get(timeout=LIMIT_S)


@contextmanager
def guest(broker: Broker, name: str, *, stays: bool = False, will: str = "") -> Iterator[Guest]:
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=name, clean_session=not stays, reconnect_on_failure=False
    )
    if will:
        client.will_set(will, b"gone", qos=1, retain=True)
    one = Guest(client)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    one.present = one.ready.get(timeout=LIMIT_S)  # type: ignore[attr-defined]
    try:
        yield one
    finally:
        client.disconnect()
        client.loop_stop()


def test_what_is_kept_comes_to_who_asks_by_a_pattern_and_what_is_cleared_does_not(broker: Broker) -> None:
    with guest(broker, "speaker") as speaker, guest(broker, "late") as late:
        for name, payload in (("1", b"old"), ("2", b"two"), ("1", b"new"), ("2", b"")):
            speaker.tell(f"home/{name}/x", payload, retain=True)
        late.listen("home/+/x")
        message = late.next()
        assert (message.topic, message.payload, message.retain) == ("home/1/x", b"new", True)
        speaker.tell("home/9/x", b"last")
        assert late.next().payload == b"last"  # nothing of 2 came in between


def test_a_will_is_told_and_kept(broker: Broker) -> None:
    with guest(broker, "ear") as ear:
        ear.listen("home/status")
        with guest(broker, "dying", will="home/status") as dying:
            sock = dying.client.socket()
            assert isinstance(sock, socket.socket)
            sock.shutdown(socket.SHUT_RDWR)
            assert ear.next().payload == b"gone"
        with guest(broker, "later") as later:
            later.listen("home/status")
            assert later.next().payload == b"gone"


def test_who_sleeps_gets_every_large_message_afterwards(broker: Broker) -> None:
    with guest(broker, "sleeper", stays=True) as sleeper:
        sleeper.listen("home/updates")
    with guest(broker, "speaker") as speaker:
        for number in range(60):
            speaker.tell("home/updates", bytes([number]) * 60_000)
    with guest(broker, "sleeper", stays=True) as awake:
        assert awake.present  # type: ignore[attr-defined]
        assert [awake.next().payload[0] for _ in range(60)] == list(range(60))


def test_the_largest_packet_passes_and_a_larger_one_ends_its_connection_only(broker: Broker) -> None:
    with guest(broker, "ear") as ear, guest(broker, "speaker") as speaker:
        ear.listen("big")
        speaker.tell("big", bytes(MOST_PACKET_BYTES - 100))
        assert len(ear.next().payload) == MOST_PACKET_BYTES - 100
        speaker.client.publish("big", bytes(MOST_PACKET_BYTES + 1), qos=1)
        speaker.gone.get(timeout=LIMIT_S)
        with guest(broker, "other") as other:
            other.tell("big", b"small")
        assert ear.next().payload == b"small"


def test_the_second_of_one_name_takes_the_place_of_the_first(broker: Broker) -> None:
    with guest(broker, "same") as first, guest(broker, "same") as second:
        first.gone.get(timeout=LIMIT_S)
        second.listen("t")
        second.tell("t", b"here")
        assert second.next().payload == b"here"


def test_it_may_be_killed_and_started_again_on_its_port(broker: Broker) -> None:
    port = broker.port
    broker.kill()
    assert not broker.running
    broker.start()
    assert (broker.port, broker.running) == (port, True)
    with guest(broker, "anybody"):
        pass


OWNER = """
import sys, time
from circadia.federation.transport.broker import Broker
broker = Broker(embedded=True)
broker.start()
print(broker.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_iotcore_does_not_outlive_a_killed_owner() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert alive(pid)
        owner.send_signal(signal.SIGKILL)
    end_s = time.monotonic() + LIMIT_S
    while alive(pid):
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_without_mosquitto_it_is_iotcore_that_runs_and_no_library_says_a_word(tmp_path: Path) -> None:
    """With a client that comes and goes rudely, and Ctrl-C."""
    command = [sys.executable, "-c", BROKER_WITHOUT_MOSQUITTO]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PATH": str(tmp_path)}
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        port = int(said.partition("127.0.0.1:")[2].partition(";")[0])
        for junk in (b"\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00", b"GET / HTTP/1.0\r\n\r\n", b"\xff" * 100):
            with socket.create_connection(("127.0.0.1", port)) as rude:
                rude.sendall(junk)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert said.startswith("iotcore listens on")
    assert (out, err) == ("iotcore: stopped\n", "")


BROKER_WITHOUT_MOSQUITTO = """
import sys
from circadia import cli
from circadia.federation.transport import broker
broker._PLACES = ()  # where Debian puts it, beside PATH
sys.exit(cli.main(["broker", "--port", "0"]))
"""


@pytest.mark.parametrize("port", [-1, 65536, 99999, 10**20])
def test_what_is_no_port_is_one_clear_line(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    from circadia.cli import main

    assert main(["broker", f"--port={port}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(port) in line
    assert "--port" in line


def test_a_host_that_is_no_address_is_named() -> None:
    with pytest.raises(PlatformUnavailable, match=r"no\.such\.host\.invalid"):
        Broker(host="no.such.host.invalid", embedded=True).start()
