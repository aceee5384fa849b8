"""The agent's process from python-for-android's entry to its end: `circadia_app.service_main` on our Java, over the fakes.

The program's first thread runs `main`, as on a phone; another one does what Android does.
"""

from __future__ import annotations

import math
import os
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from jnius import autoclass, detach
from tests.android.jvm.inside.desktop import Desktop

from circadia.store.reading import StoreReader
from circadia_app import consent, journal, jvm
from circadia_app.folder import AppFolder
from circadia_app.link.client import LinkClient
from circadia_app.service_main import main
from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.simulator import LiveBoard, SimulatedBoard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LEVEL = 36
WAIT_S = 20.0
END_S = 2.0
SIGNALED, LOW_MEMORY = 2, 3
AGENT = "org.circadia.circadia.ServiceAgent"
SPECIAL_USE, WITH_METER = "foreground 40000000", "foreground 40000010"
CONFIG = """\
[agent]
policy = "default"
period_s = 60
[platform]
scale = 600
initial_soc = 1.0
"""
MEASURED = """\
[agent]
policy = "threshold"
period_s = 1
[platform]
kind = "linux"
mains = true
[limits]
thermometer = false
[meter]
kind = "android-usb"
shunt_ohm = 0.01
"""
Phone = autoclass("fake.Phone")
Usb = autoclass("org.circadia.fake.Usb")
Intent = autoclass("android.content.Intent")


def events() -> list[str]:
    return str(Phone.told()).split("; ")


def until(true: Callable[[], Any], what: str, within_s: float = WAIT_S) -> Any:
    end_s = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < end_s, f"waited in vain for {what}: {events()}"
        time.sleep(0.005)
    return found


class Android:
    """What the system does to one service, and the screens' end of its link."""

    def __init__(self, folder: AppFolder) -> None:
        self.folder = folder
        self.news: list[dict[str, Any]] = []
        self.took_s = math.nan
        """From the order to end until Python had returned."""
        self.service = autoclass(AGENT)()
        self._link = LinkClient(folder.link, on_event=self.news.append, retry_s=(0.01, 0.05))
        self._link.start()
        self._order_s = math.nan

    def start(self) -> None:
        """Anew by itself, which brings no intent."""
        self.service.onStartCommand(None, 0, 1)
        Phone.awaitPython()

    def bind(self) -> None:
        """As a job does."""
        self.service.onBind(None)
        Phone.awaitPython()

    def decided(self) -> dict[str, Any]:
        """The next decision."""
        count = len(self.news)
        until(lambda: any(one["event"] == "decided" for one in self.news[count:]), "a decision")
        return next(one for one in self.news[count:] if one["event"] == "decided")

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        return self._link.ask(do, **fields).result(WAIT_S)

    def live(self, play: Callable[[], None]) -> None:
        """`main` in this thread and `play` in another, which has to end it; then the process would be killed."""
        raised: list[BaseException] = []

        def work() -> None:
            try:
                play()
            except BaseException as error:  # noqa: BLE001  raised below
                raised.append(error)
                self.service.onTimeout(1, 1)
            finally:
                detach()

        thread = threading.Thread(target=work)
        thread.start()
        jvm.here.cache_clear()
        try:
            main()
        finally:
            self.took_s = time.monotonic() - self._order_s
            Phone.pythonReturned()
            thread.join()
            self._link.close()
        if raised:
            raise raised[0]

    def order(self, what: Callable[[], Any]) -> None:
        """What ends it; Android destroys the service as soon as it lets itself be stopped."""
        self._order_s = time.monotonic()
        what()
        self.service.onDestroy()

    def press_stop(self) -> None:
        """The notification's button."""
        self.order(lambda: self.service.onStartCommand(Intent().setAction("org.circadia.android.STOP"), 0, 2))

    def time_out(self) -> None:
        """Of the service's type."""
        self.order(lambda: self.service.onTimeout(1, 1))

    def ticks(self) -> int:
        """That are in the store, which is whole."""
        with StoreReader(self.folder.store) as reader:
            return reader.tick_count()

    def lines(self, event: str) -> list[journal.Entry]:
        return [entry for entry in journal.read(self.folder.log) if entry.event == event]

    def ended_well(self, why: str) -> None:
        """In time, with all stored, and Python before the process."""
        assert self.took_s < END_S
        assert self.lines("ended")[-1].fields == {"why": why, "in_time": True}
        assert events().index("committed") < events().index("killed")
        decided = [one for one in self.news if one["event"] == "decided"]
        with StoreReader(self.folder.store) as reader:
            assert max(tick.t_s for tick in reader.ticks()) >= max(one["t_s"] for one in decided)


