"""The commands of a host: what goes out, and the tokens by which replies are told apart."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia_meter.events import Status
from circadia_meter.frames import Kind, encode

if TYPE_CHECKING:
    from circadia_meter.events import Reply

_SETTINGS = struct.Struct("<IIii")
MEANINGS = {
    Status.UNKNOWN: "its firmware does not know this command; flash a newer one",
    Status.LENGTH: "its firmware expects other values; flash the one that belongs to this version",
    Status.RANGE: "the value is out of its range",
    Status.BUSY: "not while it samples",
    Status.SENSOR: "its sensor does not answer; check SDA, SCL, VCC and GND",
    Status.VERSION: "it speaks another protocol version; flash the firmware that belongs to this version",
}


class Commands:
    """Encodes commands with a token each: 1 … 65,535, again and again."""

    def __init__(self) -> None:
        self.token = 0

    def _next(self, kind: Kind, values: bytes = b"") -> bytes:
        self.token = self.token % 0xFFFF + 1
        return encode(kind, self.token, values)

    def hello(self) -> bytes:
        """Say what you are."""
        return self._next(Kind.ASK_HELLO)

    def start(self) -> bytes:
        """Begin to sample."""
        return self._next(Kind.START)

    def stop(self) -> bytes:
        """Send what waits and rest."""
        return self._next(Kind.STOP)

    def rate(self, period_us: int) -> bytes:
        """One sample in so many µs."""
        return self._next(Kind.RATE, _u32("period_us", period_us))

    def range(self, index: int) -> bytes:
        """Of those that the hello counts."""
        if not 0 <= index < 1 << 8:
            raise ConfigError(f"meter: a range is 0 to 255, not {index}")
        return self._next(Kind.RANGE, bytes([index]))

    def ping(self) -> bytes:
        """Answer at once."""
        return self._next(Kind.PING)

    def settings(self, *, device_id: int, shunt_uohm: int, offset_steps: float, gain_ppm: int) -> bytes:
        """Keep these where they survive a power cut."""
        try:
            values = _SETTINGS.pack(device_id, shunt_uohm, round(offset_steps * 65536), gain_ppm)
        except struct.error as error:
            raise ConfigError(f"meter: settings are out of range ({error})") from error
        return self._next(Kind.SETTINGS, values)

    def pulse(self) -> bytes:
        """Turn the sync output over."""
        return self._next(Kind.PULSE)

    def mark(self, label: int) -> bytes:
        """Note this moment."""
        return self._next(Kind.MARK, _u32("label", label))


def _u32(name: str, value: int) -> bytes:
    if not 0 <= value < 1 << 32:
        raise ConfigError(f"meter: {name} is 0 to 4,294,967,295, not {value}")
    return value.to_bytes(4, "little")


def refusal(reply: Reply) -> str | None:
    """Why the meter did not obey; None if it did."""
    if reply.status == Status.OK:
        return None
    try:
        command = Kind(reply.kind).name.lower().replace("_", " ")
    except ValueError:
        command = f"{reply.kind:#x}"
    meaning = MEANINGS.get(Status(reply.status)) if reply.status in set(Status) else None
    return f"the meter refused `{command}`: {meaning or f'status {reply.status}'}"
