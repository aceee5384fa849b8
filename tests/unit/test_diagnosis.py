from __future__ import annotations

import dataclasses
import json
import os
import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from circadia.actions import CATALOGUE
from circadia.commands.doctor import as_json, as_table
from circadia.config import DeviceConfig, StoreConfig, parse_config
from circadia.doctor.decision import decision
from circadia.doctor.diagnosis import (
    battery,
    broker_program,
    broker_reachable,
    diagnose,
    link,
    python_version,
    state_folder,
    thermal,
    tried,
    updates,
)
from circadia.doctor.finding import Finding, Status
from circadia.energy.profile_file import shipped_profile
from circadia.errors import ArtifactError, ConfigError
from circadia.learning.task_file import load_task
from circadia.platforms.linux import LinuxPlatform
from circadia.plugs import PlatformConfig
from circadia.store.migrations import STORE
from circadia.store.sqlite import SqliteStore
from circadia.testing.store import UPDATE, tick
from circadia.types import Decision, Observation, Outcome, Pace, TickRecord

OLD_STORE = Path(__file__).parents[1] / "formats" / "0.1.0.dev0" / "device.sqlite"


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def test_sensors_of_a_machine_without_any_are_absent(tmp_path: Path) -> None:
    findings = [check(tmp_path) for check in (battery, thermal, link)]
    assert [finding.status for finding in findings] == [Status.ABSENT] * 3
    assert all(finding.advice for finding in findings)


def test_sensors_are_named(tmp_path: Path) -> None:
    put(tmp_path / "class/power_supply/AC/type", "Mains")
    put(tmp_path / "class/power_supply/BAT0/type", "Battery")
    put(tmp_path / "class/thermal/thermal_zone0/type", "cpu-thermal")
    put(tmp_path / "class/thermal/thermal_zone0/temp", "41500")
    put(tmp_path / "class/net/lo/operstate", "up")
    put(tmp_path / "class/net/wlan0/operstate", "up")
    put(tmp_path / "class/net/eth0/operstate", "down")
    assert battery(tmp_path).detail == "BAT0"
    assert thermal(tmp_path).detail == "cpu-thermal 42 °C"
    assert link(tmp_path).detail == "wlan0"


def test_thermal_zone_that_answers_nonsense_is_absent(tmp_path: Path) -> None:
    put(tmp_path / "class/thermal/thermal_zone0/temp", "nonsense")
    put(tmp_path / "class/thermal/thermal_zone1/type", "silent")
    assert thermal(tmp_path).status is Status.ABSENT


def on_linux(root: Path, **limits: bool | float) -> DeviceConfig:
    return parse_config(
        {
            "platform": {"kind": "linux", "mains": True},
            "limits": limits,
            "store": {"path": str(root / "circadia.db")},
        }
    )


@pytest.mark.skipif(any(Path("/sys/class/thermal").glob("thermal_zone*/temp")), reason="it has thermometers")
def test_a_machine_without_a_thermometer_is_told_that_it_can_do_nothing_and_what_to_say(
    tmp_path: Path,
) -> None:
    blind = decision(on_linux(tmp_path))
    assert blind.status is Status.FAILED
    assert "nothing can be done now: serving and training and fetching forbidden by thermal" in blind.detail
    assert "limits.thermometer = false" in blind.advice
    said = decision(on_linux(tmp_path, thermometer=False))
    assert said.status is Status.OK
    assert "waiting: serve" in said.detail
    assert said.advice == ""


def test_a_machine_that_is_too_warm_is_told_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "machine"
    put(root / "sys/class/thermal/thermal_zone0/type", "x86_pkg_temp")
    put(root / "sys/class/thermal/thermal_zone0/temp", "55000")
    config, profile = on_linux(tmp_path), shipped_profile("pixel-3")
    body = LinuxPlatform(profile, mains=True, root=root)
    monkeypatch.setattr("circadia.doctor.decision.built", lambda _config: body)
    warm = decision(config)
    assert warm.status is Status.FAILED
    for words in (
        "55 °C",
        str(root),
        "limits.temperature_c, 45 °C",
        "45 °C of the profile 'pixel-3'",
        "thermal.limit_c",
    ):
        assert words in warm.advice
    put(root / "sys/class/thermal/thermal_zone0/temp", "30000")
    assert decision(config).status is Status.OK


