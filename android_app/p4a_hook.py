"""What python-for-android's templates leave out of a manifest, put in before gradle reads it (`p4a.hook` in buildozer.spec).

- `exported="false"` on every service: no other app may start or bind the agent.
- The special use of a `specialUse` service in words, which Google Play reads and Android 14 asks for.
- The job that starts the agent when nothing else did; its permission lets only Android bind it.
- The receiver that brings the agent back after a restart of the phone and after an update.
- What gives exported files to the app that was chosen in the share sheet, one by one; no app may use it by itself.
- USB host as something that the app can do without, so that phones that have none may install it.
- The system's voices, which read a screen aloud, are seen from Android 11 on by who asks for them.
- Nothing goes to the cloud or to the next phone: `allowBackup` alone does not forbid the latter from Android 12 on.

An app of your own: say your own special use.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

SPECIAL_USE = (
    "Decides when the phone learns from its owner's own examples, answers and sleeps, so that learning costs little battery. "
    "The owner switches it on and off; it has no end in time and moves no files."
)
SUBTYPE = "android.app.PROPERTY_SPECIAL_USE_FGS_SUBTYPE"
JOB = "org.circadia.android.WakeJob"
EXPORTS = "org.circadia.android.ExportProvider"
AUTHORITY = "${applicationId}.exports"
BIND_JOB = "android.permission.BIND_JOB_SERVICE"
RENEWAL = "org.circadia.android.Renewal"
RENEWED_BY = ("android.intent.action.BOOT_COMPLETED", "android.intent.action.MY_PACKAGE_REPLACED")
VOICE = "android.intent.action.TTS_SERVICE"
_OF_THE_DEVICE = ("device_root", "device_file", "device_database", "device_sharedpref")
RULES = "circadia_extraction"
DOMAINS = ("root", "file", "database", "sharedpref", "external", *_OF_THE_DEVICE)
"""No domain covers another one: `root` is what lies beside the folders of the others."""
_EXCLUDED = "".join(f'<exclude domain="{domain}" path="." />' for domain in DOMAINS)
NOTHING = f"""<?xml version="1.0" encoding="utf-8"?>
<data-extraction-rules>
    <cloud-backup>{_EXCLUDED}</cloud-backup>
    <device-transfer>{_EXCLUDED}</device-transfer>
</data-extraction-rules>
"""

_ANDROID = "http://schemas.android.com/apk/res/android"


def after_apk_build(toolchain: Any) -> None:
    """Called by python-for-android when it has rendered its templates."""
    main = Path(toolchain._dist.dist_dir) / "src/main"  # noqa: SLF001
    complete(main / "AndroidManifest.xml")
    (main / "res/xml").mkdir(exist_ok=True)
    (main / f"res/xml/{RULES}.xml").write_text(NOTHING, encoding="utf-8")


def complete(manifest: Path) -> None:
    """Put what is missing into a manifest; what stands there already stays."""
    ET.register_namespace("android", _ANDROID)
    tree = ET.parse(manifest)  # noqa: S314  # python-for-android's own
    root = tree.getroot()
    application = root.find("application")
    if application is None:
        raise SystemExit(f"{manifest}: no <application>; is this python-for-android's manifest?")
    if _key("dataExtractionRules") not in application.attrib:
        application.set(_key("dataExtractionRules"), f"@xml/{RULES}")
    for service in application.findall("service"):
        _service(service)
    _add(application, "service", name=JOB, permission=BIND_JOB, exported="false")
    _receiver(_add(application, "receiver", name=RENEWAL, exported="false"))
    shared = {"authorities": AUTHORITY, "exported": "false", "grantUriPermissions": "true"}
    _add(application, "provider", name=EXPORTS, **shared)
    _add(root, "uses-feature", name="android.hardware.usb.host", required="false")
    _voices(root)
    ET.indent(tree)
    tree.write(manifest, encoding="utf-8", xml_declaration=True)


def _voices(root: ET.Element) -> None:
    """From Android 11 on an app sees no voice that it does not ask for."""
    queries = root.find("queries")
    if queries is None:
        queries = ET.SubElement(root, "queries")
    if all(action.get(_key("name")) != VOICE for action in queries.iter("action")):
        _add(ET.SubElement(queries, "intent"), "action", name=VOICE)


def _service(service: ET.Element) -> None:
    if _key("exported") not in service.attrib:
        service.set(_key("exported"), "false")
    types = service.get(_key("foregroundServiceType"), "").split("|")
    if "specialUse" in types:
        _add(service, "property", name=SUBTYPE, value=SPECIAL_USE)


def _receiver(receiver: ET.Element) -> None:
    if receiver.find("intent-filter") is None:
        heard = ET.SubElement(receiver, "intent-filter")
        for action in RENEWED_BY:
            _add(heard, "action", name=action)


def _add(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    """A child with these attributes, unless one of this name is there, which it is then."""
    for child in parent.findall(tag):
        if child.get(_key("name")) == attributes["name"]:
            return child
    return ET.SubElement(parent, tag, {_key(name): value for name, value in attributes.items()})


def _key(name: str) -> str:
    return f"{{{_ANDROID}}}{name}"
