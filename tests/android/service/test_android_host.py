"""Android's half of the host, held against the Java that it calls; and the notification in both languages."""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from circadia.errors import SensorError
from circadia.reporter import Reporter
from circadia.status import State
from circadia.types import Observation, Preference
from circadia_app import consent
from circadia_app.android_host import EXPORTS, METHODS, SERVICE, AndroidHost, PhoneShare
from circadia_app.folder import AppFolder
from circadia_app.notice import Facts, Notice
from circadia_app.service import Service
from circadia_app.service_main import folder_of
from circadia_app.shipped import put
from circadia_app.texts import spoken
from circadia_app.usb_meter import service_type
from circadia_app.wording import worded

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES = Path(__file__).parents[3] / "android_app/java"
NOON = time.mktime((2026, 11, 27, 12, 0, 0, 0, 0, -1))
READY = Reporter(device="phone").status(paused=False, inbox=0, preference=Preference())
SLEEPING = replace(READY, state=State.RUNNING, action="sleep", why="sleep: chosen", next_wake_s=NOON)
IDLE = Observation(queue_length=0.0, fresh_examples=0.0, battery_soc=0.61, charging=0.0)


def java_of(name: str) -> str:
    return (SOURCES / f"{name.replace('.', '/')}.java").read_text()


def statics(name: str = SERVICE) -> dict[str, int]:
    """The Java class's static methods of a context and texts → how many texts."""
    found = re.findall(r"public static \w+ (\w+)\(Context \w+((?:, String \w+)*)\)", java_of(name))
    return {name: texts.count("String") for name, texts in found}


class Java:
    """Takes only what the class has, and notes it; says what it is given to say."""

    def __init__(self, *says: str) -> None:
        self.called: list[tuple[str, ...]] = []
        self._says = list(says)

    def own(self, name: str, method: str) -> Callable[..., Any]:
        takes = statics(name)[method]

        def call(*texts: Any) -> str | None:
            assert [type(text) for text in texts] == [str] * takes
            self.called.append((method, *texts))
            if method != "next":
                return None
            if not self._says:
                raise SensorError("Android refuses: gone")
            return self._says.pop(0)

        return call


def test_what_it_calls_is_there() -> None:
    assert set(METHODS) <= statics().keys()
    java = Java()
    host = AndroidHost(java.own, lambda: "Beenden")
    for _ in range(2):
        host.begin(Notice(title="a", text="b"))
    host.keep_waking(21_600.0)
    host.stop_waking()
    host.end()
    shown, kept = ("show", "a", "b", "Beenden"), ("keepWaking", "21600000")
    assert java.called == [shown, kept, ("stopWaking",), ("leave",)]


def test_a_file_is_shared_by_its_name_alone_out_of_the_one_folder(tmp_path: Path) -> None:
    java, folder = Java(), AppFolder(path=tmp_path / "circadia")
    PhoneShare(java.own, "Share")(folder.exports / "field-test.zip")
    assert java.called == [("share", "field-test.zip", "Share")]
    given = re.findall(r'String FOLDER = "([^"]*)"', java_of(EXPORTS))
    assert given == [str(folder.exports.relative_to(tmp_path))]


def test_a_meter_changes_the_services_type() -> None:
    java: Any = Java()
    told = service_type(java)
    told(True)
    told(False)
    assert java.called == [("meter", "true"), ("meter", "false")]


@pytest.mark.parametrize(
    ("says", "ends"),
    [
        (("end: out of time",), ["leave"]),
        (("task removed", "something newer", "end: stopped by the user"), ["stopWaking", "leave"]),
        ((), ["leave"]),
    ],
)
def test_what_befalls_it_reaches_the_service(says: tuple[str, ...], ends: list[str], tmp_path: Path) -> None:
    """An end that is Android's leaves the job of last resort, which is there for that."""
    folder = AppFolder(path=tmp_path)
    folder.config.write_text("[platform]\nscale = 600\n")
    consent.save(folder.consent, consent.Consent().agreed(1.0, "1", learn=True))
    java = Java(*says)
    host = AndroidHost(java.own, lambda: "Stop")
    service = Service(folder, host, wording=worded)
    host.listen(service)
    heard = len(says) or 1
    assert len(java.called) == heard
    assert service.run() == 0
    events = [call[0] for call in java.called[heard:]]
    assert events[:2] == ["show", "keepWaking"]
    assert [event for event in events[2:] if event != "show"] == ends


