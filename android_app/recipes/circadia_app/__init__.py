"""python-for-android's recipe for the app's package: the body `android` with its Java interpreter, service and screens.

As a distribution, and not among the app's own files, for kinds of bodies are found by entry points.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar

from pythonforandroid.recipe import PythonRecipe

APP = Path(__file__).resolve().parents[2]
PARTS = ("pyproject.toml", "circadia_app")


class CircadiaAppRecipe(PythonRecipe):  # type: ignore[misc]
    """Pure Python, by the side of the Java in android_app/java. Screens need kivy among the requirements."""

    version = "0.1.0"
    url = None
    site_packages_name = "circadia_app"
    depends: ClassVar[list[str]] = ["python3", "circadia", "pyjnius", "android", "cryptography"]
    call_hostpython_via_targetpython = False
    setup_extra_args: ClassVar[list[str]] = ["--no-deps"]

    def prepare_build_dir(self, arch: Any) -> None:
        """In the place of an archive's files, this checkout's."""
        built = Path(self.get_build_dir(arch))
        shutil.rmtree(built, ignore_errors=True)
        built.mkdir(parents=True)
        shutil.copy(APP / PARTS[0], built)
        shutil.copytree(APP / PARTS[1], built / PARTS[1], ignore=shutil.ignore_patterns("__pycache__"))


recipe = CircadiaAppRecipe()
