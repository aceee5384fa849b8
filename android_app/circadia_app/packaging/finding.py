"""Something that is wrong with an app, where, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding of the lint."""

    element: str
    """Where: an element of the manifest with its name, or a file."""
    wrong: str
    """What is wrong, and what Android does about it."""
    mend: str
    """What to do."""

    def __str__(self) -> str:
        """Two lines."""
        return f"{self.element}: {self.wrong}\n    {self.mend}"