@pytest.fixture(scope="session")
def desktop() -> Desktop:
    made = Desktop()
    Phone.compute(made)
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desktop: Desktop) -> AppFolder:
    Phone.reset(LEVEL)
    Phone.elsewhere = True
    Usb.reset()
    (tmp_path / "app").mkdir()
    (tmp_path / "app/device.toml").write_text(CONFIG)
    monkeypatch.setenv("ANDROID_PRIVATE", str(tmp_path))
    monkeypatch.setenv("ANDROID_ARGUMENT", str(tmp_path / "app"))
    made = AppFolder(path=tmp_path / "circadia")
    made.path.mkdir()
    consent.save(made.consent, consent.Consent().agreed(time.time(), "1", learn=True))
    return made


@pytest.fixture
def android(folder: AppFolder) -> Android:
    return Android(folder)


def test_from_a_null_intent_to_the_button(android: Android, desktop: Desktop) -> None:
    android.start()
    told = events()
    assert told.index(SPECIAL_USE) < told.index("python agent_service.py"), (
        "the foreground does not wait for it"
    )
    opened = len(desktop.opened)

    def play() -> None:
        android.decided()
        until(lambda: any("[Stop]" in event for event in events()), "the notification in words")
        assert f"job of {AGENT} every 360 min" in events()
        android.press_stop()

    android.live(play)
    android.ended_well("stopped by the user")
    assert len(desktop.opened) > opened, "models go through LiteRT's Java"
    assert events().count("job cancelled") >= 2, "nobody wakes it again"
    assert "out of the foreground" in events()


def test_no_call_of_the_service_s_is_of_the_thread_that_java_made(android: Android) -> None:
    """That one is never let go of, and what it holds of Java's fills a table that ends at 512 on Android 7."""
    first = str(autoclass("java.lang.Thread").currentThread().getName())
    android.start()

    def play() -> None:
        android.decided()
        until(lambda: bool(Phone.notifier), "a notification")
        android.time_out()

    android.live(play)
    assert str(Phone.notifier) != first


@pytest.mark.parametrize(("speaks", "says"), [("de", "[Beenden]"), ("en", "[Stop]"), ("fi", "[Stop]")])
def test_it_speaks_the_phone_s_language(android: Android, speaks: str, says: str) -> None:
    """Python's own locale is always C there."""
    locale = autoclass("java.util.Locale")
    before = locale.getDefault()
    locale.setDefault(locale(speaks))
    try:
        android.start()

        def play() -> None:
            until(lambda: any(says in event for event in events()), f"{says} on the notification")
            android.time_out()

        android.live(play)
    finally:
        locale.setDefault(before)


def test_swiped_away_it_commits_and_goes_on(android: Android) -> None:
    android.start()

    def play() -> None:
        android.decided()
        before = android.ticks()
        android.service.onTaskRemoved(None)
        until(lambda: android.lines("task removed"), "the swipe in the log")
        android.decided()
        assert android.ticks() > before
        assert not bool(Phone.stopped)
        assert not android.lines("ended")
        android.time_out()

    android.live(play)
    android.ended_well("out of time")
    assert "job cancelled" not in events(), "a job brings it back"


