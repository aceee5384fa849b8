"""The firmware as it runs on the microcontroller, in virtual time, with the truth beside it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.errors import ConfigError, MeterError
from circadia_lab.meter.board.virtual_meter import VirtualMeter
from circadia_meter.clock import WRAP
from circadia_meter.commands import Commands, refusal
from circadia_meter.events import Happening, Hello, Reply, Samples, Status, What
from circadia_meter.frames import Decoder, Kind, encode, frame
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.meter.board.simulator import SimulatedBoard
    from circadia_meter.events import Event

    Boards = Callable[..., SimulatedBoard]

SHUNT_OHM = 0.01
ORIGIN_S = 1.8e9


def ask(board: SimulatedBoard, data: bytes, wait_s: float = 0.01) -> list[Event]:
    board.write(data)
    board.run(board.now_s + wait_s)
    return Decoder().receive(board.read()[0])


def meter(board: SimulatedBoard, *, period_us: int = 1000, **line: float) -> VirtualMeter:
    session = MeterSession(period_us=period_us, shunt_ohm=SHUNT_OHM)
    return VirtualMeter(board, session, origin_s=ORIGIN_S, **line)  # type: ignore[arg-type]


def test_it_says_hello_after_a_boot(board: Boards) -> None:
    one = board()
    one.run(0.02)
    (hello,) = Decoder().receive(one.read()[0])
    assert isinstance(hello, Hello)
    assert (hello.boot, hello.board, hello.running) == (1, "atmega328p ina226", False)
    assert (hello.shunt_step_v, hello.bus_step_v) == pytest.approx((2.5e-6, 1.25e-3))


def test_settings_and_the_boot_count_survive_a_power_cut(board: Boards) -> None:
    one, commands = board(), Commands()
    one.run(0.02)
    reply = ask(one, commands.settings(device_id=77, shunt_uohm=9990, offset_steps=1.25, gain_ppm=-300), 0.2)[
        -1
    ]
    assert isinstance(reply, Reply)
    assert refusal(reply) is None
    one.cut_power()
    one.run(one.now_s + 0.02)
    (hello,) = [e for e in Decoder().receive(one.read()[0]) if isinstance(e, Hello)]
    assert hello.boot == 2
    assert (hello.device_id, hello.shunt_uohm, hello.offset_steps, hello.gain_ppm) == (77, 9990, 1.25, -300)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (encode(Kind.RATE, 5, (100).to_bytes(4, "little")), Status.RANGE),
        (encode(Kind.RATE, 5, b"\1"), Status.LENGTH),
        (encode(Kind.RANGE, 5, b"\3"), Status.RANGE),
        (frame(bytes([1, 0x77, 5, 0])), Status.UNKNOWN),
        (frame(bytes([2, Kind.START, 5, 0])), Status.VERSION),
        (Commands().settings(device_id=1, shunt_uohm=0, offset_steps=0, gain_ppm=0), Status.RANGE),
    ],
)
def test_what_it_cannot_do_it_refuses_by_name(board: Boards, data: bytes, status: Status) -> None:
    one = board()
    one.run(0.02)
    one.read()
    (reply,) = ask(one, data)
    assert isinstance(reply, Reply)
    assert reply.status == status
    assert "refused" in str(refusal(reply))


def test_noise_on_the_line_to_it_is_nothing(board: Boards) -> None:
    one = board()
    one.run(0.02)
    one.read()
    assert ask(one, bytes(range(1, 200)) + b"\0" + b"\x05ab\0\0") == []
    assert len(ask(one, Commands().ping())) == 1


def test_pulses_and_marks_have_the_time_at_which_they_were(board: Boards) -> None:
    one = board()
    one.run(0.02)
    one.read()
    one.pulses()
    stamps = []
    for _ in range(3):
        event, reply = ask(one, Commands().pulse())
        assert isinstance(event, Happening)
        assert event.what == What.PULSE
        ((true_s, level),) = one.pulses()
        assert level == bool(event.value)
        stamps.append(true_s * 1e6 - event.t_us)
        assert isinstance(reply, Reply)
    assert max(stamps) - min(stamps) <= 5  # µs; the offset is the time from power-on to its clock's start
    event, _ = ask(one, Commands().mark(1234))
    assert isinstance(event, Happening)
    assert (event.what, event.value) == (What.MARK, 1234)
    for level in (False, True):  # it is pulled up
        one.drive_sync(level=level)
        one.run(one.now_s + 0.005)
        (edge,) = Decoder().receive(one.read()[0])
        assert isinstance(edge, Happening)
        assert (edge.what, edge.value) == (What.EDGE, level)


@pytest.mark.parametrize("period_us", [344, 1000, 5000, 50000])
def test_it_samples_at_the_rate_asked_for_and_loses_nothing(board: Boards, period_us: int) -> None:
    one = board()
    one.load(0, 1.0, 4.0)
    under = meter(one, period_us=period_us)
    under.advance(ORIGIN_S + 5)
    counts = under.session.counts
    assert (counts.dropped, counts.missed, counts.corrupt) == (0, 0, 0)
    assert counts.samples == pytest.approx(5e6 / period_us, rel=0.05)
    reading = under.read(ORIGIN_S + 1, ORIGIN_S + 3)
    assert reading is not None
    assert reading.energy_j == pytest.approx(8.0, abs=reading.bound_j + 1e-4)
    assert reading.gap_s == 0


@pytest.mark.slow
def test_joules_of_ticks_are_true_within_their_bounds(board: Boards) -> None:
    one = board(drift_ppm=80, noise_v=5e-6, offset_v=4e-6, seed=3)
    rng = np.random.default_rng(0)
    levels = rng.choice([0.05, 0.4, 0.9], 24)
    for t, level in enumerate(levels):
        one.load(float(t), float(level), 5.0)
    under = meter(one, period_us=344)
    under.advance(ORIGIN_S + 23)
    calibration = under.session.calibration
    assert calibration is not None
    under.session.calibration = calibration.zeroed(4 / 2.5)
    readings = [under.read(ORIGIN_S + t, ORIGIN_S + t + 1) for t in range(2, 22)]
    energy_j = np.array([reading.energy_j for reading in readings if reading])
    true_j = np.array([under.true_j(ORIGIN_S + t, ORIGIN_S + t + 1) for t in range(2, 22)])
    assert len(energy_j) == 20
    assert np.abs(energy_j - true_j).max() < 2e-3
    whole = under.read(ORIGIN_S + 2, ORIGIN_S + 22)
    assert whole is not None
    assert energy_j.sum() == pytest.approx(whole.energy_j, rel=1e-12)
    assert whole.energy_j == pytest.approx(true_j.sum(), abs=whole.bound_j + 5e-3)


@pytest.mark.slow
def test_energy_survives_a_damaged_line_and_its_gaps_are_bounded(board: Boards) -> None:
    one = board(drift_ppm=-60)
    for t in range(12):
        one.load(float(t), 0.2 + 0.6 * (t % 2), 5.0)
    under = meter(one, damage=1e-3)
    under.advance(ORIGIN_S + 11)
    assert under.session.counts.corrupt > 30
    whole = under.read(ORIGIN_S + 2, ORIGIN_S + 10)
    assert whole is not None
    assert whole.gap_s > 0
    assert whole.energy_j == pytest.approx(
        under.true_j(ORIGIN_S + 2, ORIGIN_S + 10), abs=whole.bound_j + 1e-3
    )
    for t in range(2, 10):
        tick = under.read(ORIGIN_S + t, ORIGIN_S + t + 1)
        assert tick is not None
        assert tick.energy_j == pytest.approx(
            under.true_j(ORIGIN_S + t, ORIGIN_S + t + 1), abs=tick.bound_j + 1e-3
        )


@pytest.mark.slow
def test_a_reboot_is_told_by_its_boot_id_and_measured_on(board: Boards) -> None:
    one = board(drift_ppm=40)
    one.load(0, 0.5, 5.0)
    under = meter(one)
    under.advance(ORIGIN_S + 5)
    one.cut_power()
    under.advance(ORIGIN_S + 12)
    assert under.session.counts.boots == 2
    across = under.read(ORIGIN_S + 4, ORIGIN_S + 7)
    after = under.read(ORIGIN_S + 8, ORIGIN_S + 11)
    assert across is not None
    assert after is not None
    assert 0 < across.gap_s < 1
    assert across.energy_j == pytest.approx(2.5 * (3 - across.gap_s), rel=1e-2)
    assert after.gap_s == 0
    assert after.energy_j == pytest.approx(7.5, rel=1e-4)


def test_a_sensor_that_is_pulled_is_a_gap_and_comes_back(board: Boards) -> None:
    one = board()
    one.load(0, 0.5, 5.0)
    under = meter(one)
    under.advance(ORIGIN_S + 3)
    one.pull_sensor(absent=True)
    under.advance(ORIGIN_S + 4)
    one.pull_sensor(absent=False)
    under.advance(ORIGIN_S + 6)
    reading = under.read(ORIGIN_S + 2, ORIGIN_S + 5)
    assert reading is not None
    assert reading.gap_s == pytest.approx(1.0, abs=0.01)
    assert under.session.counts.missed > 900


def test_without_a_sensor_it_does_not_start(board: Boards) -> None:
    one = board()
    one.pull_sensor(absent=True)
    under = meter(one)
    with pytest.raises(MeterError, match=r"refused `start`: its sensor does not answer; check SDA"):
        under.advance(ORIGIN_S + 1)


def test_saturation_is_counted(board: Boards) -> None:
    one = board()
    one.load(0, 9.0, 5.0)  # 90 mV; the register ends at 81.92
    under = meter(one)
    under.advance(ORIGIN_S + 1)
    assert under.session.counts.saturated > 10


def test_another_meter_is_refused(board: Boards) -> None:
    one = board()
    session = MeterSession(device_id=0xABC, shunt_ohm=SHUNT_OHM)
    with pytest.raises(MeterError, match=r"this is meter 00000000, not 00000abc"):
        VirtualMeter(one, session).advance(1)


def test_a_meter_without_a_shunt_value_says_so(board: Boards) -> None:
    with pytest.raises(ConfigError, match="shunt_ohm is 0"):
        VirtualMeter(board(), MeterSession()).advance(1)


def test_a_line_without_a_meter_is_told(board: Boards) -> None:
    session = MeterSession()
    session.connected(0.0)
    session.outgoing(0.0)
    with pytest.raises(MeterError, match="no Circadia meter answers"):
        session.outgoing(3.0)


def test_what_is_not_known_yet_is_none(board: Boards) -> None:
    one = board()
    one.load(0, 0.5, 5.0)
    under = meter(one)
    assert under.read(ORIGIN_S, ORIGIN_S + 1) is None
    under.advance(ORIGIN_S + 6)
    assert under.read(ORIGIN_S + 5, ORIGIN_S + 7) is None
    early = under.read(ORIGIN_S - 1, ORIGIN_S + 1)
    assert early is not None
    assert early.gap_s == pytest.approx(1.0, abs=0.05)


def test_samples_of_a_forgotten_boot_are_left_out() -> None:
    session = MeterSession(shunt_ohm=SHUNT_OHM)
    session.connected(0.0)
    body = bytes([1, Kind.SAMPLES, 9, 0]) + bytes(42) + bytes(4)
    (event,) = session.receive(frame(body), 0.1)
    assert isinstance(event, Samples)
    assert session.series.empty


def test_nothing_of_one_measurement_is_left_for_the_next(board: Boards) -> None:
    one, commands, decoder = board(), Commands(), Decoder()
    one.load(0, 0.5, 5.0)
    one.run(0.02)
    for phase in range(12):
        one.write(commands.start())
        one.run(one.now_s + 0.2003 + phase * 83e-6)
        one.write(commands.stop())
        one.run(one.now_s + 0.5)
    frames = [event for event in decoder.receive(one.read()[0]) if isinstance(event, Samples)]
    for event in frames:
        assert (event.last_us - event.first_us).max() < 100_000


def test_after_an_hour_of_silence_time_goes_on(board: Boards) -> None:
    one = board()
    one.load(0, 0.5, 5.0)
    under = meter(one, period_us=20_000)
    under.advance(ORIGIN_S + 20)
    session = under.session
    before_us = session.last_us
    one.run(20.2)
    one.read()
    skipped_s = 3600.0
    under.origin_s += skipped_s  # the host was away; the meter's clock is made to have run on
    hello, pongs = session.hello, session.counts.connections
    assert hello is not None
    session.connected(under.origin_s + one.now_s)
    assert session.counts.connections == pongs + 1
    shifted = dataclasses.replace(
        hello, t_us=(round(one.now_s * 1e6) + round(skipped_s * 1e6)) % WRAP, running=True, period_us=20_000
    )
    session._take(shifted, under.origin_s + one.now_s)
    assert session._unwrap(shifted.t_us) - (before_us or 0) == pytest.approx(3600.2e6, rel=1e-3)
    assert session.counts.boots == 1
