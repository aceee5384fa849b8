"""The firmware itself, run by a simulated ATmega328P with an INA226 on its bus (simavr), in time of its own.

`SimulatedBoard` runs as fast as it can and is exact about time and joules; `LiveBoard` keeps one in step with the
clock behind a pseudo-terminal, as a meter on a USB cable.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
import time
import tty
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError, MeterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardErrors:
    """How far this board is from an ideal one."""

    drift_ppm: float = 0.0
    """Of its crystal: at 80 its second is 80 µs short."""
    shunt_ohm: float = 0.01
    offset_v: float = 0.0
    """Of the sensor's shunt input; an INA226 has up to ±10 µV."""
    gain: float = 0.0
    """0.001: reads 0.1 % too much."""
    noise_v: float = 0.0
    """Standard deviation of one 140 µs conversion."""
    oscillator: float = 0.0
    """0.05: the sensor converts 5 % slower."""
    seed: int = 0


class SimulatedBoard:
    """One meter, from power-on at true time 0 s."""

    def __init__(self, library: Path, firmware: Path, errors: BoardErrors | None = None) -> None:
        """`library` and `firmware` as `circadia_lab.meter.board.firmware.build` makes them."""
        errors = errors or BoardErrors()
        if errors.shunt_ohm <= 0:
            raise ConfigError(f"simulated meter: a shunt of {errors.shunt_ohm} Ω; it must be above 0")
        self._library = _declared(ctypes.CDLL(str(library)))
        options = _Options(
            errors.drift_ppm, errors.shunt_ohm, errors.offset_v, errors.gain, errors.noise_v, errors.oscillator,
            errors.seed,
        )  # fmt: skip
        self._board = self._library.simulator_open(str(firmware).encode(), ctypes.byref(options))
        if not self._board:
            raise MeterError(
                f"{firmware}: no firmware for an ATmega328P; build it with `circadia meter build`"
            )

    def load(self, t_s: float, current_a: float, voltage_v: float) -> None:
        """From `t_s` on, this flows; in order of time."""
        if self._library.simulator_load(self._board, t_s, current_a, voltage_v) != 0:
            raise ConfigError(f"simulated meter: the load at {t_s} s lies before the last one")

    def write(self, data: bytes, t_s: float | None = None) -> None:
        """Put bytes on the line to the meter at `t_s`, or now, or when it is free."""
        at_s = self.now_s if t_s is None else t_s
        if self._library.simulator_write(self._board, at_s, data, len(data)) != 0:
            raise MeterError("simulated meter: 4,096 bytes wait for it already; run it on")

    def run(self, until_s: float) -> None:
        """Let it work until then."""
        if self._library.simulator_run(self._board, until_s) != 0:
            raise MeterError("simulated meter: the firmware crashed")

    def read(self) -> tuple[bytes, NDArray[np.float64]]:
        """What it sent since the last call, and the true second at which each byte had arrived."""
        room = 1 << 16
        found: list[bytes] = []
        times: list[NDArray[np.float64]] = []
        bytes_ = ctypes.create_string_buffer(room)
        seconds = np.empty(room)
        while count := self._library.simulator_read(self._board, bytes_, seconds.ctypes.data, room):
            found.append(ctypes.string_at(bytes_, count))
            times.append(seconds[:count].copy())
        return b"".join(found), np.concatenate(times) if times else np.empty(0)

    def true_sums(self, t_s: float) -> tuple[float, float, float]:
        """Coulombs, volt-seconds and joules that flowed up to `t_s`."""
        sums = (ctypes.c_double * 3)()
        self._library.simulator_sums(self._board, t_s, sums)
        return sums[0], sums[1], sums[2]

    def cut_power(self) -> None:
        """And give it back: a reboot."""
        self._library.simulator_reset(self._board)

    def pull_sensor(self, *, absent: bool) -> None:
        """Off the bus, or put it back."""
        self._library.simulator_sensor(self._board, int(absent))

    def drive_sync(self, *, level: bool) -> None:
        """The sync input."""
        self._library.simulator_edge(self._board, int(level))

    def pulses(self) -> list[tuple[float, bool]]:
        """(true second, level) of the edges of the sync output since the last call."""
        found = []
        t_s, level = ctypes.c_double(), ctypes.c_int()
        while self._library.simulator_pulse(self._board, ctypes.byref(t_s), ctypes.byref(level)):
            found.append((t_s.value, bool(level.value)))
        return found

    @property
    def now_s(self) -> float:
        """True seconds since power-on."""
        return float(self._library.simulator_now_s(self._board))

    def close(self) -> None:
        """Free it; a second call does nothing."""
        if self._board:
            self._library.simulator_close(self._board)
            self._board = None


