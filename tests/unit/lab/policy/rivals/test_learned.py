from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.errors import ArtifactError
from circadia.observation import TABLE, encode
from circadia_lab.policy.env.fixed import CATALOGUE, INDEX, WIDTH
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.evaluation.arm import Conditions
from circadia_lab.policy.rivals.learned import Learned, of_learned, read_learned, write_learned
from circadia_lab.policy.rivals.view import KEPT, PREFERENCE, seen, wanted

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

ACTIONS, RNG = len(CATALOGUE), np.random.default_rng(5)
SERVE, TRAIN = INDEX["serve/low/small"], INDEX["train/low/small"]


def drawn(*shape: int) -> Floats:
    return RNG.normal(size=shape).astype(np.float32)


def envelope(width: int = 4) -> dict[str, Floats]:
    inputs = len(KEPT) + 3
    return {"w0": drawn(width, inputs), "b0": drawn(width), "w1": drawn(ACTIONS * 3, width), "b1": drawn(ACTIONS * 3)}  # fmt: skip


def pcn(width: int = 4) -> dict[str, Floats]:
    return {
        "state_w": drawn(width, len(KEPT)), "state_b": drawn(width),
        "command_w": drawn(width, 4), "command_b": drawn(width),
        "hidden_w": drawn(width, width), "hidden_b": drawn(width),
        "last_w": drawn(ACTIONS, width), "last_b": drawn(ACTIONS),
        "command": drawn(len(ANCHORS), 4),
    }  # fmt: skip


def learned(algorithm: str, arrays: dict[str, Floats], wrong: bool = False) -> Learned:
    observed, preference = drawn(40, len(KEPT)), ANCHORS[np.arange(40) % 21].astype(np.float32)
    without = Learned(
        algorithm=algorithm,
        arrays=arrays,
        probe_seen=observed,
        probe_preference=preference,
        probe_action=np.zeros(40, np.int64),
    )
    action = without.wishes(observed, preference)
    return Learned(
        algorithm=algorithm,
        arrays=arrays,
        probe_seen=observed,
        probe_preference=preference,
        probe_action=(action + 1) % ACTIONS if wrong else action,
    )


def always(action: int) -> Learned:
    """A network that wants one thing."""
    arrays = {
        "w0": np.zeros((ACTIONS * 3, len(KEPT) + 3), np.float32),
        "b0": np.zeros(ACTIONS * 3, np.float32),
    }
    arrays["b0"].reshape(ACTIONS, 3)[action] = 1
    return learned("envelope", arrays)


def test_preference_is_told_apart_from_the_rest() -> None:
    assert [TABLE[i].name for i in PREFERENCE] == [
        "preference_accuracy", "preference_latency", "preference_energy"
    ]  # fmt: skip
    values = np.full((2, 3, len(TABLE)), 0.5, np.float32)
    values[..., list(PREFERENCE)] = [0.2, 0.3, 0.5]
    assert wanted(values).shape == (2, 3, 3)
    np.testing.assert_allclose(wanted(values)[1, 2], [0.2, 0.3, 0.5], atol=1e-6)
    other = values.copy()
    other[..., list(PREFERENCE)] = [1, 0, 0]
    assert seen(values).shape == (2, 3, WIDTH - 6)
    assert (seen(values) == seen(other)).all()


def test_envelope_takes_the_best_weighted_value_by_hand() -> None:
    arrays = envelope()
    observed, preference = drawn(6, len(KEPT)), ANCHORS[:6].astype(np.float32)
    found = learned("envelope", arrays).wishes(observed, preference)
    for row in range(6):
        x = np.concatenate([observed[row], preference[row]])
        hidden = np.maximum(arrays["w0"] @ x + arrays["b0"], 0)
        q = arrays["w1"] @ hidden + arrays["b1"]
        utilities = [float(preference[row] @ q[3 * a : 3 * a + 3]) for a in range(ACTIONS)]
        assert found[row] == int(np.argmax(utilities))


def test_pcn_asks_for_the_anchors_own_command_by_hand() -> None:
    arrays = pcn()
    observed, preference = drawn(21, len(KEPT)), ANCHORS.astype(np.float32)
    found = learned("pcn", arrays).wishes(observed, preference + np.float32(0.01))
    for row in range(21):
        state = 1 / (1 + np.exp(-(arrays["state_w"] @ observed[row] + arrays["state_b"])))
        asked = 1 / (1 + np.exp(-(arrays["command_w"] @ arrays["command"][row] + arrays["command_b"])))
        hidden = np.maximum(arrays["hidden_w"] @ (state * asked) + arrays["hidden_b"], 0)
        assert found[row] == int(np.argmax(arrays["last_w"] @ hidden + arrays["last_b"]))


@pytest.mark.parametrize("arrays", [envelope, pcn])
def test_scorer_keeps_the_mask_and_the_leading_axes(arrays: object) -> None:
    algorithm = arrays.__name__  # type: ignore[attr-defined]
    scorer = of_learned(learned(algorithm, arrays()))  # type: ignore[operator]
    values = RNG.random((2, 3, 4, len(TABLE))).astype(np.float32)
    mask = RNG.random((2, 3, 4, ACTIONS)) < 0.4
    mask[..., INDEX["sleep"]] = True
    scores = scorer(values, encode(values), mask)
    assert scores.shape == mask.shape
    assert (np.isfinite(scores).sum(-1) == 1).all()
    assert (mask | ~np.isfinite(scores)).all()


def test_what_the_shield_forbids_is_sleeping() -> None:
    scorer = of_learned(always(TRAIN))
    values = np.full((1, 1, 2, len(TABLE)), 0.5, np.float32)
    mask = np.ones((1, 1, 2, ACTIONS), bool)
    mask[0, 0, 1, TRAIN] = False
    assert scorer(values, encode(values), mask).argmax(-1).tolist() == [[[TRAIN, INDEX["sleep"]]]]


@pytest.mark.parametrize(("algorithm", "arrays"), [("envelope", envelope()), ("pcn", pcn())])
def test_file_gives_back_what_was_written(tmp_path: Path, algorithm: str, arrays: dict[str, Floats]) -> None:
    path = tmp_path / "rival.npz"
    written = learned(algorithm, arrays)
    write_learned(path, written)
    read = read_learned(path)
    assert [p.name for p in tmp_path.iterdir()] == ["rival.npz"]
    assert read.algorithm == algorithm
    assert read.arrays.keys() == arrays.keys()
    assert (read.wishes(read.probe_seen, read.probe_preference) == written.probe_action).all()


def test_arrays_that_decide_otherwise_than_the_algorithm_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rival.npz"
    write_learned(path, learned("envelope", envelope(), wrong=True))
    with pytest.raises(ArtifactError, match="decide as envelope did in 0"):
        read_learned(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive"])
def test_another_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rival.npz"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"rival\.npz: not a rival's network"):
        read_learned(path)


def test_scorer_can_be_played() -> None:
    conditions = Conditions(per_device=1, days=0.1, warm_up_days=0.0)
    played = conditions.play(find_problem("phone"), of_learned(always(SERVE)), ANCHORS[:2])
    shares = played.action_shares
    assert (shares[:, SERVE] + shares[:, INDEX["sleep"]] > 0.999).all()
    assert (shares[:, SERVE] > 0).all()
