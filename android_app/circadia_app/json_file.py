"""A small JSON file of the app's: written whole or not at all, and on the disk when `write` returns."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia.writing import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT = 1
"""Of all of them; keys that a reader does not know are passed over, a higher number is not read."""


def read(path: Path) -> dict[str, Any] | None:
    """The object in it; None: there is no such file. `ConfigError` names the file and what is wrong with it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); delete it to begin anew") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: is no object of the app's; delete it to begin anew")
    number = found.get("format")
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ConfigError(f"{path}: has no format; delete it to begin anew")
    if number > FORMAT:
        raise ConfigError(
            f"{path}: has format {number}, this version of the app reads {FORMAT}: update the app"
        )
    return found


def write(path: Path, fields: dict[str, Any]) -> None:
    """In the place of what was there; `ConfigError` where that cannot be done."""
    text = json.dumps({"format": FORMAT, **fields}, ensure_ascii=False, allow_nan=False, indent=1)
    with whole_file(path) as file:
        file.write(text.encode("utf-8") + b"\n")
        file.flush()
        os.fsync(file.fileno())
    _settle_folder(path.parent)


def _settle_folder(folder: Path) -> None:
    """A name is on the disk once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody else changes the file in this block: for what is read, changed and written by two processes."""
    try:
        lock = path.with_name(path.name + ".lock").open("w")
    except OSError as error:
        raise ConfigError(f"{path}: {error}; check that the folder exists and may be written to") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
