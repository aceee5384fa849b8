"""The app's README names tests: they are there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMED = re.compile(r"([\w…]+(?:\.py)?)::(test_\w+)")


def test_every_test_that_it_names_is_there() -> None:
    text = (HERE.parents[1] / "android_app/README.md").read_text(encoding="utf-8")
    there = {path.name: path.read_text(encoding="utf-8") for path in HERE.rglob("*.py")}
    file, found = "", 0
    for name, test in NAMED.findall(text):
        file = file if name == "…" else name
        assert f"def {test}(" in there[file], f"{file}::{test}"
        found += 1
    assert found >= 8
