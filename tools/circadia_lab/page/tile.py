"""A figure or a verdict at the head of a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """What `base.html` shows above the sections."""

    title: str
    value: str
    note: str
    verdict: str = ""
    """`good`, `bad` or neither."""
