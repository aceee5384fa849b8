"""The first start: what stays, what goes out, what never happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia_app.viewmodels.frame import Frame
    from circadia_app.viewmodels.parts import Button, Paragraph, Switch, Title


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Three switches, all off at first."""

    frame: Frame
    title: Title
    reason: str
    paragraphs: tuple[Paragraph, ...]
    switches_heading: str
    switches: tuple[Switch, Switch, Switch]
    """`learn`, `share`, `test`."""
    start: Button
    footer: str
    not_now: Button
