"""What comes with the app, in its place in the folder: two processes put it there, and both read it."""

from __future__ import annotations

import os
from pathlib import Path

from circadia.writing import whole_file


def put(source: str | Path, place: str | Path) -> None:
    """`place` is as `source` then; one that is so already is not touched. A reader sees the old file or the new, whole.

    `ConfigError` where it cannot be written, `OSError` where `source` cannot be read.
    """
    content, there = Path(source).read_bytes(), Path(place)
    if there.is_file() and there.read_bytes() == content:
        return
    with whole_file(there) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
