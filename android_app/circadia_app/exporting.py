"""What the person gives away, made as files: a field test's bundle, and the log. Neither has an example or weights in it."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import NothingStored
from circadia.store.sharing import share
from circadia.writing import whole_text
from circadia_field.application import asked_ids
from circadia_field.bundle import Bundle, writing
from circadia_field.conduct import ASKED, STORE
from circadia_field.packing import pack, seal

if TYPE_CHECKING:
    from circadia_app.folder import AppFolder

TEST, LOG = "field-test", "log.txt"
BESIDE_STORE = (f"{STORE}-", f"{STORE}.")
"""Journals and locks begin so."""


def export_test(folder: AppFolder) -> Path:
    """The field test so far, sealed and packed, for `circadia field analyse` on a computer once it is unpacked.

    As the bundle is, but for its stores, of which only figures, times and the answers that the plan asked for go along. Beside
    an agent that runs. `ConfigError` without a bundle, `StoreError` where the disk refuses.
    """
    bundle = Bundle(folder.field_test)
    with writing(folder.exports):
        folder.exports.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.exports, prefix=".") as made:
            copy = Path(made) / TEST
            for name in bundle.raw():
                _copy(bundle.folder / name, copy / name)
            seal(Bundle(copy))
            return pack(copy).replace(folder.exports / f"{TEST}.zip")


def _copy(source: Path, target: Path) -> None:
    if source.name.startswith(BESIDE_STORE):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError, NothingStored):  # a period that begins anew removes what it had
        if source.name == STORE:
            share(source, target, asked_ids(source.with_name(ASKED)))
        else:
            shutil.copyfile(source, target)


def export_log(folder: AppFolder, text: str) -> Path:
    """What was shown as the file that would be shared. `StoreError` where the disk refuses."""
    with writing(folder.exports):
        folder.exports.mkdir(mode=0o700, exist_ok=True)
        with whole_text(folder.exports / LOG) as file:
            file.write(text)
    return folder.exports / LOG
