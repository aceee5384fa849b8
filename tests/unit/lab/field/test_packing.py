"""A bundle in one file comes out as it went in, or is refused."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from circadia.errors import ConfigError
from circadia_field.bundle import RESULT, SUMS, Bundle
from circadia_field.packing import broken_seals, opened, pack, seal

if TYPE_CHECKING:
    from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def sealed(bundle: Bundle) -> Bundle:
    raw = bundle.period(0, 1) / "asked.jsonl"
    raw.parent.mkdir()
    raw.write_text("{}\n")
    (bundle.folder / RESULT).write_text("{}")
    seal(bundle)
    return bundle


def test_it_comes_out_as_it_went_in(sealed: Bundle) -> None:
    packed = pack(sealed.folder)
    assert packed == sealed.folder.with_name("test.zip")
    with opened(packed) as folder:
        assert folder.name == "test"
        assert contents(folder) == contents(sealed.folder)
        assert broken_seals(folder) == []
        unpacked = folder
    assert not unpacked.exists()
    with opened(sealed.folder) as folder:
        assert folder == sealed.folder
    assert pack(sealed.folder) == packed
    assert not packed.with_name("test.zip.new").exists()


def test_what_changed_is_missing_or_came_besides_is_named(sealed: Bundle) -> None:
    folder = sealed.folder
    [raw] = folder.rglob("asked.jsonl")
    raw.write_text("{} \n")
    (folder / "pinned" / "profile.toml").unlink()
    (folder / "periods" / "more.db").write_text("")
    (folder / RESULT).write_text("[]")
    name = raw.relative_to(folder).as_posix()
    assert sorted(broken_seals(folder)) == sorted(
        [
            "pinned/profile.toml: is missing", f"periods/more.db: is not in {SUMS}", f"{name}: was changed",
            f"{RESULT}: was changed",
        ]
    )  # fmt: skip


def test_a_list_of_hashes_that_is_missing_or_damaged_is_named(sealed: Bundle) -> None:
    path = sealed.folder / SUMS
    path.write_bytes(path.read_bytes()[:-20] + b"\xff")
    assert broken_seals(sealed.folder)
    path.unlink()
    with pytest.raises(ConfigError, match="SHA256SUMS: is missing"):
        broken_seals(sealed.folder)


@pytest.mark.parametrize("name", ["../out.txt", "test/../../out.txt", "/tmp/out.txt"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("test/plan.json", "{}")
        archive.writestr(name, "out")
    with pytest.raises(ConfigError, match=r"bad\.zip: holds a path that leads out of it"), opened(path):
        pass


def test_a_file_that_is_cut_off_or_damaged_is_refused(sealed: Bundle, tmp_path: Path) -> None:
    whole = pack(sealed.folder).read_bytes()
    path = tmp_path / "cut.zip"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match=r"cut\.zip: is neither a folder nor"), opened(path):
        pass
    at = whole.index(b"plan.json") + 60
    path.write_bytes(whole[:at] + bytes(8) + whole[at + 8 :])
    with pytest.raises(ConfigError, match=r"cut\.zip: cannot be unpacked"), opened(path):
        pass
    with pytest.raises(ConfigError, match="no such bundle"), opened(tmp_path / "missing.zip"):
        pass


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/x", "")
        archive.writestr("b/x", "")
    with pytest.raises(ConfigError, match="it has 2 folders"), opened(path):
        pass
