"""`circadia broker` and `circadia aggregate` as processes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError, PlatformUnavailable
from circadia.federation.aggregate.ledger import Ledger
from circadia.federation.codecs import encode as pack
from circadia.federation.device.endpoint import DeviceEndpoint
from circadia.federation.device.events import ModelArrived, UpdateAcknowledged, UpdatePutOff
from circadia.federation.transport.address import BrokerAddress
from circadia.federation.transport.broker import Broker, find_mosquitto
from circadia.federation.transport.device_link import DeviceLink
from circadia.federation.transport.link import LinkSettings
from circadia.federation.wire.effects import Publish
from circadia.learning.task_file import load_task
from circadia.types import ModelUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from circadia.learning.task import Task

COMMAND = """
import argparse, sys
from circadia.commands import aggregate, broker
parser = argparse.ArgumentParser()
subparsers = parser.add_subparsers()
for command in (aggregate, broker):
    command.register(subparsers)
args = parser.parse_args()
sys.exit(args.run(args))
"""
needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", COMMAND, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert process.stderr is not None
    assert line, process.stderr.read()
    return line


def port_in(line: str) -> int:
    return int(line.split(";", maxsplit=1)[0].rpartition(":")[2])


def federate(port: int, task: Task) -> list[Any]:
    """One device pushes one update and pulls until it has version 2; everything that it heard."""
    endpoint = DeviceEndpoint(
        device_id="phone", federation="home", task_digest=task.digest, parameters=task.parameters
    )
    link = DeviceLink(
        address=BrokerAddress(host="127.0.0.1", port=port),
        endpoint=endpoint,
        random=Random(0),
        settings=LinkSettings(first_retry_s=0.05),
    )
    change = np.full(task.parameters, 0.01, np.float32)
    link.request([ModelUpdate(
        update_id="u1", task=task.digest, base_version=0, examples=7, codec="int8", payload=pack(change), created_s=0.0
    )], pull=False)  # fmt: skip
    heard: list[Any] = []
    end_s = time.monotonic() + 60
    while not any(isinstance(event, ModelArrived) and event.version == 2 for event in heard):
        assert time.monotonic() < end_s, heard
        if any(isinstance(event, UpdateAcknowledged) for event in heard):
            link.request((), pull=True)
        time.sleep(0.05)
        heard += link.poll()
    link.close()
    return heard


@pytest.mark.parametrize(
    "choice",
    [pytest.param((), marks=needs_mosquitto, id="mosquitto"), pytest.param(("--embedded",), id="iotcore")],
)
def test_a_broker_and_an_aggregator_serve_a_device_and_end_in_order(
    tmp_path: Path, choice: tuple[str, ...]
) -> None:
    task = load_task("digits")
    ledger_path = tmp_path / "ledger.db"
    with running("broker", "--port", "0", *choice) as broker:
        said = first_line(broker)
        assert said.startswith("iotcore" if choice else "mosquitto")
        assert "it cannot" in said
        where = f"127.0.0.1:{port_in(said)}"
        arguments = [
            "--broker",
            where,
            "--federation",
            "home",
            "--task",
            "digits",
            "--ledger",
            str(ledger_path),
        ]
        with running("aggregate", *arguments, "--buffer", "1", "--json") as aggregator:
            ready = json.loads(first_line(aggregator))
            assert (ready["event"], ready["version"]) == ("ready", 1)
            heard = federate(port_in(said), task)
            aggregator.send_signal(signal.SIGTERM)
            out, err = aggregator.communicate(timeout=20)
            assert aggregator.returncode == 0, err
        broker.send_signal(signal.SIGINT)
        _, err = broker.communicate(timeout=20)
        assert broker.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == ["update", "version", "stopped"]
    assert (events[0]["device"], events[0]["accepted"], events[0]["examples"]) == ("phone", True, 7)
    ledger = Ledger(ledger_path, task=task.digest, parameters=task.parameters, read_only=True)
    (weights,) = (event.weights for event in heard if isinstance(event, ModelArrived) and event.version == 2)
    assert weights.tobytes() == ledger.version(2).weights.tobytes()
    ledger.close()


def tuple_of(step: Publish, _now_s: float) -> tuple[Publish]:
    return (step,)


def early(update_id: str, task: Task) -> ModelUpdate:
    payload = pack(np.full(task.parameters, 0.01, np.float32))
    return ModelUpdate(
        update_id=update_id, task=task.digest, base_version=99, examples=7, codec="int8", payload=payload, created_s=0.0
    )  # fmt: skip


def put_off(link: DeviceLink, update: ModelUpdate) -> None:
    """Push it and wait until the aggregator has said *not now*."""
    link.request([update], pull=False)
    end_s = time.monotonic() + 30
    while not any(isinstance(e, UpdatePutOff) and e.update_id == update.update_id for e in link.poll()):
        assert time.monotonic() < end_s
        time.sleep(0.01)


@needs_mosquitto
def test_what_an_aggregator_cannot_use_yet_is_shown_and_what_a_flood_of_it_says_is_counted(
    tmp_path: Path,
) -> None:
    task = load_task("digits")
    with Broker() as broker:
        arguments = ["--broker", f"127.0.0.1:{broker.port}", "--federation", "home", "--task", "digits"]
        ledger = str(tmp_path / "ledger.db")
        with running("aggregate", *arguments, "--ledger", ledger, "--json") as aggregator:
            first_line(aggregator)
            endpoint = DeviceEndpoint(
                device_id="phone", federation="home", task_digest=task.digest, parameters=task.parameters
            )
            address = BrokerAddress(host="127.0.0.1", port=broker.port)
            link = DeviceLink(address=address, endpoint=endpoint, random=Random(0))
            put_off(link, early("u1", task))  # so the aggregator is there
            for i in range(50):
                junk = Publish(topic=f"circadia/1/home/model/want/d{i}", payload=b"junk")
                link.link.post(partial(tuple_of, junk))
            put_off(link, early("u2", task))
            link.close()
            aggregator.send_signal(signal.SIGTERM)
            out, err = aggregator.communicate(timeout=20)
            assert aggregator.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    waiting = next(event for event in events if event["event"] == "not-now")
    assert (waiting["device"], waiting["update_id"]) == ("phone", "u1")
    assert "99 is in the future" in waiting["reason"]
    complaints = [event for event in events if event["event"] == "corruption"]
    assert 1 <= len(complaints) < 10
    assert (events[-1]["corruption"], events[-1]["not-now"]) == (50, 2)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PlatformUnavailable, match=f"port {port} of 127.0.0.1"):
            Broker(port=port).start()


def test_the_embedded_broker_says_that_it_keeps_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="iotcore keeps nothing"):
        Broker(embedded=True, persist=tmp_path)


@needs_mosquitto
def test_a_broker_may_be_started_again_on_its_port(tmp_path: Path) -> None:
    broker = Broker(folder=tmp_path / "logs", persist=tmp_path / "kept")
    with broker:
        port = broker.port
        broker.kill()
        broker.start()
        assert broker.port == port
        assert broker.running
    assert (tmp_path / "logs" / "mosquitto.log").exists()
    assert (tmp_path / "kept" / "mosquitto.db").exists()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (("--task", "nosuch"), "nosuch"),
        (("--broker", "x:y"), "x:y"),
        (("--federation", "a/b"), "a/b"),
        (("--buffer", "0"), "buffer"),
        (("--scale", "0", "--epoch-s", "1"), "scale"),
        (("--keep-versions", "-1"), "--keep-versions -1"),
        (("--keep-mb", "nan"), "--keep-mb nan"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, changes: tuple[str, ...], complaint: str) -> None:
    good = [
        "--broker",
        "127.0.0.1:1",
        "--federation",
        "home",
        "--task",
        "digits",
        "--ledger",
        str(tmp_path / "l.db"),
    ]
    with running("aggregate", *good, *changes) as process:
        _, err = process.communicate(timeout=30)
        assert process.returncode != 0
        assert complaint in err


def test_a_ledger_of_another_federation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    task = load_task("digits")
    ledger = Ledger(path, task=task.digest, parameters=task.parameters)
    ledger.claim("home")
    ledger.close()
    arguments = ["--broker", "127.0.0.1:1", "--task", "digits", "--ledger", str(path), "--federation", "work"]
    with running("aggregate", *arguments) as process:
        _, err = process.communicate(timeout=30)
        assert process.returncode != 0
        assert "belongs to the federation 'home', not 'work'" in err
