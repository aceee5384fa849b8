"""The items and arrays of an Android `power_profile.xml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

# Nothing is declared in these files, so nothing can expand: the first DOCTYPE ends the reading.
from xml.parsers import expat

from circadia.errors import ConfigError
from circadia_lab.data.traces.source_file import number_in, text_of

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 2**20


class Items(NamedTuple):
    """Numbers by name, as declared."""

    where: str
    """The file, for messages."""
    values: dict[str, tuple[float, ...]]
    """An item has one value, an array any number."""

    def one(self, name: str, default: float | None = None) -> float:
        """An item's value, 0 or more; without it `default`, or `ConfigError` that names it."""
        if name not in self.values and default is not None:
            return default
        values = self.many(name)
        if len(values) != 1:
            raise ConfigError(f"{self.where}: {name} has {len(values)} values, needs one")
        return values[0]

    def many(self, name: str) -> tuple[float, ...]:
        """An array's values, each 0 or more; `ConfigError` that names it if it is missing or empty."""
        values = self.values.get(name, ())
        if not values:
            raise ConfigError(f"{self.where}: {name} is missing")
        if min(values) < 0:
            raise ConfigError(f"{self.where}: {name} is negative: {min(values):g}")
        return values


def read_items(path: Path) -> Items:
    """Read the file; `ConfigError` names file, line and item.

    Refuses a DOCTYPE, and with it entities; a name that comes twice; a value that is no number.
    """
    text = text_of(path, most_bytes=MOST_BYTES)
    reader = _Reader(path)
    try:
        reader.parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise ConfigError(f"{path}: not valid XML: {error}") from error
    return Items(path.name, reader.values)


class _Reader:
    """Collects what stands in `item`, and in `array` or its `value`s."""

    def __init__(self, path: Path) -> None:
        self.values: dict[str, tuple[float, ...]] = {}
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._path = path
        self._depth = 0
        self._name: str | None = None
        self._words = ""

    def _fail(self, reason: str) -> ConfigError:
        return ConfigError(f"{self._path} line {self.parser.CurrentLineNumber}: {reason}")

    def _doctype(self, *_: object) -> None:
        raise self._fail("has a DOCTYPE, which a power profile needs not; it is refused")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1 and tag != "device":
            raise self._fail(f"<{tag}> is no power profile, which is a <device>")
        if tag in {"item", "array"}:
            self._name = attributes.get("name", "")
            if not self._name or self._name in self.values:
                raise self._fail(f"<{tag}> has no name, or one that was there before: {self._name!r}")
            self.values[self._name] = ()
        self._words = ""

    def _text(self, text: str) -> None:
        self._words += text

    def _end(self, _: str) -> None:
        self._depth -= 1
        word, self._words = self._words.strip(), ""
        if word and self._name is not None:
            number = number_in(word)
            if number is None:
                raise self._fail(f"{self._name}: {word!r} is not a number")
            self.values[self._name] += (number,)
