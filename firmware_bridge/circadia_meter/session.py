"""One meter as the host sees it, sans-IO: bytes and times of arrival in, bytes to send and joules out.

A serial port in real time and a simulated board in virtual time drive the same object:

    connected(now) ─► outgoing(now) ─► bytes for the line        hello, rate, start, then a ping twice a second
    receive(bytes, now) ─► events                                samples to the series, pongs to the alignment
    read(start, end) ─► joules between two moments of the host's clock
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError, MeterError
from circadia_meter.calibration import Calibration
from circadia_meter.clock import Alignment, Unwrapper, exchange, shorter_way
from circadia_meter.commands import Commands, refusal
from circadia_meter.events import Corrupt, Flag, Hello, OtherVersion, Pong, Reply, Samples, Unknown
from circadia_meter.frames import VERSION, Decoder, Kind
from circadia_meter.readings import Readings, Timing
from circadia_meter.series import Series, joined

if TYPE_CHECKING:
    from circadia.types import EnergyReading
    from circadia_meter.clock import Line
    from circadia_meter.events import Event
    from circadia_meter.series import Timed

HELLO_S = 2.5
"""A board that was reset when its port was opened needs up to two seconds to say hello."""
ASK_AGAIN_S = 0.25
PING_S = 0.5
FIRST_PINGS, FIRST_PING_S = 20, 0.05
"""A new line is bounded quickly."""
SILENCE_S = 3.0
"""Pings go unanswered for so long: ask whether somebody is there."""
JUMP_US = 500_000
"""The meter's clock does not drift as far while nobody is connected for a few minutes."""
FORGET_S = 600.0
"""After such a silence the meter has to say hello before anything else counts."""
LOST_S = 2.0
"""A ping that has no answer by then will have none."""
TOGETHER = 64
"""Batches of samples join the series at once, which is cheaper."""
RATE_BOUND, RATE_S = 3e-4, 10.0
"""The rate of the meter's clock scales its joules: samples wait until it is known this well, or for so long."""


@dataclass(slots=True)
class Counts:
    """What happened on the line since the first connection."""

    samples: int = 0
    frames: int = 0
    corrupt: int = 0
    unknown: int = 0
    """Whole frames of kinds from a later firmware."""
    dropped: int = 0
    """Frames for which the meter had no room."""
    missed: int = 0
    """Samples that were due and not taken."""
    saturated: int = 0
    """Frames with a sample at the end of its register."""
    connections: int = 0
    boots: int = 0
    clock_steps: int = 0
    """Pings that contradicted those before them: a clock was set."""


