"""The app on a stage: a process without a screen, told by lines of JSON what to show and to touch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent


class Stage:
    """Its methods are those of `stage_main.Stage`."""

    def __init__(self, home: Path, log: Path) -> None:
        self.log = log
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KIVY_")},
            "SDL_VIDEODRIVER": "offscreen",
            "KIVY_HOME": str(home),
            "PYTHONPATH": str(HERE.parent / "viewmodels"),
        }
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "stage_main.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
            )
        self._answer()

    def __call__(self, call: str, **given: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"call": call, **given}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the stage has ended: {self.log.read_text()[-2000:]}"
        return json.loads(line)

    def show(
        self, name: str, *, size: tuple[int, int] = (412, 915), scheme: str = "dark", scale: float = 1.0
    ) -> None:
        self("show", name=name, size=list(size), scheme=scheme, scale=scale, density=1.0)

    def middle(self, text: str, seconds: float = 2.0) -> tuple[float, float]:
        """Of the words that begin so, once they are there."""
        found = self("wait", text=text, seconds=seconds)
        assert "at" in found, found
        return found["at"][0], found["at"][1]

    def touch(self, text: str, seconds: float = 2.0) -> Any:
        x, y = self.middle(text, seconds)
        return self("touch", x=x, y=y)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if find_spec("kivy") is None:  # not imported here: it takes hold of the process's log
        pytest.skip("the screens need Kivy: tools/environment.sh, tier app")
    home = tmp_path_factory.mktemp("kivy")
    made = Stage(home, home / "stage.log")
    yield made
    made.close()
