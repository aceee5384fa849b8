"""python-for-android renders the app's spec without an SDK, and its requirements have an order."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from circadia.cli import main
from circadia.config import load_config
from circadia.errors import ArtifactError, ConfigError
from circadia_app.packaging.render import Rendered, render

if TYPE_CHECKING:
    from collections.abc import Callable

    SpecWith = Callable[[str, str], Path]

APP = Path(__file__).parents[3] / "android_app"
PURE = {"cbor2", "certifi", "chardet", "cobs", "filetype", "idna", "paho-mqtt", "requests", "six", "urllib3"}
"""Without a recipe, and with wheels of pure Python in the versions that the spec pins."""


def test_the_requirements_resolve_in_recipe_order(rendered: Rendered) -> None:
    order = rendered.recipes
    for earlier, later in [
        ("python3", "numpy"),
        ("numpy", "circadia"),
        ("circadia", "circadia_app"),
        ("cryptography", "circadia_app"),
        ("cffi", "cryptography"),
        ("sdl2", "kivy"),
    ]:
        assert order.index(earlier) < order.index(later), (earlier, later)
    assert set(rendered.modules) == PURE
    assert rendered.bootstrap == "sdl2"


def test_it_is_buildozers_command_line(rendered: Rendered) -> None:
    words = rendered.package
    assert words[0] == "apk"
    assert (
        "Agent:agent_service.py:foreground:sticky:foregroundServiceType=specialUse|connectedDevice" in words
    )
    assert "--service-class-name=org.circadia.android.BoundedService" in words
    assert words[words.index("--minsdk") + 1] == "24"
    assert rendered.create[0] == "create"


def test_gradle_compiles_for_36_with_litert_and_our_java(rendered: Rendered) -> None:
    gradle = (rendered.project / "build.gradle").read_text(encoding="utf-8")
    for line in [
        "compileSdkVersion 36",
        "minSdkVersion 24",
        "targetSdkVersion 36",
        f"srcDir '{APP / 'java'}'",
    ]:
        assert line in gradle
    assert f"implementation '{rendered.libraries[0]}'" in gradle
    assert (rendered.project / "src/main/res/xml/circadia_extraction.xml").is_file()


def test_the_archive_of_files_holds_the_two_programs_and_the_configuration(rendered: Rendered) -> None:
    with tarfile.open(rendered.project / "src/main/assets/private.tar") as archive:
        names = set(archive.getnames())
    assert names == {"main.pyc", "agent_service.pyc", "device.toml", "sitecustomize.pyc", "p4a_env_vars.txt"}
    assert load_config(APP / "device.toml").platform.kind == "android"


@pytest.mark.usefixtures("rendered")
def test_it_leaves_nothing_beside_the_spec() -> None:
    assert not (APP / ".buildozer").exists()
    assert not (APP / "bin").exists()


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="give --out a new folder"):
        render(APP / "buildozer.spec", tmp_path)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_no_spec(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"none\.spec: no such file"):
        render(tmp_path / "none.spec", tmp_path / "out")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("title = Circadia", "", '"title" is missing'),
        (
            "foregroundServiceType=specialUse|connectedDevice",
            "foregroundServiceType=",
            "foregroundServiceType",
        ),
        ("p4a.bootstrap = sdl2", "p4a.bootstrap = none", "none"),
        ("paho-mqtt==2.2.0", "sdl3", "onflict"),
    ],
)
def test_a_spec_that_is_wrong_is_refused_with_their_words(
    spec_with: SpecWith, tmp_path: Path, old: str, new: str, says: str
) -> None:
    spec = spec_with(old, new)
    with pytest.raises(ConfigError, match="cannot be rendered") as refused:
        render(spec, tmp_path / "out")
    assert says in str(refused.value)


def test_the_command_tells_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["android", "render", str(APP / "buildozer.spec"), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "p4a apk --bootstrap sdl2" in said
    assert "there is no Python in it" in said
    assert main(["android", "render", str(APP / "buildozer.spec"), "--out", str(tmp_path / "out")]) == 0, (
        "again"
    )


@pytest.mark.parametrize(("name", "has"), [("circadia", "sdk/circadia"), ("circadia_app", "circadia_app")])
def test_a_recipe_takes_of_the_checkout_what_its_distribution_is_built_from(
    tmp_path: Path, name: str, has: str
) -> None:
    """All of it would be the build's own folder, too."""
    from pythonforandroid.util import load_source

    recipe = load_source(f"pythonforandroid.recipes.{name}", str(APP / f"recipes/{name}/__init__.py")).recipe
    recipe.get_build_dir = lambda _arch: str(tmp_path / name)
    recipe.prepare_build_dir("arm64-v8a")
    assert (tmp_path / name / "pyproject.toml").is_file()
    assert (tmp_path / name / has / "__init__.py").is_file()
    assert not [path for path in (tmp_path / name).iterdir() if path.name.startswith(".")]
