"""The agent's service: as a process on a desktop, and behind a host that notes what it is asked."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError, PlatformUnavailable, SensorError
from circadia.physics.scenario import scenario_for
from circadia.platforms.simulated import SimulatedMeter, SimulatedPlatform
from circadia.status import State
from circadia.store.reading import StoreReader
from circadia.types import Preference
from circadia.wiring import Parts
from circadia_app import consent, deletion, journal, settings
from circadia_app.exits import Exit
from circadia_app.folder import AppFolder
from circadia_app.link.client import LinkClient, Refused
from circadia_app.live import Live
from circadia_app.phone_state import UNKNOWN_POWER, PhoneState
from circadia_app.service import Service
from circadia_app.settings import ChosenLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from circadia_app.notice import Notice

WAIT_S = 30.0
CONFIG = """\
[agent]
policy = "threshold"
period_s = 60
[platform]
scale = 600
initial_soc = 1.0
"""


def until(condition: Callable[[], Any], what: str, limit_s: float = WAIT_S) -> Any:
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if found := condition():
            return found
        time.sleep(0.005)
    pytest.fail(f"waited {limit_s:g} s in vain for {what}")


class Notes:
    """A host that notes what it is asked; `abandon` is for processes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.shown: list[Notice] = []

    def begin(self, notice: Notice) -> None:
        self.asked.append("begin")
        self.show(notice)

    def show(self, notice: Notice) -> None:
        self.shown.append(notice)

    def keep_waking(self, every_s: float) -> None:
        self.asked.append(f"keep waking {every_s:g}")

    def stop_waking(self) -> None:
        self.asked.append("stop waking")

    def end(self) -> None:
        self.asked.append("end")

    def abandon(self) -> None:
        raise AssertionError("the agent has not ended in time")


