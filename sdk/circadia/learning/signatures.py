"""The three stateless signatures of a task's model, and the check that a file has them.

    train(x (n, …), y (n,) int32, mask (n,), lr (), w (parameters,)) -> loss (), w (parameters,)
    infer(x (m, …), w) -> probabilities (m, classes)
    evaluate(x (k, …), y (k,) int32, mask (k,), w) -> correct (), loss ()

All but y is float32. The batches n, m, k are fixed in the file; `mask` is 0 for the rows that only pad a batch.
`loss` is the mean over the rows with mask 1, `correct` the number of them whose most probable label is y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNATURES = ("train", "infer", "evaluate")

Tensor = tuple[tuple[int, ...], type[np.generic]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What the signatures fix."""

    train_batch: int
    infer_batch: int
    evaluate_batch: int
    parameters: int


def read_sizes(interpreter: Any, name: str, input_shape: tuple[int, ...], classes: int) -> Sizes:
    """The sizes of the model in `interpreter`; `ArtifactError` names the tensor of `name` that is not as it must be."""
    inputs, outputs = _all_tensors(interpreter, name)
    sizes = Sizes(
        train_batch=_first(inputs["train"], "x", f"task {name}: train"),
        infer_batch=_first(inputs["infer"], "x", f"task {name}: infer"),
        evaluate_batch=_first(inputs["evaluate"], "x", f"task {name}: evaluate"),
        parameters=_first(inputs["train"], "w", f"task {name}: train"),
    )
    wanted_inputs, wanted_outputs = _wanted(sizes, input_shape, classes)
    for signature in SIGNATURES:
        _compare(inputs[signature], wanted_inputs[signature], f"task {name}: {signature}, input")
        _compare(outputs[signature], wanted_outputs[signature], f"task {name}: {signature}, output")
    return sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a file's signatures say of themselves, and what in them does not go together."""

    batches: Mapping[str, int]
    input_shape: tuple[int, ...]
    parameters: int
    classes: int
    misfits: tuple[str, ...]
    """Every tensor that is not as these numbers want it, in words."""


def declared(interpreter: Any, name: str) -> Declared:
    """Of the model in `interpreter`, whatever a manifest says; `ArtifactError` for one that lacks a signature or size."""
    inputs, outputs = _all_tensors(interpreter, name)
    batches = {key: _first(inputs[key], "x", f"task {name}: {key}") for key in SIGNATURES}
    probabilities = outputs["infer"].get("probabilities", ((), np.float32))[0]
    if len(probabilities) != 2:
        raise ArtifactError(f"task {name}: infer has no output 'probabilities' of rows and classes")
    sizes = Sizes(
        train_batch=batches["train"],
        infer_batch=batches["infer"],
        evaluate_batch=batches["evaluate"],
        parameters=_first(inputs["train"], "w", f"task {name}: train"),
    )
    shape = inputs["train"]["x"][0][1:]
    wanted_inputs, wanted_outputs = _wanted(sizes, shape, probabilities[1])
    found: list[str] = []
    for key in SIGNATURES:
        found += _differing(inputs[key], wanted_inputs[key], f"{key}, input")
        found += _differing(outputs[key], wanted_outputs[key], f"{key}, output")
    return Declared(
        batches=batches,
        input_shape=shape,
        parameters=sizes.parameters,
        classes=probabilities[1],
        misfits=tuple(found),
    )


def _all_tensors(
    interpreter: Any, name: str
) -> tuple[dict[str, dict[str, Tensor]], dict[str, dict[str, Tensor]]]:
    """Inputs and outputs of every signature."""
    present = interpreter.get_signature_list()
    for signature in SIGNATURES:
        if signature not in present:
            raise ArtifactError(
                f"task {name}: the model has no signature {signature!r}, only {sorted(present)}"
            )
    runners = {signature: interpreter.get_signature_runner(signature) for signature in SIGNATURES}
    inputs = {signature: _tensors(runner.get_input_details()) for signature, runner in runners.items()}
    outputs = {signature: _tensors(runner.get_output_details()) for signature, runner in runners.items()}
    return inputs, outputs


def _differing(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], where: str) -> list[str]:
    told = [f"{where} {name!r} is missing" for name in sorted(wanted.keys() - found.keys())]
    told += [f"{where} {name!r} is one too many" for name in sorted(found.keys() - wanted.keys())]
    both = (name for name in wanted if name in found and found[name] != wanted[name])
    return told + [
        f"{where} {name!r} is {_text(found[name])}; it must be {_text(wanted[name])}" for name in both
    ]


def _wanted(
    sizes: Sizes, input_shape: tuple[int, ...], classes: int
) -> tuple[dict[str, dict[str, Tensor]], dict[str, dict[str, Tensor]]]:
    weights: dict[str, Tensor] = {"w": ((sizes.parameters,), np.float32)}
    scalar: Tensor = ((), np.float32)

    def x(n: int) -> dict[str, Tensor]:
        return {"x": ((n, *input_shape), np.float32), **weights}

    def labelled(n: int) -> dict[str, Tensor]:
        return {**x(n), "y": ((n,), np.int32), "mask": ((n,), np.float32)}

    inputs = {
        "train": {**labelled(sizes.train_batch), "lr": scalar},
        "infer": x(sizes.infer_batch),
        "evaluate": labelled(sizes.evaluate_batch),
    }
    outputs: dict[str, dict[str, Tensor]] = {
        "train": {"loss": scalar, **weights},
        "infer": {"probabilities": ((sizes.infer_batch, classes), np.float32)},
        "evaluate": {"correct": scalar, "loss": scalar},
    }
    return inputs, outputs


def _tensors(details: Mapping[str, Mapping[str, Any]]) -> dict[str, Tensor]:
    return {name: (tuple(int(n) for n in d["shape"]), d["dtype"]) for name, d in details.items()}


def _first(tensors: Mapping[str, Tensor], tensor: str, where: str) -> int:
    shape = tensors.get(tensor, ((), np.float32))[0]
    if not shape:
        raise ArtifactError(f"{where}: no input {tensor!r} with a fixed first dimension")
    return shape[0]


def _compare(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], where: str) -> None:
    if found.keys() != wanted.keys():
        raise ArtifactError(f"{where}s are {sorted(found)}; they must be {sorted(wanted)}")
    for name, tensor in wanted.items():
        if found[name] != tensor:
            raise ArtifactError(f"{where} {name!r} is {_text(found[name])}; it must be {_text(tensor)}")


def _text(tensor: Tensor) -> str:
    return f"{tensor[1].__name__}{list(tensor[0])}"
