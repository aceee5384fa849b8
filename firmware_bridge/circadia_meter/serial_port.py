"""Serial ports by path or by the meter behind them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import serial
from serial.tools import list_ports

from circadia.errors import MeterError
from circadia_meter.line import BAUD, READ_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)


def open_port(path: str) -> serial.Serial:
    """Open it for us alone, without resetting the board where the driver allows that. `MeterError` if it cannot be."""
    port = serial.Serial(baudrate=BAUD, timeout=READ_TIMEOUT_S, write_timeout=1.0, exclusive=True)
    port.port = path
    port.dtr = False
    try:
        port.open()
    except (OSError, serial.SerialException) as error:
        raise MeterError(f"{path}: cannot be opened ({_reason(path, error)})") from error
    return port


def _reason(path: str, error: Exception) -> str:
    if not Path(path).exists():
        return "there is no such port; is the meter plugged in?"
    text = str(error)
    if "Permission" in text:
        return "permission denied; add this user to the group dialout and log in again"
    if "lock" in text or "busy" in text:
        return "another program uses it"
    return text


def candidates() -> Sequence[str]:
    """Ports that a meter could be behind: USB ones first, by names that survive being plugged in elsewhere."""
    by_id = {str(link.resolve()): str(link) for link in sorted(Path("/dev/serial/by-id").glob("*"))}
    ports = [port for port in list_ports.comports() if port.vid is not None]
    return [by_id.get(port.device, port.device) for port in ports]


class SerialLine:
    """A port as a `Line`."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port

    def read(self) -> bytes:
        """As `Line.read`."""
        return bytes(self._port.read(max(self._port.in_waiting, 1)))

    def write(self, data: bytes) -> None:
        """As `Line.write`."""
        self._port.write(data)

    def close(self) -> None:
        """As `Line.close`."""
        self._port.close()


class SerialPorts:
    """This machine's ports as `Lines`."""

    look_again_s = 0.01

    def candidates(self) -> Sequence[str]:
        """As `candidates`; none while the list of ports changes under the look."""
        try:
            return candidates()
        except (OSError, TypeError, ValueError) as error:
            log.debug("listing the serial ports: %r", error)
            return ()

    def open(self, name: str) -> SerialLine:
        """As `open_port`."""
        return SerialLine(open_port(name))
