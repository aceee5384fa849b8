"""The one way in which a command writes a file that its user named: whole or not at all, and never over a device."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

STDOUT = Path("-")
PLAIN_MODE = 0o644


def is_stdout(path: Path) -> bool:
    """Whether `path` means standard output: `-`, or a name of it such as /dev/stdout."""
    if path == STDOUT:
        return True
    try:
        return _is_special(path) and os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):  # not there, or standard output is no file
        return False


@contextmanager
def whole_text(path: Path) -> Iterator[IO[str]]:
    """A UTF-8 text file as `whole_file`."""
    with whole_file(path) as file:
        text = open(file.fileno(), "w", encoding="utf-8", newline="", closefd=False)  # noqa: SIM115 - a descriptor
        with text:
            yield text


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to fill; when the block ends well it is at `path`, else what was there is as it was.

    A link is followed: the file that it names is replaced. `-` is standard output; a device, a pipe or another thing that
    is no regular file is written into and never replaced. `ConfigError` when it cannot be written.
    """
    try:
        with _opened(path) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if is_stdout(path):
        sys.stdout.flush()
        with open(sys.stdout.fileno(), "wb", closefd=False) as file:
            yield file
    elif _is_special(path):
        with path.open("wb") as file:
            yield file
    else:
        with _replacing(path.resolve()) as file:
            yield file


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place."""
    mode = path.stat().st_mode & 0o777 if path.exists() else PLAIN_MODE
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        new.chmod(mode)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _is_special(path: Path) -> bool:
    """A device, a pipe, a folder, or a name of an open file."""
    return path.absolute().is_relative_to("/dev") or (path.exists() and not path.is_file())
