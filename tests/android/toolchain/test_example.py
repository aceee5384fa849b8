"""The example is short, is rendered from a folder of its own, and answers on a desktop."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from subprocess import PIPE

import pytest

from circadia.cli import main
from circadia.errors import ConfigError
from circadia_app.companion import Companion
from circadia_app.consent import load
from circadia_app.packaging.lint import lint
from circadia_app.packaging.render import render

APP = Path(__file__).parents[3] / "android_app"
PRESSED = """
import main
from kivy.clock import Clock
app = main.Example()
def look(dt):
    if not app.root.text.startswith("Agree"):
        print(app.root.text)
        app.stop()
Clock.schedule_once(lambda dt: app.root.dispatch("on_release"))
Clock.schedule_interval(look, 0.1)
app.run()
"""
"""One press, and what the button says then."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example's files and nothing else, Circadia named in full."""
    copied = tmp_path / "example"
    shutil.copytree(
        APP / "example", copied, ignore=shutil.ignore_patterns("circadia-agent", "__pycache__", "bin")
    )
    spec = copied / "buildozer.spec"
    text = spec.read_text(encoding="utf-8")
    assert "\nCIRCADIA = ..\n" in text
    spec.write_text(text.replace("\nCIRCADIA = ..\n", f"\nCIRCADIA = {APP}\n"), encoding="utf-8")
    return copied


def test_it_has_under_thirty_lines() -> None:
    lines = (APP / "example/main.py").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) < 30


def test_it_is_rendered_from_a_folder_of_its_own_and_clean(folder: Path, tmp_path: Path) -> None:
    done = render(folder / "buildozer.spec", tmp_path / "out")
    assert lint(done.manifest, done.java) == []
    assert 'android:name="org.example.motion.ServiceAgent"' in done.manifest.read_text(encoding="utf-8")
    assert "circadia_app" in done.recipes


def test_its_model_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task", "check", str(APP / "example/agent/motion.toml")]) == 0, capsys.readouterr()


@pytest.mark.slow
def test_the_documentations_program_runs(folder: Path) -> None:
    page = (APP.parent / "sdk/docs/how-to/android.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in {"0", "1", "2", "3"}


def test_nothing_is_asked_before_the_person_has_agreed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    agent = Companion("agent")
    try:
        with pytest.raises(ConfigError, match="nobody has agreed"):
            agent.ask("submit", x=[0.0] * 18, deadline_s=60)
        assert not (folder / "circadia-agent/device.db").exists()
    finally:
        agent.close()


@pytest.mark.slow
def test_it_answers_on_a_desktop(folder: Path) -> None:
    if find_spec("kivy") is None:
        pytest.skip("kivy is not here; pip install circadia-app brings it")
    environment = os.environ | {
        "SDL_VIDEODRIVER": "offscreen",
        "KIVY_NO_ARGS": "1",
        "KIVY_NO_FILELOG": "1",
        "KIVY_HOME": str(folder / "kivy"),
    }
    words = [sys.executable, "-c", PRESSED]
    begun_s = time.time()
    running = subprocess.Popen(
        words, cwd=folder, env=environment, stdout=PIPE, stderr=PIPE, text=True, start_new_session=True
    )
    try:
        said, complained = running.communicate(timeout=90)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)  # its service, too, should it not have ended
    assert running.returncode == 0, said + complained
    assert "'label': " in said, said + complained
    agreement = load(folder / "circadia-agent/consent.json").learn
    assert agreement is not None
    assert agreement.since_s >= begun_s
    assert "circadia_app.host INFO Starting" in complained
