"""What the checks of Android's half share: the app as python-for-android renders it, and a JDK."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from circadia_app.packaging.render import Rendered, render

if TYPE_CHECKING:
    from collections.abc import Callable

    SpecWith = Callable[[str, str], Path]

ROOT = Path(__file__).parents[3]
APP = ROOT / "android_app"


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The app's own spec, rendered."""
    return render(APP / "buildozer.spec", tmp_path_factory.mktemp("rendered") / "app")


@pytest.fixture(scope="session")
def program() -> Callable[..., str]:
    """Runs a program that may lack here, in which case the test is skipped; → what it printed."""

    def run(*words: str | Path, package: str, cwd: Path | None = None) -> str:
        if shutil.which(words[0]) is None:
            pytest.skip(f"{words[0]} is not here; Debian's {package} has it")
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{words[0]}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return run


@pytest.fixture
def spec_with(tmp_path: Path) -> SpecWith:
    """The app's spec with one text replaced, in a folder that has what it names."""

    def write(old: str, new: str) -> Path:
        text = (APP / "buildozer.spec").read_text(encoding="utf-8")
        assert old in text
        for name in ("main.py", "agent_service.py", "p4a_hook.py", "java", "recipes"):
            (tmp_path / name).symlink_to(APP / name)
        spec = tmp_path / "buildozer.spec"
        spec.write_text(text.replace(old, new), encoding="utf-8")
        return spec

    return write
