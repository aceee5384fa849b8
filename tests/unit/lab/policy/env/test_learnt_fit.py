"""What weights know in a life of a policy, and the fit to such lives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.physics import learnt
from circadia_lab.policy.env.accuracy import LIVES_SHIPPED, lived_accuracy, load_accuracy
from circadia_lab.policy.env.learnt_fit import (
    GRID,
    Law,
    Shape,
    foretold,
    known_in,
    main,
    make,
    over_day,
)
from circadia_lab.policy.env.learnt_lives import LearningLife, path_of, play, read, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

LAW = Law(own_rows=300.0, version_gain=2.0, kept=0.1)
SHAPE = Shape(0.95, np.array([0.6, 0.25]), np.array([200.0, 800.0]))
LOOKS_S = np.arange(0.0, 86_401.0, 3600.0)


def life(
    acts: Sequence[tuple[float, ...]], versions: Sequence[tuple[float, ...]], **fields: Any
) -> LearningLife:
    made: dict[str, Any] = {
        "policy": "due",
        "seed": 0,
        "acts": np.array(acts, float).reshape(-1, 5),
        "versions": np.array(versions, float).reshape(-1, 2),
        "looks_s": LOOKS_S,
        "accuracy": np.zeros((len(LOOKS_S), 4)),
        "drift_s": 36_000.0,
    }
    return LearningLife(**made | fields)


def at(found: NDArray[np.float64], hour: int, device: int) -> list[float]:
    return [float(x) for x in found[:, hour, device]]


def test_own_rows_are_worth_less_and_less_until_they_are_pushed() -> None:
    acts = [(0.0, 0, 300, 0, 1), (7000.0, 0, 300, 1, 1), (10_000.0, 0, 300, 0, 1)]
    found = known_in(life(acts, []), LAW)
    once, twice = 300 * (1 - np.exp(-1)), 300 * (1 - np.exp(-2))
    assert at(found, 0, 0) == [0, 0]
    assert at(found, 1, 0) == pytest.approx([once] * 2)
    assert at(found, 2, 0) == pytest.approx([twice] * 2)
    assert at(found, 3, 0) == pytest.approx([twice + once] * 2)
    assert at(found, 3, 1) == [0, 0]


def test_a_version_carries_what_updates_are_worth_to_who_pulls_it() -> None:
    acts: list[tuple[float, ...]] = [(100.0 + device, device, 300, 1, 1) for device in range(4)]
    acts += [(4000.0, 1, 0, 0, 2), (5000.0, 2, 300, 0, 2)]
    found = known_in(life(acts, [(103.0, 2)]), LAW)
    worth = 300 * (1 - np.exp(-1))
    assert at(found, 1, 1) == pytest.approx([worth] * 2)
    assert at(found, 2, 1) == pytest.approx([2 * worth] * 2)
    assert at(found, 2, 2) == pytest.approx([3 * worth] * 2)
    assert at(found, 2, 0) == pytest.approx([worth] * 2)


def test_a_jump_leaves_what_is_known_but_not_of_the_present() -> None:
    acts: list[tuple[float, ...]] = [(100.0 + device, device, 300, 1, 1) for device in range(4)]
    acts += [(40_000.0, 1, 0, 0, 2)]
    found = known_in(life(acts, [(103.0, 2)]), LAW)
    worth = 300 * (1 - np.exp(-1))
    assert at(found, 9, 0) == pytest.approx([worth] * 2)
    assert at(found, 10, 0) == pytest.approx([worth, 0.1 * worth])
    assert at(found, 12, 1) == pytest.approx([2 * worth, 0.2 * worth])


def lives(seeds: int) -> list[LearningLife]:
    """By the law itself."""
    made = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        for policy, rows in (("often", 512), ("seldom", 128)):
            times = np.sort(random.uniform(0, 86_400, 60 if policy == "often" else 25))
            acts: list[tuple[float, ...]] = []
            versions: list[tuple[float, float]] = []
            waiting = 0
            for t_s in times.tolist():
                pushed = random.random() < 0.7
                acts.append((t_s, float(random.integers(4)), rows, float(pushed), float(1 + len(versions))))
                waiting += pushed
                if waiting == 4:
                    versions.append((t_s, 2.0 + len(versions)))
                    waiting = 0
            one = life(acts, versions, policy=policy, seed=seed)
            known = known_in(one, LAW)
            made.append(one._replace(accuracy=SHAPE.accuracy(known)))
    return made


@pytest.mark.slow
def test_a_fit_finds_the_law_that_lives_went_by(tmp_path: Path) -> None:
    assert LAW._asdict() == {name: value for name, value in LAW._asdict().items() if value in GRID[name]}
    found, held_out = make(lives(3), tmp_path / "a.json")
    assert found.law == LAW
    assert found.shape.best == pytest.approx(0.95, abs=0.01)
    assert found.shape.losses == pytest.approx(SHAPE.losses, abs=0.02)
    assert held_out["day_rmse"] < 1e-3
    assert held_out["lives"] == 2
    model = load_accuracy(tmp_path / "a.json")
    assert [effect.field for effect in model.effects] == ["known", "present"]
    last = lives(1)[0]
    assert foretold(found, last) == pytest.approx(over_day(last.accuracy), abs=1e-3)
    with pytest.raises(ConfigError, match="needs two of both"):
        make(lives(1), tmp_path / "b.json")


def test_the_physics_has_the_law_of_the_fit() -> None:
    data = json.loads(LIVES_SHIPPED.read_text(encoding="utf-8"))
    assert data["law"] == {
        "own_rows": learnt.OWN_ROWS, "version_gain": learnt.VERSION_GAIN, "kept": learnt.KEPT,
    }  # fmt: skip
    assert data["held_out"]["day_r2"] > 0.5
    assert lived_accuracy().total_loss > 0.7


def test_a_life_is_kept_as_it_was(tmp_path: Path) -> None:
    made = life([(1.0, 0, 512, 1, 1)], [(1.0, 2)], seed=7)
    write(made, tmp_path)
    again = read(path_of(tmp_path, "due", 7))
    for one, other in zip(made, again, strict=True):
        assert np.array_equal(np.asarray(one), np.asarray(other))
    path = tmp_path / "due-8.npz"
    path.write_bytes(b"no life")
    with pytest.raises(ConfigError, match=r"due-8\.npz: no life of a policy"):
        read(path)


def test_mistakes_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="life of 'none': there are due"):
        play("none", 0)
    assert main([str(tmp_path), "--policies", "none", "--seeds", "1:2"]) == 2
    assert "learnt_fit: error: life of 'none'" in capsys.readouterr().err
