"""What `circadia doctor` found: one answer of one check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """How a check came out."""

    OK = "ok"
    ABSENT = "absent"
    """Not there, and Circadia runs without it."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer of one check."""

    name: str
    status: Status
    detail: str
    advice: str = ""
    """What to do about it; empty when all is well."""
