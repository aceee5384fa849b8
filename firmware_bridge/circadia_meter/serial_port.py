"""Serial ports by path or by the meter behind them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import serial
from serial.tools import list_ports

from circadia.errors import MeterError

if TYPE_CHECKING:
    from collections.abc import Sequence

BAUD = 500_000
READ_TIMEOUT_S = 0.02


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
