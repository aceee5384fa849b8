"""A file that an option names to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def check_target(option: str, file: Path | None) -> None:
    """`ConfigError` names the option if the file cannot be written there."""
    if file is None:
        return
    if not file.absolute().parent.is_dir():
        raise ConfigError(f"{option} {file}: its folder does not exist; make it first")
    if file.is_dir():
        raise ConfigError(f"{option} {file}: is a folder; name a file")
