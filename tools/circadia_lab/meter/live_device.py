"""A device under a meter in real time: the agent as it ships, and the meter's firmware on a simulated board on a cable.

    agent ─► phases ─► simulated body ─► watts ─► simulated shunt ─► firmware ─► pseudo-terminal ─► SerialMeter ─► agent

Each decision is made `LEAD_S` before its time, so that what it draws is known when it begins to flow.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.config import AgentConfig, DeviceConfig, StoreConfig
from circadia.platforms.clocks import SimulatedClock
from circadia.platforms.kinds import SimulatedConfig
from circadia.wiring import Parts, build
from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.port import ERRORS
from circadia_lab.meter.board.simulator import LiveBoard, SimulatedBoard
from circadia_lab.meter.decision import decision_of
from circadia_lab.meter.device_clock import DeviceClock
from circadia_lab.meter.flow import Flow
from circadia_lab.meter.ledger import Ledger
from circadia_lab.meter.listener import Listener
from circadia_lab.meter.shunt_meter import ShuntMeter
from circadia_lab.meter.simulated_cable import SimulatedCable
from circadia_meter.serial_meter import SerialMeter
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from typing import Self

    from circadia.platforms.simulated import SimulatedPlatform
    from circadia.ports import EnergyMeter
    from circadia_lab.meter.decision import Decision
    from circadia_meter.events import Event

PROFILE = "pixel-3"
SHUNT_OHM = 0.02
BOARD = replace(ERRORS, shunt_ohm=SHUNT_OHM, offset_v=0.0)
"""As usual, but for the shunt; its zero has been calibrated."""
START_S = 14 * 3600.0
"""The device's time of day at the beginning."""
WARM_UP_S = 1.0
"""The meter runs for so long before the device is switched on."""
LEAD_S = 0.2
"""Real seconds."""
PERIOD_S = 1.0
"""Real seconds between two decisions, or the work's time if that is longer."""
DEADLINE_S = 10.0
"""Real seconds that a request waits."""
LAST_READING_S = 3.0
"""Real seconds for which the last tick's joules are waited for at the end."""


class LiveDevice:
    """Everything together; `with LiveDevice(…) as device`. One thread calls all of it."""

    def __init__(self, *, policy: str, speed: float, seed: int) -> None:
        """`speed`: the device's seconds in a real one; errors name what is missing or wrong."""
        self._stack = ExitStack()
        self.ledger = Ledger()
        self.speed = speed
        try:
            self._open(policy, seed)
        except BaseException:
            self._stack.close()
            raise

    def _open(self, policy: str, seed: int) -> None:
        self.host = SimulatedClock(time.monotonic() - START_S / self.speed, 1.0)
        self.clock = DeviceClock(self.host, self.speed)
        self.flow = Flow(self.host, self.clock)
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="circadia-")))
        simulated = SimulatedBoard(firmware.build_simulator(), firmware.build(), BOARD)
        self.board = LiveBoard(simulated, self.flow)
        self.board.start()
        self.flow.began(self.host.now_s() - (time.monotonic() - self.board.started_s))
        self._stack.callback(self.board.close)
        self.cable = SimulatedCable(self.board, folder / "meter")
        session = MeterSession(shunt_ohm=SHUNT_OHM)
        self.serial = SerialMeter(
            clock=self.host, port=str(self.cable.path), session=session, listen=self._listen
        )
        self._listener: Listener | None = None
        self.serial.start()
        self._stack.callback(self.serial.close)
        self.serial.settle(WARM_UP_S)
        self._switch_on(policy, seed, folder)

    def _switch_on(self, policy: str, seed: int, folder: Path) -> None:
        self.meter = ShuntMeter(self.serial, self.clock)
        found: list[SimulatedPlatform] = []

        def measure(body: SimulatedPlatform) -> EnergyMeter:
            found.append(body)
            return self.meter

        config = DeviceConfig(
            agent=AgentConfig(
                policy=policy, period_s=PERIOD_S * self.speed, deadline_s=DEADLINE_S * self.speed, seed=seed
            ),
            platform=SimulatedConfig(profile=PROFILE, seed=seed),
            store=StoreConfig(path=folder / "device.db"),
        )
        self.agent = build(config, parts=Parts(clock=self.clock, measure=measure)).agent
        self._stack.callback(self._close_agent)
        self._ended = False
        self.body = found[0]
        self.origin_s = self._due_s = self._fed_s = self.clock.now_s() + 2 * LEAD_S * self.speed
        self._listener = Listener(self.serial.session, self.clock, self.origin_s)

    def _listen(self, t_s: float, data: bytes, events: list[Event]) -> None:
        if self._listener is not None:
            self._listener.listen(t_s, data, events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def listener(self) -> Listener:
        """Of the meter's samples."""
        assert self._listener is not None
        return self._listener

    @property
    def now_s(self) -> float:
        """The device's seconds since the first decision; negative before."""
        return self.host.now_s() * self.speed - self.origin_s

    @property
    def due(self) -> bool:
        """Whether it is time to decide."""
        return self.host.now_s() >= self.clock.host_s(self._due_s) - LEAD_S

    def tick(self) -> list[Decision]:
        """Decide → the decisions that are settled by now and were not before."""
        with self.clock.held_at(max(self._due_s, self.clock.now_s())):
            self.agent.ingest()
            self.agent.learn()
            record = self.agent.tick()
        end_s = record.t_s + max(record.outcome.busy_s, PERIOD_S * self.speed)
        self.ledger.add(decision_of(record, self.origin_s, end_s))
        self._feed(end_s)
        self._due_s = end_s
        return self._settled()

    def _feed(self, until_s: float) -> None:
        """Let the body live until then, and let flow what it draws."""
        self.body.observe(until_s)
        self.flow.add(self.body.stretches(self._fed_s, until_s))
        self._fed_s = until_s

    def _settled(self) -> list[Decision]:
        return self.ledger.settle(self.meter.told)

    def finish(self) -> list[Decision]:
        """End the agent → the decisions that are settled by that. The last one stays open if its work takes longer."""
        end_s = max(self._due_s, self.clock.now_s())
        self._feed(end_s)
        limit_s = time.monotonic() + LAST_READING_S
        with self.clock.held_at(end_s):
            while self.meter.look(self.origin_s, end_s) is None and time.monotonic() < limit_s:
                time.sleep(0.02)
            self._close_agent()
        return self._settled()

    def _close_agent(self) -> None:
        if not self._ended:
            self._ended = True
            self.agent.close()
