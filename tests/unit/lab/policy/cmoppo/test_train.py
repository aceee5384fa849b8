"""Training: the same bit for bit, interrupted or not; stopped where numbers are lost; at the optimum in the end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia.errors import ArtifactError, ConfigError
from circadia.observation import WIDTH
from circadia_lab.policy.cmoppo.errors import TrainingDiverged
from circadia_lab.policy.cmoppo.train import several, train
from circadia_lab.policy.cmoppo.trained import scorer
from circadia_lab.policy.env.fixed import NAMES
from circadia_lab.policy.env.interface import Outcome
from circadia_lab.policy.env.preferences import ANCHORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.cmoppo.history import Progress
    from circadia_lab.policy.cmoppo.trained import Trained

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]
BATCH = 24


class KilledError(Exception):
    """What stops a training from outside."""


class Finished(NamedTuple):
    found: Trained
    checkpoint: Path
    told: list[Progress]


def killed_at(updates: int) -> Callable[[Progress], None]:
    def told(progress: Progress) -> None:
        if progress.updates == updates:
            raise KilledError

    return told


def arrays(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files if name != "about"}


def assert_same(a: Trained, b: Trained) -> None:
    for one, other in zip(jax.tree.leaves(a.parameters), jax.tree.leaves(b.parameters), strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(a.multipliers, b.multipliers)
    assert a.history == b.history
    assert (a.judged, a.steps) == (b.judged, b.steps)


@pytest.fixture(scope="module")
def whole(
    chain: Any,
    tiny: Config,
    tmp_path_factory: pytest.TempPathFactory,
    lightly: Callable[[], AbstractContextManager[None]],
) -> Finished:
    """A training that nothing interrupted."""
    checkpoint = tmp_path_factory.mktemp("whole") / "run.npz"
    told: list[Progress] = []
    with lightly():
        found = train(chain(BATCH), tiny, 0, checkpoint=checkpoint, on_progress=told.append)
    return Finished(found, checkpoint, told)


def test_it_tells_how_far_it_is(whole: Finished) -> None:
    assert [p.updates for p in whole.told] == list(range(1, 7))
    assert [p.steps for p in whole.told] == [96 * i for i in range(1, 7)]
    assert {p.of for p in whole.told} == {whole.found.steps} == {576}
    assert [p.judged for p in whole.found.history].count(True) == 2


def test_everything_that_comes_of_it_is_a_number(whole: Finished) -> None:
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(whole.found.parameters))
    assert np.isfinite(whole.found.multipliers).all()
    assert whole.found.multipliers.shape == (1, len(ANCHORS), 3)
    assert (whole.found.multipliers >= 0).all()
    scores = scorer(whole.found)(np.zeros((1, WIDTH), np.int8), np.ones((1, len(NAMES)), bool))
    assert np.exp(scores).sum() == pytest.approx(1, abs=1e-5)


def assert_resumes(whole: Finished, chain: Any, config: Config, checkpoint: Path, updates: int) -> None:
    with pytest.raises(KilledError):
        train(chain(BATCH), config, 0, checkpoint=checkpoint, on_progress=killed_at(updates))
    seen: list[Progress] = []
    found = train(chain(BATCH), config, 0, checkpoint=checkpoint, resume=True, on_progress=seen.append)
    assert [p.updates for p in seen] == list(range(updates, whole.told[-1].updates + 1))
    assert_same(found, whole.found)
    ours, theirs = arrays(checkpoint), arrays(whole.checkpoint)
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert {name: x.dtype for name, x in ours.items()} == {name: x.dtype for name, x in theirs.items()}


@pytest.mark.parametrize("updates", [2, 5])
def test_killed_and_resumed_it_is_the_same_bit_for_bit(
    whole: Finished, chain: Any, tiny: Config, tmp_path: Path, updates: int
) -> None:
    """Before and after the first judgement."""
    assert_resumes(whole, chain, tiny, tmp_path / "run.npz", updates)


def test_so_it_is_in_the_second_stage(chain: Any, tiny: Config, tmp_path: Path) -> None:
    config = replace(tiny, steps=96 * 8, extension_share=0.25, extension_rounds=2)
    told: list[Progress] = []
    found = train(chain(BATCH), config, 0, checkpoint=tmp_path / "whole.npz", on_progress=told.append)
    assert [(p.stage, p.judged) for p in found.history].count((2, False)) == 2
    whole = Finished(found, tmp_path / "whole.npz", told)
    assert_resumes(whole, chain, config, tmp_path / "run.npz", 8)


def test_a_finished_training_is_only_read(whole: Finished, chain: Any, tiny: Config, tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.npz"
    checkpoint.write_bytes(whole.checkpoint.read_bytes())
    found = train(chain(BATCH), tiny, 0, checkpoint=checkpoint, resume=True, on_progress=killed_at(0))
    assert_same(found, whole.found)


def test_another_training_s_checkpoint_is_refused(whole: Finished, chain: Any, tiny: Config) -> None:
    before = whole.checkpoint.read_bytes()
    for batch, config, seed, told in (
        (BATCH, tiny, 1, "seed 0, not 1"),
        (BATCH, replace(tiny, discount=0.5), 0, r"discount: .*, here 0\.5"),
        (2 * BATCH, tiny, 0, "batch of this size"),
    ):
        with pytest.raises(ArtifactError, match=told):
            train(chain(batch), config, seed, checkpoint=whole.checkpoint, resume=True)
    assert whole.checkpoint.read_bytes() == before


def test_another_seed_is_another_training(whole: Finished, chain: Any, tiny: Config) -> None:
    (found,) = several(chain(BATCH), tiny, [1])
    assert found.seed == 1
    assert found.history != whole.found.history


class Failing:
    """A chain that brings no number any more from a tick on."""

    def __init__(self, inner: Any, from_tick: int) -> None:
        self.name, self.batch, self.limits, self.kinds = "failing", inner.batch, inner.limits, inner.kinds
        self._inner, self._from = inner, from_tick

    def initial(self, key: Any) -> Any:
        return self._inner.initial(key), jnp.zeros((), jnp.int32)

    def see(self, state: Any, preference: Any) -> Any:
        return self._inner.see(state[0], preference)

    def promise(self, state: Any) -> Any:
        return self._inner.promise(state[0])

    def step(self, state: Any, action: Any, key: Any) -> Any:
        after, outcome = self._inner.step(state[0], action, key)
        lost = jnp.where(state[1] >= self._from, jnp.nan, 0.0)
        return (after, state[1] + 1), Outcome(outcome.reward + lost, outcome.cost, outcome.weight)


def test_a_training_that_loses_a_number_says_where_and_keeps_what_was_good(
    chain: Any, tiny: Config, tmp_path: Path
) -> None:
    """NaN comes in the third tick of update 4; two updates make a report."""
    checkpoint = tmp_path / "run.npz"
    environment = Failing(chain(BATCH), 3 * tiny.ticks + 2)
    config = replace(tiny, report_every=2)
    with pytest.raises(TrainingDiverged, match=r"at update 4: not finite: loss and parameters.*run\.npz"):
        train(environment, config, 0, checkpoint=checkpoint)
    kept = arrays(checkpoint)
    assert all(np.isfinite(x).all() for x in kept.values() if x.dtype.kind == "f")
    assert 2 in {int(x) for x in kept.values() if x.shape == () and x.dtype == np.int32}
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


def test_a_policy_that_is_no_number_when_judged_is_not_kept(chain: Any, tiny: Config, tmp_path: Path) -> None:
    """Training is over before NaN would come; judging takes longer."""
    environment = Failing(chain(BATCH), 6 * tiny.ticks)
    with pytest.raises(TrainingDiverged, match="judged by, an average is not finite"):
        train(environment, replace(tiny, judged_ticks=64), 0, checkpoint=tmp_path / "run.npz")
    assert all(np.isfinite(x).all() for x in arrays(tmp_path / "run.npz").values() if x.dtype.kind == "f")


def test_a_batch_that_does_not_suit_is_named(chain: Any, tiny: Config) -> None:
    with pytest.raises(ConfigError, match="batch of 16 devices"):
        train(chain(16), tiny, 0)


def test_a_batch_that_cannot_be_cut_is_told(chain: Any, tiny: Config) -> None:
    config = replace(tiny, minibatches=BATCH - 1)
    with pytest.raises(
        ConfigError, match=rf"batch of {BATCH} devices cannot be cut into {BATCH - 1} minibatches"
    ):
        train(chain(BATCH), config, 0)
