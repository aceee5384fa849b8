"""The power meter: what its firmware, its line, its clock and its sums are good for."""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import tempfile
import time
import tty
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import Progress

from circadia.platforms.clocks import SystemClock
from circadia_lab.bench import field, joules
from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.host_core import HostCore
from circadia_lab.meter.board.simulator import BoardErrors, LiveBoard, SimulatedBoard
from circadia_lab.meter.board.virtual_meter import VirtualMeter
from circadia_meter.clock import Unwrapper
from circadia_meter.commands import Commands
from circadia_meter.events import Happening, Samples
from circadia_meter.frames import Decoder, Kind, frame
from circadia_meter.sampled_meter import SampledMeter
from circadia_meter.serial_meter import SerialMeter
from circadia_meter.series import Series
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.bench.__main__ import Figure

SHUNT_OHM, VOLTAGE_V, OFFSET_V, NOISE_V, DRIFT_PPM = 0.01, 5.0, 4e-6, 5e-6, 80.0
LEVELS_A = {"sleep": 0.05, "serve": 0.38, "train": 0.86}
PERIOD_US = 344
ZERO_S, TICKS = 60, 3300
CLOSURE_SAMPLES, DAMAGED = 1_000_000, 0.01
CORRUPT, CORRUPT_BATCH = 10_000_000, 100_000
READER_HZ, READER_S = 104_000, 20.0
TRACES = {
    "trace_uj": "NUCLEO_U575ZI_Q_ic.json",
    "trace_uj_u575_kws": "NUCLEO_U575ZI_Q_kws.json",
    "trace_uj_u385_kws": "NUCLEO_U385RG_Q_kws.json",
}
RECOVERIES, LONGEST_RECOVERY_S = 5, 10.0


def measure() -> dict[str, Figure]:
    """Ten minutes and more of the firmware in virtual time, then its line, its sums and its reader.

    `firmware_*`: `firmware_seconds` of sampling; lost are frames dropped and samples missed. `alignment_*`: the clock
    against simulated truth, once a second. `bias_*`: joules of 1 s ticks in random order against the truth, after a
    zero calibration of a minute; train and serve as a share, sleep in mW. `closure`: Σ of 1,000 ticks through 1 % damaged
    frames against the injected joules. `corrupt_accepted` of `corrupt_tried` damaged frames. `reader_*`: the serial
    meter on a pseudo-terminal; `recovery_ms`: from the port's return to the first sample, median. `trace_uj…`: µJ an
    inference of real 1 kHz traces (MLPerf Tiny v1.3, median of five trials), where those lie in $CIRCADIA_SHARED or beside
    the checkout; the published figures are 2565.2442, 664.4239 and 245.3412. `coverage…`: as
    `tools/bench joules`. `aa_…`, `ab_…`, `model_…`: what a field test sees, as `tools/bench field`.
    """
    with Progress() as progress:
        task = progress.add_task("firmware in virtual time", total=ZERO_S + TICKS)
        figures = _firmware(lambda done_s: progress.update(task, completed=done_s))
    return (
        figures
        | _closure()
        | _corrupt()
        | _reader()
        | _recovery()
        | _traces()
        | joules.coverage()
        | field.measure()
    )


