"""What can go wrong with a training itself."""

from __future__ import annotations

from circadia.errors import CircadiaError


class TrainingDiverged(CircadiaError):
    """A loss or a parameter is no longer a number; the last good checkpoint stays."""
