"""Gradients made of operators that the interpreter on a device has. Imports TensorFlow: see `convert.py`.

TensorFlow's own gradients of these operators (ReluGrad, Conv2DBackpropFilter, MaxPoolGrad, …) are neither builtin nor
convertible. The operators themselves stay what they are: only what flows back is written out here, out of matrix
products, slices, pads and comparisons. Windows are taken tap by tap: a 3×3 window has nine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREFIX = "Circadia"
LOWEST = float(np.finfo(np.float32).min)


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How a window of (height, width) moves over images (n, rows, columns, channels)."""

    size: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    """Before and after, of rows and of columns."""
    image: tuple[int, int]
    out: tuple[int, int]

    @classmethod
    def of(cls, op: Any, size: tuple[int, int], image: Any, out: Any) -> Windows:
        """Of a convolution or a pool that is `plain`."""
        strides = op.get_attr("strides")[1:3]
        rows, columns = (int(n) for n in image[1:3])
        outs = (int(out[1]), int(out[2]))
        kind = op.get_attr("padding")
        if kind == b"EXPLICIT":
            edges = op.get_attr("explicit_paddings")
            padding = ((edges[2], edges[3]), (edges[4], edges[5]))
        elif kind == b"SAME":
            down, right = (
                max((o - 1) * s + k - n, 0)
                for o, s, k, n in zip(outs, strides, size, (rows, columns), strict=True)
            )
            padding = ((down // 2, down - down // 2), (right // 2, right - right // 2))
        else:
            padding = ((0, 0), (0, 0))
        return cls(size=size, strides=tuple(strides), padding=padding, image=(rows, columns), out=outs)

    @property
    def taps(self) -> Iterator[tuple[int, int]]:
        """The places in a window."""
        return ((u, v) for u in range(self.size[0]) for v in range(self.size[1]))

    def padded(self, x: Any, value: float = 0.0) -> Any:
        """The images with their edges."""
        if self.padding == ((0, 0), (0, 0)):
            return x
        return tf.pad(x, [(0, 0), *self.padding, (0, 0)], constant_values=value)

    def slice(self, padded: Any, tap: tuple[int, int]) -> Any:
        """(n, out rows, out columns, channels): what lies under that place of every window."""
        (u, v), (down, right), (rows, columns) = tap, self.strides, self.out
        return padded[:, u : u + (rows - 1) * down + 1 : down, v : v + (columns - 1) * right + 1 : right, :]

    def spread(self, parts: list[Any]) -> Any:
        """The way back: the sum of (n, out rows, out columns, channels), each at its tap, as images."""
        total = tf.add_n([self._placed(part, tap) for part, tap in zip(parts, self.taps, strict=True)])
        (top, _), (left, _) = self.padding
        return total[:, top : top + self.image[0], left : left + self.image[1], :]

    def _placed(self, part: Any, tap: tuple[int, int]) -> Any:
        for axis in (1, 2):
            part = _dilated(part, axis, self.strides[axis - 1])
        (top, bottom), (left, right) = self.padding
        whole = (self.image[0] + top + bottom, self.image[1] + left + right)
        after = [whole[i] - tap[i] - part.shape[i + 1] for i in range(2)]
        # The last stride's zeros may stick out: nothing lies there.
        part = part[:, : part.shape[1] + min(after[0], 0), : part.shape[2] + min(after[1], 0), :]
        return tf.pad(part, [(0, 0), (tap[0], max(after[0], 0)), (tap[1], max(after[1], 0)), (0, 0)])


def _dilated(x: Any, axis: int, stride: int) -> Any:
    """Zeros between the rows of an axis, and after the last."""
    if stride == 1:
        return x
    shape = x.shape.as_list()
    lead, tail = int(np.prod(shape[: axis + 1])), int(np.prod(shape[axis + 1 :]))
    wide = tf.pad(tf.reshape(x, [lead, 1, tail]), [(0, 0), (0, stride - 1), (0, 0)])
    return tf.reshape(wide, [*shape[:axis], shape[axis] * stride, *shape[axis + 1 :]])


def _flat(x: Any) -> Any:
    return tf.reshape(x, [-1, x.shape[-1]])


def _step(x: Any, at: float = 0.0) -> Any:
    return tf.cast(x > at, x.dtype)


def _relu(op: Any, d: Any) -> Any:
    return d * _step(op.inputs[0])


def _relu6(op: Any, d: Any) -> Any:
    return d * _step(op.inputs[0]) * _step(-op.inputs[0], -6.0)


def _leaky_relu(op: Any, d: Any) -> Any:
    alpha, above = op.get_attr("alpha"), _step(op.inputs[0])
    return d * (above + alpha * (1.0 - above))


def _elu(op: Any, d: Any) -> Any:
    above = _step(op.inputs[0])
    return d * (above + (1.0 - above) * (op.outputs[0] + 1.0))


def _sigmoid(op: Any, d: Any) -> Any:
    y = op.outputs[0]
    return d * y * (1.0 - y)


def _tanh(op: Any, d: Any) -> Any:
    y = op.outputs[0]
    return d * (1.0 - y * y)


def _rsqrt(op: Any, d: Any) -> Any:
    y = op.outputs[0]
    return -0.5 * d * y * y * y


def _batch_matmul(op: Any, d: Any) -> Any:
    x, y = op.inputs
    if len(y.shape) == 2:  # a dense layer over more than rows
        flat = tf.matmul(_flat(x), _flat(d), transpose_a=True)
        return tf.reshape(tf.matmul(_flat(d), y, transpose_b=True), x.shape), flat
    return tf.matmul(d, y, transpose_b=True), tf.matmul(x, d, transpose_a=True)


def _passed(op: Any, *d: Any) -> Any:
    del op
    return d


def _softplus(op: Any, d: Any) -> Any:
    return d * tf.sigmoid(op.inputs[0])


def _bias_add(op: Any, d: Any) -> Any:
    del op
    return d, tf.reduce_sum(d, axis=list(range(len(d.shape) - 1)))


def _conv2d(op: Any, d: Any) -> Any:
    x, kernel = op.inputs
    rows, columns, inputs, outputs = (int(n) for n in kernel.shape)
    windows = Windows.of(op, (rows, columns), x.shape, op.outputs[0].shape)
    padded, flat = windows.padded(x), _flat(d)
    patches = tf.concat([_flat(windows.slice(padded, tap)) for tap in windows.taps], axis=1)
    d_kernel = tf.reshape(tf.matmul(patches, flat, transpose_a=True), kernel.shape)
    back = tf.matmul(flat, tf.reshape(kernel, [-1, outputs]), transpose_b=True)
    parts = [
        tf.reshape(back[:, i * inputs : (i + 1) * inputs], [*d.shape[:3], inputs])
        for i in range(rows * columns)
    ]
    return windows.spread(parts), d_kernel


def _depthwise_conv2d(op: Any, d: Any) -> Any:
    x, kernel = op.inputs
    rows, columns, inputs, times = (int(n) for n in kernel.shape)
    windows = Windows.of(op, (rows, columns), x.shape, op.outputs[0].shape)
    padded = windows.padded(x)
    split = tf.reshape(d, [-1, inputs, times])
    d_taps, parts = [], []
    for u, v in windows.taps:
        under = tf.reshape(windows.slice(padded, (u, v)), [-1, inputs, 1])
        d_taps.append(tf.reduce_sum(under * split, axis=0))
        parts.append(tf.reshape(tf.reduce_sum(split * kernel[u, v], axis=2), [*d.shape[:3], inputs]))
    return windows.spread(parts), tf.reshape(tf.concat(d_taps, axis=0), kernel.shape)


def _max_pool(op: Any, d: Any) -> Any:
    x, y = op.inputs[0], op.outputs[0]
    size = tuple(op.get_attr("ksize")[1:3])
    windows = Windows.of(op, size, x.shape, y.shape)
    padded = windows.padded(x, LOWEST)
    free, parts = tf.ones_like(y), []
    for tap in windows.taps:  # the first of equal ones takes it all
        here = free * tf.cast(windows.slice(padded, tap) >= y, y.dtype)
        parts.append(d * here)
        free = free - here
    return windows.spread(parts)


def _avg_pool(op: Any, d: Any) -> Any:
    image = [int(n) for n in op.inputs[0].shape]
    size = tuple(op.get_attr("ksize")[1:3])
    windows = Windows.of(op, size, image, op.outputs[0].shape)
    counts = np.zeros((1, *windows.out, 1), np.float32)
    ones = np.pad(np.ones((1, *windows.image, 1), np.float32), [(0, 0), *windows.padding, (0, 0)])
    for tap in windows.taps:
        counts += windows.slice(ones, tap)
    share = d * (1.0 / counts)
    return windows.spread([share for _ in windows.taps])


def _mean(op: Any, d: Any) -> Any:
    x = op.inputs[0]
    rows = [1 if n is None else int(n) for n in x.shape]
    axes = {int(a) % len(rows) for a in np.atleast_1d(tf.get_static_value(op.inputs[1]))}
    kept = [1 if axis in axes else n for axis, n in enumerate(rows)]
    count = int(np.prod([rows[axis] for axis in axes]))
    return tf.reshape(d, kept) * tf.ones(rows) * (1.0 / count), None


def _max(op: Any, d: Any) -> Any:
    x, y = op.inputs[0], op.outputs[0]
    rows = [int(n) for n in x.shape]
    axes = sorted({int(a) % len(rows) for a in np.atleast_1d(tf.get_static_value(op.inputs[1]))})
    kept = [1 if axis in axes else n for axis, n in enumerate(rows)]
    here = tf.cast(x >= tf.reshape(y, kept), x.dtype)
    share = here / tf.reduce_sum(here, axis=axes, keepdims=True)
    return tf.reshape(d, kept) * share, None


RECIPES: dict[str, Callable[[Any, Any], Any]] = {
    "Relu": _relu,
    "Relu6": _relu6,
    "LeakyRelu": _leaky_relu,
    "Elu": _elu,
    "Sigmoid": _sigmoid,
    "Tanh": _tanh,
    "Softplus": _softplus,
    "BiasAdd": _bias_add,
    "BatchMatMulV2": _batch_matmul,
    "Conv2D": _conv2d,
    "DepthwiseConv2dNative": _depthwise_conv2d,
    "MaxPool": _max_pool,
    "AvgPool": _avg_pool,
    "Mean": _mean,
    "Max": _max,
    "Rsqrt": _rsqrt,
    "IdentityN": _passed,
}
"""Operator → its gradient, out of builtin operators."""
PLAIN = frozenset({
    "Add", "AddN", "AddV2", "ConcatV2", "Exp", "ExpandDims", "Identity", "MatMul", "Mul", "Neg", "Pack", "Pad",
    "RealDiv", "Reshape", "Softmax", "Square", "SquaredDifference", "Squeeze", "StopGradient", "Sub", "Sum",
    "Transpose",
})  # fmt: skip
"""Operators whose gradient by TensorFlow is convertible as it is."""


def can_be_trained(operator: Any) -> bool:
    """Whether a gradient goes through an operator of a graph."""
    if operator.type not in PLAIN | RECIPES.keys():
        return False
    if operator.type == "IdentityN":
        return _is_silu(operator)
    return _is_plain(operator)


def _is_silu(operator: Any) -> bool:
    """x · sigmoid(x), which has a gradient of its own only to spare memory; others' (`tf.custom_gradient`) mean something."""
    product = operator.inputs[0].op
    return product.type == "Mul" and any(factor.op.type == "Sigmoid" for factor in product.inputs)


def _is_plain(operator: Any) -> bool:
    """No channels first, dilation, groups, transposed factors or factors that are repeated."""
    attributes = operator.node_def.attr
    shapes = [tensor.shape.as_list() for tensor in operator.inputs]
    if "data_format" in attributes and operator.get_attr("data_format") != b"NHWC":
        return False
    if "dilations" in attributes and any(d != 1 for d in operator.get_attr("dilations")):
        return False
    if operator.type == "Conv2D":
        return bool(shapes[0][3] == shapes[1][2])
    if operator.type == "BatchMatMulV2":
        turned = operator.get_attr("adj_x") or operator.get_attr("adj_y")
        return not turned and (len(shapes[1]) == 2 or shapes[0][:-2] == shapes[1][:-2])
    return True


def register() -> None:
    """Once a process: so that a graph may name these gradients."""
    for name, recipe in RECIPES.items():
        tf.RegisterGradient(PREFIX + name)(recipe)
