"""What is kept, what was agreed, and how to end it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia_app.viewmodels.frame import Frame
from circadia_app.viewmodels.parts import Banner, Button, Fact, Switch
from circadia_app.viewmodels.states import state_of
from circadia_app.viewmodels.tokens import Colour, Do

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia_app.consent import Agreement
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCard:
    """Two steps."""

    heading: str
    text: str
    undone_lead: str
    """Bold: what cannot be undone, …"""
    undone: str
    """… in words."""
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class YourData:
    """Behind the door of `Learn`."""

    frame: Frame
    intro: str
    kept_heading: str
    kept: tuple[Fact, ...]
    agreed_heading: str
    agreed: tuple[Switch, ...]
    deletion: DeleteCard
    requests: tuple[Banner, ...]
    """Deletions that wait, or that were confirmed."""


def your_data(snapshot: Snapshot, texts: Texts, *, sure: bool = False) -> YourData:
    """The screen of this moment. `sure`: the first of the two steps of deleting was taken."""
    view = state_of(snapshot, texts)
    return YourData(
        frame=Frame(heading=texts("data.heading"), banners=view.banners),
        intro=texts("data.intro"),
        kept_heading=texts("data.kept"),
        kept=_kept(snapshot, texts),
        agreed_heading=texts("data.agreed"),
        agreed=_agreed(snapshot, texts),
        deletion=_deletion(snapshot, texts, sure=sure),
        requests=tuple(_requests(snapshot, texts)),
    )


def _kept(snapshot: Snapshot, texts: Texts) -> tuple[Fact, ...]:
    kept = snapshot.past.kept
    if not kept.store_bytes:
        return (Fact(name=texts("data.nothing")),)
    rest = max(kept.store_bytes - kept.example_bytes - kept.model_bytes, 0)
    examples = texts("data.examples.none")
    if kept.examples:
        oldest = texts.date(kept.oldest_s, snapshot.midnight_s)
        examples = texts("data.examples.detail", n=texts.whole(kept.examples), t=oldest)
    model = texts("data.model.none")
    if kept.model_bytes:
        model = texts("data.model.detail", v=kept.version) if kept.version else texts("data.model.first")
    return (
        Fact(name=texts("data.examples"), detail=examples, figure=texts.size(kept.example_bytes)),
        Fact(name=texts("data.model"), detail=model, figure=texts.size(kept.model_bytes)),
        Fact(
            name=texts("data.log"),
            detail=texts.count("data.log.detail", kept.decisions),
            figure=texts.size(rest),
        ),
    )


def _agreed(snapshot: Snapshot, texts: Texts) -> tuple[Switch, ...]:
    agreed = snapshot.consent
    rows = (
        ("learn", "learn", agreed.learn),
        ("send", "send", agreed.send),
        ("field_test", "test", agreed.field_test),
    )
    able = {"learn": True, "send": bool(snapshot.server), "field_test": bool(snapshot.planned_days)}
    return tuple(
        Switch(
            key=key,
            text=texts(f"data.agreed.{word}"),
            on=one is not None,
            detail=_since(snapshot, key, one, texts),
            enabled=one is not None or (able[key] and (key == "learn" or agreed.learn is not None)),
        )
        for key, word, one in rows
    )


def _since(snapshot: Snapshot, key: str, agreement: Agreement | None, texts: Texts) -> str:
    if agreement is None:
        return texts("data.off")
    since = snapshot.date(agreement.since_s, texts)
    if key == "send" and snapshot.traffic is not None:
        return texts("data.since_sent", t=since, size=texts.size(snapshot.traffic.sent))
    return texts("data.since", t=since)


def _deletion(snapshot: Snapshot, texts: Texts, *, sure: bool) -> DeleteCard:
    first = (Button(text=texts("data.delete.button"), do=Do.DELETE, danger=True),)
    second = (
        Button(text=texts("data.delete.now"), do=Do.DELETE_NOW, danger=True),
        Button(text=texts("data.delete.keep"), do=Do.KEEP),
    )
    known = bool(snapshot.server)
    return DeleteCard(
        heading=texts("data.delete"),
        text=texts("data.delete.text" if known else "data.delete.alone"),
        undone_lead=texts("data.undone"),
        undone=texts("data.undone.text" if known else "data.undone.alone"),
        buttons=second if sure else first,
    )


def _requests(snapshot: Snapshot, texts: Texts) -> Iterator[Banner]:
    """A deletion that waits stays visible."""
    for one in snapshot.deletions:
        kind, button = ("waits", _give_up(texts)) if one.erased else ("unfinished", None)
        yield Banner(
            lead=texts(f"data.{kind}", t=snapshot.date(one.asked_s, texts)),
            text=texts(f"data.{kind}.text"),
            colour=Colour.WARN,
            button=button,
        )
    confirmed = snapshot.confirmation
    if confirmed is not None and math.isfinite(confirmed.confirmed_s):
        at = snapshot.wall(confirmed.confirmed_s, texts)
        yield Banner(lead=texts("data.confirmed"), text=texts("data.confirmed.text", t=at))


def _give_up(texts: Texts) -> Button:
    return Button(text=texts("data.give_up"), do=Do.GIVE_UP_WAITING)