class MeterSession:
    """Owned by one thread, or guarded by its owner's lock."""

    def __init__(
        self,
        *,
        baud: int = 500_000,
        device_id: int | None = None,
        period_us: int = 1000,
        shunt_ohm: float | None = None,
        keep_s: float = 900.0,
    ) -> None:
        """`device_id` refuses other meters; `shunt_ohm` overrules the one that the meter keeps."""
        if period_us < 1:
            raise ConfigError(f"meter: period_us is {period_us}; it must be 1 or more")
        self._baud, self._device_id, self._period_us, self._shunt_ohm = baud, device_id, period_us, shunt_ohm
        self._commands = Commands()
        self._decoder = Decoder()
        self._alignment = Alignment()
        self._unwrap = Unwrapper()
        self._counters: tuple[int, int] | None = None
        self._pings: dict[int, tuple[float, int]] = {}
        self._pings_sent = 0
        self._next_ping_s = math.inf
        self._greeting_until_s = math.inf
        self._ask_s = math.inf
        self._heard_s = math.inf
        self._greeted = False
        """On this connection."""
        self._step: Kind | None = None
        self._earlier: deque[tuple[int, Line]] = deque(maxlen=16)
        """Of boots before this one: where each ended, and the line of its clock."""
        self._waiting: list[Timed] = []
        """Until the rate of the meter's clock is known."""
        self._rate: float | None = None
        self._rate_due_s = math.inf
        self.last_us: int | None = None
        """Of the newest sample, unwrapped."""
        self._series = Series(keep_s=keep_s)
        self._readings = Readings(self._series)
        self.counts = Counts()
        self.hello: Hello | None = None
        self.calibration: Calibration | None = None

    def about(self) -> dict[str, str | float]:
        """Which meter it is, its firmware and calibration; before its hello, that it is one on a serial line."""
        found: dict[str, str | float] = {"meter": "serial", "period_us": self._period_us}
        if self.hello is not None and self.calibration is not None:
            found |= {
                "board": self.hello.board,
                "device_id": f"{self.hello.device_id:08x}",
                "firmware": "{}.{}".format(*self.hello.firmware),
                "shunt_ohm": self.calibration.shunt_ohm,
                "offset_steps": self.calibration.offset_steps,
                "gain": self.calibration.gain,
            }
        return found

    # ---- the line ----

    def connected(self, now_s: float) -> None:
        """A new connection: everything on the old one is gone."""
        self._decoder = Decoder()
        self._greeted = False
        self._pings.clear()
        self._pings_sent = 0
        self._next_ping_s = math.inf
        self._step = Kind.ASK_HELLO
        self._ask_s = now_s
        self._greeting_until_s = now_s + HELLO_S
        self.counts.connections += 1

    @property
    def measuring(self) -> bool:
        """Whether the meter has obeyed all that was asked of it on this connection."""
        return self._step is None and self.hello is not None

    def outgoing(self, now_s: float) -> bytes:
        """What has to be sent now. `MeterError` if nobody answers."""
        if self._step is not None:
            return self._greeting(now_s)
        if now_s > self._heard_s + SILENCE_S:
            self._ask(Kind.ASK_HELLO, now_s)
            return self._greeting(now_s)
        if now_s < self._next_ping_s:
            return b""
        quick = self._pings_sent < FIRST_PINGS
        self._next_ping_s = now_s + (FIRST_PING_S if quick else PING_S)
        self._pings_sent += 1
        data = self._commands.ping()
        self._pings = {token: sent for token, sent in self._pings.items() if now_s - sent[0] < LOST_S}
        self._pings[self._commands.token] = (now_s, len(data))
        return data

    @property
    def awaits_pong(self) -> bool:
        """A ping is on its way: whoever reads should do so at once."""
        return bool(self._pings)

    def _greeting(self, now_s: float) -> bytes:
        if now_s > self._greeting_until_s:
            raise MeterError(
                "no Circadia meter answers; is it flashed (`circadia meter flash`), and is this the right port?"
            )
        if now_s < self._ask_s:
            return b""
        self._ask_s = now_s + ASK_AGAIN_S
        if self._step == Kind.RATE:
            return self._commands.rate(self._period_us)
        if self._step == Kind.START:
            return self._commands.start()
        return self._commands.hello()

    # ---- what it says ----

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Bytes that had arrived by `now_s`. `MeterError` for another protocol, another meter, or a refusal."""
        if now_s > self._heard_s + FORGET_S and self._step is None:
            self._greeted = False  # its clock may have wrapped meanwhile
            self._ask(Kind.ASK_HELLO, now_s)
        events = self._decoder.receive(data)
        if any(not isinstance(event, Corrupt) for event in events):
            self._heard_s = now_s
        for event in events:
            self._take(event, now_s)
        return events

    def _take(self, event: Event, now_s: float) -> None:
        match event:
            case Samples():
                self._samples(event, now_s)
            case Pong():
                self._pong(event, now_s)
            case Hello():
                self._hello(event, now_s)
            case Reply():
                self._reply(event, now_s)
            case Corrupt():
                self.counts.corrupt += 1
            case OtherVersion():
                raise MeterError(
                    f"the meter speaks protocol version {event.version}, this host {VERSION}; flash the firmware that "
                    "belongs to this version (`circadia meter flash`)"
                )
            case Unknown():
                self.counts.unknown += 1
            case _:
                pass

    def _hello(self, hello: Hello, now_s: float) -> None:
        if self._device_id is not None and hello.device_id != self._device_id:
            raise MeterError(
                f"this is meter {hello.device_id:08x}, not {self._device_id:08x}; is another one plugged in?"
            )
        rebooted = self.hello is not None and (
            hello.boot != self.hello.boot or self._began_anew(hello, now_s)
        )
        self._greeted = True
        if self.hello is None or rebooted:
            self.counts.boots += 1
        if rebooted:
            self._reboot(hello, now_s)
        elif (line := self.line) is not None:
            expected = round(line.meter_us(now_s))  # after a silence of any length
            self._unwrap.restart(hello.t_us, expected + shorter_way(hello.t_us - expected))
        self.hello = hello
        self.calibration = Calibration.of(hello, self._shunt_ohm)
        if self._step is None and not hello.running:
            self._ask(Kind.RATE, now_s)  # it booted in the middle of it all
        elif self._step == Kind.ASK_HELLO:
            wanted = hello.period_us == self._period_us
            self._ask((None if hello.running else Kind.START) if wanted else Kind.RATE, now_s)

    def _began_anew(self, hello: Hello, now_s: float) -> bool:
        """Its clock is not where it should be: another meter, or one whose count of boots was erased."""
        if (line := self.line) is None:
            return False
        return bool(abs(shorter_way(hello.t_us - round(line.meter_us(now_s)))) > JUMP_US)

    def _reboot(self, hello: Hello, now_s: float) -> None:
        """Its clock began anew; until pings say it better, it goes on from when its hello arrived."""
        line, end_us = self.line, self.last_us or 0
        self._unwrap.restart(hello.t_us, max(round(line.meter_us(now_s)), end_us) if line else end_us)
        if line is not None:
            self._earlier.append((end_us, line))
        if self._rate is None:
            self._rate = line.rate if line else 1.0
        self._alignment.restart()
        self.series.restart()  # after what waits has joined it
        self._counters = None

    def _ask(self, step: Kind | None, now_s: float) -> None:
        self._step = step
        if step is None:
            self._next_ping_s = now_s
            self._rate_due_s = min(self._rate_due_s, now_s + RATE_S)
        else:
            self._ask_s = now_s
            self._greeting_until_s = now_s + HELLO_S

    def _reply(self, reply: Reply, now_s: float) -> None:
        if (reason := refusal(reply)) is not None:
            raise MeterError(reason)
        if reply.kind == self._step == Kind.RATE:
            self._ask(Kind.START, now_s)
        elif reply.kind == self._step == Kind.START:
            self._ask(Kind.ASK_HELLO, now_s)  # its lag belongs to the rate

    def _pong(self, pong: Pong, now_s: float) -> None:
        sent = self._pings.pop(pong.token, None)
        if sent is None or not self._of_this_boot(pong.boot, now_s):
            return
        sent_s, length = sent
        found = exchange(
            pong,
            meter_us=self._unwrap(pong.t_us),
            sent_s=sent_s,
            returned_s=now_s,
            bytes_out=length,
            baud=self._baud,
        )
        self.counts.clock_steps += not self._alignment.add(found)
        if (line := self.line) is not None and line.rate_bound < RATE_BOUND:
            self._rate = line.rate

    def _of_this_boot(self, boot: int, now_s: float) -> bool:
        """If not, its hello was lost, and it is asked for another."""
        if self.hello is not None and boot == self.hello.boot & 0xFFFF and self._greeted:
            return True
        if self._step is None:
            self._ask(Kind.ASK_HELLO, now_s)
        return False

    @property
    def series(self) -> Series:
        """The sums over time, with all that came."""
        self._add_waiting()
        return self._series

    def _add_waiting(self) -> None:
        if self._rate is None:
            return
        for samples, first_us, last_us in joined(self._waiting):
            self._series.add(samples, first_us, last_us, rate=self._rate)
        self._waiting.clear()

    def _samples(self, samples: Samples, now_s: float) -> None:
        if not self._of_this_boot(samples.boot, now_s):
            return
        last_us = self._unwrap.all(samples.last_us)
        first_us = last_us - (samples.last_us - samples.first_us).astype(np.int64)
        self._waiting.append((samples, first_us, last_us))
        self.last_us = int(last_us[-1])
        if self._rate is None and now_s > self._rate_due_s:
            self._rate = self.line.rate if self.line else 1.0
        if len(self._waiting) >= TOGETHER:
            self._add_waiting()
        counts = self.counts
        counts.frames += len(last_us)
        counts.samples += len(samples.shunt)
        counts.saturated += int(((samples.flags & Flag.SATURATED) != 0).sum())
        now = int(samples.dropped[-1]), int(samples.missed[-1])
        before = self._counters or (int(samples.dropped[0]), int(samples.missed[0]))
        counts.dropped += (now[0] - before[0]) % (1 << 16)
        counts.missed += (now[1] - before[1]) % (1 << 16)
        self._counters = now

    # ---- joules ----

    @property
    def line(self) -> Line | None:
        """The alignment of its clock, once there is one."""
        return self._alignment.line

    @property
    def lag_us(self) -> float:
        """How much later than it happens a change shows in the sums."""
        return self.hello.lag_us - self.hello.period_us / 2 if self.hello else 0.0

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """As `circadia.ports.EnergyMeter`; times on the host's clock."""
        line, calibration = self.line, self.calibration
        if line is None or calibration is None or self.series.empty:
            return None
        timing = Timing(
            line=line,
            earlier=self._earlier,
            lag_us=self.lag_us,
            period_us=self.hello.period_us if self.hello else 0,
        )
        return self._readings.between(start_s, end_s, timing, calibration)
