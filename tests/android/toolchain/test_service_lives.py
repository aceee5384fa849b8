"""Lives of the agent's service on a desktop's JVM: python-for-android's own service above ours, its own generated one below.

Only what stands for the phone is made up (java/fakes): what it allows at which level, and where events are written down.
No native code runs; the interpreter's start is replaced by an ear that commits and returns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from circadia_app import consent
from circadia_app.folder import AppFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_app.packaging.render import Rendered

HERE = Path(__file__).parent
VENDOR = HERE.parent / "vendor"
OURS = HERE.parents[2] / "android_app/java"
TIER_3 = HERE.parent / "jvm/java"
SHARED = (
    "android/app/ApplicationExitInfo.java",
    "android/hardware/usb/*.java",
    "org/tensorflow/lite/*.java",
    "org/circadia/fake/Made.java",
    "org/circadia/fake/Usb.java",
)
"""Fakes of the tier before."""
SPECIAL_USE, WITH_METER = "foreground 40000000", "foreground 40000010"
MODIFIERS = {"public", "final", "abstract", "synchronized", "native", "transient", "volatile"}
AGENT = "org.circadia.circadia.ServiceAgent"
KEPT = f"job of {AGENT} every 360 min"
UNPACKED = ["unpacked private", "unpacked libpybundle"]
SHOWN = "notification 'Circadia' [Cancel] on 'circadia-agent'"


@pytest.fixture(scope="module")
def classes(
    rendered: Rendered, program: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Everything compiled: fakes, python-for-android's service with its native start replaced, ours, the generated one."""
    folder = tmp_path_factory.mktemp("lives")
    service = rendered.project / "src/main/java/org/kivy/android/PythonService.java"
    text = service.read_text(encoding="utf-8")
    start = text.index("public static native void nativeStart")
    end = text.index(";", start)
    head = text[start:end].replace("native void", "void")
    body = "{ fake.Phone.python(serviceEntrypoint, pythonServiceArgument); }"
    (folder / "PythonService.java").write_text(
        f"{text[:start]}{head} {body}{text[end + 1 :]}", encoding="utf-8"
    )
    sources = [
        folder / "PythonService.java",
        rendered.project / "src/main/java/org/circadia/circadia/ServiceAgent.java",
        *(HERE / "java/fakes").rglob("*.java"),
        *(path for part in SHARED for path in sorted(TIER_3.glob(part))),
        *_ours(),
    ]
    program("javac", "-nowarn", "-d", folder / "classes", *sources, package="openjdk-17-jdk-headless")
    # What the screens look up and no life calls: against Android 6's own classes, in whose place there are no fakes.
    later = [OURS / f"org/circadia/android/{name}.java" for name in ("ExportProvider",)]
    words = ["-nowarn", "-cp", VENDOR / "android-23-classes.jar", "-d", folder / "classes"]
    program("javac", *words, *later, package="openjdk-17-jdk-headless")
    return folder / "classes"


def _ours() -> list[Path]:
    names = ("BoundedService", "Renewal", "TfliteBridge", "Unpacked", "UsbSerial", "WakeJob")
    return [OURS / f"org/circadia/android/{name}.java" for name in names]


@pytest.fixture(scope="module")
def lives(classes: Path, program: Callable[..., str]) -> dict[str, list[str]]:
    """Name → what happened, in order."""
    told = program("java", "-cp", classes, "fake.Scenarios", package="openjdk-17-jre-headless")
    pairs = [line.split("\t") for line in told.splitlines()]
    return {name: events.split("; ") for name, events in pairs}


@pytest.mark.parametrize("life", ["null_intent", "named_only"])
def test_a_null_intent_starts_from_the_store(lives: dict[str, list[str]], life: str) -> None:
    """Android restarts a sticky service with a null intent, a shell or a job by name only: python-for-android#2401."""
    assert {SHOWN, SPECIAL_USE, "python agent_service.py", "returned 1"} <= set(lives[life])
    assert not [event for event in lives[life] if event.startswith("crashed")]


