"""A figure as SVG that can stand inside a page beside others."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PROLOGUE = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r' (?:width|height)="[^"]*"')
_NAMES = re.compile(r'(\bid="|href="#|url\(#)')
_DECIMALS = re.compile(r"(?<=\d\.\d\d)\d+")
_PATH = re.compile(r'\bd="[^"]*"')
_FONT = re.compile(r"font-family: [^;\"]*; ?")
_STYLE = re.compile(r"\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)


def svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an `<svg>` element.

    Its ids begin with `name`, since all elements of a page share one space of ids; its size is left to the page, and so
    is its font. Screen readers read `description`.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = _PROLOGUE.sub("", buffer.getvalue(), count=1)
    text = _METADATA.sub("", text)
    element, rest = text.split(">", 1)
    text = f"{_SIZE.sub('', element)}>{rest}"
    text = _NAMES.sub(rf"\g<1>{name}-", text)
    text = _FONT.sub("", _STYLE.sub("", text, count=1))
    text = _PATH.sub(lambda path: _DECIMALS.sub("", path[0]).replace("\n", ""), text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(description, quote=True)}"', 1).rstrip()
