"""A process of its own that renders one app: buildozer and python-for-android change folder and environment at will.

    python -m circadia_app.packaging.rendering SPEC OUT

Two things stand in for an SDK and an NDK: an empty folder of build tools, and a distribution without Python in it.
All else is theirs: the reading of the spec, the copy of the app's sources, the command lines, their parser, the order of
the recipes, the bootstrap's files, the templates, the calls of the hook.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pythonforandroid.toolchain as p4a
from buildozer import Buildozer
from pythonforandroid.bootstrap import Bootstrap
from pythonforandroid.graph import get_recipe_order_and_bootstrap
from pythonforandroid.util import load_source

if TYPE_CHECKING:
    from collections.abc import Callable

BUILD_TOOLS = "36.0.0"
RESULT = "rendered.json"
DIST = "dist"


def render(spec: Path, out: Path) -> None:
    """Leaves OUT/dist, the Android project, and OUT/rendered.json: command lines, recipes in their order, modules."""
    os.chdir(spec.parent)
    os.environ["HOME"] = str(out / "home")  # both keep caches there
    (out / "home").mkdir()
    (out / "sdk/build-tools" / BUILD_TOOLS).mkdir(parents=True)
    calls = _Calls(spec, out)
    order = _Toolchain.of(calls.create, calls.level, out)
    os.chdir(spec.parent)
    _Toolchain.of(calls.package, calls.level, out)
    result = {
        "create": calls.create,
        "package": calls.package,
        "recipes": order.recipes,
        "modules": sorted(order.modules),
        "bootstrap": order.bootstrap,
        "libraries": calls.libraries,
        "sources": calls.sources,
    }
    (out / RESULT).write_text(json.dumps(result, indent=1), encoding="utf-8")


class _Calls:
    """buildozer's two calls of python-for-android, `create` and `apk`, and the level that it would put into its environment."""

    def __init__(self, spec: Path, out: Path) -> None:
        buildozer = Buildozer(str(spec))
        config = buildozer.config
        config.set("app", "android.sdk_path", str(out / "sdk"))
        if not config.has_section("buildozer"):
            config.add_section("buildozer")
        config.set("buildozer", "build_dir", str(out / "buildozer"))
        buildozer.user_bin_dir = str(out / "bin")
        buildozer.set_target("android")
        self._calls: list[list[str]] = []
        self._make(buildozer, buildozer.target)
        self.create, self.package = self._calls[:2]
        self.level = int(buildozer.target.android_api)
        self.libraries = config.getlist("app", "android.gradle_dependencies", [])
        self.sources = [os.path.realpath(path) for path in config.getlist("app", "android.add_src", [])]

    def _make(self, buildozer: Buildozer, target: Any) -> None:
        target.build_mode, target.artifact_format = "debug", "apk"
        target._p4a = self._called(target)  # noqa: SLF001
        target.compile_platform()
        buildozer.build_application()
        Path(target.get_dist_dir(buildozer.config.get("app", "package.name"))).mkdir(parents=True)
        try:
            target.build_package()
        except (OSError, ValueError):
            if len(self._calls) < 2:  # before there was a command line; afterwards it looks for the package
                raise

    def _called(self, target: Any) -> Callable[..., None]:
        def called(words: list[str], **_: object) -> None:
            self._calls.append([*map(str, words), *target.extra_p4a_args])

        return called


class _Toolchain(p4a.ToolchainCL):  # type: ignore[misc]
    """python-for-android's front end, of which the commands build nothing."""

    recipes: list[str]
    modules: list[str]
    bootstrap: str
    level: int
    out: Path

    @classmethod
    def of(cls, words: list[str], level: int, out: Path) -> _Toolchain:
        """Parse a command line and run its command."""
        cls.level, cls.out = level, out
        sys.argv = ["p4a", *words]
        return cls()

    @property
    def _dist(self) -> SimpleNamespace:
        return SimpleNamespace(dist_dir=str(self.out / DIST))

    def create(self, args: Any) -> None:
        """The order in which the recipes would be built."""
        self.ctx.set_archs(self._archs)
        names = [name for name in args.requirements.split(",") if name]
        wanted = Bootstrap.get_bootstrap(args.bootstrap, self.ctx)
        recipes, modules, bootstrap = get_recipe_order_and_bootstrap(self.ctx, names, wanted)
        self.recipes, self.modules, self.bootstrap = recipes, modules, bootstrap.name

    def apk(self, args: Any) -> None:
        """What `_build_package` does before it calls gradle."""
        self.ctx.android_api, self.ctx.ndk_api = self.level, args.ndk_api
        bootstrap = Bootstrap.get_bootstrap(args.bootstrap, self.ctx)
        self.ctx.recipe_build_order = []
        self.ctx.prepare_bootstrap(bootstrap)
        self._lay_out(Path(bootstrap.build_dir), args)
        self._fix_args(args)
        os.chdir(self._dist.dist_dir)
        self.hook("before_apk_build")
        os.environ["ANDROID_API"] = str(self.level)
        build = load_source("build", "build.py")
        build.parse_args_and_make_package(args.unknown_args)
        self.hook("after_apk_build")
        self.hook("before_apk_assemble")

    def _lay_out(self, built: Path, args: Any) -> None:
        """A distribution as python-for-android leaves it, with a word where Python would be."""
        dist = self.out / DIST
        shutil.copytree(built, dist)
        (dist / "local.properties").write_text(f"sdk.dir={self.out / 'sdk'}", encoding="utf-8")
        info = {
            "bootstrap": args.bootstrap,
            "hostpython": sys.executable,
            "archs": self._archs,
            "ndk_api": args.ndk_api,
        }
        (dist / "dist_info.json").write_text(json.dumps(info), encoding="utf-8")
        for arch in self._archs:
            bundle = dist / f"_python_bundle__{arch}/_python_bundle"
            bundle.mkdir(parents=True)
            (bundle / "none").write_text("no Python here\n", encoding="utf-8")
            (dist / "libs" / arch).mkdir(parents=True)


if __name__ == "__main__":
    render(Path(sys.argv[1]), Path(sys.argv[2]))
