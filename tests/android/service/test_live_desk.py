"""The desk of the true agent, without its screens: what is given away, deleted, and asked for."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.store.reading import StoreReader
from circadia_app import consent
from circadia_app.alone import alone
from circadia_app.folder import AppFolder
from circadia_app.link.client import LinkClient
from circadia_app.moment import device_of
from circadia_app.texts import texts_of
from circadia_app.ui.keeper import ChildKeeper
from circadia_app.ui.live_desk import LiveDesk
from circadia_app.viewmodels.tokens import Do
from circadia_field.packing import broken_seals, opened
from circadia_field.plan import Plan, freeze

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from circadia_app.ui.desk import Offer

WAIT_S = 30.0
TEXTS = texts_of("en")
CONFIG = '[agent]\npolicy = "threshold"\nperiod_s = 60\n[platform]\nscale = 600\ninitial_soc = 1.0\n'


def until(condition: Callable[[], Any], what: str) -> Any:
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        if found := condition():
            return found
        time.sleep(0.01)
    pytest.fail(f"waited {WAIT_S:g} s in vain for {what}")


class Nobody:
    """Keeps no service."""

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path) -> AppFolder:
    made = AppFolder(path=tmp_path)
    made.config.write_text(CONFIG)
    consent.save(made.consent, consent.Consent().agreed(time.time(), "1", learn=True))
    return made


@contextmanager
def desk_of(folder: AppFolder, **given: Any) -> Iterator[LiveDesk]:
    desk = LiveDesk(folder, device_of(folder), TEXTS, given.pop("keeper", Nobody()), **given)
    desk.start()
    try:
        yield desk
    finally:
        desk.close()


def came(desk: LiveDesk) -> Offer:
    offer: Offer = until(desk.told, "what came of it")
    return offer


def pieces(blob: bytes) -> list[bytes]:
    return [piece for i in range(0, len(blob), 64) if len(set(piece := blob[i : i + 64])) > 16]


def test_nobody_deletes_beside_a_service(folder: AppFolder) -> None:
    """One that runs, and whose link is not there yet."""
    folder.traffic.write_text("{}")
    with desk_of(folder) as desk:
        with alone(folder):
            offer = desk.do(Do.DELETE_NOW).offer
            assert offer is not None
            assert "nothing is deleted yet" in offer.text
            assert folder.consent.exists()
            assert folder.traffic.exists()
        assert desk.do(Do.DELETE_NOW).offer is None
        assert not folder.consent.exists()
        assert not folder.traffic.exists()


def test_a_deletion_that_was_interrupted_goes_on_where_no_service_runs(folder: AppFolder) -> None:
    folder.deletion.mkdir()
    (folder.deletion / "d.json").write_text(
        '{"format": 1, "request": {"request_id": "d", "asked_s": 1.0, "device": ""}, "signature": "", "erased": false}'
    )
    folder.traffic.write_text("{}")
    with alone(folder), desk_of(folder):
        assert folder.traffic.exists()
    with desk_of(folder):
        assert not folder.traffic.exists()


def test_without_an_agent_train_now_says_so(folder: AppFolder) -> None:
    with desk_of(folder) as desk:
        offer = desk.do(Do.TRAIN_NOW).offer
    assert offer is not None
    assert (offer.heading, offer.text) == (TEXTS("asked.refused"), TEXTS("asked.away"))


def test_what_cannot_be_exported_is_said(folder: AppFolder) -> None:
    with desk_of(folder) as desk:
        shown = desk.do(Do.EXPORT).offer
        assert shown is not None
        assert [button.do for button in shown.buttons] == [Do.EXPORT_NOW]
        assert desk.do(Do.EXPORT_NOW).offer is None
        offer = came(desk)
    assert offer.heading == TEXTS("asked.refused")
    assert "is no bundle of a field test" in offer.text


@pytest.mark.slow
def test_what_is_shared_holds_no_example_and_no_weights(folder: AppFolder) -> None:
    """Examples that an app gave, weights that were learned; of the log, and of a field test."""
    client = LinkClient(folder.link, retry_s=(0.01, 0.05))
    client.start()
    inputs = np.random.default_rng(0).random((40, 8, 8, 1)).astype(np.float32)
    given: list[Path] = []

    def ask(do: str, **fields: Any) -> Any:
        return client.ask(do, **fields).result(WAIT_S)

    def trainings(store: Path) -> int:
        with StoreReader(store) as reader:
            return len(reader.trainings())

    with desk_of(folder, keeper=ChildKeeper(folder), share=given.append) as desk:
        until(lambda: client.connected and ask("status")["observation"], "a decision")
        until(lambda: desk.do(Do.TRAIN_NOW).offer is None, "the desk's own link")
        assert came(desk).heading == TEXTS("asked.nothing")
        for i, x in enumerate(inputs):
            ask("add_example", x=x.tolist(), label=i % 10)
        until(lambda: trainings(folder.store), "a training")
        desk.slide("battery_floor", 99.9)
        ask("add_example", x=inputs[0].tolist(), label=0)

        def held_back() -> bool:
            desk.do(Do.TRAIN_NOW)
            return came(desk).heading == TEXTS("asked.held")

        until(held_back, "the limit")

        until(lambda: "Trained" in (desk.do(Do.SHARE).offer or _none()).text, "its record on the screens")
        shown = desk.do(Do.SHARE).offer
        assert shown is not None
        assert [button.do for button in shown.buttons] == [Do.SHARE_NOW]
        desk.do(Do.SHARE_NOW)
        until(lambda: given, "the log")

        arms = {"thrifty": "threshold", "rare": "charging-only"}
        freeze(Plan(arms=arms, effect=0.3, agent_share=0.5, noise=0.03, pairs=6), folder.plan)
        np.savez(folder.examples, x=np.zeros((40, 8, 8, 1), np.float32), y=np.arange(40) % 10)
        desk.slide("battery_floor", 15)
        desk.do(Do.JOIN_TEST)
        store = folder.field_test / "periods"
        until(lambda: list(store.glob("*/device.db")), "the first period")
        until(lambda: ask("status")["observation"], "its first decision")
        for i, x in enumerate(inputs):
            ask("add_example", x=x.tolist(), label=i % 10)
        (store,) = store.glob("*/device.db")
        until(lambda: trainings(store), "a training in the test")
        desk.do(Do.EXPORT_NOW)
        until(lambda: len(given) == 2, "the bundle")
        models = []
        for one in (folder.store, store):
            with StoreReader(one) as reader:
                models.append(reader.model())
        assert desk.told() is None, "the other app has it"
    client.close()
    secrets = [piece for x in inputs for piece in pieces(x.tobytes())]
    assert any(secret in folder.store.read_bytes() for secret in secrets)
    secrets += [piece for m in models if m is not None for piece in pieces(m.weights.astype("<f4").tobytes())]
    text, packed = given
    check_given(text, packed, secrets)


def check_given(text: Path, packed: Path, secrets: list[bytes]) -> None:
    assert text.read_text().startswith("Circadia, log. Figures and times, no examples.")
    assert not any(secret in text.read_bytes() for secret in secrets)
    with opened(packed) as bundle:
        assert broken_seals(bundle) == []
        files = [place.read_bytes() for place in bundle.rglob("*") if place.is_file()]
        assert not any(secret in content for secret in secrets for content in files)


def _none() -> Offer:
    pytest.fail("nothing is offered")
