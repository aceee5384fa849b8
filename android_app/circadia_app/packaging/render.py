"""From buildozer.spec to the Android project that gradle would build, by buildozer's and python-for-android's own code.

Neither an SDK nor an NDK is asked for, and nothing is compiled: the project has the true manifest, services, resources,
gradle file and the app's sources, and no Python.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from circadia.errors import ArtifactError, ConfigError, PlatformUnavailable

OURS = (".buildozer", "dist", "home", "log.txt", "rendered.json", "sdk", "buildozer", "bin")
"""What a rendering leaves in its folder; all of it is made anew."""
TOOLS = ("buildozer", "pythonforandroid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """An app as python-for-android would hand it to gradle."""

    project: Path
    """The Android project's folder."""
    create: tuple[str, ...]
    """buildozer's call of python-for-android that would build Python and the recipes."""
    package: tuple[str, ...]
    """Its call that would make the package."""
    recipes: tuple[str, ...]
    """In the order in which they would be built."""
    modules: tuple[str, ...]
    """Requirements without a recipe: pip installs them, if they are pure Python."""
    bootstrap: str
    libraries: tuple[str, ...]
    """What gradle fetches: `group:name:version`."""
    sources: tuple[Path, ...]
    """Folders of Java outside the project that gradle compiles with it."""

    @property
    def manifest(self) -> Path:
        """The manifest, after the hook."""
        return self.project / "src/main/AndroidManifest.xml"

    @property
    def java(self) -> tuple[Path, ...]:
        """Every folder of Java sources."""
        return (self.project / "src/main/java", *self.sources)


def render(spec: Path, out: Path) -> Rendered:
    """Render into `out`, a folder that is new or of an earlier rendering.

    Raises ConfigError with buildozer's or python-for-android's last words if they refuse the spec, ArtifactError if it is
    not there, PlatformUnavailable where they are not installed.
    """
    _check(spec, out)
    program = [
        sys.executable,
        "-m",
        "circadia_app.packaging.rendering",
        str(spec.resolve()),
        str(out.resolve()),
    ]
    with (out / "log.txt").open("wb") as log:
        code = subprocess.run(
            program, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False
        )
    if code.returncode:
        raise ConfigError(
            f"{spec}: cannot be rendered: {_last_words(out / 'log.txt')} (all of it: {out / 'log.txt'})"
        )
    data = json.loads((out / "rendered.json").read_text(encoding="utf-8"))
    return Rendered(
        project=out.resolve() / "dist",
        create=tuple(data["create"]),
        package=tuple(data["package"]),
        recipes=tuple(data["recipes"]),
        modules=tuple(data["modules"]),
        bootstrap=data["bootstrap"],
        libraries=tuple(data["libraries"]),
        sources=tuple(Path(path) for path in data["sources"]),
    )


def _check(spec: Path, out: Path) -> None:
    missing = [name for name in TOOLS if find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        raise PlatformUnavailable(f"{names} not installed; pip install 'circadia-app[host]' brings them")
    if not spec.is_file():
        raise ArtifactError(f"{spec}: no such file; name a buildozer.spec")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is no folder; give --out a new one")
    found = [path.name for path in out.iterdir()] if out.exists() else []
    if found and "log.txt" not in found:
        raise ConfigError(f"{out}: has files that no rendering left there; give --out a new folder")
    for name in found:
        if name in OURS:
            _remove(out / name)
    out.mkdir(parents=True, exist_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it said nothing")
