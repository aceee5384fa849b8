"""The table of `android.*` names against Android's own description, and whatever uses a name against the table."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from circadia_app import names
from circadia_app.names import MIN_API, OLDEST, OWNERS, TABLE, Member, Owner

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
APP = HERE.parents[1] / "android_app"
CLASSES = HERE / "vendor" / "android-23-classes.jar"
API = json.loads((HERE / "vendor" / "android-api.json").read_text(encoding="utf-8"))
OLD = 23
"""The level of those classes."""
EVERY = [(owner, member) for owner in OWNERS for member in owner.members]
NAME = re.compile(r"\bandroid(?:\.[a-z]\w*)+(?:\.[A-Z]\w*(?:\$\w+)*)+")
AGAIN = "run tests/android/api_description.py"

Declared = dict[tuple[str, str], tuple[bool, str]]
"""(name, type) → whether it is static, and its constant as javap writes it."""


def level(owner: Owner, member: Member) -> int:
    return max(owner.level, member.level)


def javap(path: Path, classes: list[str]) -> dict[str, Declared]:
    """What javac would see of them; those that are not there are left out."""
    if shutil.which("javap") is None:
        pytest.skip("needs a JDK: apt-get install openjdk-17-jdk-headless")
    told = subprocess.run(
        ["javap", "-cp", str(path), "-s", "-constants", "-protected", *classes],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    found: dict[str, Declared] = {}
    owner, line = "", ""
    for one in told.splitlines():
        if match := re.search(r"\b(?:class|interface) (android\.[\w.$]+)", one):
            owner = match[1]
            found[owner] = {}
        elif match := re.match(r"\s+descriptor: (\S+)$", one):
            found[owner][_name(line, owner), match[1]] = " static " in line, _constant(line)
        else:
            line = one
    return found


def _name(line: str, owner: str) -> str:
    before = (
        line.split("=", maxsplit=1)[0]
        .split("(", maxsplit=1)[0]
        .split(" throws ", maxsplit=1)[0]
        .rstrip("; ")
        .split()[-1]
    )
    return "<init>" if before == owner else before


def _constant(line: str) -> str:
    return line.partition(" = ")[2].rstrip(";").strip('"')


@cache
def old() -> dict[str, Declared]:
    return javap(CLASSES, [owner.name for owner in OWNERS])


@pytest.mark.parametrize(("owner", "member"), EVERY, ids=[f"{o.name}.{m.name}" for o, m in EVERY])
def test_every_name_is_androids_own(owner: Owner, member: Member) -> None:
    """Those of Android 6 by its classes, types and constants; newer ones by the published description."""
    if level(owner, member) > OLD:
        described(owner, member)
        assert (member.name, member.type) not in old().get(owner.name, {}), "it is older than the table says"
        return
    static, constant = old()[owner.name][member.name, member.type]
    assert static == member.static
    assert member.value is None or constant == str(member.value)
    if owner.name in API and member.value is not None:
        described(owner, member)


def described(owner: Owner, member: Member) -> None:
    assert owner.name in API, f"{owner.name} is not described: name it in OWNERS there and {AGAIN}"
    entry = API[owner.name]
    assert member.name in entry["members"], f"{owner.name}.{member.name} does not exist, or {AGAIN}"
    found = entry["members"][member.name]
    if "overloads" in found:
        arguments = count(member.type)
        levels = [since for since, number in found["overloads"] if number == len(arguments)]
        assert max(min(levels), entry["level"], OLDEST) == level(owner, member)
        assert arguments in [[_short(kind) for kind in one] for one in found.get("arguments", [arguments])]
        return
    assert max(found["level"], entry["level"], OLDEST) == level(owner, member)
    assert found["value"] == member.value


def count(kind: str) -> list[str]:
    """The arguments of a method's type, shortened as the description has them."""
    return [_short(one) for one in re.findall(r"\[*(?:L[^;]+;|[A-Z])", kind.partition(")")[0][1:])]


def _short(kind: str) -> str:
    """The description does not tell booleans, floats and arrays of objects from other things."""
    return kind if kind in ("I", "J", "[I", "[B", "Z", "F", "D") else kind[0]


def test_owners_are_as_old_as_the_table_says() -> None:
    for owner in OWNERS:
        if owner.level <= OLD:
            assert owner.name in old()
        else:
            assert owner.name not in old()
            assert API[owner.name]["level"] == owner.level


def sources() -> Iterator[Path]:
    yield from sorted(APP.rglob("*.py"))
    yield from sorted(APP.rglob("*.java"))


