"""A bundle keeps what happened, and names what was changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from circadia.errors import ConfigError, DeadlineExpired, StoreError
from circadia_field.bundle import ENDED, LOG, PINS, PLAN, STARTED, Bundle, begin, sha256, writing
from circadia_field.plan import freeze

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_field.plan import Plan


def ended(bundle: Bundle, place: int, attempt: int, *, void: bool = False) -> None:
    bundle.note(event=STARTED, period=place, attempt=attempt)
    bundle.note(event=ENDED, period=place, attempt=attempt, void=void)


def test_it_begins_whole(bundle: Bundle, plan: Callable[..., Plan]) -> None:
    assert bundle.plan == plan()
    assert bundle.log() == []
    assert bundle.next_up() == (0, 1)
    assert {path.as_posix() for path in bundle.raw()} == {
        "plan.json", "device.toml", "pins.json", "pinned/profile.toml",
    }  # fmt: skip
    assert bundle.period(0, 2).name == f"001-{plan().schedule()[0].arm}-2"


def test_or_not_at_all(bundle: Bundle, tmp_path: Path) -> None:
    draft = tmp_path / "draft.json"
    with pytest.raises(ConfigError, match="exists already"):
        begin(bundle.folder, draft, "", {}, {})
    with pytest.raises(ConfigError, match="folder that it should be in does not exist"):
        begin(tmp_path / "no" / "test", draft, "", {}, {})
    before = set(tmp_path.iterdir())
    with pytest.raises(StoreError, match=r"missing\.npz"):
        begin(tmp_path / "new", draft, "", {"examples.npz": tmp_path / "missing.npz"}, {})
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["device.toml", "pinned/profile.toml"])
def test_what_was_pinned_and_changed_or_lost_is_named(bundle: Bundle, name: str) -> None:
    path = bundle.folder / name
    path.write_text(path.read_text() + " ")
    with pytest.raises(ConfigError, match=rf"{name}: was changed after the test began"):
        Bundle(bundle.folder)
    path.unlink()
    with pytest.raises(ConfigError, match=rf"{name}: is missing"):
        Bundle(bundle.folder)


def test_a_changed_plan_is_named_even_if_it_was_frozen_anew(
    bundle: Bundle, plan: Callable[..., Plan]
) -> None:
    path = bundle.folder / PLAN
    whole = path.read_text()
    path.write_text(whole.replace('"latency_margin": 0.1', '"latency_margin": 0.9'))
    with pytest.raises(ConfigError, match=r"plan\.json: was changed after it was frozen"):
        Bundle(bundle.folder)
    path.unlink()
    freeze(plan(latency_margin=0.9), path)
    with pytest.raises(ConfigError, match=r"plan\.json: was changed after the test began"):
        Bundle(bundle.folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"files": []}', '{"files": {}, "versions": {}, "task": "t"}']
)
def test_pins_that_are_none_are_named(bundle: Bundle, text: str) -> None:
    (bundle.folder / PINS).write_text(text)
    with pytest.raises(ConfigError, match=r"pins\.json"):
        Bundle(bundle.folder)


def test_a_folder_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no bundle"):
        Bundle(tmp_path)


def test_the_next_period_follows_the_log(bundle: Bundle) -> None:
    ended(bundle, 0, 1)
    assert bundle.next_up() == (1, 1)
    ended(bundle, 1, 1, void=True)
    assert bundle.next_up() == (1, 2)
    bundle.note(event=STARTED, period=1, attempt=2)
    assert bundle.next_up() == (1, 2)
    ended(bundle, 1, 2)
    assert bundle.next_up() == (2, 1)


@pytest.mark.parametrize(
    "torn", [b'{"event": "en', b"\0" * 300, b'{"event": "ended", "period": 5, "attempt": 1}']
)
def test_a_line_that_a_power_cut_left_half_written_never_was(bundle: Bundle, torn: bytes) -> None:
    ended(bundle, 0, 1)
    path = bundle.folder / LOG
    path.write_bytes(path.read_bytes() + torn)
    assert len(bundle.log()) == 2
    bundle.note(event=STARTED, period=1, attempt=1)
    assert [entry["event"] for entry in bundle.log()] == [STARTED, ENDED, STARTED]
    assert path.read_bytes().count(b"\n") == 3
    assert path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1 is not JSON"),
        ("[]", "line 1 lacks attempt, event, period"),
        ('{"event": "ended"}', "line 1 lacks attempt, period"),
    ],
)
def test_a_log_that_is_none_is_named(bundle: Bundle, line: str, message: str) -> None:
    (bundle.folder / LOG).write_text(
        line + "\n" + json.dumps({"event": ENDED, "period": 0, "attempt": 1}) + "\n"
    )
    with pytest.raises(ConfigError, match=rf"log\.jsonl: {message}"):
        bundle.next_up()


def test_no_two_processes_run_one_test(bundle: Bundle) -> None:
    with bundle.held():
        other = Bundle(bundle.folder)
        with pytest.raises(ConfigError, match="another process runs this test"), other.held():
            pass
    with other.held():
        pass


def test_a_disk_that_refuses_is_named_and_nothing_else(bundle: Bundle) -> None:
    def write(error: Exception) -> Any:
        with writing(bundle.folder):
            raise error

    with pytest.raises(StoreError, match=r"test: .*No space left on device; free some disk space"):
        write(OSError(28, "No space left on device"))
    with pytest.raises(DeadlineExpired):  # an error of ours, although Python counts it among the system's
        write(DeadlineExpired("too late"))


def test_a_hash_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256(tmp_path / "x").startswith("ba7816bf8f01cfea")
