"""One arm of the demonstration: a broker, an aggregator and the device processes, through one simulated day."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Self

from circadia.errors import PlatformUnavailable, StoreError
from circadia.federation.aggregate.ledger import progress
from circadia.federation.transport.broker import Broker
from circadia_lab.data.day.device_file import device_file
from circadia_lab.data.day.plan import BUFFER, BUFFER_TIMEOUT_S, CHAOS, FEDERATION, RATE
from circadia_lab.data.day.result import Drift
from circadia_lab.fleet.demo.process import DeviceProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_lab.data.day.plan import Plan

REDRAW_S = 0.5
DRAIN_S = 20.0
LEAD_S = 3.0
"""Between telling the devices the epoch and the simulated midnight."""


@dataclass(slots=True)
class Arm:
    """A context: everything it starts, it ends."""

    plan: Plan
    name: str
    policy: str
    folder: Path
    devices: list[DeviceProcess] = field(default_factory=list)
    incidents: list[Drift] = field(default_factory=list)
    epoch_s: float = 0.0
    _broker: Broker | None = None
    _aggregator: subprocess.Popen[str] | None = None

    @property
    def ledger(self) -> Path:
        """The aggregator's database."""
        return self.folder / "ledger.db"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        self._broker = Broker(port=0, folder=self.folder)
        self._broker.start()
        self.devices = [self._device(index) for index in range(self.plan.devices)]
        for device in self.devices:
            device.start()
        for device in self.devices:
            device.wait_ready()
        self.epoch_s = time.monotonic() + LEAD_S
        self._start_aggregator()
        for device in self.devices:
            device.begin(self.epoch_s)

    def _device(self, index: int) -> DeviceProcess:
        store = self.folder / f"{self.plan.name(index)}.db"
        config = device_file(
            self.plan, index, policy=self.policy, store=store, port=self._port, drain_s=DRAIN_S
        )
        return DeviceProcess(self.plan, index, self.folder, config)

    @property
    def _port(self) -> int:
        if self._broker is None:
            raise PlatformUnavailable("the broker was not started")
        return self._broker.port

    def _start_aggregator(self) -> None:
        command = [sys.executable, "-m", "circadia", "aggregate", "--broker", f"127.0.0.1:{self._port}"]
        command += ["--federation", FEDERATION, "--task", "digits", "--ledger", str(self.ledger)]
        command += [
            "--buffer",
            str(BUFFER),
            "--rate",
            str(RATE),
            "--timeout-s",
            str(BUFFER_TIMEOUT_S / self.plan.scale),
        ]
        command += ["--keep-versions", "0", "--keep-mb", "0"]  # the report looks at each of them
        command += ["--epoch-s", repr(self.epoch_s), "--scale", repr(self.plan.scale)]
        with (self.folder / "aggregator.log").open("a", encoding="utf-8") as log:
            self._aggregator = subprocess.Popen(
                command, stdout=log, stderr=log, text=True, start_new_session=True
            )

    @property
    def now_s(self) -> float:
        """Simulated seconds since midnight."""
        return (time.monotonic() - self.epoch_s) * self.plan.scale

    @property
    def broker_note(self) -> str:
        """Which broker runs, and what that one cannot do."""
        assert self._broker is not None
        return f"broker: {self._broker.name} on port {self._port}; it cannot: {self._broker.limits}"

    @property
    def headline(self) -> str:
        """What the federation has done so far."""
        try:
            version, updates = progress(self.ledger)
        except StoreError:
            return "the aggregator starts"
        return f"version {version} from {updates} updates"

    def play(self, show: Callable[[Arm], None]) -> None:
        """Until the day is over; `show` draws what there is to see. KeyboardInterrupt comes out."""
        steps = sorted(self._steps(), key=lambda step: step[0]) if self.plan.chaos else []
        while self.now_s < self.plan.day_s:
            while steps and steps[0][0] <= self.now_s:
                steps.pop(0)[1]()
            self._check()
            show(self)
            time.sleep(REDRAW_S)

    def _steps(self) -> list[tuple[float, partial[None]]]:
        kills = [(incident.kill_s, partial(self._kill, incident.target)) for incident in CHAOS]
        return kills + [(incident.restart_s, partial(self._restart, incident.target)) for incident in CHAOS]

    def _kill(self, target: str) -> None:
        if target == "device":
            self.devices[0].kill()
        elif self._broker is not None and self._broker.pid is not None:
            self._broker.kill()
        elif self._broker is not None:  # within this process, so it can only be stopped
            self._broker.stop()
        self._note(f"{target} killed")

    def _restart(self, target: str) -> None:
        self._note(f"{target} restarted")
        if target == "device":
            self.devices[0].restart(self.epoch_s)
        elif self._broker is not None:
            self._broker.start()

    def _check(self) -> None:
        if self._aggregator is not None and self._aggregator.poll() is not None:
            raise PlatformUnavailable(f"the aggregator ended by itself; see {self.folder / 'aggregator.log'}")
        for device in self.devices:
            if (status := device.ended()) is not None:
                self._note(f"{device.name} ended by itself with status {status}")

    def _note(self, what: str) -> None:
        self.incidents.append(Drift(t_s=self.now_s, what=what))

    def drain(self) -> None:
        """Let every device deliver what waits and end. How one ended that stumbled is an incident."""
        with contextlib.suppress(KeyboardInterrupt):
            for device in self.devices:
                device.terminate()
            for device in self.devices:
                if status := device.wait(2 * DRAIN_S):
                    self._note(f"{device.name} ended with status {status}; its log says why")

    def __exit__(self, *_: object) -> None:
        before = signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # or an impatient Ctrl-C leaves processes behind
        try:
            self._end()
        finally:
            signal.signal(signal.SIGINT, before)

    def _end(self) -> None:
        for device in self.devices:
            device.terminate()
        for device in self.devices:
            device.wait(DRAIN_S + 5)
        if self._aggregator is not None:
            self._aggregator.send_signal(signal.SIGTERM)
            try:
                self._aggregator.wait(10)
            except subprocess.TimeoutExpired:
                self._aggregator.kill()
                self._aggregator.wait()
            self._aggregator = None
        if self._broker is not None:
            self._broker.stop()
            self._broker = None
