"""Numbers out of the kernel's one-line files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def text(path: Path) -> str:
    """The file's line; empty if it is not there or cannot be read, as sensors do that sleep."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def number(path: Path, unit: float = 1.0) -> float:
    """The file's number times `unit`; NaN if there is none."""
    try:
        return float(text(path)) * unit
    except ValueError:
        return math.nan
