"""The firmware's portable core, compiled for this machine: exact samples in, its bytes out."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

ROOM = 1 << 16


class HostCore:
    """One meter without hardware; the library holds a single one, so use one at a time."""

    def __init__(self, library: Path, *, boot: int = 1) -> None:
        """`library` as `circadia_lab.meter.board.firmware.build_core` makes it. It says hello at once."""
        self._library = ctypes.CDLL(str(library))
        self._library.host_take.restype = ctypes.c_size_t
        self._library.host_time(ctypes.c_uint32(0))
        self.boot(boot)

    def boot(self, boot: int) -> None:
        """Begin anew."""
        self._library.host_begin(ctypes.c_uint32(boot))

    def sample(
        self, t_us: ArrayLike, shunt: ArrayLike, bus: ArrayLike, flags: ArrayLike | None = None
    ) -> bytes:
        """(N,) samples: times modulo 2³² → what the meter sends meanwhile.

        Its ring holds two frames, so they are taken as they come.
        """
        columns: list[NDArray[Any]] = [
            np.ascontiguousarray(np.asarray(t_us) % (1 << 32), np.uint32),
            np.ascontiguousarray(shunt, np.int16),
            np.ascontiguousarray(bus, np.uint16),
            np.ascontiguousarray(np.zeros(np.shape(shunt)) if flags is None else flags, np.uint8),
        ]
        sent = []
        for start in range(0, len(columns[0]), 16):
            part = [column[start : start + 16] for column in columns]
            self._library.host_samples(
                *(ctypes.c_void_p(column.ctypes.data) for column in part), ctypes.c_size_t(len(part[0]))
            )
            sent.append(self.take())
        return b"".join(sent)

    def receive(self, data: bytes) -> bytes:
        """Bytes from the host → what it answers."""
        self._library.host_receive(data, ctypes.c_size_t(len(data)))
        return self.take()

    def time(self, t_us: int) -> None:
        """Set its clock."""
        self._library.host_time(ctypes.c_uint32(t_us % (1 << 32)))

    def take(self) -> bytes:
        """What waits in its ring."""
        room = ctypes.create_string_buffer(ROOM)
        count = self._library.host_take(room, ctypes.c_size_t(ROOM))
        return room.raw[:count]

    def sums(self) -> tuple[int, int, int]:
        """Charge, voltage_time and energy as it has them."""
        sums = (ctypes.c_int64 * 3)()
        self._library.host_sums(sums)
        return sums[0], sums[1], sums[2]
