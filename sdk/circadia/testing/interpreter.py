"""What whatever opens .tflite models promises."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.errors import ArtifactError
from circadia.learning.task_file import SHIPPED, load_task
from circadia.policy.artifact import load_policy, shipped_policy
from circadia.testing.contract import Contract
from circadia.tflite.interpreter import PROBE_ANSWERS, PROBE_INPUT

if TYPE_CHECKING:
    from circadia.ports import Interpreter, OpenModel

PROBE = resources.files("circadia").joinpath("data/probe.tflite").read_bytes()


class InterpreterContract(Contract):
    """Inherit it and say what opens models."""

    def make(self) -> OpenModel:
        """What opens models."""
        raise NotImplementedError

    def test_tensors_go_in_and_come_out(self) -> None:
        opened = self.make()(PROBE, name="probe")
        _feed(opened, PROBE_INPUT)
        found = {
            np.dtype(out["dtype"]).name: tuple(opened.get_tensor(out["index"])[0].tolist())
            for out in opened.get_output_details()
        }
        assert found == {"int8": PROBE_ANSWERS[0], "float32": PROBE_ANSWERS[1]}

    def test_an_output_is_a_copy(self) -> None:
        opened = self.make()(PROBE, name="probe")
        out = opened.get_output_details()[0]["index"]
        _feed(opened, PROBE_INPUT)
        first = opened.get_tensor(out)
        kept = first.copy()
        _feed(opened, (0,) * len(PROBE_INPUT))
        np.testing.assert_array_equal(first, kept)

    @pytest.mark.parametrize("name", SHIPPED)
    def test_shipped_tasks_compute_their_test_vectors(self, name: str) -> None:
        assert load_task(name, self.make()).name == name

    def test_the_shipped_policy_computes_its_test_vectors(self) -> None:
        assert load_policy(shipped_policy(), self.make()).name == "default"

    @pytest.mark.parametrize("length", [0, 6, 40, 600])
    def test_bytes_that_are_no_model_are_refused_by_name(self, length: int) -> None:
        with pytest.raises(ArtifactError, match="my model"):
            self.make()(PROBE[:length], name="my model")


def _feed(opened: Interpreter, x: tuple[int, ...]) -> None:
    for source in opened.get_input_details():
        opened.set_tensor(source["index"], np.array([x], source["dtype"]))
    opened.invoke()
