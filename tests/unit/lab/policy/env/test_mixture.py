"""Several worlds in one batch: each lives as it does alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia_lab.policy.env.chance import DRAWS
from circadia_lab.policy.env.environment import STARTS, Fleet, TrainingEnvironment, kinds_of
from circadia_lab.policy.env.gym import MultiObjectiveEnv
from circadia_lab.policy.env.mixture import Mixture, find_worlds, load_mixture, shipped_mixtures, worlds_of
from circadia_lab.policy.env.problem import CostLimits, Problem, find_problem
from circadia_lab.policy.study.ground import FullGround

if TYPE_CHECKING:
    from pathlib import Path

MIXTURE = find_worlds("mixture")
COPIES, TICKS = 3, 60


def test_every_world_of_a_mixture_lives_as_it_does_alone() -> None:
    """Under the same chance and actions, to the last bit: laws, records, ages and limits are each world's own."""
    fleet = Fleet(MIXTURE, COPIES)
    alone = [Fleet(world, COPIES) for world in worlds_of(MIXTURE)]
    ends = np.cumsum([one.shape[0] for one in alone])
    parts = [slice(end - one.shape[0], end) for end, one in zip(ends, alone, strict=True)]
    random = np.random.default_rng(0)
    u = random.random((*fleet.shape, STARTS))
    state, own = fleet.start(u), [one.start(u[part]) for one, part in zip(alone, parts, strict=True)]
    preference = np.full((*fleet.shape, 3), 1 / 3)
    for _ in range(TICKS):
        mask = fleet.mask(fleet.look(state, preference))
        action = (mask * random.random(mask.shape)).argmax(-1)
        u = random.random((*fleet.shape, DRAWS))
        step = fleet.advance(state, action, u)
        state = fleet.wrapped(step.state)
        for i, (one, part) in enumerate(zip(alone, parts, strict=True)):
            seen = one.mask(one.look(own[i], preference[part]))
            np.testing.assert_array_equal(seen, mask[part])
            found = one.advance(own[i], action[part], u[part])
            own[i] = one.wrapped(found.state)
            for name in ("reward", "cost", "weight"):
                whole = getattr(step.outcome, name)[part]
                np.testing.assert_allclose(
                    getattr(found.outcome, name), whole, rtol=1e-12, err_msg=f"{i} {name}"
                )
            for name, value in own[i]._asdict().items():
                np.testing.assert_allclose(
                    value, getattr(state, name)[part], rtol=1e-12, err_msg=f"{i} {name}"
                )


def test_chosen_wakes_are_no_world_of_a_mixture_and_nothing_for_fixed_ticks() -> None:
    wakes = find_problem("wake-lte")
    with pytest.raises(ConfigError, match="mixture two: the wakes of wake-lte choose their sleep"):
        Mixture(name="two", worlds=(find_problem("default"), wakes))
    makes = (
        partial(Fleet, wakes, 1),
        partial(TrainingEnvironment, wakes, 1),
        partial(MultiObjectiveEnv, wakes),
    )
    for make in makes:
        with pytest.raises(ConfigError, match="problem wake-lte: its wakes choose their sleep"):
            make()


def test_each_device_of_each_world_is_a_kind_of_its_own_and_twins_are_one() -> None:
    environment = TrainingEnvironment(MIXTURE, 20)
    assert np.bincount(environment.kinds).tolist() == [4] * 5
    assert kinds_of(["a", "b", "a", "c"]).tolist() == [0, 1, 0, 2]
    assert FullGround(MIXTURE).batch(1024, 4) == 1040
    with pytest.raises(ConfigError, match="a batch of 21 cannot be dealt"):
        TrainingEnvironment(MIXTURE, 21)


def test_what_is_trained_in_is_found_by_name_or_file(tmp_path: Path) -> None:
    assert "mixture" in shipped_mixtures()
    path = tmp_path / "two.toml"
    path.write_text('worlds = ["phone", "board"]\n')
    found = find_worlds(str(path))
    assert [world.name for world in worlds_of(found)] == ["phone", "board"]
    assert isinstance(find_worlds("phone"), Problem)
    with pytest.raises(ConfigError, match="unknown problem 'fone'; there are mixture, board"):
        find_worlds("fone")
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        find_worlds(str(tmp_path / "gone.toml"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("worlds = 3", "worlds must be a list"),
        ('worlds = ["fone"]', "unknown problem 'fone'"),
        ('worlds = ["phone"]\nworld = 1', "unknown key 'world'"),
        ("worlds = []", "worlds are none"),
        ('worlds = ["phone", "phone"]', "each once"),
        ('worlds = ["recorded", "october"]', "more than one of its worlds is recorded"),
        ("worlds = [", "mixture"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        load_mixture(path)


def test_worlds_of_one_mixture_share_their_limits() -> None:
    phone, board = find_problem("phone"), find_problem("board")
    with pytest.raises(ConfigError, match="one policy is trained for one set of limits"):
        Mixture(name="odd", worlds=(phone, replace(board, costs=CostLimits(expired=0.5))))
