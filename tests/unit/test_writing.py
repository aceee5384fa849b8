from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from circadia.errors import ConfigError
from circadia.writing import is_stdout, whole_file, whole_text


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with whole_text(path) as file:
        file.write("first\n")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "first\n"
    with pytest.raises(ZeroDivisionError), whole_text(path) as file:
        file.write(str(1 / 0))
    assert path.read_text(encoding="utf-8") == "first\n"
    assert os.listdir(tmp_path) == ["a.txt"]  # noqa: PTH208 - hidden ones, too


def test_what_others_may_read_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with whole_file(path) as file:
        file.write(b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.chmod(0o600)
    with whole_file(path) as file:
        file.write(b"y")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path: Path) -> None:
    link, file_behind = tmp_path / "link", tmp_path / "behind"
    file_behind.write_bytes(b"old")
    link.symlink_to(file_behind)
    with whole_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert file_behind.read_bytes() == b"new"


def test_a_pipe_is_written_into_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with whole_file(pipe) as file:
        file.write(b"through")
    reader.join(10)
    assert read == [b"through"]
    assert pipe.is_fifo()


def test_a_device_stays_a_device() -> None:
    with whole_file(Path("/dev/null")) as file:
        file.write(b"away")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
@pytest.mark.parametrize("to", ["pipe", "file"])
def test_standard_output_by_any_name_gets_it_in_order(name: str, to: str, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from circadia.writing import *; import sys\n"
        f"path = Path({name!r}); print('before'); assert is_stdout(path)\n"
        "with whole_text(path) as file: file.write('within\\n')\n"
        "print('after')"
    )
    target = tmp_path / "out"
    with target.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdout=file if to == "file" else subprocess.PIPE,
            text=True,
            check=True,
            cwd=tmp_path,
        )
    said = target.read_text(encoding="utf-8") if to == "file" else done.stdout
    assert said == "before\nwithin\nafter\n"
    assert Path("/dev/stdout").is_symlink()
    assert os.listdir(tmp_path) == ["out"]  # noqa: PTH208


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "a", tmp_path):
        with pytest.raises(ConfigError, match=str(path)), whole_file(path) as file:
            file.write(b"x")


def test_a_file_of_that_kind_is_not_standard_output(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert not is_stdout(tmp_path / "a")
    assert not is_stdout(tmp_path / "none")
    assert not is_stdout(Path("/dev/null"))