class _Options(ctypes.Structure):
    _fields_ = [
        ("drift_ppm", ctypes.c_double),
        ("shunt_ohm", ctypes.c_double),
        ("offset_v", ctypes.c_double),
        ("gain", ctypes.c_double),
        ("noise_v", ctypes.c_double),
        ("oscillator", ctypes.c_double),
        ("seed", ctypes.c_uint64),
    ]


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """The functions of simulator.h."""
    board, number, pointer, size = ctypes.c_void_p, ctypes.c_double, ctypes.c_void_p, ctypes.c_size_t
    for name, result, arguments in (
        ("open", board, (ctypes.c_char_p, pointer)),
        ("close", None, (board,)),
        ("load", ctypes.c_int, (board, number, number, number)),
        ("write", ctypes.c_int, (board, number, ctypes.c_char_p, size)),
        ("run", ctypes.c_int, (board, number)),
        ("read", size, (board, ctypes.c_char_p, pointer, size)),
        ("sums", None, (board, number, pointer)),
        ("reset", None, (board,)),
        ("sensor", None, (board, ctypes.c_int)),
        ("edge", None, (board, ctypes.c_int)),
        ("pulse", ctypes.c_int, (board, pointer, pointer)),
        ("now_s", number, (board,)),
    ):
        function = getattr(library, f"simulator_{name}")
        function.restype, function.argtypes = result, arguments
    return library


class LiveBoard:
    """A simulated board behind a pseudo-terminal, in step with the clock: a meter on a cable.

    It can fall behind when the machine is busy; it says by how much, and its own time never jumps.
    """

    STEP_S = 0.001

    def __init__(self, board: SimulatedBoard, load: Callable[[float], tuple[float, float]]) -> None:
        """`load` is asked for (amperes, volts) at ascending seconds since the start, `STEP_S` apart or less.

        A board that is late asks for what it has missed: what flows does not depend on how busy the machine is.
        """
        self.board = board
        self._load = load
        self._cable = threading.Lock()
        self._ends: tuple[int, int] | None = None
        """Master and slave; None while the cable is out."""
        self.port = self.plug()
        self.behind_s = 0.0
        """The most that it was late."""
        self.unread = 0
        """Bytes that nobody read in time: the cable was out."""
        self.started_s = math.nan
        """Reading of the machine's monotonic clock at the board's second 0."""
        self._asked_s = 0.0
        self._flowing: tuple[float, float] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="simulated-meter", daemon=True)

    def start(self) -> None:
        """Power on."""
        self.started_s = time.monotonic()
        self._thread.start()

    def close(self) -> None:
        """Power off, and the port is gone."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.unplug()
        self.board.close()

    def plug(self) -> str:
        """Put the cable in: `port`, maybe another one than before."""
        with self._cable:
            if self._ends is None:
                self._ends = os.openpty()
                tty.setraw(self._ends[1])
                os.set_blocking(self._ends[0], False)
                self.port = os.ttyname(self._ends[1])
        return self.port

    def unplug(self) -> None:
        """Pull the cable: the port is gone; the board measures on, and nobody hears it."""
        with self._cable:
            for end in self._ends or ():
                os.close(end)
            self._ends = None

    def _work(self) -> None:
        while not self._stop.wait(self.STEP_S):
            now_s = time.monotonic() - self.started_s
            self.behind_s = max(self.behind_s, now_s - self.board.now_s - self.STEP_S)
            self._flow(now_s)
            self._hear(now_s)
            self.board.run(now_s)
            self._send(self.board.read()[0])

    def _flow(self, until_s: float) -> None:
        while self._asked_s < until_s:
            self._asked_s = min(self._asked_s + self.STEP_S, until_s)
            if (flowing := self._load(self._asked_s)) != self._flowing:
                self.board.load(self._asked_s, *flowing)
                self._flowing = flowing

    def _hear(self, now_s: float) -> None:
        with self._cable, suppress(BlockingIOError):
            if self._ends is not None:
                self.board.write(os.read(self._ends[0], 2048), now_s)

    def _send(self, data: bytes) -> None:
        sent = 0
        with self._cable, suppress(BlockingIOError):
            if self._ends is not None:
                sent = os.write(self._ends[0], data)
        self.unread += len(data) - sent
