"""Service and screens are killed over and over: the store stays whole, each sees that the other has gone, nothing is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from circadia.federation.aggregate.aggregator import AggregatorSettings
from circadia.federation.aggregate.ledger import Ledger
from circadia.federation.aggregate.service import AggregatorService
from circadia.federation.transport.address import BrokerAddress
from circadia.federation.transport.broker import Broker
from circadia.federation.transport.link import LinkSettings
from circadia.learning.task_file import load_task
from circadia.store.reading import StoreReader
from circadia_app import consent, journal
from circadia_app.folder import AppFolder
from circadia_app.link.client import LinkClient
from circadia_app.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KILLS = 50
DEVICE = "phone"
WAIT_S = 30.0
SCALE = 1200.0
"""A simulated hour takes three seconds."""


def until(condition: Callable[[], Any], what: str, limit_s: float = WAIT_S) -> Any:
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if found := condition():
            return found
        time.sleep(0.005)
    pytest.fail(f"waited {limit_s:g} s in vain for {what}")


class Home:
    """A broker, an aggregator in a thread, and the folder of a phone."""

    def __init__(self, path: Path) -> None:
        self.broker = Broker()
        self.broker.start()
        self.task = load_task("digits")
        self.ledger_path = path / "ledger.db"
        self.ledger = Ledger(
            self.ledger_path,
            task=self.task.digest,
            identity=self.task.identity,
            parameters=self.task.parameters,
        )
        self.aggregator = AggregatorService(
            address=BrokerAddress(host="127.0.0.1", port=self.broker.port),
            ledger=self.ledger,
            settings=AggregatorSettings(
                federation="home", task=self.task.digest, identity=self.task.identity.digest, buffer=4
            ),
            initial_weights=self.task.initial_weights,
            stamp=float,
            random=Random(1),
            report=lambda _report: None,
            link_settings=LinkSettings(first_retry_s=0.05, longest_retry_s=0.2),
        )
        self._thread = threading.Thread(target=self.aggregator.run)
        self._thread.start()
        self.folder = AppFolder(path=path / "app")
        self.folder.path.mkdir()
        self.folder.config.write_text(
            f"""\
device = "{DEVICE}"
[agent]
policy = "threshold"
period_s = 60
[platform]
epoch_s = {time.monotonic() - 12 * 3600 / SCALE!r}
scale = {SCALE}
initial_soc = 1.0
[limits]
battery_floor = 0.01
[federation]
broker = "127.0.0.1:{self.broker.port}"
name = "home"
first_retry_s = 0.05
longest_retry_s = 0.2
patience = {{ chunk_s = 0.5, acknowledgement_s = 0.5, longest_s = 2 }}
"""
        )
        agreed = consent.Consent().agreed(time.time(), "1", learn=True, send=True)
        consent.save(self.folder.consent, agreed)

    def service(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "circadia_app.service", str(self.folder.path)], stderr=subprocess.DEVNULL
        )

    def updates(self) -> dict[str, bool | None]:
        """What the device knows of each; by itself it forgets none."""
        with StoreReader(self.folder.store) as store:
            return {update.update_id: update.accepted for update in store.updates()}

    def whole(self) -> bool:
        with closing(sqlite3.connect(self.folder.store)) as db:
            return bool(db.execute("PRAGMA integrity_check").fetchall() == [("ok",)])

    def accepted(self) -> list[str]:
        with closing(
            Ledger(self.ledger_path, task=self.task.digest, parameters=self.task.parameters, read_only=True)
        ) as ledger:
            return [update.update_id for update in ledger.updates()]

    def close(self) -> None:
        self.aggregator.stop()
        self._thread.join(10)
        self.ledger.close()
        self.broker.stop()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    place = Home(tmp_path)
    yield place
    place.close()


@contextmanager
def screens(folder: AppFolder) -> Iterator[LinkClient]:
    client = LinkClient(folder.link, retry_s=(0.01, 0.05))
    client.start()
    yield client
    client.close()


@contextmanager
def running(home: Home, client: LinkClient) -> Iterator[subprocess.Popen[bytes]]:
    """A service that the screens see; killed in the end if it still runs."""
    process = home.service()
    try:
        until(lambda: client.pid == process.pid, "the service")
        yield process
    finally:
        process.kill()
        process.wait()


def teach(client: LinkClient, random: Random, examples: int = 40) -> None:
    answers = []
    for _ in range(examples):
        x = [[[random.random()] for _ in range(8)] for _ in range(8)]
        answers.append(client.ask("add_example", x=x, label=random.randrange(10)))
    for answer in answers:
        answer.result(WAIT_S)


@pytest.mark.slow
def test_a_service_killed_over_and_over_loses_no_update_and_its_screens_see_it(home: Home) -> None:
    random = Random(0)
    known: dict[str, bool | None] = {}
    with screens(home.folder) as client:
        for _ in range(KILLS):
            with running(home, client) as process:
                teach(client, random)
                time.sleep(random.uniform(0.0, 0.5))
                process.send_signal(signal.SIGKILL)
                killed_s = time.monotonic()
                until(lambda: not client.connected, "the screens to see the end", 5.0)
                assert time.monotonic() - killed_s < 1.0
            assert home.whole()
            now = home.updates()
            assert known.keys() <= now.keys()
            assert all(now[one] == verdict for one, verdict in known.items() if verdict is not None)
            known = now
        with running(home, client) as process:
            teach(client, random)
            until(lambda: None not in home.updates().values(), "all verdicts", 60.0)
            client.ask("stop").result(WAIT_S)
            assert process.wait(WAIT_S) == 0
    made, counted = home.updates(), home.accepted()
    assert len(made) >= KILLS // 5, "too few updates to tell anything by"
    assert set(made.values()) == {True}
    assert sorted(counted) == sorted(made), "each was counted once, and none is missing"
    events = [entry.event for entry in journal.read(home.folder.log)]
    assert (events.count("started"), events.count("killed"), events.count("ended")) == (KILLS + 1, KILLS, 1)
    print(f"{len(made)} updates over {KILLS} kills")


SCREENS = """
import sys, time
from pathlib import Path
from circadia_app.link.client import LinkClient
client = LinkClient(Path(sys.argv[1]))
client.start()
while not client.connected:
    time.sleep(0.002)
