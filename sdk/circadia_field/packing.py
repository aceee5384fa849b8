"""A bundle as one file, and the list of hashes that tells any change to it."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia.writing import whole_file
from circadia_field.bundle import REPORT, RESULT, SUMS, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia_field.bundle import Bundle

MOST_FILES, MOST_BYTES = 100_000, 1 << 40


def seal(bundle: Bundle) -> str:
    """Write the hashes of everything, in the form that `sha256sum -c` checks; returns the hash of that list."""
    names = [*bundle.raw(), *(Path(name) for name in (RESULT, REPORT) if (bundle.folder / name).is_file())]
    lines = [f"{sha256(bundle.folder / name)}  {name.as_posix()}\n" for name in names]
    (bundle.folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return sha256(bundle.folder / SUMS)


def broken_seals(folder: Path) -> list[str]:
    """What does not agree with the list of hashes, in words. `ConfigError` without one."""
    path = folder / SUMS
    if not path.is_file():
        raise ConfigError(f"{path}: is missing; `circadia field analyse` writes it")
    lines = [line.partition("  ") for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    listed = {name: digest for digest, _, name in lines}
    there = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()} - {SUMS}
    found = [f"{name}: is missing" for name in sorted(listed.keys() - there)]
    found += [f"{name}: is not in {SUMS}" for name in sorted(there - listed.keys())]
    return found + [
        f"{name}: was changed"
        for name in sorted(listed.keys() & there)
        if sha256(folder / name) != listed[name]
    ]


def pack(folder: Path) -> Path:
    """The folder as NAME.zip beside it, whole or not at all; one that is there is replaced."""
    folder = folder if folder.name.strip(".") else folder.resolve()
    target = folder.with_name(folder.name + ".zip")
    with (
        whole_file(target) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{folder.name}/{path.relative_to(folder).as_posix()}")
    return target


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """A bundle's folder; that of a packed one, unpacked for as long as this lasts. `ConfigError` for neither."""
    if path.is_dir():
        yield path
        return
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such bundle") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: is neither a folder nor a .zip file that is whole ({error})") from error
    with archive, tempfile.TemporaryDirectory(prefix="circadia-field-") as name:
        _unpack(archive, Path(name), path)
        folders = list(Path(name).iterdir())
        if len(folders) != 1:
            raise ConfigError(f"{path}: is no packed bundle: it has {len(folders)} folders, not one")
        yield folders[0]


def _unpack(archive: zipfile.ZipFile, target: Path, path: Path) -> None:
    members = archive.infolist()
    if len(members) > MOST_FILES or sum(one.file_size for one in members) > MOST_BYTES:
        raise ConfigError(f"{path}: is too large for a bundle")
    if any(PurePosixPath(one.filename).is_absolute() or ".." in one.filename.split("/") for one in members):
        raise ConfigError(f"{path}: holds a path that leads out of it")
    try:
        archive.extractall(target)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ConfigError(f"{path}: cannot be unpacked ({error})") from error
