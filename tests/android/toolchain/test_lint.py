"""Each rule fails when what it asks for is taken out of the app's own manifest, and the app's own is clean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from circadia.cli import main
from circadia.errors import ArtifactError
from circadia_app.names import text as android_text
from circadia_app.packaging.lint import DOMAINS, lint

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_app.packaging.render import Rendered

    SpecWith = Callable[[str, str], Path]

APP = Path(__file__).parents[3] / "android_app"


def changed(rendered: Rendered, folder: Path, old: str, new: str = "") -> Path:
    """The rendered manifest with a pattern replaced; the pattern is there."""
    text = rendered.manifest.read_text(encoding="utf-8")
    text, count = re.subn(old, new, text, flags=re.DOTALL)
    assert count
    path = folder / "AndroidManifest.xml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_app_is_clean(rendered: Rendered) -> None:
    assert lint(rendered.manifest, rendered.java) == []


AGENT = '<service android:name="org.circadia.circadia.ServiceAgent">'
TAKEN_OUT = {
    "type": (r' android:foregroundServiceType="[^"]*"', AGENT, "MissingForegroundServiceTypeException"),
    "permission of the type": (
        r"<uses-permission [^>]*SPECIAL_USE\" />",
        AGENT,
        "FOREGROUND_SERVICE_SPECIAL_USE",
    ),
    "permission of the other type": (
        r"<uses-permission [^>]*CONNECTED_DEVICE\" />",
        AGENT,
        "CONNECTED_DEVICE",
    ),
    "permission": (
        r'<uses-permission android:name="android.permission.FOREGROUND_SERVICE" />',
        "<manifest>",
        "SecurityEx",
    ),
    "notification": (r"<uses-permission [^>]*POST_NOTIFICATIONS\" />", "<manifest>", "nobody sees"),
    "property": (r"<property .*?/>", AGENT, "PROPERTY_SPECIAL_USE_FGS_SUBTYPE"),
    "what the use is": (r'(SUBTYPE" android:value=)"[^"]*"', AGENT, "PROPERTY_SPECIAL_USE_FGS_SUBTYPE"),
    "exported of the agent": (r'(:service_Agent") android:exported="false"', AGENT, "does not say exported"),
    "exported of the screens": (r' android:exported="true"', "PythonActivity", "not installed"),
    "backup": (r' android:allowBackup="false"', "<application>", "allowBackup"),
    "target": (r' android:targetSdkVersion="36"', "<uses-sdk>", "says no targetSdkVersion"),
    "guard of the job": (
        r' android:permission="[^"]*BIND_JOB_SERVICE"',
        "WakeJob",
        "throws when it is scheduled",
    ),
    "after a restart": (
        r"<uses-permission [^>]*RECEIVE_BOOT_COMPLETED\" />",
        "WakeJob",
        "RECEIVE_BOOT_COMPLETED",
    ),
    "back after a restart": (
        r"<uses-permission [^>]*RECEIVE_BOOT_COMPLETED\" />",
        "Renewal",
        "would not come back",
    ),
    "exported of the receiver": (r'(Renewal") android:exported="false"', "Renewal", "not installed"),
    "rules of what leaves": (r' android:dataExtractionRules="[^"]*"', "<application>", "next phone"),
    "optional USB": (r' android:required="false"', "uses-feature", "cannot install"),
}
KEPT = {"what the use is": r'\1""', "exported of the agent": r"\1", "exported of the receiver": r"\1"}


@pytest.mark.parametrize("what", sorted(TAKEN_OUT))
def test_each_thing_taken_out_is_a_finding(rendered: Rendered, tmp_path: Path, what: str) -> None:
    old, element, wrong = TAKEN_OUT[what]
    findings = lint(changed(rendered, tmp_path, old, KEPT.get(what, "")), rendered.java)
    assert [one for one in findings if element in one.element and wrong in one.wrong and one.mend], findings


@pytest.mark.parametrize("section", ["cloud-backup", "device-transfer"])
@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_each_domain_that_is_let_out_is_a_finding(
    rendered: Rendered, tmp_path: Path, section: str, domain: str
) -> None:
    """`root` does not cover `file`, where the agent's store lies."""
    rules = rules_beside(changed(rendered, tmp_path, r"\Z"), rendered)
    text = rules.read_text(encoding="utf-8")
    assert text.count(f'domain="{domain}"') == 2
    head, mark, tail = text.partition(f"<{section}>")
    rules.write_text(head + mark + tail.replace(f'<exclude domain="{domain}" path="." />', "", 1))
    (found,) = lint(tmp_path / "AndroidManifest.xml", rendered.java)
    assert found.wrong.startswith(f"<{section}> does not exclude {domain}:")
    assert "p4a_hook" in found.mend


@pytest.mark.parametrize("text", [None, "", "<x />", "<x><cloud-backup /></x>"])
def test_rules_that_keep_nothing_back_are_findings(
    rendered: Rendered, tmp_path: Path, text: str | None
) -> None:
    rules = rules_beside(changed(rendered, tmp_path, r"\Z"), rendered)
    if text is None:
        rules.unlink()
    else:
        rules.write_text(text, encoding="utf-8")
    assert len(lint(tmp_path / "AndroidManifest.xml", rendered.java)) == 2


