"""What is wrong with a manifest before a phone says so: the rules of Android up to API 36 and of Google Play.

The rules are about what crashes, is refused at installation, or lets out what should stay. Each is documented at
developer.android.com ("Foreground service types", "Behavior changes", "Safer component exporting", "Auto Backup").
"""

from __future__ import annotations

import difflib
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.errors import ArtifactError
from circadia_app.packaging.finding import Finding
from circadia_app.packaging.published import Published, published

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

TARGET = 36
"""What Google Play asks of new releases since 2026-08-31."""
FOREGROUND = "android.permission.FOREGROUND_SERVICE"
NOTIFY = "android.permission.POST_NOTIFICATIONS"
BOOT = "android.permission.RECEIVE_BOOT_COMPLETED"
BIND_JOB = "android.permission.BIND_JOB_SERVICE"
"""`android.app.job.JobService.PERMISSION_BIND`."""
SUBTYPE = "android.app.PROPERTY_SPECIAL_USE_FGS_SUBTYPE"
TIMED = {
    "dataSync": "ends after 6 hours a day from API 35 on",
    "mediaProcessing": "ends after 6 hours a day from API 35 on",
    "shortService": "ends after 3 minutes",
}
BOOTED = "android.intent.action.BOOT_COMPLETED"
DOMAINS = {
    "root",
    "file",
    "database",
    "sharedpref",
    "external",
    "device_root",
    "device_file",
    "device_database",
    "device_sharedpref",
}
"""Of the rules for what leaves the phone: none covers another one."""
COMPONENTS = ("activity", "service", "receiver", "provider")

EXTRACTION = "p4a.hook = p4a_hook.py in buildozer.spec, which adds rules that let nothing out"

_NAMESPACE = "{http://schemas.android.com/apk/res/android}"