class Phone:
    """A service in a thread, and screens that are connected to it."""

    def __init__(self, folder: AppFolder, client: LinkClient, events: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.client = client
        self.events = events
        self.host = Notes()
        self.service = Service(folder, self.host)
        self._thread = threading.Thread(target=self.service.run)

    def begin(self) -> None:
        self._thread.start()
        until(lambda: self.client.connected, "the service")

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        return self.client.ask(do, **fields).result(WAIT_S)

    def live(self) -> Live:
        return Live.of(self.ask("status"))

    def decided(self) -> Live | None:
        live = self.live()
        return live if live.observation is not None else None

    def over(self, limit_s: float = WAIT_S) -> float:
        """Wait for its end → how long that took."""
        began_s = time.monotonic()
        self._thread.join(limit_s)
        assert not self._thread.is_alive()
        return time.monotonic() - began_s

    def close(self) -> None:
        if self._thread.is_alive():
            self.service.stop()
            self.over()

    def teach(self, count: int = 40, seed: int = 0) -> list[bytes]:
        """So many examples → their bytes as a store has them."""
        inputs = np.random.default_rng(seed).random((count, 8, 8, 1)).astype(np.float32)
        for i, x in enumerate(inputs):
            self.ask("add_example", x=x.tolist(), label=i % 10)
        return [x.tobytes() for x in inputs]


@pytest.fixture
def folder(tmp_path: Path) -> AppFolder:
    made = AppFolder(path=tmp_path)
    made.config.write_text(CONFIG)
    consent.save(made.consent, consent.Consent().agreed(time.time(), "1", learn=True))
    return made


@contextmanager
def phone_of(folder: AppFolder) -> Iterator[Phone]:
    events: list[dict[str, Any]] = []
    client = LinkClient(folder.link, on_event=events.append, retry_s=(0.01, 0.05))
    client.start()
    phone = Phone(folder, client, events)
    yield phone
    phone.close()
    client.close()


@pytest.fixture
def phone(folder: AppFolder) -> Iterator[Phone]:
    with phone_of(folder) as made:
        yield made


def trainings(folder: AppFolder) -> int:
    with StoreReader(folder.store) as store:
        return len(store.trainings())


def told(folder: AppFolder) -> list[str]:
    return [entry.event for entry in journal.read(folder.log)]


def test_without_consent_nothing_is_started(folder: AppFolder) -> None:
    folder.consent.unlink()
    host = Notes()
    assert Service(folder, host).run() == 0
    assert host.asked == ["stop waking", "end"]
    assert not folder.store.exists()
    folder.consent.write_text("{")
    with pytest.raises(ConfigError, match=r"consent\.json"):
        Service(folder, host).run()
    assert not folder.store.exists()


def test_the_screens_see_what_it_does_and_why(phone: Phone) -> None:
    phone.begin()
    live = until(phone.decided, "a decision")
    assert live.simulated
    assert live.screens == 1
    assert live.lacks == ()
    assert live.status.state is State.RUNNING
    assert live.observation.battery_soc == pytest.approx(1.0, abs=0.01)
    assert repr(Live.of(json.loads(json.dumps(live.message())))) == repr(live)
    assert phone.host.asked[:2] == ["begin", "keep waking 21600"]
    assert phone.host.shown[0].title == "Starting"
    answer = phone.ask("submit", x=np.zeros((8, 8, 1)).tolist(), deadline_s=3600)
    assert answer.keys() == {"id", "ok", "request_id", "label", "confidence", "latency_s", "version"}
    phone.ask("feedback", request_id=answer["request_id"], label=3)
    phone.teach()
    until(lambda: trainings(phone.folder), "a training")
    assert phone.ask("train_now").keys() >= {"action", "why", "trained", "held_back", "fresh_examples"}
    kinds = {event["event"] for event in phone.events}
    assert kinds == {"decided", "answered"}
    phone.ask("stop")
    phone.over()
    assert phone.host.asked[-2:] == ["stop waking", "end"]
    assert not phone.folder.store.with_name("device.db-wal").exists(), "the store was not closed"
    with StoreReader(phone.folder.store) as store:
        assert [request.truth for request in store.requests() if request.label is not None] == [3]


@pytest.mark.parametrize(
    ("do", "fields", "match"),
    [
        ("fly", {}, "'fly' cannot be asked; there are status"),
        ("pause", {"until_s": "noon"}, "until_s is 'noon'"),
        ("preference", {"accuracy": 1, "latency": 1, "energy": 1}, "sum to 3"),
        ("preference", {}, "three numbers"),
        ("limits", {"battery_floor": 1.5}, "battery_floor is 1.5"),
        ("consent", {"learn": "yes", "text": "1"}, "true or false"),
        ("consent", {"learn": True, "send": True, "text": ""}, "text's version"),
        ("submit", {"x": [1, 2]}, "input"),
        ("submit", {}, "input"),
        ("submit", {"x": [["a"]]}, "lists of numbers"),
        ("add_example", {"x": [[[0.0]] * 8] * 8, "label": "no digit"}, "label"),
        ("add_example", {"x": [10**400], "label": 1}, "lists of numbers"),
        ("feedback", {"request_id": "one", "label": 1}, "request's number"),
    ],
)
@pytest.mark.usefixtures("started")
def test_bad_input_is_refused_in_words(started: Phone, do: str, fields: dict[str, Any], match: str) -> None:
    with pytest.raises(Refused, match=match):
        started.ask(do, **fields)
    assert started.live().lacks == ()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phone]:
    """One that runs for several tests, which change nothing."""
    made = AppFolder(path=tmp_path_factory.mktemp("phone"))
    made.config.write_text(CONFIG)
    consent.save(made.consent, consent.Consent().agreed(time.time(), "1", learn=True))
    with phone_of(made) as phone:
        phone.begin()
        yield phone


def test_choices_hold_at_once_and_after_a_restart(folder: AppFolder) -> None:
    chosen = Preference(accuracy=0.5, latency=0.25, energy=0.25)
    with phone_of(folder) as phone:
        phone.begin()
        phone.ask("preference", accuracy=0.5, latency=0.25, energy=0.25)
        assert phone.ask("limits", battery_floor=0.999)["lacks"] == []
        assert phone.live().status.preference == chosen  # type: ignore[union-attr]
        live = until(phone.decided, "a decision under the new limit")
        assert "battery_floor" in live.status.limits
        phone.teach()
        trained = phone.ask("train_now")
        assert not trained["trained"]
        assert "battery_floor" in trained["held_back"]
        phone.ask("pause")
    assert settings.load(folder.settings).limits == ChosenLimits(battery_floor=0.999)
    with phone_of(folder) as phone:
        phone.begin()  # as after a sticky restart: nobody says anything
        live = phone.live()
        assert live.status is not None
        assert (live.status.state, live.status.preference) == (State.PAUSED, chosen)
        assert live.paused_until_s == float("inf")
        phone.ask("resume")
        assert phone.live().status.state is State.RUNNING  # type: ignore[union-attr]


