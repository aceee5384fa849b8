"""`circadia-app --screenshot`: without a display, at three sizes, the agent's true action."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from circadia.errors import ConfigError
from circadia.store.reading import StoreReader
from circadia_app.command import prepared

if TYPE_CHECKING:
    from pathlib import Path


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}
    }
    return subprocess.run(
        [sys.executable, "-m", "circadia_app.command", *arguments],
        env={**environment, "KIVY_HOME": str(tmp_path / "kivy"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


WORDS = {"sleep": ("Waiting for examples", "Sleeping"), "serve": ("Answering",), "train": ("Training",)}


@pytest.mark.slow
@pytest.mark.parametrize("size", ["412x915", "360x640", "800x1280"])
def test_a_picture_of_each_size_without_a_display_shows_the_stores_action(tmp_path: Path, size: str) -> None:
    from PIL import Image

    file, folder = tmp_path / "x.png", tmp_path / "app"
    done = run(
        tmp_path,
        "--folder",
        str(folder),
        "--agree",
        "--screenshot",
        str(file),
        "--size",
        size,
        "--language",
        "en",
    )
    assert done.returncode == 0, done.stderr
    with Image.open(file) as picture:
        assert picture.size == tuple(map(int, size.split("x")))
    with StoreReader(folder / "device.db") as store:
        newest = store.newest()
    assert newest is not None
    said = done.stdout.splitlines()[-1]
    mode = newest.action.partition("/")[0]
    assert any(word in said for word in WORDS[mode]), (mode, said)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--size", "big"], "WIDTHxHEIGHT"),
        (["--font-scale", "9"], "between 0.5 and 4"),
        (["--screen", "moon"], "invalid choice"),
    ],
)
def test_what_cannot_be_asked_is_said(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert told in done.stderr


def test_a_configuration_that_is_wrong_takes_the_place_of_none(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "app", None)
    before = folder.config.read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[agent]\nperiod_s = nan\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"wrong\.toml.*period_s is nan"):
        prepared(folder.path, wrong)
    assert folder.config.read_text(encoding="utf-8") == before


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "--folder",
        str(tmp_path / "app"),
        "--config",
        str(tmp_path / "none.toml"),
        "--screenshot",
        "x.png",
    )
    assert done.returncode == 1
    assert "none.toml" in done.stderr


@pytest.mark.slow
def test_kivy_leaves_no_log_among_a_phone_s_files(tmp_path: Path) -> None:
    """No deletion would find it there. The settings cannot be read, so that the screens end once Kivy was imported."""
    (tmp_path / "settings.json").write_text("{")
    program = (
        "import sys; from pathlib import Path\n"
        "from circadia.errors import ConfigError\n"
        "from circadia_app.folder import AppFolder\n"
        "from circadia_app.screens_main import run\n"
        "try: run(AppFolder(path=Path(sys.argv[1])), None)\n"
        "except ConfigError: print('kivy' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={name: value for name, value in os.environ.items() if not name.startswith("KIVY_")}
        | {"KIVY_HOME": str(tmp_path / "kivy"), "SDL_VIDEODRIVER": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "True\n", done.stderr
    assert not [path for path in (tmp_path / "kivy").rglob("*") if path.suffix == ".txt"]