print(client.ask("status").result(30)["pid"], flush=True)
while True:
    client.ask("train_now")
    time.sleep(0.002)
"""


@pytest.mark.slow
def test_screens_killed_over_and_over_leave_the_service_as_it_is_and_it_sees_them_go(home: Home) -> None:
    def there() -> int:
        return Live.of(client.ask("status").result(WAIT_S)).screens

    with screens(home.folder) as client, running(home, client) as process:
        for _ in range(KILLS):
            command = [sys.executable, "-c", SCREENS, str(home.folder.link)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as victim:
                assert victim.stdout is not None
                assert int(victim.stdout.readline()) == process.pid
                assert there() == 2
                os.kill(victim.pid, signal.SIGKILL)
                victim.wait()
                until(lambda: there() == 1, "the service to see the screens go", 5.0)
        teach(client, Random(0))
        assert Live.of(client.ask("status").result(WAIT_S)).lacks == ()
        client.ask("stop").result(WAIT_S)
        assert process.wait(WAIT_S) == 0
    assert home.whole()
    events = [entry.event for entry in journal.read(home.folder.log)]
    assert (events.count("started"), events.count("killed"), events.count("ended")) == (1, 0, 1)


@pytest.mark.slow
def test_an_hour_without_a_network_and_back_loses_nothing(home: Home) -> None:
    random = Random(2)
    with screens(home.folder) as client, running(home, client) as process:
        teach(client, random)
        until(lambda: True in home.updates().values(), "a first verdict")
        home.broker.kill()
        back_s = time.monotonic() + 3600 / SCALE
        while time.monotonic() < back_s:
            teach(client, random)
            time.sleep(0.2)
        waiting = [one for one, accepted in home.updates().items() if accepted is None]
        assert waiting, "nothing was made in that hour"
        home.broker.start()
        until(lambda: all(home.updates()[one] for one in waiting), "their verdicts")
        client.ask("stop").result(WAIT_S)
        assert process.wait(WAIT_S) == 0
    accepted = [one for one, verdict in home.updates().items() if verdict]
    assert set(accepted) <= set(home.accepted())
    assert len(home.accepted()) == len(set(home.accepted()))
