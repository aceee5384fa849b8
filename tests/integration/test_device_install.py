"""What a device installs: the SDK without extras, in an environment of its own. Needs the package index."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from circadia_lab.bench.footprint import install

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

WORDS = {
    "aggregate": ["--broker", "nowhere", "--federation", "f", "--task", "none", "--ledger", "ledger.sqlite"],
    "broker": ["--port", "70000"],
    "doctor": [],
    "run": ["--config", "none.toml"],
    "field": ["run", "none"],
}
"""Every command that a device lists, and a call that comes back at once."""
LAB = ("demo", "joules", "lab", "policy", "replay")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("device"))


def call(python: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "circadia", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_no_file_of_the_workbench(python: Path) -> None:
    site = next(python.parents[1].glob("lib/*/site-packages"))
    packages = {folder.name for folder in site.iterdir() if folder.name.startswith("circadia")}
    assert {name for name in packages if "." not in name} == {"circadia", "circadia_field", "circadia_meter"}


def test_lists_its_commands_and_no_other(python: Path, tmp_path: Path) -> None:
    text = call(python, tmp_path, "--help").stdout
    assert set(re.findall(r"^    (\w+)\b", text, flags=re.MULTILINE)) == set(WORDS)


@pytest.mark.parametrize("command", [*WORDS, "meter", *LAB])
def test_no_command_ends_in_a_traceback(python: Path, tmp_path: Path, command: str) -> None:
    answer = call(python, tmp_path, command, *WORDS.get(command, ["probe", "--port", "auto"]))
    assert "Traceback" not in answer.stderr
    assert answer.returncode in ({0, 1} if command == "doctor" else {2})
    assert call(python, tmp_path, command, "--help").stderr.count("Traceback") == 0


def test_meter_says_which_extra_it_lacks(python: Path, tmp_path: Path) -> None:
    assert "pip install circadia[meter]" in call(python, tmp_path, "meter", "probe").stderr
