"""Two clients with one name over real brokers: each throws the other off, says so, and comes back ever later."""

from __future__ import annotations

import logging
import threading
import time
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.federation.aggregate.aggregator import AggregatorSettings
from circadia.federation.aggregate.ledger import Ledger
from circadia.federation.aggregate.service import AggregatorService
from circadia.federation.device.endpoint import DeviceEndpoint
from circadia.federation.transport.address import BrokerAddress
from circadia.federation.transport.broker import Broker, find_mosquitto
from circadia.federation.transport.device_link import DeviceLink
from circadia.federation.transport.link import LinkSettings
from circadia.federation.transport.namesake import Namesakes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TASK = "ab" * 32
NO_MOSQUITTO = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")


def settings(**changes: float) -> LinkSettings:
    values: dict[str, Any] = {
        "first_retry_s": 0.1, "longest_retry_s": 0.2, "namesake_s": 0.4, "longest_namesake_s": 60.0
    }  # fmt: skip
    return LinkSettings(**{**values, **changes})


def test_the_first_connection_finds_an_earlier_run_and_later_ones_a_namesake() -> None:
    mine = Namesakes("status/phone", b"mine")
    mine.connected()
    assert not mine.heard(b"of last week")
    mine.connected()
    assert mine.heard(b"another's")
    assert not mine.heard(b"mine")  # only the first tells
    mine.connected()
    assert not mine.heard(b"")  # withdrawn
    assert mine.heard(b"another's")
    assert mine.in_a_row == 2
    mine.connected()
    assert not mine.heard(b"mine")
    assert mine.in_a_row == 0


@pytest.fixture(params=[pytest.param("mosquitto", marks=NO_MOSQUITTO), "iotcore"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    broker = Broker(embedded=request.param == "iotcore")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def links(broker: Broker) -> Iterator[Callable[..., DeviceLink]]:
    """Makes devices on one broker."""
    made: list[DeviceLink] = []

    def link(seed: str, name: str = "phone", **changes: float) -> DeviceLink:
        endpoint = DeviceEndpoint(device_id=name, federation="home", task_digest=TASK, parameters=10)
        address = BrokerAddress(host="127.0.0.1", port=broker.port)
        made.append(
            DeviceLink(address=address, endpoint=endpoint, random=Random(seed), settings=settings(**changes))
        )
        return made[-1]

    yield link
    for one in made:
        one.close()


def until(condition: Callable[[], Any], what: str, limit_s: float = 30.0) -> None:
    end_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end_s:
            pytest.fail(f"waited {limit_s:g} s in vain for {what}")
        time.sleep(0.005)


@pytest.mark.slow
def test_two_devices_of_one_name_both_say_so_and_wait_ever_longer(
    links: Callable[..., DeviceLink], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first, second = links("1"), links("2")
    wanted = "another client is named 'phone-"
    until(lambda: wanted in first.trouble and wanted in second.trouble, "both to say it")
    said = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert {record.threadName for record in said} == {"federation-phone"}
    assert all("give one of them another name" in record.getMessage() for record in said)

    def waits() -> list[float]:
        said = [r.getMessage() for r in caplog.records if "next try" in r.getMessage()]
        return [float(line.rpartition("in ")[2].removesuffix(" s")) for line in said]

    until(
        lambda: max(waits()) > 0.8,
        "waits that doubled twice, beyond the 0.2 s of a connection that is only lost",
    )


def test_a_device_that_stays_alone_forgets_its_namesake(
    links: Callable[..., DeviceLink], broker: Broker
) -> None:
    first = links("1", longest_namesake_s=0.4)
    until(lambda: first.connected, "the first")
    second = links("2", longest_namesake_s=0.4)
    until(lambda: first.trouble and "another client" in first.trouble, "the first to say it")
    second.close()
    until(lambda: first.connected, "the first to come back")
    broker.kill()
    broker.start()
    until(lambda: first.connected and not first.trouble, "all to be well", 20.0)


def test_devices_of_different_names_and_a_restart_are_no_namesakes(
    links: Callable[..., DeviceLink], broker: Broker
) -> None:
    one, other = links("1"), links("2", "watch")
    until(lambda: one.connected and other.connected, "both")
    other.close()
    again = links("3", "watch")  # the same device, started again
    until(lambda: again.connected, "the watch again")
    broker.kill()
    broker.start()
    until(lambda: one.link.connections == again.link.connections == 2, "both again", 20.0)
    time.sleep(0.2)
    assert (one.trouble, again.trouble) == ("", "")


@pytest.mark.slow
def test_two_aggregators_of_one_federation_say_so(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    threads, services = [], []
    for number in range(2):
        service = AggregatorService(
            address=BrokerAddress(host="127.0.0.1", port=broker.port),
            ledger=Ledger(tmp_path / f"ledger{number}.db", task=TASK, parameters=10),
            settings=AggregatorSettings(federation="home", task=TASK),
            initial_weights=np.zeros(10, np.float32),
            stamp=float,
            random=Random(number),
            link_settings=settings(),
        )
        threads.append(threading.Thread(target=service.run, name=f"aggregator-{number}"))
        threads[-1].start()
        services.append(service)
    try:
        until(
            lambda: (
                {"aggregator-0", "aggregator-1"}
                <= {r.threadName for r in caplog.records if "two aggregators" in r.getMessage()}
            ),
            "both to say it",
        )
    finally:
        for service, thread in zip(services, threads, strict=True):
            service.stop()
            thread.join(10)
            service.ledger.close()


def test_no_broker_is_told(links: Callable[..., DeviceLink], broker: Broker) -> None:
    link = links("1")
    until(lambda: link.connected, "the device")
    broker.kill()
    until(lambda: link.trouble, "the loss to be told")
    assert not link.connected
