"""What the screens are drawn with, read from theme.toml: colours by name, sizes of text, distances. No Kivy."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from typing import TYPE_CHECKING

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Scheme(Enum):
    """Which of the two sets of colours."""

    DARK = "dark"
    LIGHT = "light"


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """An opaque colour of sRGB, each part in [0, 1]."""

    red: float
    green: float
    blue: float

    @classmethod
    def parse(cls, text: str) -> Colour:
        """`#RRGGBB`; `ConfigError` for anything else."""
        digits = text.removeprefix("#")
        if len(digits) != 6 or not text.startswith("#") or set(digits.lower()) - set("0123456789abcdef"):
            raise ConfigError(f"{text!r} is no colour; write #RRGGBB")
        red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
        return cls(red=red, green=green, blue=blue)

    @property
    def rgba(self) -> tuple[float, float, float, float]:
        """For a canvas."""
        return self.red, self.green, self.blue, 1.0

    @property
    def luminance(self) -> float:
        """Relative luminance in [0, 1]; WCAG 2.2, "relative luminance"."""
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (self.red, self.green, self.blue)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    """Of two colours, 1 (the same) to 21 (black on white): (L1 + 0.05) / (L2 + 0.05); WCAG 2.2, "contrast ratio"."""
    high, low = sorted((one.luminance, other.luminance), reverse=True)
    return (high + 0.05) / (low + 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """One scheme's colours and the sizes that both share."""

    scheme: Scheme
    colours: Mapping[str, Colour]
    type_sp: Mapping[str, float]
    """Sizes of text."""
    space_dp: Mapping[str, float]

    @classmethod
    def shipped(cls, scheme: Scheme) -> Theme:
        """Of theme.toml beside this file."""
        return cls.parse(files("circadia_app").joinpath("theme.toml").read_text(encoding="utf-8"), scheme)

    @classmethod
    def parse(cls, text: str, scheme: Scheme) -> Theme:
        """Of a file like theme.toml; `ConfigError` names what is wrong with it."""
        try:
            read = tomllib.loads(text)
            tables = [read[name] for name in (scheme.value, "type", "space")]
        except (tomllib.TOMLDecodeError, KeyError) as error:
            raise ConfigError(
                f"the theme cannot be read ({error}); it has the tables dark, light, type and space"
            ) from error
        return cls(
            scheme=scheme,
            colours={name: Colour.parse(str(value)) for name, value in tables[0].items()},
            type_sp=tables[1],
            space_dp=tables[2],
        )

    def hex(self, name: str) -> str:
        """`#RRGGBB`, for marked-up text; `ConfigError` as in `rgba`."""
        red, green, blue, _ = (round(255 * part) for part in self.rgba(name))
        return f"#{red:02X}{green:02X}{blue:02X}"

    def rgba(self, name: str) -> tuple[float, float, float, float]:
        """For a canvas; `ConfigError` for a colour that the theme lacks."""
        try:
            return self.colours[name].rgba
        except KeyError:
            raise ConfigError(f"the theme has no colour {name!r}; it has {', '.join(self.colours)}") from None
