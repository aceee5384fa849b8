"""python-for-android's recipe for Circadia's SDK: the checkout that the recipe lies in, without a native interpreter."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar

from pythonforandroid.recipe import PythonRecipe

CHECKOUT = Path(__file__).resolve().parents[3]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "sdk", "firmware_bridge")
"""What the distribution is built from. All of the checkout would be its own build's folder, too."""


class CircadiaRecipe(PythonRecipe):  # type: ignore[misc]
    """Pure Python. What it needs has recipes of its own or is a pure wheel; the interpreter is LiteRT's Java API."""

    version = "0.1.0"
    url = None
    depends: ClassVar[list[str]] = ["python3", "numpy", "sqlite3"]
    call_hostpython_via_targetpython = False
    # The wheel asks for ai-edge-litert, which Android has not.
    setup_extra_args: ClassVar[list[str]] = ["--no-deps"]

    def prepare_build_dir(self, arch: Any) -> None:
        """In the place of an archive's files, the checkout's."""
        built = Path(self.get_build_dir(arch))
        shutil.rmtree(built, ignore_errors=True)
        built.mkdir(parents=True)
        for name in PARTS:
            part = CHECKOUT / name
            if part.is_dir():
                shutil.copytree(
                    part, built / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
                )
            else:
                shutil.copy(part, built / name)


recipe = CircadiaRecipe()
