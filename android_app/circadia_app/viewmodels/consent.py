"""The first start: what stays, what goes out, what never happens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.observation import DAY_S
from circadia_app.viewmodels.choose import LAST_DAYS, battery_per_day
from circadia_app.viewmodels.frame import Frame
from circadia_app.viewmodels.parts import Button, Paragraph, Switch, Title
from circadia_app.viewmodels.tokens import Do

if TYPE_CHECKING:
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Three switches, all off at first."""

    frame: Frame
    title: Title
    reason: str
    paragraphs: tuple[Paragraph, ...]
    switches_heading: str
    switches: tuple[Switch, Switch, Switch]
    """`learn`, `send`, `field_test`."""
    start: Button
    footer: str
    not_now: Button


TEXT = "1"
"""The version of the words that are agreed to: it counts up with every change of what they mean."""


def consent(
    snapshot: Snapshot, texts: Texts, *, learns: bool = False, sends: bool = False, tests: bool = False
) -> Consent:
    """The screen, with the switches as the person has set them so far; nothing is agreed before `Start`."""
    start = texts("consent.start" if learns else "consent.start.waiting")
    return Consent(
        frame=Frame(heading=""),
        title=Title(text=texts("consent.title")),
        reason=texts("consent.reason"),
        paragraphs=(
            Paragraph(heading=texts("consent.stays"), text=texts("consent.stays.text")),
            Paragraph(heading=texts("consent.goes"), text=_goes(snapshot, texts)),
            Paragraph(heading=texts("consent.never"), text=texts("consent.never.text")),
        ),
        switches_heading=texts("consent.switches"),
        switches=(
            Switch(key="learn", text=texts("consent.learn"), on=learns, detail=_takes(snapshot, texts)),
            _send(snapshot, texts, on=sends and learns, enabled=learns),
            _test(snapshot, texts, on=tests and learns, enabled=learns),
        ),
        start=Button(text=start, do=Do.START, filled=learns, enabled=learns),
        footer=texts("consent.footer"),
        not_now=Button(text=texts("consent.not_now"), do=Do.NOT_NOW),
    )


def _goes(snapshot: Snapshot, texts: Texts) -> str:
    if not snapshot.server:
        return texts("consent.goes.none")
    if not snapshot.past.kept.model_bytes:
        return texts("consent.goes.bare", server=snapshot.server)
    size = texts.size(snapshot.past.kept.model_bytes / 4)  # a change takes a byte for each number of four
    return texts("consent.goes.text", size=size, server=snapshot.server)


def _takes(snapshot: Snapshot, texts: Texts) -> str:
    share = battery_per_day(snapshot, snapshot.clock_s - LAST_DAYS * DAY_S)
    return (
        texts("consent.learn.bare")
        if math.isnan(share)
        else texts("consent.learn.detail", p=texts.share(share))
    )


def _send(snapshot: Snapshot, texts: Texts, *, on: bool, enabled: bool) -> Switch:
    there = bool(snapshot.server)
    detail = texts("consent.send.detail" if there else "consent.send.none")
    return Switch(
        key="send", text=texts("consent.send"), on=on and there, detail=detail, enabled=enabled and there
    )


def _test(snapshot: Snapshot, texts: Texts, *, on: bool, enabled: bool) -> Switch:
    days = snapshot.planned_days
    detail = texts("consent.test.detail", n=days) if days else texts("consent.test.none")
    return Switch(
        key="field_test",
        text=texts("consent.test"),
        on=on and bool(days),
        detail=detail,
        enabled=enabled and bool(days),
    )