def test_whoever_names_android_finds_it_in_the_table() -> None:
    """Full names in Python and Java; what Java uses of a class by import, javac checks against Android 6's own.

    Names of the manifest, permissions among them, are the lint's, which has a table of its own.
    """
    unknown = set()
    for path in sources():
        if path.name in ("names.py", "p4a_hook.py") or "packaging" in path.parts:
            continue
        for found in NAME.findall(path.read_text(encoding="utf-8")):
            owner, _, member = found.rpartition(".")
            if owner == "android.permission":
                continue
            if found not in TABLE and not (
                owner in TABLE and any(one.name == member for one in TABLE[owner].members)
            ):
                unknown.add((path.name, found))
    assert not unknown


def test_only_one_module_imports_jnius() -> None:
    importing = [
        path.relative_to(APP).as_posix()
        for path in sorted((APP / "circadia_app").rglob("*.py"))
        if re.search(r"^\s*(?:import jnius|from jnius)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert importing == ["circadia_app/jvm.py"]


def test_java_calls_of_the_reflected_classes_are_in_the_table() -> None:
    """What PowerMonitors.java reaches by name, for it is newer than what it compiles against."""
    text = (APP / "java/org/circadia/android/PowerMonitors.java").read_text(encoding="utf-8")
    called = set(re.findall(r'getMethod\("(\w+)"', text)) | set(re.findall(r'called\(\w+, "(\w+)"\)', text))
    known = {member.name for owner in OWNERS for member in owner.members if level(owner, member) > MIN_API}
    assert called
    assert called <= known
    assert f'"{names.text("android.content.Context.SYSTEM_HEALTH_SERVICE")}"' in text


@pytest.mark.slow
def test_the_fakes_have_nothing_that_android_has_not(tmp_path: Path) -> None:
    """Drift of the fakes from Android 6: 0; what is newer stands in the table."""
    folder = HERE / "jvm" / "java"
    fakes = [
        path.relative_to(folder).with_suffix("").as_posix().replace("/", ".")
        for path in sorted((folder / "android").rglob("*.java"))
    ]
    fakes += ["android.os.Build$VERSION", "android.os.PerformanceHintManager$Session"]
    if shutil.which("javac") is None:
        pytest.skip("needs a JDK: apt-get install openjdk-17-jdk-headless")
    sources = [str(path) for path in sorted(folder.rglob("*.java"))]
    subprocess.run(["javac", "--release", "8", "-Xlint:-options", "-d", str(tmp_path), *sources], check=True)
    found = javap(tmp_path, fakes)
    assert found.keys() == set(fakes)
    drift = list(drifted(found))
    assert not drift
    spoiled = {"android.os.Network": {("getNothing", "()V"): (False, "")}}
    assert list(drifted(spoiled)), "it would find one"


def drifted(fakes: dict[str, Declared]) -> Iterator[str]:
    everything = javap(CLASSES, list(fakes))
    for owner, members in fakes.items():
        real = everything.get(owner, {})
        newer = {
            (member.name, member.type): member.static
            for member in (TABLE[owner].members if owner in TABLE else ())
            if level(TABLE[owner], member) > OLD
        }
        if not real and owner not in TABLE:
            yield f"{owner}: no such class"
        for (name, kind), (static, constant) in members.items():
            told = real.get((name, kind))
            if told is None and (name, kind) in newer:
                told = newer[name, kind], constant
            if told is None and owner == "android.os.OutcomeReceiver":
                continue  # an interface of the newer API: its methods are met by Java's proxy, by name
            if told is None and not real and name == "<init>":
                continue
            if told is None or told[0] != static or (constant and told[1] != constant):
                yield f"{owner}.{name} {kind}: {told}"


def test_what_is_not_in_the_table_cannot_be_asked_for() -> None:
    with pytest.raises(KeyError, match="not in the table"):
        names.value("android.os.BatteryManager.BATTERY_PROPERTY_NOTHING")
    with pytest.raises(KeyError, match="no number"):
        names.value("android.content.Context.POWER_SERVICE")
    assert any(level(owner, member) > MIN_API for owner, member in EVERY)


def any_member(**parts: Any) -> Member:
    return Member(name="x", type="()V", **parts)


def test_levels_are_the_later_of_class_and_member() -> None:
    owner = Owner(name="android.x", level=30, members=(any_member(level=28), any_member(level=31)))
    assert len(owner.at(29)) == 0
    assert len(owner.at(30)) == 1
    assert len(owner.at(31)) == 2
