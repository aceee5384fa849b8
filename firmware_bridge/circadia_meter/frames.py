"""The frame codec, sans-IO: bytes in, events out; commands in, bytes out. `firmware_bridge/PROTOCOL.md` draws it.

    frame = COBS(body ‖ CRC-32 of the body, little-endian) ‖ 0x00

Corruption is an event. Memory is bounded: what grows beyond the longest frame without a zero is thrown away at once.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from cobs import cobs

from circadia.errors import LocalProtocolError
from circadia_meter.events import Corrupt, Happening, Hello, OtherVersion, Pong, Reply, Samples, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_meter.events import Event

VERSION = 1
LONGEST = 254
"""Bytes of a frame, stuffed, without its zero: what a code byte of COBS reaches."""
_CRC = 4
_HEAD = struct.Struct("<BBHII")
_HELLO = struct.Struct("<BBIIIiiIIIIIBBB")
_REPLY = struct.Struct("<HBB")
_PONG = struct.Struct("<HBIH")
_HAPPENING = struct.Struct("<BI")
_COMMAND = struct.Struct("<BBH")
_SAMPLES_HEAD = [
    ("version", "u1"), ("kind", "u1"), ("boot", "<u2"), ("sequence", "<u4"), ("first_us", "<u4"), ("last_us", "<u4"),
    ("charge", "<i8"), ("voltage_time", "<i8"), ("energy", "<i8"),
    ("dropped", "<u2"), ("missed", "<u2"), ("flags", "<u2"),
]  # fmt: skip
_SAMPLES_HEAD_BYTES = 46
_SAMPLE = [("shunt", "<i2"), ("bus", "<u2")]


class Kind(IntEnum):
    """The second byte of every frame."""

    HELLO = 0x01
    SAMPLES = 0x02
    REPLY = 0x03
    PONG = 0x04
    EVENT = 0x05
    ASK_HELLO = 0x81
    START = 0x82
    STOP = 0x83
    RATE = 0x84
    RANGE = 0x85
    PING = 0x86
    SETTINGS = 0x87
    PULSE = 0x88
    MARK = 0x89


def encode(kind: Kind, token: int, values: bytes = b"") -> bytes:
    """A command. `token` (0–65,535) comes back in the reply."""
    if not 0 <= token < 1 << 16:
        raise LocalProtocolError(f"meter: a token is 0 to 65,535, not {token}")
    return frame(_COMMAND.pack(VERSION, kind, token) + values)


def frame(body: bytes) -> bytes:
    """Any body as it goes over the line."""
    if len(body) + _CRC + 1 > LONGEST:
        raise LocalProtocolError(f"meter: a frame of {len(body)} bytes is too long")
    stuffed: bytes = cobs.encode(body + crc32(body).to_bytes(_CRC, "little"))
    return stuffed + b"\0"


class Decoder:
    """The host's end of the line."""

    def __init__(self) -> None:
        self._rest = b""
        self._overlong = 0
        """Bytes thrown away since the last zero."""

    def receive(self, data: bytes) -> list[Event]:
        """What became complete with these bytes, in order; a run of sample frames comes as one `Samples`."""
        *pieces, rest = (self._rest + data).split(b"\0")
        events: list[Event] = []
        if self._overlong and pieces:
            events.append(Corrupt(length=self._overlong + len(pieces.pop(0)), reason="no end of frame"))
            self._overlong = 0
        if len(rest) > LONGEST:
            self._overlong += len(rest)
            rest = b""
        self._rest = rest
        for run, bodies in groupby((_body(piece) for piece in pieces if piece), _run):
            if run:
                events.append(_samples(b"".join(bodies), run))  # type: ignore[arg-type]
            else:
                events += [_event(body) for body in bodies]
        return events


def _body(piece: bytes) -> bytes | Corrupt:
    """What was framed, checked."""
    try:
        whole: bytes = cobs.decode(piece)
    except cobs.DecodeError:
        return Corrupt(length=len(piece), reason="stuffing")
    body = whole[:-_CRC]
    if crc32(body) != int.from_bytes(whole[-_CRC:], "little") or len(body) < 2:
        return Corrupt(length=len(piece), reason="CRC")
    return body


