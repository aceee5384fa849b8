"""A short talk with a meter: one command, one reply."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import serial

from circadia.errors import MeterError
from circadia_meter import serial_port
from circadia_meter.commands import Commands, refusal
from circadia_meter.events import Hello, OtherVersion, Reply
from circadia_meter.frames import VERSION, Decoder

if TYPE_CHECKING:
    from circadia_meter.events import Event

REPLY_S, TRIES = 0.5, 5
"""A board that its port's opening has reset needs up to two seconds."""


class Dialogue:
    """On an open port; `with Dialogue(path) as dialogue`."""

    def __init__(self, path: str) -> None:
        """`MeterError` if the port cannot be opened."""
        self.path = path
        self.commands = Commands()
        self._port = serial_port.open_port(path)
        self._decoder = Decoder()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the port."""
        self._port.close()

    def ask(self, command: bytes) -> list[Event]:
        """Send the newest command until it is answered → what came until then. `MeterError` for a refusal or silence."""
        events: list[Event] = []
        for _ in range(TRIES):
            try:
                self._port.write(command)
                found = self._listen(events)
            except (OSError, serial.SerialException) as error:
                raise MeterError(f"{self.path}: the meter has gone ({error})") from error
            if found is not None:
                if (reason := refusal(found)) is not None:
                    raise MeterError(f"{self.path}: {reason}")
                return events
        raise MeterError(
            f"{self.path}: no Circadia meter answers; is it flashed (`circadia meter flash`), and is this the right port?"
        )

    def hello(self) -> Hello:
        """What it is."""
        for _ in range(TRIES):
            events = self.ask(self.commands.hello())
            if hellos := [event for event in events if isinstance(event, Hello)]:
                return hellos[-1]
        raise MeterError(f"{self.path}: the meter's hello arrives damaged; try another cable or port")

    def _listen(self, events: list[Event]) -> Reply | None:
        end_s = time.monotonic() + REPLY_S
        while time.monotonic() < end_s:
            for event in self._decoder.receive(self._port.read(max(self._port.in_waiting, 1))):
                events.append(event)
                if isinstance(event, OtherVersion):
                    raise MeterError(
                        f"{self.path}: the meter speaks protocol version {event.version}, this host {VERSION}; flash "
                        "the firmware that belongs to this version (`circadia meter flash`)"
                    )
                if isinstance(event, Reply) and event.token == self.commands.token:
                    return event
        return None


def first_path(port: str) -> str:
    """`port`, or of "auto" the first USB port. `MeterError` without one."""
    if port != "auto":
        return port
    found = serial_port.candidates()
    if not found:
        raise MeterError(
            "no USB serial port is there; plug the meter in, or name its port (--port /dev/ttyACM0)"
        )
    return found[0]
