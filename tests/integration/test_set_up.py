from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "sdk", "firmware_bridge", "tools", "android_app")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


def shell(checkout: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    script = f". '{checkout}/tools/environment.sh'; {command}"
    return subprocess.run(
        ["bash", "-c", script, "trial"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **variables},
    )


@pytest.mark.slow
def test_set_up_works_once_is_not_repeated_and_is_remade_when_unfinished(checkout: Path) -> None:
    first = shell(checkout, "environment")
    assert first.returncode == 0, first.stderr
    python = checkout / ".venv/bin/python"
    program = "import numpy, circadia.observation; print(circadia.__file__)"
    found = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True, cwd="/")
    assert Path(found.stdout.strip()) == checkout / "sdk/circadia/__init__.py"

    second = shell(checkout, "environment")
    assert (second.returncode, second.stderr) == (0, "")

    (checkout / ".venv/circadia-unfinished").touch()
    third = shell(checkout, "environment")
    assert third.returncode == 0
    assert "unfinished" in third.stderr
    assert not (checkout / ".venv/circadia-unfinished").exists()


def test_set_up_without_python_names_what_to_do(checkout: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in (
        "bash",
        "dirname",
        "basename",
        "cat",
        "cut",
        "sed",
        "sha256sum",
        "sort",
        "paste",
        "tr",
        "flock",
    ):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    find = "_find_python() { return 1; }; environment"
    answer = shell(checkout, find, PATH=str(programs))
    assert answer.returncode == 1
    assert "CIRCADIA_PYTHON" in answer.stderr
    assert not (checkout / ".venv").exists()


def test_same_extras_in_another_order_are_the_same(checkout: Path) -> None:
    assert shell(checkout, "_wanted test lab lab").stdout == "lab test\n"


@pytest.mark.parametrize("name", ["run", "test", "check", "bench", "environment.sh"])
def test_scripts_are_valid_bash(name: str) -> None:
    subprocess.run(["bash", "-n", ROOT / "tools" / name], check=True)


@pytest.mark.parametrize("name", ["tools/run", "tools/test", "tools/check", "tools/bench", ".ci/run"])
def test_commands_are_executable(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
