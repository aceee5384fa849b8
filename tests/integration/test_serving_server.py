from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from circadia.errors import ArtifactError, ConfigError
from circadia.learning.task_file import load_task
from circadia.serving.server import Server, check_input
from circadia_lab.data.tasks.digits_data import load_digits_split
from circadia_lab.data.tasks.digits_numpy import DigitsNet

TASK = load_task("digits")
X = load_digits_split(seed=4)[2]


@pytest.fixture(scope="module")
def server() -> Server:
    return Server(TASK)


@pytest.mark.parametrize("n", [1, 31, 32, 33, 100])
def test_any_number_of_requests_is_answered_as_numpy_would(server: Server, n: int) -> None:
    answers = server.infer(TASK.initial_weights, X[:n])
    assert answers.shape == (n, 10)
    expected = DigitsNet(filters=16, hidden=32).probabilities(X[:n], TASK.initial_weights)
    assert np.abs(answers - expected).max() < 1e-5


def test_no_requests_get_no_answers(server: Server) -> None:
    assert server.infer(TASK.initial_weights, X[:0]).shape == (0, 10)


def test_answers_are_not_overwritten_by_the_next_ones(server: Server) -> None:
    first = server.infer(TASK.initial_weights, X[:8])
    kept = first.copy()
    server.infer(TASK.initial_weights, X[8:16])
    assert (first == kept).all()


@pytest.mark.parametrize("xs", [X[0], X[:3].reshape(3, 64), X[:3, :7]], ids=["one", "flat", "cropped"])
def test_inputs_of_a_wrong_shape_are_refused(server: Server, xs: Any) -> None:
    with pytest.raises(ConfigError, match="inputs"):
        server.infer(TASK.initial_weights, xs)


def test_wrong_weights_are_refused(server: Server) -> None:
    with pytest.raises(ConfigError, match=r"weights \(3,\) must be \(5130,\)"):
        server.infer(np.zeros(3, np.float32), X[:1])
    with pytest.raises(ArtifactError, match="answered NaN"):
        server.infer(np.full(5130, np.nan, np.float32), X[:1])


def test_an_input_is_copied_to_float32() -> None:
    given = np.ones((8, 8, 1), np.int64)
    checked = check_input(TASK, given)
    given[:] = 0
    assert checked.dtype == np.float32
    assert checked.sum() == 64
    floats = np.ones((8, 8, 1), np.float32)
    assert not np.shares_memory(check_input(TASK, floats), floats)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((8, 8)), r"shape \(8, 8\): task digits expects \(8, 8, 1\)"),
        (np.full((8, 8, 1), np.inf), "NaN or infinity"),
        (np.full((8, 8, 1), 1e300), "NaN or infinity"),
        (np.zeros((8, 8, 1), complex), "expects numbers"),
        ("seven", "expects numbers"),
        (None, "expects numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_a_wrong_input_is_refused(x: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_input(TASK, x)