def test_a_refused_foreground_does_not_crash_and_a_job_comes_back(lives: dict[str, list[str]]) -> None:
    """From API 31 on a restart in the background may not enter the foreground."""
    told = lives["refused"]
    assert "python agent_service.py" in told
    assert SPECIAL_USE not in told
    assert f"job of {AGENT} in 15 min" in told


def test_a_start_from_the_background_is_left_to_a_job(lives: dict[str, list[str]]) -> None:
    """python-for-android#2571."""
    assert lives["background"][-2:] == [f"job of {AGENT} in 15 min", "false"]
    assert lives["background_old"] == ["started for the foreground", "true"], "API 28 lets it"
    assert lives["screen"] == ["started for the foreground", "true"]


@pytest.mark.parametrize("life", ["stop", "timeout", "timeout_short", "destroyed", "early_stop", "job"])
def test_python_commits_before_the_process_is_killed(lives: dict[str, list[str]], life: str) -> None:
    told = lives[life]
    assert [event for event in told if event.startswith("end: ")]
    assert told.index("committed") < told.index("killed")


def test_a_stop_by_the_user_wakes_nobody_later(lives: dict[str, list[str]]) -> None:
    assert lives["stop"].count("job cancelled") == 2
    assert "job cancelled" not in lives["timeout"]


def test_a_python_that_does_not_answer_is_given_two_seconds(lives: dict[str, list[str]]) -> None:
    *_, killed, took = lives["deaf"]
    assert killed == "killed"
    assert 1900 <= float(took.removeprefix("ms ")) <= 5000, "on a busy machine, later"


def test_swiping_the_app_away_does_not_end_it(lives: dict[str, list[str]]) -> None:
    """python-for-android#2053 and #1783."""
    assert lives["swiped"][-2:] == ["task removed", "stopped: false"]


def test_it_is_of_the_meters_type_only_while_there_is_one(lives: dict[str, list[str]]) -> None:
    entered = [event for event in lives["meter"] if event.startswith("foreground")]
    assert entered == [SPECIAL_USE, WITH_METER, SPECIAL_USE]
    assert any("SecurityException" in event for event in lives["meter_not_granted"])
    assert not any(event.startswith("crashed") for event in lives["meter_not_granted"])


def test_python_for_androids_own_service_crashes_there(lives: dict[str, list[str]]) -> None:
    """It enters with every type of the manifest, on a channel of importance 0: what the fakes allow is not everything."""
    assert "channel of importance 0" in lives["their_service"]
    assert "crashed: connectedDevice without a device" in lives["their_service"]


def test_a_service_without_a_type_crashes(lives: dict[str, list[str]]) -> None:
    """buildozer#1989; that a manifest has the type, `test_lint.py` sees to."""
    assert "crashed: MissingForegroundServiceTypeException" in lives["their_untyped"]


def test_old_phones(lives: dict[str, list[str]]) -> None:
    assert "notification 'Circadia' [Cancel] on ''" in lives["old_phone"], "API 24 has no channels"
    for life in ("old_phone", "between"):
        assert "foreground as in the manifest" in lives[life]


def test_the_notification_says_what_python_says(lives: dict[str, list[str]]) -> None:
    assert lives["shown"][-2:] == ["notification 'Learning' [Stop] on 'circadia-agent'", "notified"]


def test_python_chooses_the_period_of_the_job_of_last_resort(lives: dict[str, list[str]]) -> None:
    assert lives["waking"][-3:] == [f"job of {AGENT} every 360 min", "job cancelled", "job cancelled"]


def test_python_leaves_the_foreground(lives: dict[str, list[str]]) -> None:
    assert lives["leaving"][-1] == "out of the foreground"


def test_a_job_binds_the_agent_for_a_while(lives: dict[str, list[str]]) -> None:
    begins = [KEPT, "bound", "job runs: true", "python agent_service.py for job"]
    assert lives["wake_job"] == [*begins, "unbound", "job finished", "later: 0"]
    assert lives["wake_job_stopped"] == [*begins, "unbound", "job stopped, again: false"]
    assert lives["job"][0] == "python agent_service.py for job"
    assert not [event for event in lives["job"] if event.startswith("foreground")]
    assert SPECIAL_USE in lives["job_then_screen"]
    assert lives["job_then_screen"].count("python agent_service.py for job") == 1


