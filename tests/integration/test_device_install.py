"""What a device installs: the SDK without extras, in an environment of its own. Needs the package index."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from circadia_lab.bench.footprint import install
from circadia_lab.data.tasks.digits_data import write_digits

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

WORDS = {
    "aggregate": ["--broker", "nowhere", "--federation", "f", "--task", "none", "--ledger", "ledger.sqlite"],
    "broker": ["--port", "70000"],
    "doctor": [],
    "model": ["export", "none.db", "--out", "none.tflite"],
    "run": ["--config", "none.toml"],
    "task": ["check", "none.toml"],
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


DEVICE = """
[agent]
policy = "threshold"
period_s = 300
[store]
path = "device.db"
"""


def begun(folder: Path) -> list[str]:
    """A frozen plan, examples and a device's file, as somebody with the workbench hands them over."""
    plan = ["--arm", "low=threshold", "--arm", "high=charging-only", "--agent-share", "0.6", "--pairs", "6"]
    plan += [
        "--hours",
        "0.5",
        "--washout",
        "0.1",
        "--requests",
        "60",
        "--examples",
        "30",
        "--out",
        "plan.json",
    ]
    made = [sys.executable, "-m", "circadia", "field", "plan", *plan]
    subprocess.run(made, cwd=folder, check=True, capture_output=True, timeout=60)
    write_digits(folder / "digits.npz")
    (folder / "device.toml").write_text(DEVICE, encoding="utf-8")
    return ["field", "run", "test", "--plan", "plan.json", "--config", "device.toml"]


def test_its_half_of_a_field_test_needs_nothing_else(python: Path, tmp_path: Path) -> None:
    answer = call(python, tmp_path, *begun(tmp_path), "--examples", "digits.npz", "--virtual=body")
    assert answer.returncode == 0, answer.stderr
    assert "all 24 periods done" in answer.stdout


def test_what_only_the_workbench_has_is_said_before_anything_is_made(python: Path, tmp_path: Path) -> None:
    words = begun(tmp_path)
    board = call(python, tmp_path, *words, "--examples", "digits.npz", "--virtual=firmware")
    assert (board.returncode, "pip install './tools'" in board.stderr) == (2, True)
    digits = call(python, tmp_path, *words, "--virtual=body")
    assert (digits.returncode, "--examples FILE.npz" in digits.stderr) == (2, True)
    assert not (tmp_path / "test").exists()
