"""A user's net as a pure function of its weights. Imports TensorFlow: see `convert.py`.

The net is traced once for each batch; then every read of a variable in the graph is given a tensor instead: a part of the
flat weights `w`, or a constant where it is not trained. Operators whose gradient does not convert are told to use the one
of `gradients.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from circadia_lab.data.tasks.gradients import PREFIX, RECIPES, can_be_trained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

READ = "ReadVariableOp"
NUMBER = re.compile(r"_\d+$")
PASSING = ("Identity", "Reshape", "Squeeze")
"""What may stand between the last activation and the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindrance:
    """An operator that no gradient goes through."""

    layer: str
    operator: str


class Net:
    """What a user brought: a function of x, its variables, and which of them are trained."""

    def __init__(
        self,
        call: Callable[[Any], Any],
        input_shape: Sequence[int],
        trained: Sequence[Any],
        layers: Sequence[str] = (),
    ) -> None:
        """`call`: (n, *input_shape) → (n, classes); `trained`: its variables that a device trains, in order.

        `layers`: the names of its layers, for messages.
        """
        self.call = call
        self.input_shape = tuple(input_shape)
        self.trained = tuple(trained)
        self._layers = frozenset(layers)
        self.sizes = [int(np.prod(v.shape)) for v in self.trained]
        self._traces: dict[int, Any] = {}
        traced = self._trace(1)
        self.activation = _last(traced.outputs[0].op)[0]
        """`softmax`, `sigmoid` of one output, or `linear`."""
        self.answer_shape = tuple(traced.outputs[0].shape.as_list())
        """Of one row; (1, classes) for a net that a task can be made of."""
        self.outputs = int(self.answer_shape[-1])

    @property
    def parameters(self) -> int:
        """Length of `w`."""
        return sum(self.sizes)

    @property
    def classes(self) -> int:
        """One output tells two classes apart."""
        return max(self.outputs, 2)

    @property
    def kept(self) -> list[Any]:
        """The variables that are not trained."""
        trained = {id(v) for v in self.trained}
        return [v for v in self._trace(1).graph.variables if id(v) not in trained]

    def weights(self) -> Any:
        """(parameters,) as the user left them."""
        return np.concatenate([v.numpy().astype(np.float32).ravel() for v in self.trained])

    def logits(self, x: Any, w: Any) -> Any:
        """(n, *input_shape), (parameters,) → (n, classes); the gradient goes to `w`."""
        parts = tf.split(w, self.sizes) if len(self.sizes) > 1 else [w]
        given = {
            id(variable.handle): tf.reshape(part, variable.shape)
            for variable, part in zip(self.trained, parts, strict=True)
        }
        traced = self._trace(int(x.shape[0]))
        inputs = {traced.inputs[0].name: x}
        for operator in traced.graph.get_operations():
            if operator.type == READ:
                inputs[operator.outputs[0].name] = self._value(traced, operator, given)
        for outer, placeholder in traced.graph.captures:
            if any(reader.type != READ for reader in placeholder.consumers()):  # a loop reads it by itself
                inputs[placeholder.name] = tf.compat.v1.get_default_graph().capture(outer)
        (z,) = tf.graph_util.import_graph_def(
            self._definition(traced),
            input_map=inputs,
            return_elements=[_last(traced.outputs[0].op)[1]],
            name="net",
        )
        z = tf.reshape(z, [x.shape[0], self.outputs])
        return tf.concat([tf.zeros_like(z), z], axis=1) if self.outputs == 1 else z

    @property
    def replaced(self) -> dict[str, int]:
        """Operators that get a gradient of ours, and how many of each a step goes through."""
        return dict(Counter(one.type for one in self._after_weights() if one.type in RECIPES))

    def hindrances(self) -> list[Hindrance]:
        """The operators between trained weights and the answer whose gradient would not convert."""
        after = self._after_weights()
        found = [
            Hindrance(layer=self._layer(operator.name), operator=operator.type)
            for operator in self._trace(1).graph.get_operations()
            if operator in after and operator.type != READ and not can_be_trained(operator)
        ]
        return list(dict.fromkeys(found))

    def _after_weights(self) -> set[Any]:
        """Operators that depend on a trained weight and that the logits depend on."""
        trained, traced = {id(v.handle) for v in self.trained}, self._trace(1)
        graph = traced.graph
        wanted, stack = set(), [graph.get_tensor_by_name(_last(traced.outputs[0].op)[1]).op]
        while stack:
            operator = stack.pop()
            if operator not in wanted:
                wanted.add(operator)
                stack += [tensor.op for tensor in operator.inputs]
        after = {placeholder.op for outer, placeholder in traced.graph.captures if id(outer) in trained}
        handles = set(after)
        for operator in graph.get_operations():  # in the order in which they were made
            if operator in wanted and any(tensor.op in after for tensor in operator.inputs):
                after.add(operator)
        return after - handles

    def _layer(self, name: str) -> str:
        """`model_1/conv2d_1/Relu` is of the layer `conv2d`: a trace adds a number to its name."""
        parts = name.split("/")
        for part in parts:
            for known in (NUMBER.sub("", part), part):
                if known in self._layers:
                    return known
        return parts[max(len(parts) - 2, 0)]

    def _trace(self, batch: int) -> Any:
        if batch not in self._traces:
            spec = tf.TensorSpec([batch, *self.input_shape], tf.float32, name="x")
            with tf.init_scope():  # not as a part of the graph that is being made
                self._traces[batch] = tf.function(self.call).get_concrete_function(spec)
        return self._traces[batch]

    def _definition(self, traced: Any) -> Any:
        definition = traced.graph.as_graph_def()
        for node in definition.node:
            if node.op in RECIPES:
                node.attr["_gradient_op_type"].s = (PREFIX + node.op).encode()
        return definition

    def _value(self, traced: Any, operator: Any, given: dict[int, Any]) -> Any:
        handle = _outside(traced, operator)
        if id(handle) in given:
            return given[id(handle)]
        (variable,) = [v for v in traced.graph.variables if v.handle is handle]
        with tf.init_scope():
            value = variable.numpy()
        return tf.constant(value)


def _outside(traced: Any, read: Any) -> Any:
    """The handle of the variable that is read."""
    inner = read.inputs[0]
    return next(outer for outer, placeholder in traced.graph.captures if placeholder is inner)


def _last(operator: Any) -> tuple[str, str]:
    """The last activation, and the name of the tensor that holds the logits."""
    at = operator
    while at.type in PASSING:
        at = at.inputs[0].op
    outputs = int(operator.outputs[0].shape[-1])
    if at.type == "Softmax" and outputs > 1:
        return "softmax", str(at.inputs[0].name)
    if at.type == "Sigmoid" and outputs == 1:
        return "sigmoid", str(at.inputs[0].name)
    return "linear", str(operator.outputs[0].name)
