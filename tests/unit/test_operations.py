"""What a signature computes and moves: against counts by hand, of the shipped task and of nets that were made for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import Builder

from circadia.errors import ArtifactError
from circadia.learning.task_file import load_task
from circadia.tflite.operations import operations
from circadia_lab.data.tasks.build import RECIPES

TASKS = Path(__file__).parents[1] / "tasks"
FLOAT32, INT32 = schema.TensorType.FLOAT32, schema.TensorType.INT32


def digits_macs(rows: int, *, training: bool) -> int:
    """36 windows of 3×3 pixels, 16 filters; 9 pooled positions; two dense layers."""
    recipe = RECIPES["digits"]
    convolution = 36 * 9 * recipe.filters
    first, second = 9 * recipe.filters * recipe.hidden, recipe.hidden * 10
    forward = convolution + first + second
    # The filters' gradient is a product of all windows, like going forward; the two others twice: weights and inputs.
    backward = convolution + 2 * (first + second)
    return rows * (forward + (backward if training else 0))


@pytest.mark.parametrize(
    ("signature", "rows", "training"), [("train", 16, True), ("infer", 32, False), ("evaluate", 64, False)]
)
def test_the_shipped_task_counts_as_by_hand(signature: str, rows: int, *, training: bool) -> None:
    found = operations(load_task("digits").model, signature, "digits")
    assert found.macs == digits_macs(rows, training=training)


def test_a_convolutional_net_counts_as_by_hand() -> None:
    """`nets.py:conv`: 8×8, 16 filters of 3×3; halved; 16 of 3×3×16; halved; dense of 64 by 10."""
    first, second, dense = 64 * 9 * 16, 16 * 9 * 16 * 16, 64 * 10
    model = (TASKS / "conv.tflite").read_bytes()
    assert operations(model, "infer", "conv").macs == 32 * (first + second + dense)
    # Backward: each layer's weights; inputs of the second convolution and of the dense layer.
    assert operations(model, "train", "conv").macs == 16 * (2 * first + 3 * second + 3 * dense)


def test_bytes_are_what_the_operators_read_and_write() -> None:
    found = operations(written(9, [(4, 3), (5, 3)], (4, 5)), "infer", "dense")
    assert found.bytes == 4 * (4 * 3 + 5 * 3 + 4 * 5)
    assert found.operators == 1


def test_what_is_only_picked_from_counts_as_much_as_is_picked() -> None:
    found = operations(written(65, [(1000,), (1,), (1,)], (10,)), "infer", "slice")
    assert found.bytes == 4 * (10 + 1 + 1 + 10)


@pytest.mark.parametrize(
    ("code", "inputs", "output", "macs"),
    [
        (3, [(2, 8, 8, 4), (6, 3, 3, 4)], (2, 8, 8, 6), 2 * 64 * 6 * 36),
        (3, [(1, 8, 8, 4), (6, 3, 3, 2)], (1, 8, 8, 6), 64 * 6 * 18),  # two groups
        (4, [(2, 8, 8, 4), (1, 3, 3, 4)], (2, 6, 6, 4), 2 * 36 * 4 * 9),
        (9, [(7, 3), (5, 3)], (7, 5), 7 * 5 * 3),
        (67, [(4,), (6, 3, 3, 4), (1, 4, 4, 4)], (1, 8, 8, 6), 16 * 4 * 6 * 9),
        (126, [(2, 7, 3), (2, 3, 5)], (2, 7, 5), 2 * 7 * 5 * 3),
        (132, [(1, 4, 4, 4, 2), (3, 3, 3, 2, 5)], (1, 4, 4, 4, 5), 64 * 5 * 54),
        (0, [(2, 3), (2, 3)], (2, 3), 0),
    ],
)
def test_each_operator_that_multiplies(
    code: int, inputs: list[tuple[int, ...]], output: tuple[int, ...], macs: int
) -> None:
    assert operations(written(code, inputs, output), "infer", "one").macs == macs


def test_a_transposed_matrix_is_summed_over_its_other_dimension() -> None:
    options = schema.BatchMatMulOptionsT()
    options.adjX = True
    model = written(126, [(3, 7), (3, 5)], (7, 5), (schema.BuiltinOptions.BatchMatMulOptions, options))
    assert operations(model, "infer", "one").macs == 7 * 5 * 3


@pytest.mark.parametrize(("code", "told"), [(32, "custom"), (119, "WHILE"), (44, "LSTM"), (171, "171")])
def test_what_cannot_be_counted_is_named_with_what_to_do(code: int, told: str) -> None:
    with pytest.raises(ArtifactError, match=rf"mine: infer: .*{told}.*cannot be counted.*measured"):
        operations(written(code, [(2, 3)], (2, 3)), "infer", "mine")


def test_a_shape_that_is_open_cannot_be_counted() -> None:
    with pytest.raises(ArtifactError, match="a tensor of any size in it cannot be counted"):
        operations(written(9, [(4, 3), (5, 3)], (4, 5), open_shape=True), "infer", "mine")


def test_another_file_is_refused_by_name() -> None:
    with pytest.raises(ArtifactError, match="mine: not a"):
        operations(b"no model at all", "infer", "mine")
    with pytest.raises(ArtifactError, match="mine: the model has no signature 'train', only"):
        operations(written(0, [(1,), (1,)], (1,)), "train", "mine")


def written(
    code: int,
    inputs: list[tuple[int, ...]],
    output: tuple[int, ...],
    options: tuple[int, object] | None = None,
    *,
    open_shape: bool = False,
) -> bytes:
    """A file with the signature `infer` of one operator."""
    model, graph, operator = schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
    graph.tensors = [tensor(shape) for shape in (*inputs, output)]
    if open_shape:
        graph.tensors[0].shapeSignature = [-1, *inputs[0][1:]]
    operator.opcodeIndex = 0
    operator.inputs, operator.outputs = list(range(len(inputs))), [len(inputs)]
    if options is not None:
        operator.builtinOptionsType, operator.builtinOptions = options
    graph.operators, graph.inputs, graph.outputs = [operator], operator.inputs, operator.outputs
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "infer", 0
    signature.inputs, signature.outputs = [], []
    known = schema.OperatorCodeT()
    known.builtinCode, known.deprecatedBuiltinCode, known.version = code, min(code, 127), 1
    model.version, model.operatorCodes, model.subgraphs = 3, [known], [graph]
    model.buffers, model.signatureDefs = [schema.BufferT()], [signature]
    builder = Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_an_operator_without_its_operands_is_a_damaged_file() -> None:
    with pytest.raises(ArtifactError, match=r"mine: the \.tflite file is damaged"):
        operations(written(9, [(4, 3)], (4, 5)), "infer", "mine")


def tensor(shape: tuple[int, ...]) -> schema.TensorT:
    one = schema.TensorT()
    one.shape, one.type, one.buffer, one.name = list(shape), FLOAT32, 0, "t"
    return one
