"""The first frame: what is seen until the record has been read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia_app.viewmodels.frame import Frame
from circadia_app.viewmodels.parts import Title
from circadia_app.viewmodels.tokens import Glyph

if TYPE_CHECKING:
    from circadia_app.texts import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """A heading and a sentence."""

    frame: Frame
    title: Title


def starting(texts: Texts) -> Starting:
    """In the person's words."""
    title = Title(text=texts("state.starting_first"), glyph=Glyph.START)
    return Starting(frame=Frame(heading=texts("now.heading"), muted=True), title=title)
