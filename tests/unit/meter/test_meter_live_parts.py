"""Parts of the live demonstration: clock, flow, readings, ledger, listener."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.platforms.clocks import HandClock
from circadia.platforms.timeline import Stretch
from circadia.types import EnergyReading, Load, Source
from circadia_lab.meter.decision import Decision
from circadia_lab.meter.device_clock import DeviceClock
from circadia_lab.meter.flow import VOLTAGE_V, Flow
from circadia_lab.meter.ledger import Ledger
from circadia_lab.meter.listener import Listener
from circadia_lab.meter.shunt_meter import ShuntMeter
from circadia_lab.meter.target import check_target
from circadia_lab.meter.words import clock, line, small_joules
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_lab.meter.board.simulator import SimulatedBoard


def decision(made_s: float, action: str = "sleep") -> Decision:
    return Decision(
        made_s=made_s, t_s=made_s - 1000, end_s=made_s - 990, busy_s=0.5, action=action, served=0, steps=0,
        queue=0, fresh=0,
    )  # fmt: skip


def reading(energy_j: float, gap_s: float = 0.0) -> EnergyReading:
    return EnergyReading(energy_j=energy_j, duration_s=10.0, source=Source.SIMULATED, gap_s=gap_s)


def test_the_devices_clock_runs_faster_can_be_held_and_never_goes_back() -> None:
    host = HandClock(100.0)
    device = DeviceClock(host, 10.0)
    assert device.now_s() == 1000.0
    with device.held_at(1002.0):
        host.t_s = 100.1
        assert device.now_s() == 1002.0
    assert device.now_s() == 1002.0  # the host is at 1001
    host.t_s = 100.5
    assert device.now_s() == 1005.0
    assert device.host_s(1005.0) == 100.5
    assert device.wall_s(5.0) == 0.5
    with pytest.raises(ConfigError, match=r"cannot be held at 1004\.000 s"), device.held_at(1004.0):
        pass
    with pytest.raises(ConfigError, match="speed 0"):
        DeviceClock(host, 0.0)


def test_stretches_flow_when_their_time_has_come() -> None:
    host = HandClock(100.0)
    flow = Flow(host, DeviceClock(host, 10.0))
    flow.add([Stretch(1001.0, 1002.0, Load.AWAKE, 0.4), Stretch(1002.0, 1010.0, Load.DEEP_SLEEP, 0.02)])
    assert flow(200.0)[0] == 0.0  # the board's second 0 is not known yet
    flow.began(90.0)
    found = [flow(t_s)[0] * VOLTAGE_V for t_s in (10.0, 10.1, 10.15, 10.2, 110.0)]
    assert found == pytest.approx([0.0, 0.4, 0.4, 0.02, 0.02])
    assert flow.late_s == 0.0
    host.t_s = 200.0
    flow.add([Stretch(1010.0, 1020.0, Load.AWAKE, 0.4)])
    assert flow.late_s == pytest.approx(99.0)


def test_readings_are_in_the_devices_seconds_and_say_that_they_are_simulated() -> None:
    class Serial:
        asked: tuple[float, float] | None = None

        def read(self, start_s: float, end_s: float) -> EnergyReading | None:
            self.asked = start_s, end_s
            if end_s > 101:
                return None
            return EnergyReading(
                energy_j=0.5, duration_s=1.0, source=Source.MEASURED, gap_s=0.2, lost_s=0.1, bound_j=0.01
            )

    serial = Serial()
    meter = ShuntMeter(serial, DeviceClock(HandClock(100.0), 10.0))  # type: ignore[arg-type]
    found = meter.read(1000.0, 1010.0)
    assert serial.asked == (100.0, 101.0)
    assert found == EnergyReading(
        energy_j=5.0, duration_s=10.0, source=Source.SIMULATED, gap_s=2.0, lost_s=1.0, bound_j=0.1
    )
    assert meter.told == {1000.0: found}
    assert meter.read(1010.0, 1020.0) is None
    assert meter.look(1000.0, 1005.0) is not None
    assert list(meter.told) == [1000.0]


def test_decisions_settle_in_order_and_sum_up() -> None:
    ledger = Ledger()
    for made_s, action in ((1000.0, "sleep"), (1010.0, "train/low/small"), (1020.0, "sleep")):
        ledger.add(decision(made_s, action))
    told = {1010.0: reading(4.0, gap_s=3.0)}
    assert ledger.settle(told) == []  # the first one comes first
    told[1000.0] = reading(1.0)
    assert [one.made_s for one in ledger.settle(told)] == [1000.0, 1010.0]
    assert told == {}
    assert (ledger.settled, ledger.energy_j, ledger.gap_s) == (2, 5.0, 3.0)
    assert ledger.by_mode == {"train": 4.0, "serve": 0.0, "sleep": 1.0}
    assert ledger.decisions[2].reading is None


def listened(board: SimulatedBoard, seconds: float, deaf: tuple[float, float]) -> Listener:
    """A second of 0.2 A, then 0.4 A; while the cable is out nothing is heard."""
    clock, origin_s = DeviceClock(HandClock(100.0), 10.0), 0.0
    session = MeterSession(shunt_ohm=0.01)
    listener = Listener(session, clock, origin_s)
    board.load(0.0, 0.2, 5.0)
    board.load(3.0, 0.4, 5.0)
    session.connected(0.0)
    while board.now_s < seconds:
        half_s = 0.1 if session.measuring and session.line else 0.0005
        board.run(board.now_s + half_s)
        if data := session.outgoing(board.now_s):
            board.write(data)
        board.run(board.now_s + half_s)  # a pong stands between samples of the same read
        data, _ = board.read()
        if data and not deaf[0] <= board.now_s < deaf[1]:
            listener.listen(board.now_s, data, session.receive(data, board.now_s))
    return listener


def test_a_listener_draws_samples_when_they_were_taken_and_counts_the_lost(
    board: Callable[..., SimulatedBoard],
) -> None:
    listener = listened(board(), 8.0, deaf=(5.0, 6.0))
    curve = listener.curve(20.0)
    assert curve.width_s == pytest.approx(0.2)
    low = curve.mean_w[(curve.start_s > 20) & (curve.start_s + curve.width_s < 30 - 0.1)]
    high = curve.mean_w[curve.start_s > 30 + 0.1]
    assert low == pytest.approx(1.0, abs=0.01)
    assert high == pytest.approx(2.0, abs=0.01)
    steps = np.diff(curve.start_s)
    assert (steps > 0.3).sum() == 1
    assert steps.max() == pytest.approx(10, abs=2.5)
    assert listener.lost == pytest.approx(1000, abs=250)
    assert listener.lost == pytest.approx(steps.max() * 100, abs=60)


def test_words() -> None:
    assert [clock(t_s) for t_s in (0, 59.96, 83.4, 3723.5)] == ["00:00.0", "01:00.0", "01:23.4", "1:02:03.5"]
    assert small_joules(-2e-6) == "−2.0 µJ"
    assert [small_joules(value) for value in (0.0, -1e-9, -20.0)] == ["0.0 µJ", "0.0 µJ", "−20.00 J"]
    assert small_joules(0.0123) == "+12.3 mJ"
    assert small_joules(None) == "–"
    ledger = Ledger()
    ledger.add(decision(1000.0))
    assert line(ledger.decisions[0]).endswith("…")
    (settled,) = ledger.settle({1000.0: reading(1.5, gap_s=2.0)})
    assert "1.500 J" in line(settled)
    assert "simulated  gap 2.0 s" in line(settled)


def test_target_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    check_target("--html", tmp_path / "a.html")
    with pytest.raises(ConfigError, match=r"--html .*none/a.html: its folder does not exist"):
        check_target("--html", tmp_path / "none" / "a.html")
    with pytest.raises(ConfigError, match="is a folder"):
        check_target("--json", tmp_path)
