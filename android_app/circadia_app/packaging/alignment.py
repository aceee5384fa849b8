"""Whether shared libraries load where memory comes in pages of 16 KB (Android 15 on newer phones; Play asks for it)."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from circadia.errors import ArtifactError, PlatformUnavailable
from circadia_app.packaging.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = 16 * 1024
"""Bytes."""
NO_LIBRARY = {"libpybundle.so"}
"""python-for-android's archive of Python files: named so that Android unpacks it, never loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """What was found in a folder or an archive."""

    checked: int
    """64-bit libraries looked at."""
    narrow: int
    """32-bit ones: phones with pages of 16 KB run 64 bits only."""
    findings: tuple[Finding, ...]


def alignment(place: Path) -> Alignment:
    """Every `*.so` below a folder, or in an AAR, APK, AAB or other ZIP. Raises ArtifactError if it cannot be read."""
    if find_spec("elftools") is None:
        raise PlatformUnavailable("pyelftools is not installed; pip install 'circadia-app[host]' brings it")
    checked = narrow = 0
    findings: list[Finding] = []
    for name, content in _libraries(place):
        bits, wrong = _segments(name, content)
        checked += bits == 64
        narrow += bits == 32
        findings += wrong
    return Alignment(checked=checked, narrow=narrow, findings=tuple(findings))


def _libraries(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for path in sorted(place.rglob("*.so")):
            if path.name not in NO_LIBRARY:
                yield str(path.relative_to(place)), path.read_bytes()
        return
    try:
        with zipfile.ZipFile(place) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".so") and name.rsplit("/", 1)[-1] not in NO_LIBRARY:
                    yield name, archive.read(name)
    except FileNotFoundError as error:
        raise ArtifactError(f"{place}: not there; give a folder of .so files, an AAR or an APK") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{place}: neither a folder nor a readable AAR, APK or AAB ({error})") from error


def _segments(name: str, content: bytes) -> tuple[int, list[Finding]]:
    """Its class in bits (0: no ELF file), and what is wrong with its loadable segments."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        file = ELFFile(io.BytesIO(content))
        bits = int(file.elfclass)
        loads = [segment.header for segment in file.iter_segments("PT_LOAD")]
    except (ELFError, ValueError, KeyError, OverflowError) as error:
        wrong = f"no ELF file that can be read ({type(error).__name__}): Android cannot load it"
        return 0, [Finding(element=name, wrong=wrong, mend="build it anew, or leave it out")]
    if bits == 32:
        return bits, []
    if not loads:
        wrong = "has no segment to load: Android cannot load it"
        return bits, [Finding(element=name, wrong=wrong, mend="build it anew, or leave it out")]
    align = min(load.p_align for load in loads)
    if align < PAGE or align % PAGE:
        return bits, [_finding(name, f"its segments are aligned to {align:,} bytes")]
    if any((load.p_vaddr - load.p_offset) % PAGE for load in loads):
        return bits, [_finding(name, "a segment's place in the file and in memory differ within a page")]
    return bits, []


def _finding(name: str, wrong: str) -> Finding:
    return Finding(
        element=name,
        wrong=f"{wrong}: a phone with pages of 16 KB does not load it",
        mend="build it with NDK 28 or newer, or link with -Wl,-z,max-page-size=16384; of others' libraries, take a release that was",
    )
