from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from circadia.errors import ConfigError
from circadia_lab.policy.rivals import environment
from circadia_lab.policy.rivals.environment import ROOT, rivals_python
from circadia_lab.policy.rivals.process import surroundings

REQUIREMENTS = ROOT / "tools" / "rivals.txt"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "rivals.txt").write_text("nothing==1\n")
    return tmp_path


class Installer:
    """In place of venv and pip: writes the interpreter, or fails."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.calls = 0

    def __call__(self, command: tuple[str, ...], **_: Any) -> subprocess.CompletedProcess[str]:
        self.calls += 1
        if self.failing and self.failing in command:
            return subprocess.CompletedProcess(command, 1, "", "no route to the index")
        if "venv" in command:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.touch()
        return subprocess.CompletedProcess(command, 0, "", "")


def install_with(monkeypatch: pytest.MonkeyPatch, installer: Installer) -> Installer:
    monkeypatch.setattr("circadia_lab.policy.rivals.environment.subprocess.run", installer)
    return installer


def test_every_requirement_is_pinned_once() -> None:
    lines = [line.split("#")[0].strip() for line in REQUIREMENTS.read_text().splitlines()]
    pins = [re.fullmatch(r"([\w.-]+)==[\w.+]+(; sys_platform == \"linux\")?", line) for line in lines if line]
    assert all(pins)
    names = [re.sub(r"[-_.]+", "-", pin[1].lower()) for pin in pins if pin]
    assert len(set(names)) == len(names)
    assert {"stable-baselines3", "morl-baselines", "torch", "numpy", "gymnasium"} <= set(names)


def test_requirements_agree_with_ours_where_the_environment_runs_on_both_sides() -> None:
    ours = dict(
        line.split(";")[0].strip().split("==")
        for line in (ROOT / "tools" / "constraints.txt").read_text().splitlines()
        if "==" in line
    )
    theirs = REQUIREMENTS.read_text()
    for name in ("gymnasium", "mo-gymnasium"):
        assert f"\n{name}=={ours[name]}\n" in theirs


def test_the_folder_is_ignored_by_git() -> None:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("no checkout of git")
    answer = subprocess.run(["git", "-C", str(ROOT), "check-ignore", "-q", ".venv-rivals/x"], check=False)
    assert answer.returncode == 0


def test_is_made_once(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installer = install_with(monkeypatch, Installer())
    assert rivals_python(checkout) == checkout / ".venv-rivals" / "bin" / "python"
    made = installer.calls
    rivals_python(checkout)
    assert installer.calls == made == 2


def test_is_made_anew_when_a_version_changes(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installer = install_with(monkeypatch, Installer())
    rivals_python(checkout)
    (checkout / "tools" / "rivals.txt").write_text("nothing==2\n")
    rivals_python(checkout)
    assert installer.calls == 4


def test_failed_install_says_what_to_do_and_is_not_used(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_with(monkeypatch, Installer(failing="install"))
    with pytest.raises(ConfigError, match=r"check network, disk.*no route to the index"):
        rivals_python(checkout)
    installer = install_with(monkeypatch, Installer())
    rivals_python(checkout)
    assert installer.calls == 2


def test_full_disk_is_told_before_anything_is_fetched(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installer = install_with(monkeypatch, Installer())
    monkeypatch.setattr(environment, "NEEDED_BYTES", 1e30)
    with pytest.raises(ConfigError, match="GB left"):
        rivals_python(checkout)
    assert installer.calls == 0


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rivals\.txt is missing"):
        rivals_python(tmp_path)


def test_programs_see_our_packages_and_nothing_of_the_callers_python() -> None:
    said = surroundings({"PATH": "/bin", "PYTHONPATH": "/elsewhere", "VIRTUAL_ENV": "/v"}, threads=2)
    assert "/elsewhere" not in said["PYTHONPATH"]
    assert {str(ROOT / "sdk"), str(ROOT / "tools")} == set(said["PYTHONPATH"].split(":"))
    assert (said["PATH"], said["OMP_NUM_THREADS"]) == ("/bin", "2")
    assert "VIRTUAL_ENV" not in said