def _firmware(show: Callable[[float], None]) -> dict[str, Figure]:
    errors = BoardErrors(
        drift_ppm=DRIFT_PPM, shunt_ohm=SHUNT_OHM, offset_v=OFFSET_V, noise_v=NOISE_V, oscillator=0.02
    )
    board = SimulatedBoard(firmware.build_simulator(), firmware.build(), errors)
    started_us = _clock_start_us(board)
    rng = np.random.default_rng(0)
    doing = rng.choice(list(LEVELS_A), TICKS)
    begin_s = 5.0 + ZERO_S
    board.load(board.now_s, 0.0, VOLTAGE_V)
    for tick, what in enumerate(doing):
        board.load(begin_s + tick, LEVELS_A[what], VOLTAGE_V)
    meter = VirtualMeter(board, MeterSession(period_us=PERIOD_US, shunt_ohm=SHUNT_OHM))
    session = meter.session
    started_s = time.perf_counter()
    meter.advance(begin_s)
    _zero(session, begin_s)
    wrong_us: list[float] = []
    bounds_us: list[float] = []
    wrong_j: dict[str, list[float]] = {what: [] for what in LEVELS_A}
    for tick in range(TICKS):
        meter.advance(begin_s + tick + 1.1)
        line, last_us = session.line, session.last_us
        assert line is not None
        assert last_us is not None
        true_s = (last_us + started_us) * 1e-6 / (1 + DRIFT_PPM * 1e-6)
        wrong_us.append(abs(line.host_s(last_us) - true_s) * 1e6)
        bounds_us.append(line.bound_s(last_us) * 1e6)
        reading = meter.read(begin_s + tick, begin_s + tick + 1)
        assert reading is not None
        wrong_j[str(doing[tick])].append(reading.energy_j - meter.true_j(begin_s + tick, begin_s + tick + 1))
        show(ZERO_S + tick)
    wall_s = time.perf_counter() - started_s
    counts = session.counts
    sampled_s = board.now_s - 0.1
    board.close()
    return {
        "firmware_samples_per_s": counts.samples / sampled_s,
        "firmware_lost": counts.dropped + counts.missed,
        "firmware_seconds": sampled_s,
        "firmware_times_real": sampled_s / wall_s,
        "alignment_p95_us": float(np.percentile(wrong_us, 95)),
        "alignment_bound_us": float(np.median(bounds_us)),
        "alignment_covered": float(np.mean(np.array(wrong_us) <= np.array(bounds_us))),
        "bias_train": abs(statistics.fmean(wrong_j["train"])) / (LEVELS_A["train"] * VOLTAGE_V),
        "bias_serve": abs(statistics.fmean(wrong_j["serve"])) / (LEVELS_A["serve"] * VOLTAGE_V),
        "bias_sleep_mw": abs(statistics.fmean(wrong_j["sleep"])) * 1e3,
        "bias_ticks": min(len(values) for values in wrong_j.values()),
    }


def _clock_start_us(board: SimulatedBoard) -> float:
    """How long after power-on the meter's clock started, in its own µs; by a pulse whose true time is known."""
    board.run(0.02)
    board.pulses()
    board.write(Commands().pulse())
    board.run(0.03)
    (event,) = [one for one in Decoder().receive(board.read()[0]) if isinstance(one, Happening)]
    ((true_s, _),) = board.pulses()
    return true_s * 1e6 * (1 + DRIFT_PPM * 1e-6) - event.t_us


def _zero(session: MeterSession, end_s: float) -> None:
    """As `circadia meter calibrate` finds it: nothing flows until `end_s`."""
    line, calibration = session.line, session.calibration
    assert line is not None
    assert calibration is not None
    start_us = session.series.start_us
    end_us = line.meter_us(end_s - 0.1)
    passed = session.series.at(end_us) - session.series.at(start_us)
    session.calibration = calibration.zeroed(passed.charge / ((end_us - start_us) * line.rate))