def _run(body: bytes | Corrupt) -> tuple[int, bytes] | None:
    """What neighbouring sample frames have in common: their length and boot; None for all else."""
    if (
        isinstance(body, bytes)
        and body[0] == VERSION
        and body[1] == Kind.SAMPLES
        and _holds_samples(len(body))
    ):
        return len(body), body[2:4]
    return None


def _holds_samples(length: int) -> bool:
    return length > _SAMPLES_HEAD_BYTES and (length - _SAMPLES_HEAD_BYTES) % 4 == 0


def _samples(bodies: bytes, run: tuple[int, bytes]) -> Samples:
    per_frame = (run[0] - _SAMPLES_HEAD_BYTES) // 4
    frames = np.frombuffer(bodies, _layout(per_frame))
    samples = frames["samples"]
    return Samples(
        boot=int.from_bytes(run[1], "little"),
        sequence=frames["sequence"],
        first_us=frames["first_us"],
        last_us=frames["last_us"],
        charge=frames["charge"],
        voltage_time=frames["voltage_time"],
        energy=frames["energy"],
        dropped=frames["dropped"],
        missed=frames["missed"],
        flags=frames["flags"],
        count=np.full(len(frames), per_frame),
        shunt=samples["shunt"].ravel(),
        bus=samples["bus"].ravel(),
    )


@cache
def _layout(per_frame: int) -> np.dtype[np.void]:
    return np.dtype([*_SAMPLES_HEAD, ("samples", _SAMPLE, (per_frame,))])


def _event(body: bytes | Corrupt) -> Event:
    if isinstance(body, Corrupt):
        return body
    version, kind = body[0], body[1]
    if version != VERSION:
        return OtherVersion(version=version)
    read = _READERS.get(kind)
    if read is None:
        return Unknown(kind=kind)
    try:
        _, _, boot, sequence, t_us = _HEAD.unpack_from(body)
        return read(boot, sequence, t_us, body[_HEAD.size :])
    except struct.error:
        return Corrupt(length=len(body), reason=f"a frame of kind {kind} is not {len(body)} bytes long")


def _hello(_boot: int, sequence: int, t_us: int, rest: bytes) -> Hello:
    (
        major,
        minor,
        boot,
        device,
        shunt,
        offset,
        gain,
        shunt_nv,
        bus_uv,
        fastest,
        lag,
        period,
        present,
        ranges,
        running,
    ) = _HELLO.unpack_from(rest)
    return Hello(
        boot=boot,
        sequence=sequence,
        t_us=t_us,
        firmware=(major, minor),
        board=rest[_HELLO.size :].decode("ascii", "replace"),
        device_id=device,
        shunt_uohm=shunt,
        offset_steps=offset / 65536,
        gain_ppm=gain,
        shunt_step_v=shunt_nv * 1e-9,
        bus_step_v=bus_uv * 1e-6,
        fastest_us=fastest,
        lag_us=lag,
        period_us=period,
        range=present,
        ranges=ranges,
        running=bool(running),
    )


def _reply(boot: int, sequence: int, t_us: int, rest: bytes) -> Reply:
    token, kind, status = _REPLY.unpack(rest)
    return Reply(boot=boot, sequence=sequence, t_us=t_us, token=token, kind=kind, status=status)


def _pong(boot: int, sequence: int, t_us: int, rest: bytes) -> Pong:
    token, queued, sent_us, building_us = _PONG.unpack(rest)
    return Pong(
        boot=boot,
        sequence=sequence,
        t_us=t_us,
        token=token,
        answered_us=(sent_us - t_us) % (1 << 32),
        queued_bytes=queued,
        building_us=building_us,
        length=_HEAD.size + _PONG.size + _CRC + 2,
    )


def _happening(boot: int, sequence: int, t_us: int, rest: bytes) -> Happening:
    what, value = _HAPPENING.unpack(rest)
    return Happening(boot=boot, sequence=sequence, t_us=t_us, what=what, value=value)


_READERS: dict[int, Callable[[int, int, int, bytes], Event]] = {
    Kind.HELLO: _hello,
    Kind.REPLY: _reply,
    Kind.PONG: _pong,
    Kind.EVENT: _happening,
}
