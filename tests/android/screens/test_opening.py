"""Before the record is read: the first frame; and what the desk says of light colours."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from circadia.errors import PlatformUnavailable
from circadia_app.command import prepared
from circadia_app.moment import device_of
from circadia_app.phone_glass import PhoneGlass
from circadia_app.settings import load
from circadia_app.texts import texts_of
from circadia_app.ui.live_desk import LiveDesk
from circadia_app.viewmodels.tokens import Do

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class NoKeeper:
    """Nobody starts the agent."""

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_light_colours_are_offered_once_and_the_choice_is_kept(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "app", None)
    desk = LiveDesk(folder, device_of(folder), texts_of("de"), NoKeeper())
    offer = desk.bright()
    assert offer is not None
    assert [button.do for button in offer.buttons] == [Do.LIGHT, Do.DARK]
    assert desk.bright() is None, "a sheet that was put away is an answer"
    assert load(folder.settings).scheme == "dark"
    desk.do(Do.LIGHT)
    assert load(folder.settings).scheme == "light"
    assert desk.bright() is None
    assert desk.language() == "de"
    assert desk.voiceless().text


@pytest.mark.slow
def test_the_first_frame_is_there_before_the_record(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "app", None)
    ran = opened(tmp_path, folder.path)
    assert ran.returncode == 0, ran.stderr
    first_s, _, shown_s, _ = map(float, ran.stdout.split()[-4:])
    assert first_s < shown_s
    folder.config.write_text("[agent]\nperiod_s = 'soon'\n", encoding="utf-8")
    ran = opened(tmp_path, folder.path)
    assert "circadia-app: " in ran.stderr
    assert "period_s" in ran.stderr


def opened(tmp_path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "circadia_lab.bench._app_first_frame", str(folder)],
        env={**os.environ, "KIVY_HOME": str(tmp_path / "kivy"), "SDL_VIDEODRIVER": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_phone_without_its_java_has_screens_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    def none(owner: str, method: str) -> Callable[..., Any]:
        raise PlatformUnavailable(f"{owner} has no {method}")

    glass = PhoneGlass(none)
    assert glass.insets() == (0, 0, 0, 0)
    assert glass.animates()
    assert not glass.speak("Sleeping", "en")
    assert math.isnan(glass.lux())
    glass.insets()
    glass.hush()
    glass.rest()
    assert len(caplog.records) == 6, "each is told once"
