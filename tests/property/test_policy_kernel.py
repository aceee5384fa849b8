"""The integer kernel against both interpreters and all their ways to compute."""

from __future__ import annotations

import importlib
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circadia.observation import INPUT_SCALE, WIDTH
from circadia.policy.kernel import (
    QuantisedLayer,
    doubling_high_product,
    fixed_point,
    forward,
    rounding_right_shift,
)
from circadia.tflite.interpreter import MODULES
from circadia_lab.policy.files.policy_file import FloatLayer, quantise, read_layers, write_policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUTES = ("AUTO", "BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES")
"""XNNPACK where the interpreter uses it, reference kernels, optimised kernels: they round differently."""
GEMMLOWP = ("tflite-runtime", "BUILTIN_REF")
"""Rounds as the kernel does, ties and all; LiteRT's own reference kernels round once."""

seeds = st.integers(0, 2**32 - 1)


def answers(
    name: str, route: str, layers: tuple[QuantisedLayer, ...], x: NDArray[np.int8]
) -> NDArray[np.int8]:
    module = importlib.import_module(MODULES[name])
    resolver = getattr(module.OpResolverType, route)
    model = write_policy(layers)
    opened: Any = module.Interpreter(
        model_content=model, num_threads=1, experimental_op_resolver_type=resolver
    )
    opened.allocate_tensors()
    source, result = opened.get_input_details()[0]["index"], opened.get_output_details()[0]["index"]
    rows: list[NDArray[np.int8]] = []
    for row in x:
        opened.set_tensor(source, row[None])
        opened.invoke()
        rows.append(opened.get_tensor(result)[0])
    return np.array(rows, np.int8)


def inputs(random: np.random.Generator, width: int) -> NDArray[np.int8]:
    corners = np.array([[-128] * width, [127] * width, [0] * width])
    mixed = random.choice([-128, -127, 127], (3, width))
    rows: NDArray[np.int8] = np.concatenate([corners, mixed, random.integers(-128, 128, (10, width))]).astype(
        np.int8
    )
    return rows


def any_layers(random: np.random.Generator) -> tuple[QuantisedLayer, ...]:
    """Nets whose accumulators hit ties; half of them with factors that are powers of two, or saturate."""
    sizes = [int(n) for n in random.integers(1, 40, random.integers(2, 5))]
    powers = random.random() < 0.5
    return tuple(
        QuantisedLayer(
            weights=random.integers(-127, 128, (out, width)).astype(np.int8),
            weight_scale=float(
                np.float32(2.0 ** -random.integers(5, 9) if powers else random.uniform(1e-3, 2e-2))
            ),
            bias=random.integers(-(2 ** random.integers(1, 20)), 2**20, out).astype(np.int32),
            output_scale=float(
                np.float32(2.0 ** -random.integers(0, 9) if powers else random.uniform(1e-3, 0.5))
            ),
            output_zero_point=int(random.integers(-128, 128)),
            relu=bool(random.random() < 0.5),
        )
        for width, out in pairwise(sizes)
    )


def float_layers(random: np.random.Generator, narrowest: int = 1) -> list[FloatLayer]:
    sizes = [WIDTH, *(int(n) for n in random.integers(narrowest, 70, 2)), 19]
    spread = 10 ** random.uniform(-2, 1)
    return [
        FloatLayer(
            weights=random.normal(0, spread / width**0.5, (out, width)),
            bias=random.normal(0, spread, out),
            relu=out != sizes[-1],
        )
        for width, out in pairwise(sizes)
    ]


@settings(max_examples=60)
@given(seeds)
def test_the_kernel_is_gemmlowp_for_any_net(seed: int) -> None:
    random = np.random.default_rng(seed)
    layers = any_layers(random)
    x = inputs(random, layers[0].weights.shape[1])
    np.testing.assert_array_equal(answers(*GEMMLOWP, layers, x), forward(layers, x, input_scale=INPUT_SCALE))


@pytest.mark.parametrize(("name", "route"), list(product(MODULES, ROUTES)))
@settings(max_examples=40)
@given(seed=seeds)
def test_quantised_nets_answer_alike_everywhere(name: str, route: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    # A calibration that is too narrow makes outputs saturate.
    calibration = random.uniform(-1, 1, (20, WIDTH)) * random.choice([0.1, 1.0])
    layers = quantise(float_layers(random), calibration)
    x = inputs(random, WIDTH)
    np.testing.assert_array_equal(
        answers(name, route, layers, x), forward(layers, x, input_scale=INPUT_SCALE)
    )


def test_other_nets_do_depend_on_the_route() -> None:
    # Why quantise() avoids ties: without that, the ways to compute disagree.
    layer = QuantisedLayer(
        weights=np.array([[1]], np.int8),
        weight_scale=1.0,
        bias=np.zeros(1, np.int32),
        output_scale=float(np.float32(INPUT_SCALE) * 8),
        output_zero_point=0,
        relu=False,
    )
    x = np.arange(-128, 128).astype(np.int8)[:, None]
    found = {answers(name, route, (layer,), x).tobytes() for name, route in product(MODULES, ROUTES)}
    assert len(found) > 1


@given(seeds)
def test_quantised_nets_are_close_to_the_float_net(seed: int) -> None:
    random = np.random.default_rng(seed)
    net = float_layers(random, narrowest=32)
    x = random.integers(-127, 128, (200, WIDTH)).astype(np.int8)
    layers = quantise(net, x / 127)
    exact = x / 127
    for layer in net:
        exact = layer(exact)
    last = layers[-1]
    scores = forward(layers, x, input_scale=INPUT_SCALE).astype(float)
    error = (scores - last.output_zero_point) * last.output_scale - exact
    assert np.sqrt(np.mean(error**2)) < 0.05 * max(np.ptp(exact), 1e-3)


@given(seeds)
def test_read_layers_undoes_write_policy(seed: int) -> None:
    layers = any_layers(np.random.default_rng(seed))
    read = read_layers(write_policy(layers))
    for wrote, got in zip(layers, read, strict=True):
        np.testing.assert_array_equal(got.weights, wrote.weights)
        np.testing.assert_array_equal(got.bias, wrote.bias)
        assert (got.weight_scale, got.output_scale) == (wrote.weight_scale, wrote.output_scale)
        assert (got.output_zero_point, got.relu) == (wrote.output_zero_point, wrote.relu)
    assert write_policy(read) == write_policy(layers)


def test_fixed_point_by_hand() -> None:
    assert fixed_point(0.5) == (2**30, 0)
    assert fixed_point(1.0) == (2**30, 1)
    assert fixed_point(0.75) == (3 * 2**29, 0)
    assert fixed_point(1 - 2**-40) == (2**30, 1)
    assert fixed_point(2**-33 * 0.5) == (0, 0)


def test_rounding_by_hand() -> None:
    x = np.array([5, -5, 6, -6, 7, -7, 2, -2])
    assert rounding_right_shift(x, 2).tolist() == [1, -1, 2, -2, 2, -2, 1, -1]
    assert rounding_right_shift(x, 0).tolist() == x.tolist()
    assert doubling_high_product(np.array([3, -3, 4, -(2**31)]), 2**30).tolist() == [2, -1, 2, -(2**30)]
    assert doubling_high_product(np.array([-(2**31)]), -(2**31)).tolist() == [2**31 - 1]