def test_what_is_included_leaves(rendered: Rendered, tmp_path: Path) -> None:
    rules = rules_beside(changed(rendered, tmp_path, r"\Z"), rendered)
    text = rules.read_text(encoding="utf-8")
    rules.write_text(
        text.replace("<cloud-backup>", '<cloud-backup><include domain="file" path="circadia" />')
    )
    (found,) = lint(tmp_path / "AndroidManifest.xml", rendered.java)
    assert "cloud-backup" in found.wrong


def rules_beside(manifest: Path, rendered: Rendered) -> Path:
    """A copy of the app's rules, where the manifest's resources lie."""
    place = manifest.parent / "res/xml/circadia_extraction.xml"
    place.parent.mkdir(parents=True)
    place.write_text((rendered.manifest.parent / "res/xml" / place.name).read_text(encoding="utf-8"))
    return place


def test_the_receiver_hears_what_its_java_asks_for(rendered: Rendered) -> None:
    text = rendered.manifest.read_text(encoding="utf-8")
    receiver = text[text.index("<receiver") : text.index("</receiver>")]
    names = ("ACTION_BOOT_COMPLETED", "ACTION_MY_PACKAGE_REPLACED")
    assert re.findall(r'<action android:name="([^"]*)"', receiver) == [
        android_text(f"android.content.Intent.{name}") for name in names
    ]


PUT_IN = {
    "a type that is none": (
        "specialUse",
        "specialUsed",
        "specialUsed is no foregroundServiceType",
        "specialUse meant?",
    ),
    "a type that ends": ("specialUse", "dataSync", "would not last a night", "specialUse"),
    "a permission that is none": (
        "POST_NOTIFICATIONS",
        "POST_NOTIFICATION",
        "is no permission",
        "POST_NOTIFICATIONS meant?",
    ),
    "a feature that is none": ("hardware.usb.host", "hardware.usb.hots", "is no feature", "usb.host meant?"),
    "a property that is none": (
        "SPECIAL_USE_FGS_SUBTYPE",
        "SPECIAL_FGS_SUBTYPE",
        "is no property",
        "USE_FGS_SUBTYPE meant?",
    ),
    "an old target": ('targetSdkVersion="36"', 'targetSdkVersion="35"', "asks for 36", "android.api"),
    "an open agent": (
        ':service_Agent" android:exported="false"',
        ':service_Agent" android:exported="true"',
        "every app",
        "false",
    ),
    "open exports": (
        'authorities="${applicationId}.exports" android:exported="false"',
        'authorities="${applicationId}.exports" android:exported="true"',
        "every app",
        "false",
    ),
    "a class that is not there": (
        "ServiceAgent",
        "Serviceagent",
        "ClassNotFoundException",
        "android.add_src",
    ),
}


@pytest.mark.parametrize("what", sorted(PUT_IN))
def test_each_thing_put_in_is_a_finding(rendered: Rendered, tmp_path: Path, what: str) -> None:
    old, new, wrong, mend = PUT_IN[what]
    findings = lint(changed(rendered, tmp_path, re.escape(old), new), rendered.java)
    assert [one for one in findings if wrong in one.wrong and mend in one.mend], findings


def test_a_receiver_that_others_may_wake_is_a_finding(rendered: Rendered, tmp_path: Path) -> None:
    filters = '<receiver android:name="x.Boot"><intent-filter /></receiver></application>'
    assert any(
        "not installed" in one.wrong for one in lint(changed(rendered, tmp_path, "</application>", filters))
    )
    opened = filters.replace(">", ' android:exported="true">', 1)
    assert any(
        "any of them may use" in one.wrong
        for one in lint(changed(rendered, tmp_path, "</application>", opened))
    )


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("p4a.hook = p4a_hook.py\n", "", "PROPERTY_SPECIAL_USE_FGS_SUBTYPE"),
        (":foregroundServiceType=specialUse|connectedDevice", "", "MissingForegroundServiceTypeException"),
        ("android.service_class_name = org.circadia.android.BoundedService\n", "", "onTimeout"),
        (":sticky", "", "not sticky"),
        ("android.allow_backup = False\n", "", "allowBackup"),
    ],
)
def test_a_spec_is_rendered_and_its_manifest_judged(
    spec_with: SpecWith, capsys: pytest.CaptureFixture[str], old: str, new: str, wrong: str
) -> None:
    assert main(["android", "lint", str(spec_with(old, new))]) == 1
    assert wrong in capsys.readouterr().out


def test_what_was_not_checked_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["android", "lint", str(APP / "buildozer.spec")]) == 0
    said = capsys.readouterr().out
    assert "not checked: com.google.ai.edge.litert:litert:" in said
    assert said.endswith("0 findings\n")


@pytest.mark.parametrize("text", ["", "<manifest>", "<resources />", "<manifest />", "\x00"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "AndroidManifest.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"AndroidManifest\.xml: no "):
        lint(path)


def test_no_file_is_an_error_of_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["android", "lint", str(tmp_path / "none.xml")]) == 2
    assert "none.xml: cannot be read" in capsys.readouterr().err
