from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.errors import ArtifactError
from circadia.policy.artifact import load_policy, shipped_policy
from circadia.policy.integers import open_in_integers
from circadia.policy.network import NetworkPolicy
from circadia.tflite.interpreter import open_interpreter
from circadia.wiring import make_policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.ports import Interpreter, Policy

POLICY = shipped_policy().read_bytes()


def answers(opened: Interpreter, x: NDArray[np.int8]) -> list[bytes]:
    opened.set_tensor(opened.get_input_details()[0]["index"], x)
    opened.invoke()
    return [opened.get_tensor(one["index"]).tobytes() for one in opened.get_output_details()]


def test_every_bit_is_the_interpreters() -> None:
    integers, plain = open_in_integers(POLICY, name="p"), open_interpreter(POLICY, name="p")
    for told, wanted in (
        (integers.get_input_details(), plain.get_input_details()),
        (integers.get_output_details(), plain.get_output_details()),
    ):
        for one, other in zip(told, wanted, strict=True):
            assert (one["name"], one["index"], one["dtype"]) == (
                other["name"],
                other["index"],
                other["dtype"],
            )
            assert one["quantization"] == other["quantization"]
            assert one["shape"].tolist() == other["shape"].tolist()
    random = np.random.default_rng(3)
    shape = tuple(int(n) for n in plain.get_input_details()[0]["shape"])
    for _ in range(300):
        x = random.integers(-128, 128, shape).astype(np.int8)
        assert answers(integers, x) == answers(plain, x)


def test_the_shipped_policy_passes_its_own_checks_without_an_interpreter() -> None:
    policy: Policy = make_policy("default", open_in_integers)
    plain = NetworkPolicy(load_policy(shipped_policy()))
    assert policy.name == "default"
    random = np.random.default_rng(4)
    for _ in range(50):
        x = random.random(len(load_policy(shipped_policy()).manifest.table)).astype(np.float32)
        np.testing.assert_array_equal(policy.scores(x), plain.scores(x))


@pytest.mark.parametrize(
    "file", ["learning/data/digits.tflite", "learning/data/digits-head.tflite", "data/probe.tflite"]
)
def test_what_is_no_policy_is_refused_by_name(file: str) -> None:
    model = resources.files("circadia").joinpath(file).read_bytes()
    with pytest.raises(ArtifactError, match=r"my model: .*integer kernel does not compute"):
        open_in_integers(model, name="my model")


@pytest.mark.parametrize("length", [0, 6, 40, 600, len(POLICY) // 2, len(POLICY) - 1000])
def test_a_cut_file_is_refused_by_name(length: int) -> None:
    with pytest.raises(ArtifactError, match="my model"):
        open_in_integers(POLICY[:length], name="my model")


def test_an_array_that_does_not_fit_is_refused() -> None:
    opened = open_in_integers(POLICY, name="p")
    index = opened.get_input_details()[0]["index"]
    for x in (np.zeros((1, 3), np.int8), np.zeros(opened.get_input_details()[0]["shape"], np.float32)):
        with pytest.raises(ValueError, match="wanted"):
            opened.set_tensor(index, x)
    with pytest.raises(ValueError, match="no signature"):
        opened.get_signature_runner("infer")
