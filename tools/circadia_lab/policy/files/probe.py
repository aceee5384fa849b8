"""The network with which `circadia.tflite.interpreter` finds out whether an interpreter works: two layers with known answers."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from circadia.observation import INPUT_SCALE
from circadia.policy.kernel import QuantisedLayer
from circadia.tflite.interpreter import PROBE_INPUT
from circadia_lab.policy.files.policy_file import Graph

SCALE = np.float32(INPUT_SCALE)
LAYER = QuantisedLayer(
    weights=np.array([[2, 4, -6, 8], [10, -20, 30, 2], [-4, -6, 126, 60]], np.int8),
    weight_scale=1 / 64,
    bias=np.array([101, -33, 7], np.int32),
    output_scale=float(np.nextafter(np.float32(SCALE / 2), np.float32(1))),
    output_zero_point=5,
    relu=False,
)
"""Answers 5 + acc / 32, rounded."""


def write_probe() -> bytes:
    """Int8 input 0 → int8 output 0 through `LAYER`, float input 1 → float output 1 through its weights and bias.

    The float half brings the interpreter's delegates to life, so that what they say is said while probing.
    """
    graph, width, out = Graph("Circadia probe"), len(PROBE_INPUT), len(LAYER.bias)
    observation = graph.int8("int8", (1, width), SCALE, 0)
    scores = graph.layer("Int8", LAYER, observation, SCALE)
    kind = schema.TensorType.FLOAT32
    source = graph.tensor("float", kind, (1, width))
    weights = graph.tensor("weightsFloat", kind, LAYER.weights.shape, LAYER.weights.astype(np.float32))
    bias = graph.tensor("biasFloat", kind, (out,), LAYER.bias.astype(np.float32))
    result = graph.connect([source, weights, bias], graph.tensor("layerFloat", kind, (1, out)))
    return graph.pack([observation, source], [scores, result])
