"""The folder of a field test: the frozen plan, what was pinned, everything raw, and what was found.

plan.json            frozen; its hash is told before the test begins
device.toml          the device's configuration; pinned/ beside it: profile, policies, task, examples
pins.json            SHA-256 of each of them, and the versions of what runs
log.jsonl            what happened: a line when a period starts, ends or is broken off
periods/NN-ARM-ATT/  device.db (ticks, requests, joules), asked.jsonl, samples/ where they were kept
result.json, report.html, SHA256SUMS    made by the analysis
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia.errors import CircadiaError, ConfigError, StoreError
from circadia_field.plan import thawed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia_field.plan import Plan

PLAN, DEVICE, PINNED, PINS, LOG = "plan.json", "device.toml", "pinned", "pins.json", "log.jsonl"
RESULT, REPORT, SUMS = "result.json", "report.html", "SHA256SUMS"
STARTED, RESUMED, BROKEN_OFF, ENDED = "started", "resumed", "broken off", "ended"
"""What a line of the log says, under `event`."""
MADE = {RESULT, REPORT, SUMS}
"""What the analysis writes, which it does not read."""
PINNED_KEYS = {"files": dict, "versions": dict, "task": str, "virtual": str, "machine": str}
ENTRY_KEYS = {"event", "period", "attempt"}


class Bundle:
    """One folder. Reading it checks the plan's hash and that of every pinned file."""

    def __init__(self, folder: Path) -> None:
        """Of a test that was begun. `ConfigError` names what is missing or was changed."""
        self.folder = folder
        if not (folder / PINS).is_file():
            raise ConfigError(f"{folder}: is no bundle of a field test; `circadia field run` begins one")
        self.plan: Plan = thawed(folder / PLAN)
        self.pins: dict[str, Any] = _pins(folder / PINS)
        for name, wanted in self.pins["files"].items():
            path = folder / name
            if not path.is_file():
                raise ConfigError(f"{path}: is missing; it was there when the test began")
            if sha256(path) != wanted:
                raise ConfigError(f"{path}: was changed after the test began; restore it, or begin anew")

    def period(self, place: int, attempt: int) -> Path:
        """The folder of one attempt at a period."""
        return self.folder / "periods" / f"{place + 1:03}-{self.plan.schedule()[place].arm}-{attempt}"

    def log(self) -> list[dict[str, Any]]:
        """What happened, oldest first; a line that a power cut left half written is not there."""
        path = self.folder / LOG
        if not path.is_file():
            return []
        found = []
        lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last end of a line is half of one
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise ConfigError(f"{path}: line {number} is not JSON ({error})") from error
            if lacks := ENTRY_KEYS - (entry.keys() if isinstance(entry, dict) else set()):
                raise ConfigError(f"{path}: line {number} lacks {', '.join(sorted(lacks))}")
            found.append(entry)
        return found

    def next_up(self) -> tuple[int, int]:
        """(period, attempt) that has not ended yet, from 0 and from 1; (number of periods, 1) when all are done."""
        place, attempt = 0, 1
        for entry in self.log():
            if entry["event"] == ENDED and entry["period"] == place:
                place, attempt = (place, attempt + 1) if entry.get("void") else (place + 1, 1)
        return place, attempt

    def note(self, **what: Any) -> None:
        """Add to the log, and wait until the disk has it."""
        path = self.folder / LOG
        path.touch()
        with path.open("r+b") as file:
            file.seek(file.read().rfind(b"\n") + 1)  # over a line that a power cut left half written
            file.truncate()
            file.write(json.dumps(what, allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def held(self) -> Iterator[None]:
        """By one process at a time; the kernel lets go of a killed one's. `ConfigError` if another one has it."""
        with (self.folder / PINS).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ConfigError(f"{self.folder}: another process runs this test; stop it first") from error
            yield

    def raw(self) -> list[Path]:
        """All files that an analysis may depend on, in order, relative to the folder."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return sorted(path for path in found if path.as_posix() not in MADE)


def begin(folder: Path, plan: Path, device: str, files: dict[str, Path], about: dict[str, Any]) -> Bundle:
    """Make a bundle, whole or not at all; `files`: name under pinned/ → where to copy it from."""
    if folder.exists():
        raise ConfigError(f"{folder}: exists already; a bundle is never overwritten")
    if not folder.absolute().parent.is_dir():
        raise ConfigError(f"{folder}: the folder that it should be in does not exist; make it first")
    beside = folder.absolute().parent
    with writing(folder), tempfile.TemporaryDirectory(dir=beside, prefix=f".{folder.name}.") as new_name:
        new = Path(new_name) / folder.name
        (new / PINNED).mkdir(parents=True)
        (new / "periods").mkdir()
        shutil.copyfile(plan, new / PLAN)
        (new / DEVICE).write_text(device, encoding="utf-8")
        for name, source in files.items():
            shutil.copyfile(source, new / PINNED / name)
        pinned = [PLAN, DEVICE, *(f"{PINNED}/{name}" for name in files)]
        pins = {"files": {name: sha256(new / name) for name in pinned}, **about}
        (new / PINS).write_text(json.dumps(pins, indent=1) + "\n", encoding="utf-8")
        new.rename(folder)
    return Bundle(folder)


def sha256(path: Path) -> str:
    """Hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """A disk that is full, or refuses to write, becomes a `StoreError` that says what to do."""
    try:
        yield
    except CircadiaError:
        raise
    except OSError as error:
        raise StoreError(
            f"{folder}: {error}; free some disk space, or make it writable, and run it again"
        ) from error


def _pins(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
    for key, kind in PINNED_KEYS.items():
        if not isinstance(found, dict) or not isinstance(found.get(key), kind):
            raise ConfigError(
                f"{path}: lacks {key!r}; it was changed, or written by another version of Circadia"
            )
    return dict(found)