def test_a_sensor_that_a_device_says_it_has_none_of_needs_no_advice(tmp_path: Path) -> None:
    def found(**limits: bool) -> dict[str, Finding]:
        findings = diagnose(on_linux(tmp_path, **limits), sys_root=tmp_path / "sys")
        return {finding.name: finding for finding in findings if finding.name in {"battery", "thermal"}}

    told = found()
    assert told["battery"].detail == "none, as platform.mains = true says"
    assert (told["battery"].status, told["battery"].advice) == (Status.OK, "")
    assert told["thermal"].status is Status.ABSENT
    assert "limits.thermometer = false" in told["thermal"].advice
    told = found(thermometer=False)
    assert told["thermal"].detail == "none, as limits.thermometer = false says"
    assert (told["thermal"].status, told["thermal"].advice) == (Status.OK, "")


def test_a_simulated_device_is_decided_for_with_work_waiting(tmp_path: Path) -> None:
    store = {"path": str(tmp_path / "circadia.db")}
    finding = decision(parse_config({"store": store}))
    assert finding.status is Status.OK
    assert finding.detail.startswith("with a request, an example and a version waiting: ")
    empty = decision(parse_config({"store": store, "platform": {"initial_soc": 0.0}}))
    assert empty.status is Status.FAILED
    assert "training" in empty.detail
    assert "battery_floor" in empty.detail
    assert "nothing to do" not in empty.detail


def test_a_body_that_cannot_be_built_is_no_decision(tmp_path: Path) -> None:
    finding = decision(DeviceConfig(platform=PlatformConfig(kind="kettle")))
    assert finding.status is Status.FAILED
    assert "kettle" in finding.detail


def test_what_was_measured_counts_for_the_decision(tmp_path: Path) -> None:
    """A body on which a batch of answers took an hour: its battery would not do."""
    config = on_linux(tmp_path, thermometer=False, battery_floor=0.9)
    record = TickRecord(
        t_s=1.0, observation=Observation(), decision=Decision(proposed=CATALOGUE[0], action=CATALOGUE[0]),
        outcome=Outcome(), version=0, paces=(Pace(action="serve/high/small", samples=1, unit_s=3600.0),),
    )  # fmt: skip
    assert "serving forbidden" not in decision(config).detail
    with SqliteStore(config.store.path) as store:
        store.commit(record)
    found = decision(config)
    assert "serving forbidden by battery_floor" in found.detail
    assert "is counted on to take up to 4.32e+03 s here, for that is what was measured once" in found.advice
    assert f"sqlite3 {config.store.path} 'DELETE FROM paces'" in found.advice


def test_broker_that_listens_is_ok_and_one_that_left_failed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert broker_reachable(address).status is Status.OK
    gone = broker_reachable(address)
    assert gone.status is Status.FAILED
    assert address in gone.detail


def test_no_broker_given_is_absent() -> None:
    assert broker_reachable(None).status is Status.ABSENT


def test_malformed_broker_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="nonsense"):
        broker_reachable("localhost:nonsense")


def test_broker_program_of_this_machine_is_named() -> None:
    finding = broker_program()
    assert finding.status is Status.ABSENT or "mosquitto" in finding.detail or "iotcore" in finding.detail


def test_state_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    finding = state_folder(tmp_path / "not" / "yet" / "circadia.db")
    assert finding.status is Status.FAILED
    assert str(tmp_path / "not" / "yet") in finding.detail


@pytest.mark.slow
def test_a_store_of_another_version_is_told(tmp_path: Path) -> None:
    config = DeviceConfig(store=StoreConfig(path=tmp_path / "circadia.db"))

    def told() -> Finding:
        return next(one for one in diagnose(config, tmp_path, tmp_path) if one.name == "store")

    assert "made at the first start" in told().detail
    shutil.copyfile(OLD_STORE, config.store.path)
    assert f"schema 3, migrated to {STORE.version} at the next start" in told().detail
    SqliteStore(config.store.path).close()
    assert told().detail.endswith(f"schema {STORE.version}")
    for least, status in ((STORE.version, Status.OK), (STORE.version + 1, Status.FAILED)):
        with closing(sqlite3.connect(config.store.path, isolation_level=None)) as db:
            db.execute(f"PRAGMA user_version = {STORE.version + 1}")
            db.execute("UPDATE schema SET readable_from = ?", (least,))
        assert told().status is status
        assert f"schema {STORE.version + 1}" in told().detail


