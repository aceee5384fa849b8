"""What a message becomes that the protocol does not allow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """An event: something came that the protocol does not allow; it was dropped."""

    what: str
    ours: bool = False
    """The message was sound and our own code failed on it; the log has the traceback."""
