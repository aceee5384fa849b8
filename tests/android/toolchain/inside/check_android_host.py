"""The Python half of the service on the Java half, over the fakes: run by `test_service_lives.py` beside a JVM of its own."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from jnius import autoclass

from circadia_app.android_host import AndroidHost, PhoneKeeper
from circadia_app.jvm import Jvm
from circadia_app.notice import Notice

LEVEL = 36
WAIT_S = 5.0
AGENT = "org.circadia.circadia.ServiceAgent"
Phone = autoclass("fake.Phone")


class Heard:
    """What the service is told."""

    def __init__(self, jvm: Jvm) -> None:
        self._jvm = jvm
        self.removed = threading.Event()
        self.ended = threading.Event()
        self.why, self.by_person = "", False

    def stop(self, why: str, *, by_person: bool = False) -> None:
        self.why, self.by_person = why, by_person
        self._jvm.call(Phone.pythonReturned)
        self.ended.set()

    def task_removed(self) -> None:
        self.removed.set()


@pytest.fixture
def service() -> Any:
    Phone.reset(LEVEL)
    Phone.elsewhere = True
    made = autoclass(AGENT)()
    made.onStartCommand(None, 0, 1)
    Phone.awaitPython()
    return made


@pytest.fixture
def jvm(service: Any) -> Jvm:
    return Jvm(service, LEVEL)


@pytest.fixture
def host(jvm: Jvm) -> AndroidHost:
    return AndroidHost(jvm.own, lambda: "Stop")


@pytest.fixture
def heard(jvm: Jvm) -> Heard:
    return Heard(jvm)


def listening(host: AndroidHost, heard: Heard) -> None:
    service: Any = heard
    threading.Thread(target=host.listen, args=(service,), name="circadia-host", daemon=True).start()


def events() -> list[str]:
    return str(Phone.told()).split("; ")


def test_the_notification_says_what_the_agent_does(host: AndroidHost) -> None:
    host.begin(Notice(title="Sleeping until 14:20", text="nothing new to learn"))
    assert events()[-2:] == ["notification 'Sleeping until 14:20' [Stop] on 'circadia-agent'", "notified"]


def test_a_job_of_last_resort(host: AndroidHost) -> None:
    host.keep_waking(6 * 3600.0)
    assert events()[-1] == f"job of {AGENT} every 360 min"
    host.stop_waking()
    assert events()[-2:] == ["job cancelled", "job cancelled"]


def test_the_button_ends_it_and_a_swipe_does_not(host: AndroidHost, service: Any, heard: Heard) -> None:
    listening(host, heard)
    service.onTaskRemoved(None)
    assert heard.removed.wait(WAIT_S)
    assert not heard.ended.is_set()
    service.onStartCommand(autoclass("android.content.Intent")().setAction("org.circadia.android.STOP"), 0, 2)
    assert heard.ended.wait(WAIT_S)
    assert (heard.why, heard.by_person) == ("stopped by the user", True)
    service.onDestroy()
    assert events().index("committed") < events().index("killed")


@pytest.mark.parametrize(("end", "why"), [("timeout", "out of time"), ("destroyed", "ended by Android")])
def test_an_end_that_is_android_s_leaves_the_job(
    host: AndroidHost, service: Any, heard: Heard, end: str, why: str
) -> None:
    listening(host, heard)
    if end == "timeout":
        service.onTimeout(1, 1)
    else:
        service.onDestroy()
    assert heard.ended.wait(WAIT_S)
    assert (heard.why, heard.by_person) == (why, False)
    host.stop_waking()
    assert "job cancelled" not in events()
    host.end()


def test_the_screens_have_it_started(jvm: Jvm, caplog: pytest.LogCaptureFixture) -> None:
    keeper = PhoneKeeper(jvm.own, jvm.package)
    keeper.start()
    assert events()[-1] == "started for the foreground"
    Phone.inBackground = True
    keeper.start()
    assert events()[-1] == f"job of {AGENT} in 15 min"
    assert "a job will" in caplog.text
    keeper.close()


def test_a_host_s_thread_lets_go_of_java(host: AndroidHost, service: Any, heard: Heard) -> None:
    threads = autoclass("java.lang.management.ManagementFactory").getThreadMXBean()
    before = threads.getThreadCount()
    listening(host, heard)
    service.onTimeout(1, 1)
    assert heard.ended.wait(WAIT_S)
    for waiting in threading.enumerate():
        if waiting.name == "circadia-host":
            waiting.join(WAIT_S)
    end_s = time.monotonic() + WAIT_S
    while threads.getThreadCount() >= before and time.monotonic() < end_s:
        time.sleep(0.01)
    assert threads.getThreadCount() == before - 1, (
        "the one that stood for Python has ended, and Python's has let go"
    )
