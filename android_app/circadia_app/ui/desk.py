"""What the screens ask for and are given: the seam between what is drawn and what is true. No Kivy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.types import Preference
    from circadia_app.viewmodels.parts import Button
    from circadia_app.viewmodels.starting import Starting
    from circadia_app.viewmodels.tokens import Do, Kind


class Place(StrEnum):
    """Where the person is."""

    NOW = "now"
    CHOOSE = "choose"
    LEARN = "learn"
    TEST = "test"
    LOG = "log"
    YOUR_DATA = "your-data"
    CONSENT = "consent"

    @property
    def door(self) -> Place:
        """Its place in the navigation."""
        return Place.LEARN if self is Place.YOUR_DATA else self

    @property
    def back(self) -> Place | None:
        """Where Back leads; None: out of the app."""
        if self in {Place.NOW, Place.CONSENT}:
            return None
        return Place.LEARN if self is Place.YOUR_DATA else Place.NOW


NAVIGATION = (Place.NOW, Place.CHOOSE, Place.LEARN, Place.TEST, Place.LOG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A sheet over the screen: some words, and what can be touched."""

    heading: str
    text: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a touch led to."""

    place: Place | None = None
    """To go to; None: one stays."""
    offer: Offer | None = None
    """To be shown over the screen."""


STAY = Step()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is seen while there is no desk yet: the first frame does not wait for a record to be read."""

    names: tuple[str, ...]
    """As of the desk."""
    model: Starting
    desk: Callable[[Callable[[], None]], Desk]
    """Makes the desk, which calls what it is given when there is something new to see."""


class Desk(Protocol):
    """Everything that the screens know. Called by one thread, and never slow."""

    def first(self) -> Place:
        """Where the app opens."""

    def names(self) -> tuple[str, ...]:
        """Of the five places of the navigation, in their order."""

    def see(self, place: Place) -> Any:
        """The view model of a place as it is now."""

    def do(self, what: Do) -> Step:
        """A button was touched."""

    def turn(self, key: str, on: bool) -> None:
        """A switch was turned, on whatever screen it is."""

    def slide(self, key: str, value: float) -> None:
        """A slider was set."""

    def prefer(self, preference: Preference) -> None:
        """The point was moved, and the finger lifted."""

    def sift(self, kind: Kind) -> None:
        """Only such rows of the log."""

    def stretch(self, start_s: float, end_s: float) -> None:
        """Only rows of the log between two times."""

    def told(self) -> Offer | None:
        """What has come of something that took its time, once; None: nothing."""

    def language(self) -> str:
        """Of its words: `en`, `de`."""

    def bright(self) -> Offer | None:
        """Light colours, for the sun; None: the person has chosen before."""

    def voiceless(self) -> Offer:
        """That there is no voice to read the screen."""

    def left(self, place: Place) -> None:
        """The person has gone from there: what was tentative there ends."""