def test_a_pause_ends_by_the_clock(phone: Phone) -> None:
    phone.begin()
    until(phone.decided, "a decision")
    until_s = time.time() + 0.4
    phone.ask("pause", until_s=until_s)
    until(lambda: "resumed" in told(phone.folder), "the end of the pause")
    resumed = journal.read(phone.folder.log)[-1]
    assert resumed.event == "resumed"
    assert resumed.t_s >= until_s
    assert phone.live().status.state is State.RUNNING  # type: ignore[union-attr]
    assert np.isnan(settings.load(phone.folder.settings).paused_until_s)


def test_a_swipe_stores_what_there_is_and_the_service_goes_on(phone: Phone) -> None:
    phone.folder.config.write_text(CONFIG.replace("period_s = 60", "period_s = 1e6"))
    phone.begin()
    until(phone.decided, "a decision")
    with StoreReader(phone.folder.store) as store:
        before = store.newest().tick_id  # type: ignore[union-attr]
    phone.service.task_removed()

    def stored() -> bool:
        with StoreReader(phone.folder.store) as store:
            return bool(store.newest().tick_id > before)  # type: ignore[union-attr]

    until(stored, "what was to be stored")
    assert phone.live().status.state is State.RUNNING  # type: ignore[union-attr]


def test_what_keeps_the_agent_from_running_is_said(phone: Phone) -> None:
    phone.folder.config.write_text("[agent]\npolicy = 'nonsense'\n")
    phone.begin()
    live = phone.live()
    assert live.status is None
    assert "agent.policy 'nonsense'" in live.lacks[0]
    assert live.notice.title == "Not working"
    with pytest.raises(Refused, match=r"the agent does not run: .*nonsense"):
        phone.ask("train_now")
    phone.folder.config.write_text(CONFIG)
    assert phone.ask("limits")["lacks"] == []


def test_one_service_for_a_folder(phone: Phone) -> None:
    phone.begin()
    with pytest.raises(PlatformUnavailable, match="another service runs on this folder"):
        Service(phone.folder, Notes()).run()


