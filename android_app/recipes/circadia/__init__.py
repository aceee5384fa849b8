"""python-for-android's recipe for Circadia's SDK: the checkout that buildozer.spec names, without a native interpreter.

buildozer hands `requirements.source.circadia` on as P4A_circadia_DIR; the build's folder is then a link to it.
"""

from __future__ import annotations

from typing import ClassVar

from pythonforandroid.recipe import PythonRecipe


class CircadiaRecipe(PythonRecipe):  # type: ignore[misc]
    """Pure Python. What it needs has recipes of its own or is a pure wheel; the interpreter is LiteRT's Java API."""

    version = "0.1.0"
    url = None
    depends: ClassVar[list[str]] = ["python3", "numpy", "sqlite3"]
    call_hostpython_via_targetpython = False
    # The wheel asks for ai-edge-litert, which Android has not.
    setup_extra_args: ClassVar[list[str]] = ["--no-deps"]


recipe = CircadiaRecipe()