def test_what_a_job_started_leaves_it_running(lives: dict[str, list[str]]) -> None:
    """Android stops a job that runs when it is scheduled again, as Python does at its start."""
    told = lives["wake_job_kept"]
    at = told.index("kept")
    assert KEPT in told[:at]
    assert not {"unbound", KEPT} & set(told[told.index("job runs: true") : at])
    assert f"job of {AGENT} every 60 min" in told[at:], "another period takes its place"
    assert "job stopped, again: false" in told[at:], "the fakes are as strict as Android"


def test_a_job_lets_go_of_an_agent_that_needs_none(lives: dict[str, list[str]]) -> None:
    """It would keep the processor awake for eight minutes."""
    assert lives["wake_job_for_nothing"][-4:] == ["bound", "job runs: true", "unbound", "job finished"]
    assert lives["wake_job_soon"][-3:] == [SPECIAL_USE, "job cancelled", "pending: 0"]


def test_jobs_that_overlap_each_let_go_of_their_own(lives: dict[str, list[str]]) -> None:
    ends = ["unbound", "job stopped, again: false", "bound still: 1", "unbound", "job finished"]
    assert lives["wake_jobs"][-6:] == [*ends, "bound still: 0"]


def test_the_foreground_keeps_what_python_said(lives: dict[str, list[str]]) -> None:
    told = lives["over_talked"]
    assert "notification 'Learning' [Stop] on 'circadia-agent'" in told
    assert SHOWN not in told
    assert not [event for event in told if event.startswith("notified")], "nothing after the end"


def test_nobody_is_notified_of_a_service_that_has_left_the_foreground(lives: dict[str, list[str]]) -> None:
    """Python and Android have threads of their own: 40 ends while Python talks."""
    assert lives["raced"].count("out of the foreground") == 40
    assert "notified" in lives["raced"]
    assert "notified for nobody" not in lives["raced"]


@pytest.mark.parametrize("life", ["stale", "stale_job", "half_unpacked"])
def test_an_updated_app_does_not_start_the_python_of_the_version_before(
    lives: dict[str, list[str]], life: str
) -> None:
    """Its native libraries are new at once; only the screens unpack the Python that belongs to them."""
    assert [event for event in lives[life] if "version before" in event]
    assert not [event for event in lives[life] if event.startswith("python")]
    assert "python agent_service.py" in lives["current"]


def test_what_does_not_start_ends(lives: dict[str, list[str]]) -> None:
    assert lives["stale"][-3:] == ["out of the foreground", "returned 2", "killed"]
    assert SPECIAL_USE in lives["stale"], "which Android asks of whatever it started for the foreground"
    assert lives["stale_job"][-3:] == ["unbound", "job finished", "killed"]


@pytest.mark.parametrize("life", ["switched_on", "updated"])
def test_an_agent_that_was_to_run_comes_back(lives: dict[str, list[str]], life: str) -> None:
    """After a restart of the phone and after an update, of which it unpacks the Python."""
    assert lives[life][-4:] == [KEPT, *UNPACKED, "started for the foreground"]


def test_one_that_was_not_to_run_does_not(lives: dict[str, list[str]]) -> None:
    """No consent, or stopped by the user: either way no job keeps it."""
    assert lives["switched_on_unasked"][-1] == "nothing"
    assert lives["switched_on_unasked"][-2] == "updated"
    assert lives["another_broadcast"][-1] == KEPT


def test_an_update_is_unpacked_by_one_only(lives: dict[str, list[str]]) -> None:
    assert lives["updated_while_open"][-2:] == [KEPT, "started for the foreground"]


NEWER = {
    "android.app.ActivityManager": {
        "java.util.List<android.app.ApplicationExitInfo> getHistoricalProcessExitReasons(java.lang.String, int, int)"
    },
    "android.app.Notification$Builder": {
        "android.app.Notification$Builder setChannelId(java.lang.String)",
        "android.app.Notification$Builder(android.content.Context, java.lang.String)",
    },
    "android.app.NotificationManager": {
        "static int IMPORTANCE_NONE",
        "void createNotificationChannel(android.app.NotificationChannel)",
    },
    "android.app.Service": {"void startForeground(int, android.app.Notification, int)"},
    "android.content.Context": {
        "android.content.ComponentName startForegroundService(android.content.Intent)"
    },
    "android.os.Build$VERSION_CODES": {"static int O"},
}
"""Members of the fakes that Android 6 has not; ours reaches them by name, python-for-android's service directly."""
NEW_CLASSES = {"android.app.ApplicationExitInfo", "android.app.NotificationChannel"}


