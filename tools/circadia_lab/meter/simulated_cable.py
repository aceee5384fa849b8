"""A live board's port under a name that stays, so that the cable can be pulled and put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_lab.meter.board.simulator import LiveBoard


class SimulatedCable:
    """A link to the board's pseudo-terminal."""

    def __init__(self, board: LiveBoard, path: Path) -> None:
        """`path` must not exist."""
        self._board, self.path = board, path
        self.path.symlink_to(board.port)
        self.out = False

    def pull(self) -> None:
        """The port is gone."""
        self.out = True
        self.path.unlink()
        self._board.unplug()

    def put_back(self) -> None:
        """The port is there again."""
        self.path.symlink_to(self._board.plug())
        self.out = False
