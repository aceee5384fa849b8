"""What the person agreed to, since when, and to which words. All switches are off at first.

Without the first nothing is learned and the agent does not start. A file that cannot be read is no consent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from circadia.errors import ConfigError
from circadia.ranges import is_real
from circadia_app import json_file

if TYPE_CHECKING:
    from pathlib import Path

SWITCHES = ("learn", "send", "field_test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One switch that is on."""

    since_s: float
    """Seconds since the Unix epoch."""
    text: str
    """The version of the words that were shown."""

    def __post_init__(self) -> None:
        since_s, text = (getattr(self, name) for name in ("since_s", "text"))  # out of a file: of any type
        if not (is_real(since_s) and math.isfinite(since_s) and isinstance(text, str) and text):
            raise ConfigError(
                f"an agreement since {self.since_s!r} to the text {self.text!r}: takes a time and a text's version"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The three switches. The second and the third mean nothing without the first, so that they go off with it."""

    learn: Agreement | None = None
    """Learn on this phone."""
    send: Agreement | None = None
    """Send changes to the model."""
    field_test: Agreement | None = None
    """Take part in a field test."""
    withdrawn_s: float = math.nan
    """When the first was taken back, since the Unix epoch; NaN: it was not."""

    def __post_init__(self) -> None:
        if self.learn is None and not (self.send is None and self.field_test is None):
            raise ConfigError(
                "consent to sending or to a field test without consent to learning: agree to that first"
            )

    def agreed(
        self, now_s: float, text: str, *, learn: bool, send: bool = False, field_test: bool = False
    ) -> Self:
        """With the switches so; one that was on, with the same words, keeps its time. Without `learn` as `withdrawn`."""
        if not learn:
            return self.withdrawn(now_s)
        wanted = {"learn": learn, "send": send, "field_test": field_test}
        return replace(
            self,
            withdrawn_s=math.nan,
            **{switch: self._agreement(switch, now_s, text) if on else None for switch, on in wanted.items()},
        )

    def _agreement(self, switch: str, now_s: float, text: str) -> Agreement:
        before: Agreement | None = getattr(self, switch)
        return before if before is not None and before.text == text else Agreement(since_s=now_s, text=text)

    def withdrawn(self, now_s: float) -> Self:
        """With all switches off; when it was on."""
        if self.learn is None:
            return self
        return replace(self, learn=None, send=None, field_test=None, withdrawn_s=now_s)


def load(path: Path) -> Consent:
    """Of a file; nothing is agreed where there is none. `ConfigError` for one that cannot be read: ask again."""
    found = json_file.read(path)
    if found is None:
        return Consent()
    try:
        agreements = {switch: _agreement(switch, found.get(switch)) for switch in SWITCHES}
        return Consent(**agreements, withdrawn_s=_time("withdrawn_s", found.get("withdrawn_s")))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}; delete it to be asked again") from error


def save(path: Path, consent: Consent) -> None:
    """It is on the disk when this returns; `ConfigError` where that cannot be done."""
    fields: dict[str, Any] = {switch: _fields(getattr(consent, switch)) for switch in SWITCHES}
    withdrawn_s = None if math.isnan(consent.withdrawn_s) else consent.withdrawn_s
    json_file.write(path, {**fields, "withdrawn_s": withdrawn_s})


def _fields(agreement: Agreement | None) -> dict[str, Any] | None:
    return None if agreement is None else {"since_s": agreement.since_s, "text": agreement.text}


def _agreement(switch: str, found: Any) -> Agreement | None:
    if found is None:
        return None
    if not isinstance(found, dict):
        raise ConfigError(f"{switch} is {found!r}; it must be null or an agreement")
    return Agreement(since_s=found.get("since_s", math.nan), text=found.get("text", ""))


def _time(key: str, found: Any) -> float:
    if found is None:
        return math.nan
    if not is_real(found):
        raise ConfigError(f"{key} is {found!r}; it must be null or seconds since the Unix epoch")
    return float(found)
