"""How the screens look to the person: language and colours, read before anything else of the app is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia_app import json_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMES = ("system", "dark", "light")


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """Of `settings.json`; `ConfigError` for anything else."""

    language: str = ""
    """`en`, `de`; empty: the system's."""
    scheme: str = "system"

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ConfigError(f"scheme is {self.scheme!r}; it must be one of {', '.join(SCHEMES)}")
        if not isinstance(self.language, str):
            raise ConfigError(f"language is {self.language!r}; it must be a language's short name, or empty")

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Appearance:
        """Of the file's object, where what is not named is as it comes."""
        return cls(language=found.get("language", ""), scheme=found.get("scheme", "system"))


def load(path: Path) -> Appearance:
    """Of a file; as it comes where there is none. `ConfigError` names the file and the key."""
    try:
        return Appearance.of(json_file.read(path) or {})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}; delete it to choose anew") from error
