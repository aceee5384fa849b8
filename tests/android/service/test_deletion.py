"""What the device has of the person goes from the disk, whatever interrupts it, but for a signed request."""

from __future__ import annotations

import base64
import json
import stat
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.learning.task_file import load_task
from circadia.store.sqlite import SqliteStore
from circadia_app import consent, deletion, settings
from circadia_app.folder import AppFolder
from circadia_app.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

KEPT = {"device.toml", "model.tflite", "deletion"}


@pytest.fixture
def folder(tmp_path: Path) -> AppFolder:
    """As a run of the app that was killed leaves it, and what its developer put there."""
    made = AppFolder(path=tmp_path)
    made.config.write_text("")
    (tmp_path / "model.tflite").write_bytes(b"of the developer")
    consent.save(made.consent, consent.Consent().agreed(1.0, "1", learn=True, send=True))
    settings.change(made.settings, lambda before: before)
    journal = Journal(made.log, lambda: 1.0)
    for _ in range(3):
        journal.write("log", text="x" * 200_000)
    task = load_task("digits")
    with SqliteStore(made.store) as store:
        store.claim(task.identity, task.parameters)
        store.keep_device("device-7")
        store.add_examples([(np.ones((8, 8, 1)), 3, 1.0)])
    for name in (
        "device.db-wal",
        "device.db-shm",
        "device.db.schema4",
        "device.db.schema4.new",
        ".settings.json.a8",
    ):
        (tmp_path / name).write_bytes(b"x")
    made.field_test.mkdir()
    (made.field_test / "log.jsonl").write_text("{}")
    return made


def names(folder: AppFolder) -> set[str]:
    return {place.name for place in folder.path.iterdir()}


def test_all_goes_but_a_signed_request_and_its_key(folder: AppFolder) -> None:
    deleted = deletion.delete(folder, "home", 5.0)
    assert names(folder) == KEPT
    assert (deleted.erased, deleted.device, deleted.asked_s) == (True, "device-7", 5.0)
    assert deletion.waiting(folder) == [deleted]
    sent = deletion.document(folder, deleted.request_id)
    assert sent["request"]["task"] == load_task("digits").identity.digest
    assert sent["request"]["federation"] == "home"
    assert deletion.is_genuine(json.loads(json.dumps(sent)))
    key = folder.deletion / f"{deleted.request_id}.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def changed(sent: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    return {**sent, "request": {**sent["request"], key: value}}


def test_a_request_that_was_changed_is_not_genuine(folder: AppFolder) -> None:
    sent = deletion.document(folder, deletion.delete(folder, "home", 5.0).request_id)
    flipped = bytearray(base64.b64decode(sent["signature"]))
    flipped[0] ^= 1
    others = [
        changed(sent, "device", "device-8"),
        changed(sent, "asked_s", 6.0),
        changed(sent, "public_key", base64.b64encode(bytes(32)).decode()),
        changed(sent, "public_key", "no key"),
        {**sent, "signature": base64.b64encode(bytes(flipped)).decode()},
        {"request": sent["request"]},
        {},
    ]
    assert not any(deletion.is_genuine(other) for other in others)


def test_once_confirmed_or_given_up_nothing_is_left_of_it(folder: AppFolder) -> None:
    deleted = deletion.delete(folder, "home", 5.0)
    with pytest.raises(ConfigError, match="no such request"):
        deletion.confirm(folder, "another", 6.0)
    deletion.confirm(folder, deleted.request_id, 6.0)
    assert deletion.waiting(folder) == []
    assert deletion.confirmation(folder) == deletion.Confirmation(
        request_id=deleted.request_id, confirmed_s=6.0
    )
    assert [place.name for place in folder.deletion.iterdir()] == ["confirmed.json"]
    with pytest.raises(ConfigError, match="no such request"):
        deletion.confirm(folder, deleted.request_id, 7.0)


def test_who_does_not_wait_any_more_has_nothing_left(folder: AppFolder) -> None:
    assert deletion.confirmation(folder) is None
    deleted = deletion.delete(folder, "home", 5.0)
    deletion.give_up(folder, deleted.request_id)
    assert names(folder) == KEPT - {"deletion"}


@pytest.mark.parametrize("federation", ["", "home"])
def test_what_was_interrupted_goes_on_and_once_only(folder: AppFolder, federation: str) -> None:
    deletion._begin(folder, federation, 5.0)  # and then it was killed
    assert folder.store.exists()
    assert deletion.finish(folder)
    assert not folder.personal()
    assert [one.erased for one in deletion.waiting(folder)] == ([True] if federation else [])
    consent.save(folder.consent, consent.Consent().agreed(9.0, "1", learn=True))
    assert not deletion.finish(folder)
    assert folder.consent.exists(), "what is learned after it is of a new agreement"


def test_a_device_that_nobody_knows_asks_nobody(folder: AppFolder) -> None:
    assert deletion.delete(folder, "", 5.0).device == ""
    assert names(folder) == KEPT - {"deletion"}


def test_a_store_that_cannot_be_read_is_deleted_all_the_same(folder: AppFolder) -> None:
    folder.store.write_bytes(b"nonsense" * 100)
    assert deletion.delete(folder, "home", 5.0).device == ""
    assert names(folder) == KEPT - {"deletion"}


def test_a_second_deletion_waits_beside_the_first(folder: AppFolder) -> None:
    first = deletion.delete(folder, "home", 5.0)
    with SqliteStore(folder.store) as store:
        store.keep_device("device-9")
    second = deletion.delete(folder, "home", 6.0)
    assert [one.device for one in deletion.waiting(folder)] == ["device-7", "device-9"]
    deletion.confirm(folder, first.request_id, 7.0)
    assert [one.request_id for one in deletion.waiting(folder)] == [second.request_id]
    assert deletion.is_genuine(deletion.document(folder, second.request_id))


@pytest.mark.parametrize(
    "text", ["", '{"format": 1}', '{"format": 1, "request": {"request_id": 1}, "erased": 0}']
)
def test_a_damaged_request_names_itself(text: str, tmp_path: Path) -> None:
    folder = AppFolder(path=tmp_path)
    folder.deletion.mkdir()
    (folder.deletion / "a.json").write_text(text)
    with pytest.raises(ConfigError, match=r"deletion/a\.json"):
        deletion.waiting(folder)
