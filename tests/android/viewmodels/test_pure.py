"""View models need no Kivy, no Java and no socket; what they draw with exists."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from circadia_app.viewmodels.tokens import Do

PROGRAM = """
import importlib, pkgutil, sys
import circadia_app.viewmodels, circadia_app.texts
for found in pkgutil.walk_packages(circadia_app.viewmodels.__path__, "circadia_app.viewmodels."):
    importlib.import_module(found.name)
importlib.import_module("circadia_app.past")
bad = {"kivy", "jnius", "paho", "serial", "tensorflow", "tflite_runtime", "asyncio"} & {n.partition(".")[0] for n in sys.modules}
print(sorted(bad))
"""


def test_no_view_model_imports_kivy_java_or_a_network() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def values(of: Any) -> Any:
    """All that a view model holds, however deep."""
    yield of
    if is_dataclass(of):
        for field in fields(of):
            yield from values(getattr(of, field.name))
    elif isinstance(of, tuple | list):
        for one in of:
            yield from values(one)


def test_invented_screens_are_whole_values(invented: Any) -> None:
    assert len(invented.SCREENS) > 20
    for name, screen in invented.SCREENS.items():
        assert is_dataclass(screen), name
        for value in values(screen):
            kind = type(value)
            assert (
                value is None or is_dataclass(value) or isinstance(value, str | int | float | tuple | Enum)
            ), f"{name}: {kind}"


def test_every_touch_is_offered_somewhere(invented: Any) -> None:
    offered = {
        value.do for screen in invented.SCREENS.values() for value in values(screen) if hasattr(value, "do")
    }
    on_a_sheet = {Do.LIGHT, Do.DARK, Do.SHARE_NOW, Do.EXPORT_NOW}
    assert offered >= set(Do) - {Do.RESTART} - on_a_sheet