def test_what_became_of_updates_is_told_and_a_rejection_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "circadia.db"
    table = {"store": {"path": str(path)}}
    config, alone = parse_config({**table, "federation": {"broker": "localhost:1883"}}), parse_config(table)
    assert updates(config).status is Status.ABSENT
    assert not path.exists()
    with SqliteStore(path) as store:
        for number in range(6):
            update = dataclasses.replace(UPDATE, update_id=f"{number:032x}", created_s=float(number))
            store.commit(tick(float(number), Outcome(update=update)))
        assert updates(config).detail == "0 accepted, 0 rejected, 6 without a verdict"
        assert "learns alone, and keeps 6 updates" in updates(alone).detail
        store.acknowledge(f"{0:032x}", accepted=True, reason="")
        assert updates(config).status is Status.OK
        store.acknowledge(f"{1:032x}", accepted=False, reason="norm: 12, allowed is 10")
        rejected = updates(config)
        assert rejected.status is Status.FAILED
        assert "1 accepted, 1 rejected, 4 without" in rejected.detail
        assert "norm: 12, allowed is 10" in rejected.detail
        assert rejected.advice
        assert "held" not in rejected.detail
        for number in (2, 3):
            store.acknowledge(f"{number:032x}", accepted=False, reason=f"norm: {number}, allowed is 1")
        assert "held back" in updates(config).detail
        store.acknowledge(f"{4:032x}", accepted=True, reason="")
        assert updates(config).status is Status.OK


def test_a_store_that_cannot_be_read_says_nothing_of_updates(tmp_path: Path) -> None:
    path = tmp_path / "circadia.db"
    path.write_bytes(b"nonsense" * 100)
    config = parse_config({"store": {"path": str(path)}})
    assert updates(config).status is Status.ABSENT


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_state_folder_that_is_not_writable_failed(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    finding = state_folder(tmp_path / "circadia.db")
    tmp_path.chmod(0o700)
    assert finding.status is Status.FAILED


def test_old_python_failed() -> None:
    assert python_version((3, 10, 12)).status is Status.FAILED
    assert python_version((3, 11, 0)).status is Status.OK


def test_error_of_ours_becomes_a_finding_and_others_do_not() -> None:
    def damaged() -> str:
        raise ArtifactError("policy.tflite: SHA-256 differs")

    def bug() -> str:
        raise ZeroDivisionError

    finding = tried("policy", damaged, "fetch it again")
    assert finding == Finding(
        name="policy", status=Status.FAILED, detail="policy.tflite: SHA-256 differs", advice="fetch it again"
    )
    with pytest.raises(ZeroDivisionError):
        tried("policy", bug, "")


def test_output_has_every_finding() -> None:
    findings = [
        Finding(name="python", status=Status.OK, detail="3.11.7"),
        Finding(name="broker", status=Status.ABSENT, detail="none given", advice="name one"),
    ]
    assert json.loads(as_json(findings))[1] == {
        "name": "broker",
        "status": "absent",
        "detail": "none given",
        "advice": "name one",
    }
    lines = as_table(findings).splitlines()
    assert lines[0].split() == ["ok", "python", "3.11.7"]
    assert lines[2].strip() == "→ name one"


def test_a_task_that_is_not_the_stores_is_named(tmp_path: Path) -> None:
    path = tmp_path / "circadia.db"
    config = parse_config({"store": {"path": str(path)}})
    task = load_task("digits")
    assert [one.status for one in diagnose(config) if one.name == "task"] == [Status.OK]
    with SqliteStore(path) as store:
        store.claim(dataclasses.replace(task.identity, labels=task.labels[::-1]), task.parameters)
    [found] = [one for one in diagnose(config) if one.name == "task"]
    assert found.status is Status.FAILED
    assert "belongs to another task: labels 0, 1, 2, 3, 4, 5, … (10) instead of 9, 8, 7" in found.detail