@contextmanager
def silent_broker() -> Iterator[int]:
    """Takes connections and says nothing: the worst of networks."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def federated(port: int) -> str:
    return f'{CONFIG}[federation]\nbroker = "127.0.0.1:{port}"\nname = "home"\ndrain_s = 60\n'


@pytest.mark.parametrize("do", ["stop", "withdraw"])
def test_it_ends_within_two_seconds_with_all_stored(phone: Phone, do: str) -> None:
    with silent_broker() as port:
        phone.folder.config.write_text(federated(port))
        agreed = consent.load(phone.folder.consent).agreed(time.time(), "1", learn=True, send=True)
        consent.save(phone.folder.consent, agreed)
        phone.begin()
        phone.teach()
        until(lambda: phone.live().status.updates.waiting, "an update that waits")  # type: ignore[union-attr]
        began_s = time.monotonic()
        assert phone.ask(do)["in_time"]
        phone.over()
        assert time.monotonic() - began_s < 2.0
    with StoreReader(phone.folder.store) as store:
        assert [update.accepted for update in store.updates()] == [None]
    assert (consent.load(phone.folder.consent).learn is None) is (do == "withdraw")
    assert told(phone.folder)[-1] == "ended"
    assert Service(phone.folder, host := Notes()).run() == 0 if do == "withdraw" else True
    assert do == "stop" or host.asked == ["stop waking", "end"]


def end_of(phone: Phone) -> dict[str, Any]:
    return until(lambda: [event for event in phone.events if event["event"] == "ended"], "its end")[0]  # type: ignore[no-any-return]


def test_what_the_person_ends_stays_so_and_what_the_system_ends_does_not(folder: AppFolder) -> None:
    for by_person in (True, False):
        with phone_of(folder) as phone:
            phone.begin()
            phone.service.stop("why", by_person=by_person)
            phone.over()
            assert end_of(phone)["stay"] is by_person
    with phone_of(folder) as phone:
        phone.begin()
        phone.ask("stop")
        phone.over()
        assert end_of(phone)["stay"]


def test_a_stop_is_heard_when_nothing_else_is(phone: Phone) -> None:
    phone.begin()
    stuck = threading.Event()

    def wait() -> None:
        stuck.wait(WAIT_S)

    assert phone.service._post(wait)
    while phone.service._post(lambda: None):
        pass
    phone.service.stop("a full queue")
    stuck.set()
    assert phone.over() < 5.0
    assert [entry.fields["why"] for entry in journal.read(phone.folder.log) if entry.event == "ended"] == [
        "a full queue"
    ]


def test_a_withdrawal_that_nobody_heard_is_heeded_when_the_screens_are_back(phone: Phone) -> None:
    phone.begin()
    assert phone.live().lacks == ()
    consent.save(phone.folder.consent, consent.load(phone.folder.consent).withdrawn(time.time()))
    assert phone.live().lacks == (), "it does not look at the disk all the time"
    others = LinkClient(phone.folder.link)
    others.start()
    phone.over()
    others.close()
    assert end_of(phone)["stay"]


@pytest.mark.parametrize("do", ["withdraw", "delete"])
def test_a_disk_that_refuses_a_withdrawal_keeps_no_agent_running(phone: Phone, do: str) -> None:
    phone.begin()
    assert phone.live().lacks == ()
    phone.folder.consent.unlink()
    phone.folder.consent.mkdir()
    with pytest.raises(Refused, match=r"consent\.json.*Learning has ended.*withdraw again"):
        phone.ask(do)
    phone.over()
    assert phone.service._run is None
    assert phone.folder.store.exists()


def test_a_log_that_cannot_be_written_ends_nothing(phone: Phone, caplog: pytest.LogCaptureFixture) -> None:
    phone.begin()
    phone.folder.log.unlink()
    phone.folder.log.mkdir()
    for _ in range(2):
        others = LinkClient(phone.folder.link)
        others.start()
        until(lambda others=others: others.connected, "other screens")  # type: ignore[misc]
        others.close()
    assert phone.live().lacks == ()
    warned = [record for record in caplog.records if record.name == "circadia_app.journal"]
    assert len(warned) == 1, "once"


class Unspoken(Notes):
    """A system that refuses a notification and a job."""

    def show(self, notice: Notice) -> None:
        raise SensorError(f"Android refuses {notice.title!r}")

    def keep_waking(self, every_s: float) -> None:
        raise SensorError(f"Android refuses a job each {every_s} s")

    def begin(self, notice: Notice) -> None:
        self.shown.append(notice)


def test_a_system_that_refuses_a_notification_ends_nothing(phone: Phone) -> None:
    phone.service.host = Unspoken()
    phone.begin()
    until(phone.decided, "a decision")
    assert phone.live().lacks == ()


def test_an_end_by_an_error_is_the_systems_to_start_again(
    phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(phone.service, "_look", broken)
    with pytest.raises(ZeroDivisionError):
        phone.service.run()
    assert "end" not in phone.host.asked


def searched(folder: AppFolder, secrets: list[bytes]) -> list[str]:
    """The files in which any of these stands."""
    files = [place for place in folder.path.rglob("*") if place.is_file()]
    return [file.name for file in files if any(secret in file.read_bytes() for secret in secrets)]


def test_after_a_deletion_nothing_known_is_found(phone: Phone) -> None:
    with silent_broker() as port:
        phone.folder.config.write_text(federated(port))
        agreed = consent.load(phone.folder.consent).agreed(time.time(), "1", learn=True, send=True)
        consent.save(phone.folder.consent, agreed)
        phone.begin()
        examples = phone.teach()
        until(lambda: phone.live().status.updates.waiting, "an update that waits")  # type: ignore[union-attr]
        with StoreReader(phone.folder.store) as store:
            model, device = store.model(), store.device().encode()
        assert model is not None
        weights = model.weights.astype("<f4").tobytes()
        # A blob is spread over pages of 1024 bytes: most of its pieces are found in whatever file holds it.
        pieces = [blob[i : i + 64] for blob in (*examples, weights) for i in range(0, len(blob), 64)]
        secrets = [piece for piece in pieces if len(set(piece)) > 16]
        found = [secret for secret in secrets if searched(phone.folder, [secret])]
        assert len(found) > 0.8 * len(secrets) > 100
        assert searched(phone.folder, [device])
        answer = phone.ask("delete")
        phone.over()
    assert answer["waits"]
    (waiting,) = deletion.waiting(phone.folder)
    key = (phone.folder.deletion / f"{waiting.request_id}.pem").read_bytes().splitlines()[1]
    assert searched(phone.folder, secrets) == []
    assert searched(phone.folder, [device]) == [f"{waiting.request_id}.json"]
    deletion.confirm(phone.folder, waiting.request_id, time.time())
    assert searched(phone.folder, [*secrets, device, key, b"PRIVATE KEY"]) == []
    names = {place.name for place in phone.folder.path.iterdir()}
    assert names == {"device.toml", "service.lock", "deletion"}


def test_as_a_process_it_ends_by_a_signal_and_its_death_is_told(folder: AppFolder) -> None:
    command = [sys.executable, "-m", "circadia_app.service", str(folder.path)]
    client = LinkClient(folder.link, retry_s=(0.01, 0.05))
    client.start()
    for number in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            until(lambda process=process: client.pid == process.pid, "the service")  # type: ignore[misc]
            process.send_signal(number)
            _, errors = process.communicate(timeout=WAIT_S)
        assert process.returncode == (0 if number == signal.SIGTERM else -number)
        assert "Traceback" not in errors
        until(lambda: not client.connected, "its end")
    client.close()
    events = [event for event in told(folder) if event in {"started", "killed", "ended"}]
    assert events == ["started", "killed", "started", "ended"]
    wrong = subprocess.run([*command[:3]], capture_output=True, text=True, check=False)
    assert (wrong.returncode, "usage" in wrong.stderr) == (2, True)


def test_the_log_keeps_what_the_system_says_of_ends_since_the_last_start(folder: AppFolder) -> None:
    """The service's own that ended well is told already; what was before was told at the start before."""
    consent.save(folder.consent, consent.Consent().agreed(time.time(), "1", learn=True))
    before = journal.Journal(folder.log, lambda: 1000.0)
    before.write("started", pid=7)
    before.write("ended", why="asked to", in_time=True)
    ends = [exited(1000.0 + at_s, pid) for at_s, pid in ((-5.0, 3), (40.0, 8), (2.0, 7), (20.0, 9))]
    service = Service(folder, Notes(), exits=lambda: ends)
    service.stop()
    assert service.run() == 0
    kept = [entry for entry in journal.read(folder.log) if entry.event == "exit"]
    assert [(one.fields["at_s"], one.fields["pid"]) for one in kept] == [(1020.0, 9), (1040.0, 8)]
    assert kept[0].fields["reason"] == "low memory"


