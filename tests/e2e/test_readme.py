"""What the README and the documentation show works when it is pasted."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from circadia.config import parse_config

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "sdk/docs").glob("*.md"))]


PUBLIC_NAMES = {"env", "tasks"}
"""Of the workbench, kept for those who import them: they hold no code."""


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def everywhere(language: str) -> list[str]:
    return [block for page in PAGES for block in blocks(language, page.read_text(encoding="utf-8"))]


def test_the_readme_is_a_face() -> None:
    assert len(README.split()) < 900


@pytest.mark.slow
def test_the_embedding_example_runs(tmp_path: Path) -> None:
    (code,) = blocks("python")
    config = blocks("toml")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    (tmp_path / "device.toml").write_text(config, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.match(r"\d answered after \d+\.\d s\n", done.stdout), done.stdout


def test_all_configurations_are_right() -> None:
    for config in everywhere("toml"):
        parse_config(tomllib.loads(config))


def test_the_commands_it_names_exist() -> None:
    shell = "\n".join(everywhere("bash"))
    for script in re.findall(r"\./(tools/\w+)", shell):
        assert (ROOT / script).is_file(), script
    known = subprocess.run(
        [sys.executable, "-m", "circadia", "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for command in re.findall(r"^\S*circadia (\w+)", shell, flags=re.MULTILINE):
        assert re.search(rf"^\s+{command}\b", known, flags=re.MULTILINE), command
    for module in re.findall(r"^python -m (\S+)", shell, flags=re.MULTILINE):
        assert find_spec(module), module


def test_the_files_it_refers_to_exist() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_map_is_the_tree() -> None:
    packages = [
        *(ROOT / "sdk/circadia").iterdir(), *(ROOT / "tools/circadia_lab").iterdir(), *(ROOT / "sdk").iterdir()
    ]  # fmt: skip
    kept = [p for p in packages if (p / "__init__.py").is_file() and p.name not in PUBLIC_NAMES]
    for package in kept:
        assert f"]({package.relative_to(ROOT)})" in README, f"{package} is missing in the README's map"
