"""A training in a file: whole, or what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import FIRST_ACTIONS
from circadia.errors import ArtifactError, ConfigError
from circadia_lab.policy.cmoppo.checkpoint import identity, read_checkpoint, write_checkpoint
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.env.fixed import NAMES

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = Config(steps=1000, ticks=4)
OURS = identity("chain", 3, CONFIG, (len(FIRST_ACTIONS), 0))
STATE: dict[str, Any] = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": (np.int32(7), np.array([True, False])),
}
NOTES = {"rounds": 2, "history": [{"steps": 1}]}


def written(folder: Path, belongs_to: dict[str, Any] = OURS) -> Path:
    path = folder / "deep" / "run.npz"
    write_checkpoint(path, STATE, belongs_to=belongs_to, notes=NOTES)
    return path


def read(path: Path, like: Any = STATE, config: Config = CONFIG) -> tuple[Any, Any]:
    ours = identity("chain", 3, config, (len(FIRST_ACTIONS), 0))
    return read_checkpoint(path, like, belongs_to=ours, config=config)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    state, notes = read(written(tmp_path))
    assert notes == NOTES
    assert np.array_equal(state["a"], STATE["a"])
    assert state["a"].dtype == np.float32
    assert int(state["b"][0]) == 7
    assert state["b"][1].tolist() == [True, False]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ArtifactError, match=r"run\.npz is truncated or damaged"):
        read(path)


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(STATE["a"].tobytes())] ^= 1
    path.write_bytes(bytes(damaged))
    with pytest.raises(ArtifactError, match="damaged"):
        read(path)


@pytest.mark.parametrize("about", ["[]", "{}", '{"identity": {}, "notes": {}}', "{"])
def test_a_foreign_archive_is_refused(tmp_path: Path, about: str) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, about=np.array(about), leaf0=np.zeros(3))
    with pytest.raises(ArtifactError, match=r"other\.npz"):
        read(path)


def test_files_that_are_no_archive_are_refused(tmp_path: Path) -> None:
    text, array, bare = tmp_path / "a.npz", tmp_path / "b.npy", tmp_path / "c.npz"
    text.write_text("not at all")
    np.save(array, np.zeros(3))
    np.savez(bare, leaf0=np.zeros(3))
    for path in (text, array, bare):
        with pytest.raises(ArtifactError, match=path.name):
            read(path)
    with pytest.raises(ArtifactError, match="does not exist; train without --resume"):
        read(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 0}, "of version 0"),
        ({"problem": "phone"}, "of problem 'phone', not 'chain'"),
        ({"seed": 4}, "of seed 4, not 3"),
        ({"actions": [*NAMES[:-1], "serve/remote"]}, "for other actions: .*serve/remote"),
        ({"actions": list(reversed(NAMES))}, "for other actions: their order"),
        ({"features": OURS["features"][1:]}, f"for other features: {OURS['features'][0]}"),
        ({"config": replace(CONFIG, ticks=8).as_dict()}, "ticks: 8, here 4"),
        ({"config": {**CONFIG.as_dict(), "magic": 1}}, "magic: 1, here nothing"),
    ],
)
def test_the_difference_to_another_training_is_named(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    path = written(tmp_path, {**OURS, **change})
    with pytest.raises(ArtifactError, match=told):
        read(path)


def test_every_number_that_differs_is_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(ArtifactError, match=r"steps: 1000, here 2000; discount: .*, here 0.5"):
        read(path, config=replace(CONFIG, steps=2000, discount=0.5))


@pytest.mark.parametrize(
    "like",
    [
        {**STATE, "a": np.zeros((3, 3), np.float32)},
        {**STATE, "a": np.zeros((2, 3), np.float64)},
        {"a": STATE["a"]},
    ],
)
def test_arrays_of_another_batch_are_refused(tmp_path: Path, like: Any) -> None:
    with pytest.raises(ArtifactError, match="not those of a batch of this size"):
        read(written(tmp_path), like)


def test_a_crash_while_writing_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    before = path.read_bytes()

    def crash(file: Any, **arrays: Any) -> None:
        file.write(b"PK half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", crash)
    with pytest.raises(ConfigError, match="No space"):
        write_checkpoint(path, STATE, belongs_to=OURS, notes={})
    assert path.read_bytes() == before
    assert read(path)[1] == NOTES


def test_an_identity_is_plain_json() -> None:
    assert json.loads(json.dumps(OURS)) == OURS
    assert OURS["actions"] == list(NAMES)
