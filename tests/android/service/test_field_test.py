"""A field test through the agent's service: joined, played, killed, stopped, exported, deleted; scaled time, a simulated body."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.store.reading import StoreReader
from circadia_app import consent
from circadia_app.exporting import export_test
from circadia_app.folder import AppFolder
from circadia_app.link.client import LinkClient
from circadia_app.live import Live
from circadia_app.progress import days_planned, field_of
from circadia_field.bundle import BROKEN_OFF, ENDED, RESUMED, STARTED, Bundle
from circadia_field.packing import broken_seals, opened
from circadia_field.plan import Plan, freeze
from circadia_lab.field.analysis.analysis import analyse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WAIT_S = 60.0
CONFIG = """\
[agent]
period_s = 60
[platform]
scale = 3000
initial_soc = 1.0
"""


def until(condition: Callable[[], Any], what: str, limit_s: float = WAIT_S) -> Any:
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if found := condition():
            return found
        time.sleep(0.01)
    pytest.fail(f"waited {limit_s:g} s in vain for {what}")


class App:
    """A folder with a plan in it, the service as a process, and screens that are connected."""

    def __init__(self, folder: AppFolder, client: LinkClient) -> None:
        self.folder, self.client = folder, client
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        command = [sys.executable, "-m", "circadia_app.service", str(self.folder.path)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        process = self.process
        until(lambda: self.client.connected and self.client.pid == process.pid, "the service")

    def end(self, number: int = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(WAIT_S)
        until(lambda: not self.client.connected, "its end")

    def agree(self, *, field_test: bool) -> None:
        self.ask("consent", text="1", learn=True, field_test=field_test)

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        return self.client.ask(do, **fields).result(WAIT_S)

    def live(self) -> Live:
        return Live.of(self.ask("status"))

    def log(self) -> list[dict[str, Any]]:
        path = self.folder.field_test / "log.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def ended(self) -> int:
        return sum(entry["event"] == ENDED and not entry["void"] for entry in self.log())


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    folder = AppFolder(path=tmp_path / "app")
    folder.path.mkdir()
    folder.config.write_text(CONFIG)
    consent.save(folder.consent, consent.Consent().agreed(time.time(), "1", learn=True))
    arms = {"thrifty": "threshold", "eager": "due"}
    freeze(
        Plan(arms=arms, effect=0.3, agent_share=0.5, noise=0.03, pairs=6, hours=0.5, washout_h=0.1),
        folder.plan,
    )
    x = np.random.default_rng(0).random((40, 8, 8, 1)).astype(np.float32)
    np.savez(folder.examples, x=x, y=np.arange(40) % 10)
    client = LinkClient(folder.link, retry_s=(0.01, 0.05))
    client.start()
    made = App(folder, client)
    yield made
    client.close()
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def lines(app: App, *events: str) -> list[tuple[str, int]]:
    return [(entry["event"], entry["period"]) for entry in app.log() if entry["event"] in events]


def searched(folder: AppFolder, secrets: list[bytes]) -> list[str]:
    """The files in which any of these stands; in a packed one, what is packed."""
    found = []
    for place in folder.path.rglob("*"):
        if place.is_file():
            contents = [place.read_bytes()]
            if place.suffix == ".zip":
                with zipfile.ZipFile(place) as packed:
                    contents += [packed.read(name) for name in packed.namelist()]
            if any(secret in content for secret in secrets for content in contents):
                found.append(place.name)
    return found


def pieces(blob: bytes) -> list[bytes]:
    """A blob is spread over pages of a store: most of its pieces are found in whatever file holds it."""
    return [piece for i in range(0, len(blob), 64) if len(set(piece := blob[i : i + 64])) > 16]


def weights_of(folder: AppFolder) -> list[bytes]:
    """Pieces of the models that the periods' stores hold."""
    found = []
    for store in folder.field_test.rglob("device.db"):
        with StoreReader(store) as reader:
            if (model := reader.model()) is not None:
                found += pieces(model.weights.astype("<f4").tobytes())
    return found


