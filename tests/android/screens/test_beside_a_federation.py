"""The app beside a running federation: every screen is visited again and again, and no log says what it should not.

`CIRCADIA_APP_MINUTES` is how long; without it a third of a minute.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia_app import consent, journal
from circadia_app.command import prepared
from circadia_app.link.client import LinkClient
from circadia_app.moment import read_past

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.android.screens.conftest import Stage

    from circadia_app.folder import AppFolder
    from circadia_app.viewmodels.snapshot import Past

MINUTES = float(os.environ.get("CIRCADIA_APP_MINUTES", "0.35"))
SIZE = [412, 915]
PLACES = {"Now": 0.1, "Choose": 0.3, "Learn": 0.5, "Test": 0.7, "Log": 0.9}
"""Where the navigation has them, of its width."""
SCALE = 30
"""A simulated half minute takes a second."""
LEAST = 2
"""Rounds."""
EXAMPLES = 8
"""That the application teaches at each place."""
CIRCADIA = [sys.executable, "-m", "circadia"]
NEIGHBOUR = """
import sys, time, circadia, numpy as np
random = np.random.default_rng(int(sys.argv[2]))
with circadia.launch(sys.argv[1]) as agent:
    while True:
        label = int(random.integers(10))
        x = np.clip(random.normal(label / 10, 0.2, (8, 8, 1)), 0, 1).astype(np.float32)
        agent.add_example(x, str(label))
        time.sleep(0.05)
"""


def configuration(folder: Path, port: int) -> str:
    return f"""\
device = "{folder.name}"
[agent]
policy = "threshold"
period_s = 10
[platform]
epoch_s = {time.monotonic() - 12 * 3600 / SCALE!r}
scale = {SCALE}
[limits]
battery_floor = 0.05
[store]
path = "{folder / "device.db"}"
[federation]
broker = "127.0.0.1:{port}"
name = "street"
"""


@contextmanager
def process(log: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    with log.open("w") as errors:
        started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=30)


@contextmanager
def street(path: Path) -> Iterator[int]:
    """A broker, an aggregator and two neighbours → the broker's port."""
    with process(path / "broker.log", *CIRCADIA, "broker", "--port", "0") as broker:
        assert broker.stdout is not None
        found = re.search(r":(\d+)", broker.stdout.readline())
        assert found, "the broker says no port"
        port = int(found[1])
        aggregate = ["aggregate", "--broker", f"127.0.0.1:{port}", "--federation", "street"]
        aggregate += ["--task", "digits", "--ledger", str(path / "ledger.db"), "--buffer", "3"]
        with process(path / "aggregate.log", *CIRCADIA, *aggregate):
            files = []
            for name in ("one", "two"):
                (path / name).mkdir()
                file = path / name / "device.toml"
                file.write_text(configuration(path / name, port), encoding="utf-8")
                files.append(str(file))
            with (
                process(path / "one.log", sys.executable, "-c", NEIGHBOUR, files[0], "1"),
                process(path / "two.log", sys.executable, "-c", NEIGHBOUR, files[1], "2"),
            ):
                yield port


def use(client: LinkClient, random: np.random.Generator) -> None:
    """As an application does: examples, a question, and what would have been right."""
    for _ in range(EXAMPLES):
        label = int(random.integers(10))
        x = np.clip(random.normal(label / 10, 0.2, (8, 8, 1)), 0, 1)
        client.ask("add_example", x=x.tolist(), label=str(label)).result(20)
    answer = client.ask("submit", x=x.tolist(), deadline_s=600).result(25)
    client.ask("feedback", request_id=answer["request_id"], label=str(label)).result(20)


def taken_part(folder: AppFolder) -> tuple[Past, int]:
    """What the phone has stored, and how many of its updates were accepted."""
    past = read_past(folder.store, 0.0)
    return past, sum(update.accepted is True for update in past.updates)


def federated(folder: AppFolder) -> bool:
    """Whether an update of the phone's was accepted, and a version has come."""
    past, accepted = taken_part(folder)
    return accepted > 0 and past.kept.version > 1


def visit(stage: Stage, folder: AppFolder, until_s: float) -> int:
    """All places in turn, until then, twice at least, and until it has taken part → rounds."""
    rounds, random = 0, np.random.default_rng(0)
    client = LinkClient(folder.link)
    client.start()
    try:
        while not client.connected:
            assert time.monotonic() < until_s, "the agent is not there"
            time.sleep(0.05)
        while time.monotonic() < until_s or rounds < LEAST or not federated(folder):
            rounds += 1
            for name, at in PLACES.items():
                assert stage("touch", x=SIZE[0] * at, y=30)["place"] == name.lower()
                use(client, random)
            stage("touch", x=SIZE[0] * PLACES["Learn"], y=30)
            stage("drag", path=[[200, 300], [200, 500], [200, 800]])
            stage("touch", x=SIZE[0] * PLACES["Now"], y=30)
    finally:
        client.close()
    return rounds


@pytest.mark.slow
@pytest.mark.timeout(60 * MINUTES + 200)
def test_every_screen_beside_a_federation(stage: Stage, tmp_path: Path) -> None:
    said_before = len(stage.log.read_text())
    with street(tmp_path) as port:
        folder = prepared(tmp_path / "app", None)
        folder.config.write_text(configuration(folder.path, port), encoding="utf-8")
        agreed = consent.Consent().agreed(time.time(), "1", learn=True, send=True)
        consent.save(folder.consent, agreed)
        stage("live", folder=str(folder.path), size=SIZE, language="en")
        rounds = visit(stage, folder, time.monotonic() + 60 * MINUTES)
        stage("close")
    past, accepted = taken_part(folder)
    entries = journal.read(folder.log)
    said = stage.log.read_text()[said_before:]
    print(
        f"{rounds} rounds, {past.kept.decisions} decisions, {accepted} updates accepted, version {past.kept.version}"
    )
    assert len(past.requests) >= LEAST * len(PLACES)
    assert {entry.event for entry in entries} == {"started", "agent", "screens", "ended"}, entries
    assert "Traceback" not in said
    assert not re.findall(r"WARNING|ERROR|CRITICAL", said), said
    for name in ("broker", "aggregate", "one", "two"):
        told = (tmp_path / f"{name}.log").read_text()
        assert "Traceback" not in told, f"{name}: {told}"