def test_an_update_of_the_app_brings_its_configuration(tmp_path: Path) -> None:
    for text in ("[agent]\n", "[agent]\nperiod_s = 5\n"):
        (tmp_path / "device.toml").write_text(text)
        (tmp_path / "plan.json").write_text(text)
        folder = folder_of({"ANDROID_PRIVATE": str(tmp_path), "ANDROID_ARGUMENT": str(tmp_path)})
        assert folder.config.read_text() == folder.plan.read_text() == text
        assert not folder.examples.exists()


def test_the_other_process_never_reads_half_a_configuration(tmp_path: Path) -> None:
    """Both put it there at their start; each may read it meanwhile."""
    source, place = tmp_path / "shipped.toml", tmp_path / "device.toml"
    source.write_text("[agent]\n")
    put(source, place)
    before = place.stat()
    put(source, place)
    assert place.stat() == before, "it is so already"
    with place.open() as reading:
        source.write_text("[agent]\nperiod_s = 5\n")
        put(source, place)
        assert reading.read() == "[agent]\n"
    assert place.read_text() == source.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["device.toml", "shipped.toml"]


@pytest.mark.parametrize(
    ("system", "language"), [("de", "de"), ("de_AT", "de"), ("fi", "en"), ("", "en"), ("C", "en")]
)
def test_words_of_the_system_s_language_where_there_are_some(system: str, language: str) -> None:
    assert spoken(system) == language
    facts = Facts(status=SLEEPING, seen=IDLE)
    assert worded(facts, lambda: language) == worded(replace(facts, language=language))
    assert worded(replace(facts, language="en"), lambda: "de") == worded(replace(facts, language="en"))


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("facts", "english"),
    [
        (Facts(status=None), "Starting"),
        (Facts(status=READY), "Starting"),
        (Facts(status=None, lacks=("no battery answers",)), "Not working"),
        (Facts(status=SLEEPING, seen=IDLE), "Sleeping until 12:00"),
        (Facts(status=replace(SLEEPING, action="of/a/later/version")), "Sleeping until 12:00"),
        (Facts(status=replace(SLEEPING, next_wake_s=math.nan), seen=IDLE), "Sleeping"),
        (Facts(status=replace(SLEEPING, action="serve/low/small"), seen=IDLE), "Answering 1 request"),
        (Facts(status=replace(SLEEPING, action="train/high/large"), seen=IDLE), "Training"),
        (Facts(status=replace(SLEEPING, state=State.PAUSED), paused_until_s=NOON), "Paused until 12:00"),
        (Facts(status=replace(SLEEPING, state=State.PAUSED), paused_until_s=math.inf), "Paused"),
        (Facts(status=replace(SLEEPING, state=State.FAILING), seen=IDLE), "Not working"),
    ],
)
def test_the_notification_speaks_the_persons_language(facts: Facts, english: str, language: str) -> None:
    said = worded(replace(facts, language=language))
    assert (said.title == english) is (language == "en")
    assert "{" not in said.title + said.text


def test_the_reason_names_the_limit_that_changed_the_decision() -> None:
    held = replace(SLEEPING, limits=("thermal", "battery_floor"), changed_by=("battery_floor",))
    assert "61" in worded(Facts(status=SLEEPING, seen=IDLE, language="en")).text
    free, changed = (worded(Facts(status=one, seen=IDLE, language="en")).text for one in (SLEEPING, held))
    assert free in changed
    assert len(changed) > len(free)