def _closure() -> dict[str, Figure]:
    rng = np.random.default_rng(1)
    core = HostCore(firmware.build_core())
    core.take()
    core.receive(Commands().start())
    t_us = 5000 + PERIOD_US * np.arange(CLOSURE_SAMPLES, dtype=np.int64)
    shunt = rng.integers(-32768, 32768, CLOSURE_SAMPLES)
    bus = rng.integers(0, 32768, CLOSURE_SAMPLES)
    frames = [bytearray(one) for one in core.sample(t_us, shunt, bus).split(b"\0") if one]
    damaged = rng.random(len(frames)) < DAMAGED
    damaged[[0, -1]] = False
    for one in (frames[i] for i in np.flatnonzero(damaged)):
        one[rng.integers(len(one))] ^= int(rng.integers(1, 256))
    series, unwrap, decoder = Series(keep_s=1e9), Unwrapper(), Decoder()
    for event in decoder.receive(b"".join(bytes(one) + b"\0" for one in frames)):
        if isinstance(event, Samples):
            last_us = unwrap.all(event.last_us)
            series.add(event, last_us - (event.last_us - event.first_us).astype(np.int64), last_us)
    injected = sum((shunt[1:] * bus[1:]).tolist()) * PERIOD_US
    cuts = [float(t_us[0]), *np.sort(rng.uniform(t_us[0], t_us[-1], 999)), float(t_us[-1])]
    ends = [series.at(t) for t in cuts]
    ticks = sum((b - a).energy for a, b in pairwise(ends))
    return {"closure": abs(ticks - injected) / abs(injected), "closure_damaged": int(damaged.sum())}