def test_a_sticky_restart_goes_on_from_the_store(folder: AppFolder) -> None:
    first = Android(folder)
    first.start()

    def play() -> None:
        first.decided()
        first.order(lambda: None)

    first.live(play)
    first.ended_well("ended by Android")
    ticks = first.ticks()

    Phone.reset(LEVEL)
    Phone.elsewhere = True
    Phone.foregroundAllowed = False
    now_ms = round(1000 * time.time())
    Phone.exit(LOW_MEMORY, now_ms, 4711, "org.circadia.circadia")
    Phone.exit(SIGNALED, now_ms, os.getpid(), "org.circadia.circadia:service_Agent")
    second = Android(folder)
    second.start()
    assert SPECIAL_USE not in events()
    assert f"job of {AGENT} in 15 min" in events()

    def again() -> None:
        second.decided()
        second.time_out()

    second.live(again)
    second.ended_well("out of time")
    assert second.ticks() > ticks
    assert not second.lines("killed")
    (told,) = second.lines("exit")
    assert (told.fields["pid"], told.fields["reason"]) == (4711, "low memory"), (
        "and not of the one that ended well"
    )


def test_a_job_wakes_it_for_a_while(android: Android) -> None:
    android.bind()
    assert "python agent_service.py for job" in events()

    def play() -> None:
        android.decided()
        android.order(lambda: None)  # the job is over, and with it the binding

    android.live(play)
    android.ended_well("ended by Android")
    assert not [event for event in events() if event.startswith("foreground")]
    assert "job cancelled" not in events()


def test_a_withdrawal_over_the_link(android: Android) -> None:
    android.start()

    def play() -> None:
        android.decided()
        android.order(withdraw)

    def withdraw() -> None:
        android.ask("withdraw")
        until(lambda: bool(Phone.stopped), "the service to end by itself")

    android.live(play)
    assert android.took_s < END_S
    assert consent.load(android.folder.consent).learn is None
    assert events().count("job cancelled") >= 2
    assert events().index("committed") < events().index("killed")


def test_without_consent_nothing_starts(android: Android) -> None:
    android.folder.consent.unlink()
    android.start()
    android.live(lambda: None)
    assert not android.folder.store.exists()
    assert events()[-4:-1] == ["job cancelled", "job cancelled", "out of the foreground"]


def test_threads_let_go_of_java(android: Android) -> None:
    threads = autoclass("java.lang.management.ManagementFactory").getThreadMXBean()
    before = threads.getThreadCount()
    android.start()

    def play() -> None:
        android.decided()
        android.time_out()

    android.live(play)
    until(
        lambda: threads.getThreadCount() <= before, f"{threads.getThreadCount()} threads to become {before}"
    )


@pytest.fixture
def board() -> Iterator[LiveBoard]:
    if shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file():
        pytest.skip(f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}")
    made = LiveBoard(SimulatedBoard(firmware.build_simulator(), firmware.build()), lambda _t_s: (0.4, 5.0))
    made.start()
    yield made
    made.close()


def test_with_a_meter_it_is_of_its_type(android: Android, board: LiveBoard) -> None:
    """Its configuration names the kind, the service its type, and its ticks the joules."""
    (android.folder.path.parent / "app/device.toml").write_text(MEASURED)
    Usb.plug("/dev/bus/usb/001/002", 0x2341, 0x0043, [2, 10], board.port)
    android.start()

    def types() -> list[str]:
        return [event for event in events() if event.startswith("foreground")]

    def settled() -> bool:
        with StoreReader(android.folder.store) as reader:
            return any(tick.energy_source == "measured" for tick in reader.ticks())

    def play() -> None:
        android.decided()
        assert types() == [SPECIAL_USE], "without permission Android refuses the other type"
        Phone.usbGranted = True
        Usb.grant("/dev/bus/usb/001/002")
        until(lambda: WITH_METER in events(), "the service with its meter")
        until(settled, "measured joules", 40.0)
        Usb.unplug("/dev/bus/usb/001/002")
        until(lambda: types()[-1] == SPECIAL_USE, "the service without it")
        android.time_out()

    android.live(play)
    android.ended_well("out of time")
