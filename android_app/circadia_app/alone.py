"""The one process that may change a folder's store: the service, or screens that delete where no service is."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from circadia.errors import ConfigError, PlatformUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia_app.folder import AppFolder


@contextmanager
def alone(folder: AppFolder) -> Iterator[None]:
    """Nobody else is in this block; the kernel lets go of a killed process's lock.

    `PlatformUnavailable` where another service runs, `ConfigError` for a folder that may not be written to.
    """
    try:
        file = folder.lock.open("w")
    except OSError as error:
        raise ConfigError(
            f"{folder.lock}: {error}; name a folder that exists and may be written to"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PlatformUnavailable(
                f"{folder.path}: another service runs on this folder; end that one first"
            ) from error
        yield
