"""Shared libraries linked for pages of 4 and of 16 KB, in folders and archives."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.cli import main
from circadia.errors import ArtifactError
from circadia_app.packaging.alignment import alignment

SPEC = Path(__file__).parents[3] / "android_app/buildozer.spec"


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """Page size in bytes → a library that gcc linked for it."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not here; Debian's gcc and libc6-dev have it")
    folder = tmp_path_factory.mktemp("linked")
    (folder / "one.c").write_text("int counted; int one(void) { return ++counted; }\n", encoding="utf-8")
    found = {}
    for page in (4096, 16384, 65536):
        made = folder / f"lib{page}.so"
        flags = ["-shared", "-fPIC", f"-Wl,-z,max-page-size={page}"]
        words = ["gcc", *flags, "-o", str(made), str(folder / "one.c")]
        subprocess.run(words, check=True, timeout=60)
        found[page] = made.read_bytes()
    return found


def test_a_library_for_4_kb_is_a_finding_and_says_what_to_do(
    linked: dict[int, bytes], tmp_path: Path
) -> None:
    (tmp_path / "arm64-v8a").mkdir()
    (tmp_path / "arm64-v8a/libold.so").write_bytes(linked[4096])
    (tmp_path / "libnew.so").write_bytes(linked[16384])
    (tmp_path / "libwide.so").write_bytes(linked[65536])
    found = alignment(tmp_path)
    assert found.checked == 3
    assert [finding.element for finding in found.findings] == ["arm64-v8a/libold.so"]
    assert "4,096 bytes" in found.findings[0].wrong
    assert "max-page-size=16384" in found.findings[0].mend


def test_an_aar_is_looked_into(linked: dict[int, bytes], tmp_path: Path) -> None:
    aar = tmp_path / "litert.aar"
    with zipfile.ZipFile(aar, "w") as archive:
        archive.writestr("jni/arm64-v8a/libgood.so", linked[16384])
        archive.writestr("jni/x86_64/libbad.so", linked[4096])
        archive.writestr("classes.jar", b"no library")
        archive.writestr("lib/arm64-v8a/libpybundle.so", b"\x1f\x8b an archive of Python files")
    found = alignment(aar)
    assert found.checked == 2
    assert [finding.element for finding in found.findings] == ["jni/x86_64/libbad.so"]


def test_a_segment_that_lies_askew_is_a_finding(linked: dict[int, bytes], tmp_path: Path) -> None:
    """p_align says 16 KB, p_offset and p_vaddr do not meet it: patched into the second segment's header."""
    content = bytearray(linked[16384])
    headers = int.from_bytes(content[32:40], "little")  # e_phoff
    second = headers + 56 + 16  # p_vaddr of the second
    moved = int.from_bytes(content[second : second + 8], "little") + 4096
    content[second : second + 8] = moved.to_bytes(8, "little")
    (tmp_path / "libaskew.so").write_bytes(content)
    assert "within a page" in alignment(tmp_path).findings[0].wrong


def test_32_bits_need_none(linked: dict[int, bytes], tmp_path: Path) -> None:
    """A header of 32 bits alone: no phone with pages of 16 KB loads such a library."""
    header = bytearray(52)
    header[:7] = b"\x7fELF\x01\x01\x01"
    header[16:20] = b"\x03\x00\x28\x00"  # a shared library for ARM
    (tmp_path / "libthin.so").write_bytes(header)
    found = alignment(tmp_path)
    assert (found.checked, found.narrow, found.findings) == (0, 1, ())


@given(cut=st.integers(min_value=0, max_value=6000))
def test_what_is_cut_off_is_a_finding_and_no_crash(
    linked: dict[int, bytes], tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    (folder / "libcut.so").write_bytes(linked[4096][:cut])
    assert len(alignment(folder).findings) == 1


@pytest.mark.parametrize("content", [None, b"no archive"])
def test_what_is_no_archive_is_an_error_of_ours(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.aar"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"x\.aar: (not there|neither a folder)"):
        alignment(path)


def test_the_command_counts_and_no_longer_says_that_litert_was_not_checked(
    linked: dict[int, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aar = tmp_path / "litert-1.4.0.aar"
    with zipfile.ZipFile(aar, "w") as archive:
        archive.writestr("jni/arm64-v8a/libtensorflowlite_jni.so", linked[4096])
    assert main(["android", "lint", str(SPEC), "--libraries", str(aar)]) == 1
    said = capsys.readouterr().out
    assert "1 libraries of 64 bits held against pages of 16 KB" in said
    assert "not checked" not in said