def _corrupt() -> dict[str, Figure]:
    """One to eight changed bytes a frame, anywhere but its zero."""
    rng = np.random.default_rng(2)
    body = bytes([1, Kind.SAMPLES, 1, 0]) + rng.integers(0, 256, 42 + 64, np.uint8).tobytes()
    good = np.frombuffer(frame(body), np.uint8)
    accepted = 0
    with Progress() as progress:
        for _ in progress.track(range(CORRUPT // CORRUPT_BATCH), description="damaged frames"):
            batch = np.tile(good, (CORRUPT_BATCH, 1))
            changes = rng.integers(1, 9, CORRUPT_BATCH)
            for change in range(8):
                rows = np.flatnonzero(changes > change)
                places = rng.integers(0, len(good) - 1, len(rows))
                batch[rows, places] = rng.integers(0, 256, len(rows), np.uint8)
            really = (batch != good).any(axis=1)
            events = Decoder().receive(batch[really].tobytes())
            accepted += sum(len(event.sequence) for event in events if isinstance(event, Samples))
    return {"corrupt_accepted": accepted, "corrupt_tried": CORRUPT}


def _reader() -> dict[str, Figure]:
    """A process sends what the firmware would at 100 kHz; this one reads it as every host does."""
    core = HostCore(firmware.build_core())
    hellos = [core.take()]
    core.receive(Commands().start())
    hellos.append(core.receive(Commands().hello()))
    count = int(READER_HZ * READER_S)
    t_us = 10 * np.arange(count, dtype=np.int64)
    data = core.sample(t_us, np.arange(count) % 30000, np.full(count, 4000))
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    context = multiprocessing.get_context("fork")
    sender = context.Process(target=_send, args=(master, hellos, data), daemon=True)
    sender.start()
    meter = SerialMeter(
        clock=SystemClock(), port=os.ttyname(slave), session=MeterSession(period_us=1000, shunt_ohm=SHUNT_OHM)
    )
    meter.start()
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    sender.join()
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    time.sleep(0.2)
    meter.close()
    for end in (master, slave):
        os.close(end)
    samples = meter.session.counts.samples
    return {
        "reader_samples_per_s": samples / wall_s,
        "reader_lost": count - samples,
        "reader_cpu": cpu_s / wall_s,
    }


def _send(master: int, hellos: list[bytes], data: bytes) -> None:
    """Answer what a host asks, then send `data` evenly; ends when all is written."""
    os.set_blocking(master, False)
    decoder, sent, start_s = _Answers(hellos), 0, 0.0
    while sent < len(data):
        with suppress(BlockingIOError):
            os.write(master, decoder.answer(os.read(master, 4096)))
        if decoder.started:
            start_s = start_s or time.perf_counter()
            due = int(len(data) * min((time.perf_counter() - start_s) / READER_S, 1.0))
            whole = data.rfind(b"\0", sent, due) + 1
            while sent < whole:
                with suppress(BlockingIOError):
                    sent += os.write(master, data[sent:whole])
        time.sleep(0.001)


def _traces() -> dict[str, Figure]:
    """Through the meter for sensors that are looked at."""
    root = Path(__file__).parents[3]
    named = os.environ.get("CIRCADIA_SHARED")
    places = [Path(named)] if named else [root / "shared", root.parent / "shared"]
    folder = next((place for place in places if place.is_dir()), places[0]) / "data/mlperf_tiny/power_traces"
    figures: dict[str, Figure] = {}
    for name, file in TRACES.items():
        path = folder / file
        figures[name] = round(_trace_uj(path), 4) if path.is_file() else None
    return figures


def _trace_uj(path: Path) -> float:
    """`power.samples` are joules of a millisecond each; the last two timestamps enclose what is counted."""
    found: list[float] = []
    for trial in json.loads(path.read_text(encoding="utf-8")):
        samples = trial["power"]["samples"]
        first, last = (int(stamp[1]) for stamp in trial["power"]["timestamps"][-2:])
        powers = iter([0.0, *(joules / 1e-3 for joules in samples)])
        meter = SampledMeter(
            partial(next, powers), clock=SystemClock(), period_s=1e-3, step_w=0.0, name=path.name
        )
        for place in range(len(samples) + 1):
            meter.sample(place * 1e-3)
        reading = meter.read(first * 1e-3, last * 1e-3)
        assert reading is not None
        found.append(reading.energy_j / trial["infer"]["iterations"] * 1e6)
    return statistics.median(found)


class _Answers:
    """The meter's side of the greeting."""

    def __init__(self, hellos: list[bytes]) -> None:
        """Those before and after it was started; the second has its reply with it."""
        self._hellos, self._rest, self.started = hellos, b"", False

    def answer(self, data: bytes) -> bytes:
        *pieces, self._rest = (self._rest + data).split(b"\0")
        return b"".join(self._one(piece) for piece in pieces if piece)

    def _one(self, piece: bytes) -> bytes:
        from cobs import cobs

        body = cobs.decode(piece)
        kind, token = body[1], body[2:4]
        head = bytes([1, 0, 1, 0]) + bytes(8)
        if kind == Kind.PING:
            return frame(head[:1] + bytes([Kind.PONG]) + head[2:] + token + bytes(7))
        self.started = self.started or kind == Kind.START
        reply = frame(head[:1] + bytes([Kind.REPLY]) + head[2:] + token + bytes([kind, 0]))
        return (self._hellos[self.started] if kind == Kind.ASK_HELLO else b"") + reply


def _recovery() -> dict[str, Figure]:
    """Unplug and plug in again."""
    found: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "meter"
        meter = SerialMeter(
            clock=SystemClock(),
            port=str(port),
            session=MeterSession(shunt_ohm=SHUNT_OHM),
            listen=lambda *_: None,
        )
        first = _plug(port)
        meter.start()
        for _ in range(RECOVERIES):
            time.sleep(1.0)
            port.unlink()
            first.close()
            while meter.connected:
                time.sleep(0.001)
            time.sleep(0.5)
            before = meter.session.counts.samples
            first = _plug(port)
            back_s = time.perf_counter()
            while (
                meter.session.counts.samples == before and time.perf_counter() < back_s + LONGEST_RECOVERY_S
            ):
                time.sleep(0.0005)
            found.append((time.perf_counter() - back_s) * 1e3)
        meter.close()
        first.close()
    return {"recovery_ms": statistics.median(found)}


def _plug(port: Path) -> LiveBoard:
    board = SimulatedBoard(firmware.build_simulator(), firmware.build(), BoardErrors(drift_ppm=DRIFT_PPM))
    live = LiveBoard(board, lambda _t_s: (0.4, VOLTAGE_V))
    live.start()
    port.symlink_to(live.port)
    return live
