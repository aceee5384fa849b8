"""What the README and the documentation show works when it is pasted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields, replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from circadia.config import (
    AgentConfig,
    DeviceConfig,
    FederationConfig,
    LearningConfig,
    StoreConfig,
    parse_config,
)
from circadia.federation.device.patience import Patience
from circadia.platforms.kinds import SimulatedConfig
from circadia.store.sqlite import Retention

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / "sdk/docs"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(DOCS.rglob("*.md")),
    *sorted((ROOT / "sdk/examples").rglob("*.md")),
    *sorted((ROOT / "firmware_bridge").glob("*.md")),
    *sorted((ROOT / "android_app").glob("*.md")),
]


PUBLIC_NAMES = {"env", "tasks"}
"""Of the workbench, kept for those who import them: they hold no code."""


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def everywhere(language: str) -> list[str]:
    return [block for page in PAGES for block in blocks(language, page.read_text(encoding="utf-8"))]


READERS = ("app developer", "embedded engineer", "fleet operator", "field researcher", "RL researcher")
FIRST_SCREEN = 25
"""Lines."""
SAYS = {
    "README.md": r"\d answered after \d+\.\d s\n",
    "sdk/docs/tutorial/first-answer.md": r"\d with \d+% after \d+\.\d s\n",
    "sdk/docs/how-to/application.md": r"(?:\d \d\.\d\d model 0, after \d+\.\d s\n){3}\d \[[\d.\s]+\] \S.*\n",
}
"""What the programs of a page print, with the configuration of `CONFIGURED_BY`."""
CONFIGURED_BY = "sdk/docs/tutorial/first-answer.md"


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_the_readme_is_a_face() -> None:
    assert len(README.split()) < 900
    first = "\n".join(README.splitlines()[:FIRST_SCREEN])
    for reader in READERS:
        assert reader in first
    assert "pip install" in README


def test_the_readmes_program_has_ten_lines() -> None:
    (code,) = blocks("python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10


@pytest.mark.slow
@pytest.mark.parametrize("page", SAYS)
def test_the_programs_that_it_shows_run(tmp_path: Path, page: str) -> None:
    code = "\n".join(blocks("python", text(page)))
    config = (blocks("toml", text(page)) or blocks("toml", text(CONFIGURED_BY)))[0]
    (tmp_path / "device.toml").write_text(config, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(SAYS[page], done.stdout), done.stdout


def test_all_configurations_are_right() -> None:
    for config in everywhere("toml"):
        parse_config(tomllib.loads(config))


def test_the_reference_shows_every_key_with_its_default() -> None:
    (shown,) = blocks("toml", text("sdk/docs/reference/configuration.md"))
    table = tomllib.loads(shown)
    found, default = parse_config(table), DeviceConfig()
    for name in ("device", "limits", "learning", "store"):
        assert getattr(found, name) == getattr(default, name), name
    assert replace(found.agent, preference=default.agent.preference) == default.agent
    assert found.platform == default.platform
    assert found.federation == FederationConfig(broker=table["federation"]["broker"])
    for cls, section in (
        (AgentConfig, table["agent"]),
        (type(default.limits), table["limits"]),
        (LearningConfig, table["learning"]),
        (StoreConfig, table["store"]),
        (Retention, table["store"]["retention"]),
        (FederationConfig, table["federation"]),
        (Patience, table["federation"]["patience"]),
        (SimulatedConfig, {**table["platform"], "epoch_s": 0}),
    ):
        assert {field.name for field in fields(cls)} == section.keys(), cls


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
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_every_page_can_be_reached() -> None:
    linked = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    }
    for page in DOCS.rglob("*.md"):
        assert page in linked, page.relative_to(ROOT)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="needs the extra docs")
def test_the_site_is_built_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
    command += ["--config-file", str(ROOT / "tools/site/mkdocs.yml")]
    done = subprocess.run(
        [*command, "--site-dir", str(tmp_path / "site")],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pages = {page: page.read_text(encoding="utf-8") for page in (tmp_path / "site").rglob("*.html")}
    assert len(pages) > 25
    for page, html in pages.items():
        if page.name == "404.html":
            continue  # for servers; tools/docs removes it
        loaded = re.findall(
            r"<(?:script|img|iframe)[^>]*\ssrc=\"?([^\" >]+)|<link[^>]*\shref=\"?([^\" >]+)", html
        )
        for target in map("".join, loaded):
            assert not re.match(r"(https?:)?//", target), f"{page.name}: {target}"
            assert (page.parent / target.partition("?")[0]).exists(), f"{page.name}: {target}"
    interface = pages[tmp_path / "site/reference/api.html"]
    for name in (
        "circadia.wiring.launch",
        "circadia.agent.Agent.submit",
        "circadia.config.AgentConfig.period_s",
    ):
        assert f'id="{name}"' in interface or f"id={name}" in interface, name


def test_the_map_is_the_tree() -> None:
    packages = [
        *(ROOT / "sdk/circadia").iterdir(), *(ROOT / "tools/circadia_lab").iterdir(), *(ROOT / "sdk").iterdir()
    ]  # fmt: skip
    kept = [p for p in packages if (p / "__init__.py").is_file() and p.name not in PUBLIC_NAMES]
    for package in kept:
        assert f"]({package.relative_to(ROOT)})" in README, f"{package} is missing in the README's map"