def test_the_fakes_are_as_android_6_is(classes: Path, program: Callable[..., str]) -> None:
    names = sorted(
        str(path.relative_to(classes).with_suffix("")).replace("/", ".")
        for path in (classes / "android").rglob("*.class")
    )
    names = [name for name in names if name not in NEW_CLASSES]
    made = _members(program("javap", "-public", "-cp", classes, *names, package="openjdk-17-jdk-headless"))
    jar = VENDOR / "android-23-classes.jar"
    real = _members(program("javap", "-public", "-cp", jar, *names, package="openjdk-17-jdk-headless"))
    assert made.keys() == real.keys()
    for name, members in made.items():
        invented = members - real[name] - NEWER.get(name, set()) - {f"{name}()"}
        assert not invented, name
        assert NEWER.get(name, set()) <= members - real[name], name


def _members(told: str) -> dict[str, set[str]]:
    """Class → its public members without modifiers but `static`."""
    found: dict[str, set[str]] = {}
    name = ""
    for line in told.splitlines():
        if line.startswith("  "):
            words = [word for word in line.strip().rstrip(";").split(" ") if word not in MODIFIERS]
            found[name].add(" ".join(words).partition(" throws ")[0])
        elif line.endswith("{"):
            name = next(word for word in line.split(" ") if word.startswith("android."))
            found[name] = set()
    return found


@pytest.mark.slow
def test_the_screens_begin_and_back_leaves_them_alive(classes: Path, tmp_path: Path) -> None:
    """kivy#6075: Back ended the program below a living activity, which was black when it was opened again."""
    if not all(
        map(find_spec, ("kivy", "jnius_config"))
    ):  # not imported here: Kivy takes hold of the process's log
        pytest.skip("the environment's tier `app` has Kivy and pyjnius")
    from PIL import Image

    folder = AppFolder(path=tmp_path / "circadia")
    folder.path.mkdir()
    consent.save(folder.consent, consent.Consent().agreed(time.time(), "1", learn=True))
    (tmp_path / "device.toml").write_text("[platform]\nscale = 600\n")
    done = subprocess.run(
        [
            sys.executable,
            str(HERE / "inside/watch_screens_main.py"),
            str(tmp_path),
            str(tmp_path / "again.png"),
        ],
        env={name: value for name, value in os.environ.items() if not name.startswith("KIVY_")}
        | {
            "CLASSPATH": f"{classes}:{VENDOR / 'android-23-classes.jar'}",
            "PYTHONPATH": str(HERE / "inside/p4a"),
            "KIVY_HOME": str(tmp_path / "kivy"),
            "SDL_VIDEODRIVER": "offscreen",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["status"] == 0
    assert found["place"] == "now"
    assert "started for the foreground" in found["phone"], "Android starts the agent, nobody else"
    assert found["asked"] == ["android.permission.POST_NOTIFICATIONS", "to the back: True"]
    assert (found["back"], found["rests"]) == (True, True)
    assert found["texts"]
    with Image.open(tmp_path / "again.png") as picture:
        assert len(picture.convert("RGB").getcolors(maxcolors=100_000) or ()) > 50


@pytest.mark.slow
@pytest.mark.parametrize("name", ["check_android_host.py", "check_service_main.py"])
def test_the_python_half_on_the_java_half(name: str, classes: Path) -> None:
    pytest.importorskip(
        "jnius_config", reason="pyjnius is not here; pip install 'circadia-app[host]' brings it"
    )
    words = [sys.executable, "-m", "pytest", str(HERE / "inside" / name), "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*words, "-p", "no:xdist"],
        env=os.environ | {"CLASSPATH": str(classes), "PYTHONPATH": str(HERE.parents[2])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
