"""A field test through the agent's service: joined, played, killed, stopped, exported, deleted; scaled time, a simulated body."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia_app import consent
from circadia_app.folder import AppFolder
from circadia_app.link.client import LinkClient
from circadia_app.live import Live
from circadia_field.bundle import ENDED, Bundle
from circadia_field.plan import Plan, freeze

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


@pytest.mark.slow
def test_from_joining_to_deletion(app: App) -> None:
    app.begin()
    until(lambda: app.live().observation, "a decision")
    assert not app.folder.field_test.exists(), "nobody has joined"
    app.agree(field_test=True)
    until(lambda: app.ended() >= 3, "three periods")
    app.end(signal.SIGKILL)
    app.begin()  # as after a restart by the system: nobody says anything
    until(lambda: app.ended() >= 24, "all periods")
    print([(e["event"], e["period"]) for e in app.log()])
    print(app.log()[:4], app.live().lacks)
    assert Bundle(app.folder.field_test)