def exited(t_s: float, pid: int) -> Exit:
    return Exit(t_s=t_s, process="p:service_agent", pid=pid, reason="low memory", status=9, description="")


def test_a_system_that_does_not_tell_hinders_nobody(folder: AppFolder) -> None:
    def refuses() -> tuple[Exit, ...]:
        raise SensorError("Android refuses: no")

    journal.Journal(folder.log, time.time).write("started", pid=7)
    service = Service(folder, Notes(), exits=refuses)
    service.stop()
    assert service.run() == 0
    assert told(folder)[:2] == ["started", "killed"]
    (said,) = [entry for entry in journal.read(folder.log) if entry.event == "log"]
    assert "Android refuses: no" in said.fields["text"]


class Telling(SimulatedPlatform):
    """A body that says more of itself, as a phone does."""

    state = PhoneState(soc=0.5, bucket="active")

    def told(self) -> dict[str, Any]:
        return self.state.plain


def test_what_a_body_says_of_itself_is_in_the_status_and_a_change_in_the_log(folder: AppFolder) -> None:
    """The reader's unit, sign and uncertainty and the standby bucket: nobody sees them otherwise."""
    profile = shipped_profile("pixel-3")
    body = Telling(profile, scenario_for(profile), 0)
    consent.save(folder.consent, consent.Consent().agreed(time.time(), "1", learn=True))
    parts = Parts(platform=body, measure=SimulatedMeter)
    service = Service(folder, Notes(), parts=parts)
    client = LinkClient(folder.link, retry_s=(0.01, 0.05))
    client.start()
    thread = threading.Thread(target=service.run)
    thread.start()

    def kept() -> list[dict[str, Any]]:
        return [entry.fields for entry in journal.read(folder.log) if entry.event == "body"]

    try:
        until(kept, "the first look")
        live = Live.of(client.ask("status").result(WAIT_S))
        assert live.body == body.told() == kept()[0]
        known = replace(UNKNOWN_POWER, unit="mA", sign=-1, uncertainty=0.03)
        body.state = replace(body.state, soc=0.49, bucket="rare", power=known)
        until(lambda: len(kept()) > 1, "the change")
        body.state = replace(body.state, soc=0.48)
        client.ask("train_now").result(WAIT_S)
        assert len(kept()) == 2, "a charge that changes is in the store"
    finally:
        service.stop()
        thread.join(WAIT_S)
        client.close()
    assert kept()[1]["bucket"] == "rare"
    assert kept()[1]["power"] == {**kept()[0]["power"], "unit": "mA", "sign": -1, "uncertainty": 0.03}