def lint(manifest: Path, java: Iterable[Path] = ()) -> list[Finding]:
    """Every finding in a manifest; with the folders of its Java, its classes are looked for there too.

    Raises ArtifactError if the file is not there or is no manifest.
    """
    app = _App(
        root=_read(manifest), names=published(), sources=_sources(java), resources=manifest.parent / "res"
    )
    return [finding for rule in RULES for finding in rule(app)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _App:
    root: ET.Element
    names: Published
    sources: Mapping[str, str]
    """Class name → text; empty where no Java was given."""
    resources: Path
    """The folder `res` beside the manifest; it may lack."""

    @property
    def application(self) -> ET.Element:
        found = self.root.find("application")
        assert found is not None
        return found

    @property
    def asked(self) -> list[str]:
        tags = ("uses-permission", "uses-permission-sdk-23")
        return [_get(element, "name") for tag in tags for element in self.root.findall(tag)]

    @property
    def services(self) -> list[ET.Element]:
        return self.application.findall("service")

    @property
    def target(self) -> int | None:
        level = _get(self.root.find("uses-sdk"), "targetSdkVersion")
        return int(level) if level.isdigit() else None


def _read(manifest: Path) -> ET.Element:
    try:
        root = ET.fromstring(manifest.read_text(encoding="utf-8"))  # noqa: S314  # the reader's own file
    except OSError as error:
        raise ArtifactError(
            f"{manifest}: cannot be read ({error.strerror}); name a spec or a manifest"
        ) from error
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{manifest}: no XML ({error}); name a spec, or a manifest as text") from error
    if root.tag != "manifest" or root.find("application") is None:
        raise ArtifactError(f"{manifest}: no manifest with an <application>; name a spec or a manifest")
    return root


def _sources(folders: Iterable[Path]) -> dict[str, str]:
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.java")):
            name = ".".join(path.relative_to(folder).with_suffix("").parts)
            found[name] = path.read_text(encoding="utf-8", errors="replace")
    return found


def _level(app: _App) -> Iterator[Finding]:
    if app.target is None:
        yield Finding(
            element="<uses-sdk>",
            wrong="says no targetSdkVersion: the rules of Android's newer versions cannot be held against it",
            mend=f"android.api = {TARGET} in buildozer.spec",
        )
    elif app.target < TARGET:
        yield Finding(
            element="<uses-sdk>",
            wrong=f"targetSdkVersion {app.target}: Google Play asks for {TARGET}",
            mend=f"android.api = {TARGET} in buildozer.spec",
        )


def _backup(app: _App) -> Iterator[Finding]:
    if _get(app.application, "allowBackup") != "false":
        yield Finding(
            element="<application>",
            wrong="allowBackup is not false: what was learned and the device's keys go to the owner's cloud",
            mend="android.allow_backup = False in buildozer.spec",
        )


def _extraction(app: _App) -> Iterator[Finding]:
    """The rules' file is judged where the manifest's resources lie beside it."""
    name = _get(app.application, "dataExtractionRules")
    if not name:
        wrong = "no dataExtractionRules: from Android 12 on allowBackup does not keep data from the owner's next phone"
        yield Finding(element="<application>", wrong=wrong, mend=EXTRACTION)
    elif app.resources.is_dir():
        place = app.resources / f"{name.removeprefix('@')}.xml"
        for section in ("cloud-backup", "device-transfer"):
            missing = DOMAINS - _kept_back(place, section)
            if missing:
                wrong = f"<{section}> does not exclude {', '.join(sorted(missing))}: what was learned may leave the phone"
                yield Finding(element=name, wrong=wrong, mend=EXTRACTION)


def _kept_back(place: Path, section: str) -> set[str]:
    """The domains that a section of the rules excludes whole; none of a file that is not there, or includes something."""
    try:
        found = ET.fromstring(place.read_text(encoding="utf-8")).find(section)  # noqa: S314  # the reader's own file
    except (OSError, ET.ParseError, UnicodeDecodeError):
        return set()
    if found is None or found.find("include") is not None:
        return set()
    return {one.get("domain", "") for one in found.findall("exclude") if one.get("path", ".") in {"", "."}}


def _permissions(app: _App) -> Iterator[Finding]:
    for name in app.asked:
        yield from _known(
            f'<uses-permission android:name="{name}">', name, app.names.permissions, "permission"
        )
    for service in app.services:
        guard = _get(service, "permission")
        if guard and guard != BIND_JOB:
            yield from _known(_name(service), guard, app.names.permissions, "permission")


def _features(app: _App) -> Iterator[Finding]:
    for feature in app.root.findall("uses-feature"):
        name = _get(feature, "name")
        if name:
            yield from _known(f'<uses-feature android:name="{name}">', name, app.names.features, "feature")
            if name == "android.hardware.usb.host" and _get(feature, "required") != "false":
                wrong = "is required: a phone without USB host cannot install the app"
                mend = 'android:required="false"; the meter is optional'
                yield Finding(element=f'<uses-feature android:name="{name}">', wrong=wrong, mend=mend)


def _properties(app: _App) -> Iterator[Finding]:
    for service in app.services:
        for item in service.findall("property"):
            where = f"{_name(service)} <property>"
            yield from _known(where, _get(item, "name"), app.names.properties, "property")


def _known(element: str, name: str, names: Iterable[str], kind: str) -> Iterator[Finding]:
    """A finding if `name` is one of Android's by its prefix, and Android has none of the kind."""
    if not name.startswith("android.") or name in names:
        return
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    mend = f"was {close[0]} meant?" if close else "see android.Manifest, android.content.pm.PackageManager"
    yield Finding(element=element, wrong=f"{name} is no {kind} of Android up to API 37", mend=mend)


def _exported(app: _App) -> Iterator[Finding]:
    for element in _components(app):
        said = _get(element, "exported")
        if element.tag == "activity" and said in {"true", "false"}:
            continue
        if said == "true" and not _get(element, "permission"):
            wrong = f"exported to every app without a permission: any of them may use this {element.tag}"
            yield Finding(element=_name(element), wrong=wrong, mend='android:exported="false"')
        elif said not in {"true", "false"} and element.find("intent-filter") is not None:
            wrong = "has an intent filter and does not say exported: from API 31 on it is not installed"
            yield Finding(
                element=_name(element),
                wrong=wrong,
                mend='android:exported="false", or "true" if others start it',
            )
        elif said not in {"true", "false"} and element.tag != "activity":
            wrong = "does not say exported: whether other apps may use it hangs on what else stands there"
            yield Finding(
                element=_name(element), wrong=wrong, mend='android:exported="false"; p4a_hook.py adds it'
            )


def _types(app: _App) -> Iterator[Finding]:
    """Services that only Android itself may bind are no foreground services."""
    for service in app.services:
        if _get(service, "permission") == BIND_JOB:
            continue
        types = _types_of(service)
        if not types:
            yield Finding(
                element=_name(service),
                wrong="no foregroundServiceType: from API 34 on startForeground() ends it with "
                "MissingForegroundServiceTypeException",
                mend="services = NAME:FILE:foreground:sticky:foregroundServiceType=specialUse in buildozer.spec",
            )
        for name in types:
            yield from _type(app, service, name)


def _type(app: _App, service: ET.Element, name: str) -> Iterator[Finding]:
    where = _name(service)
    known = app.names.types.get(name)
    if known is None:
        close = difflib.get_close_matches(name, list(app.names.types), n=1)
        mend = f"was {close[0]} meant?" if close else f"one of {', '.join(sorted(app.names.types))}"
        yield Finding(element=where, wrong=f"{name} is no foregroundServiceType", mend=mend)
        return
    if known.permission and known.permission not in app.asked:
        wrong = f"{name} without {known.permission}: from API 34 on startForeground() ends it with SecurityException"
        short = known.permission.removeprefix("android.permission.")
        yield Finding(
            element=where, wrong=wrong, mend=f"add {short} to android.permissions in buildozer.spec"
        )
    if name in TIMED:
        wrong = f"{name} {TIMED[name]}: the agent would not last a night"
        yield Finding(element=where, wrong=wrong, mend="foregroundServiceType=specialUse, and its property")
    if name == "specialUse" and not _value(service, SUBTYPE):
        wrong = f"specialUse without the property {SUBTYPE}: Google Play asks what the special use is"
        yield Finding(
            element=where, wrong=wrong, mend="p4a.hook = p4a_hook.py in buildozer.spec, which adds it"
        )


def _foreground(app: _App) -> Iterator[Finding]:
    if not any(_types_of(service) for service in app.services):
        return
    if FOREGROUND not in app.asked:
        wrong = f"a service in the foreground without {FOREGROUND}: startForeground() ends it with SecurityException"
        mend = "add FOREGROUND_SERVICE to android.permissions in buildozer.spec"
        yield Finding(element="<manifest>", wrong=wrong, mend=mend)
    if NOTIFY not in app.asked:
        wrong = f"a service in the foreground without {NOTIFY}: from API 33 on nobody sees its notification"
        mend = "add POST_NOTIFICATIONS to android.permissions in buildozer.spec"
        yield Finding(element="<manifest>", wrong=wrong, mend=mend)


def _jobs(app: _App) -> Iterator[Finding]:
    for service in app.services:
        text = app.sources.get(_get(service, "name"), "")
        if "extends JobService" not in text:
            continue
        if _get(service, "permission") != BIND_JOB:
            wrong = f"a job's service without {BIND_JOB}: Android throws when it is scheduled"
            yield Finding(element=_name(service), wrong=wrong, mend=f'android:permission="{BIND_JOB}"')
        if "setPersisted(true)" in text and BOOT not in app.asked:
            wrong = f"its job outlives a restart, without {BOOT}: Android throws when it is scheduled"
            mend = "add RECEIVE_BOOT_COMPLETED to android.permissions in buildozer.spec"
            yield Finding(element=_name(service), wrong=wrong, mend=mend)


def _boot(app: _App) -> Iterator[Finding]:
    for receiver in app.application.findall("receiver"):
        heard = [_get(action, "name") for action in receiver.iter("action")]
        if BOOTED in heard and BOOT not in app.asked:
            wrong = f"hears of the phone's start only with {BOOT}: the agent would not come back"
            mend = "add RECEIVE_BOOT_COMPLETED to android.permissions in buildozer.spec"
            yield Finding(element=_name(receiver), wrong=wrong, mend=mend)


def _classes(app: _App) -> Iterator[Finding]:
    if not app.sources:
        return
    for element in _components(app):
        name = _get(element, "name")
        if name not in app.sources and not name.startswith("androidx."):
            wrong = "there is no such class in the project: Android ends the app with ClassNotFoundException"
            mend = "android.add_src names the folder above its package; mind the case of services = NAME:…"
            yield Finding(element=_name(element), wrong=wrong, mend=mend)


def _endings(app: _App) -> Iterator[Finding]:
    """What python-for-android's service lacks, looked for in its class and the classes above it."""
    for service in app.services:
        if not _types_of(service) or _get(service, "name") not in app.sources:
            continue
        lineage = list(_lineage(app.sources, _get(service, "name")))
        if not any("void onTimeout(int startId, int " in text for text in lineage):
            wrong = "does not hear onTimeout: a service that Android's allowance ends is killed with an error"
            mend = "android.service_class_name = org.circadia.android.BoundedService in buildozer.spec"
            yield Finding(element=_name(service), wrong=wrong, mend=mend)
        if not any("START_STICKY;" in text.replace("START_NOT_STICKY", "") for text in lineage):
            wrong = "is not sticky: swiping the app away ends it, and Android does not start it anew"
            yield Finding(
                element=_name(service), wrong=wrong, mend="add :sticky to it in services, in buildozer.spec"
            )


def _lineage(sources: Mapping[str, str], name: str) -> Iterator[str]:
    while name in sources:
        text = sources[name]
        yield text
        above = re.search(r"\bclass \w+ extends (\w+)", text)
        if above is None:
            return
        imported = re.search(rf"^import ([\w.]+\.{above[1]});", text, re.MULTILINE)
        name = imported[1] if imported else f"{name.rpartition('.')[0]}.{above[1]}"


RULES = (
    _level,
    _backup,
    _extraction,
    _permissions,
    _features,
    _properties,
    _exported,
    _types,
    _foreground,
    _jobs,
    _boot,
    _classes,
    _endings,
)
"""Functions of an app to its findings, in the order in which they are told."""


def _components(app: _App) -> Iterator[ET.Element]:
    for tag in COMPONENTS:
        yield from app.application.findall(tag)


def _types_of(service: ET.Element) -> list[str]:
    return [name for name in _get(service, "foregroundServiceType").split("|") if name]


def _value(service: ET.Element, name: str) -> str:
    """A property's value; empty if there is none."""
    found = [item for item in service.findall("property") if _get(item, "name") == name]
    return (_get(found[0], "value") or _get(found[0], "resource")).strip() if found else ""


def _name(element: ET.Element) -> str:
    return f'<{element.tag} android:name="{_get(element, "name")}">'


def _get(element: ET.Element | None, attribute: str) -> str:
    return "" if element is None else element.get(_NAMESPACE + attribute, "")