def check_given_away(packed: Path) -> None:
    """By the workbench's own checks and its analysis."""
    with opened(packed) as folder:
        assert broken_seals(folder) == []
        found = analyse(Bundle(folder))
        assert len(found.periods) >= 13
        assert [one.period for one in found.periods[:13]] == found.plan.schedule()[:13]
        assert any("the person's battery_floor was None" in one for one in found.changed), found.changed
        assert all(one.asked for one in found.periods)
        stores = list(folder.rglob("device.db"))
        assert len(stores) >= 13
        for store in stores:
            with StoreReader(store) as reader:
                assert (reader.examples(), reader.model()) == ([], None)


@pytest.mark.slow
def test_from_joining_by_way_of_both_arms_to_export_stop_and_deletion(app: App) -> None:
    app.begin()
    until(lambda: app.live().observation, "a decision")
    assert not app.folder.field_test.exists(), "nobody has joined"
    assert field_of(app.folder, consent.load(app.folder.consent), 0.0) is None
    assert days_planned(app.folder) == 1
    app.agree(field_test=True)
    mine = np.random.default_rng(7).random((8, 8, 1)).astype(np.float32)
    until(lambda: lines(app, STARTED), "the first period")
    until(lambda: app.live().observation, "its first decision")
    app.ask("add_example", x=mine.tolist(), label=3)  # of an app that has its model here
    app.ask("limits", battery_floor=0.1)
    until(lambda: app.ended() >= 3, "three periods")

    app.end(signal.SIGKILL)
    app.begin()  # as after a restart by the system: nobody says anything
    place = app.log()[-1]["period"]
    until(
        lambda: app.log()[-1]["event"] in {STARTED, RESUMED} or app.log()[-1]["period"] > place, "it goes on"
    )
    assert lines(app, STARTED)[: place + 1] == [(STARTED, n) for n in range(place + 1)], (
        "none was begun twice"
    )
    until(lambda: app.ended() >= 13, "both arms against one another")
    seen = field_of(app.folder, consent.load(app.folder.consent), app.live().clock_s)
    assert seen is not None
    assert all(day.energy_j > 0 for day in seen.days[:13])
    today = seen.days[seen.today(app.live().clock_s)]
    assert (today.comparison, seen.origin, seen.over(0.0)) == (1, "simulated", False)
    assert seen.names == {"thrifty": "threshold", "eager": "due"}

    packed = export_test(app.folder)  # beside the agent that writes
    assert app.live().lacks == ()
    app.agree(field_test=False)
    stopped = app.log()
    assert stopped[-1]["event"] in {BROKEN_OFF, ENDED}
    until(lambda: app.live().observation, "the agent as it was before")
    assert app.log() == stopped
    ended = app.ended()
    secrets = pieces(mine.tobytes()) + weights_of(app.folder)
    assert searched(app.folder, pieces(mine.tobytes())), "the search finds nothing"
    assert "field-test.zip" not in searched(app.folder, secrets)
    check_given_away(packed)

    app.agree(field_test=True)  # and goes on
    until(lambda: app.ended() > ended, "another period")
    assert not [line for line in app.log() if line.get("void")]
    app.ask("delete")
    assert app.process is not None
    app.process.wait(WAIT_S)
    assert searched(app.folder, secrets) == []
    left = {place.name for place in app.folder.path.iterdir()}
    assert left == {"device.toml", "plan.json", "plan.npz", "service.lock"}


def test_withdrawal_ends_a_test_within_two_seconds(app: App) -> None:
    app.begin()
    app.agree(field_test=True)
    until(lambda: app.log() and app.live().observation, "a decision in the test")
    began_s = time.monotonic()
    assert app.ask("withdraw")["in_time"]
    assert app.process is not None
    app.process.wait(WAIT_S)
    assert time.monotonic() - began_s < 2.5  # the process's own end included
    assert app.log()[-1]["event"] == BROKEN_OFF
    assert consent.load(app.folder.consent).field_test is None


def test_a_plan_that_no_device_can_play_is_said_and_can_be_left(app: App) -> None:
    app.folder.examples.write_bytes(b"no examples")
    app.begin()
    app.agree(field_test=True)
    (lacks,) = app.live().lacks
    assert "plan.npz" in lacks
    assert not app.folder.field_test.exists()
    app.agree(field_test=False)
    until(lambda: app.live().observation, "the agent as it was before")
    assert app.live().lacks == ()
