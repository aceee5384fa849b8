"""LiteRT through Java, behind the `Interpreter` port: what Android's package of it brings, and no wheel does.

Tensors cross as bytes in one piece each way, in the order in which TfliteBridge.java describes them. Java's API has no
tensors by index before a run, so inputs are kept here until `invoke`.
"""

from __future__ import annotations

import logging
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ArtifactError, PlatformUnavailable, SensorError
from circadia.policy.integers import open_in_integers
from circadia.tflite.model_file import check_model_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from circadia.ports import Interpreter
    from circadia_app.jvm import Jvm

log = logging.getLogger(__name__)

BRIDGE = "org.circadia.android.TfliteBridge"
TYPES: dict[str, type[np.generic]] = {
    "FLOAT32": np.float32,
    "INT32": np.int32,
    "UINT8": np.uint8,
    "INT64": np.int64,
    "BOOL": np.bool_,
    "INT16": np.int16,
    "INT8": np.int8,
}
"""Java's names of what a tensor holds; texts are not among them."""
FIELDS = 8
"""Texts a tensor has in the bridge's description."""
IN, OUT, ITSELF = "in", "out", ""
"""Ways, and the name of the model's own graph among the signatures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or output."""

    name: str
    index: int
    shape: tuple[int, ...]
    dtype: type[np.generic]
    quantization: tuple[float, int]

    @property
    def size(self) -> int:
        """In bytes."""
        return int(np.dtype(self.dtype).itemsize * np.prod(self.shape, dtype=np.int64))

    @property
    def details(self) -> dict[str, Any]:
        """As the desktop's TFLite tells them."""
        return {
            "name": self.name,
            "index": self.index,
            "shape": np.array(self.shape, np.int32),
            "dtype": self.dtype,
            "quantization": self.quantization,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """What goes in and out of a signature, in the bridge's order."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class OpenInJava:
    """Opens models in this Java: the `OpenModel` port. Any thread may."""

    def __init__(self, jvm: Jvm) -> None:
        """`PlatformUnavailable` where the app was built without the bridge."""
        self._bridge = Bridge(jvm)

    def __call__(self, model: bytes, *, name: str, threads: int = 1) -> JavaInterpreter:
        """As `circadia.ports.OpenModel`."""
        check_model_file(model, name)
        try:
            handle = self._bridge.open(model, threads)
            described = self._bridge.describe(handle)
        except SensorError as error:
            raise ArtifactError(f"{name}: LiteRT refuses it ({error}); export the file again") from error
        return JavaInterpreter(self._bridge, handle, ports_of(described, name))


class OpenOnPhone:
    """Opens models as well as this phone can: LiteRT, and policies by the integer kernel where it is not there or refuses.

    So a device decides in any case; without LiteRT it neither learns nor serves, which the error of its task says.
    """

    def __init__(self, jvm: Jvm) -> None:
        self.trouble = ""
        """Why LiteRT is not there; empty: it is."""
        self._java: OpenInJava | None = None
        try:
            self._java = OpenInJava(jvm)
        except PlatformUnavailable as error:
            self.trouble = str(error)
            log.warning("policies are computed by the integer kernel: %s", error)

    def __call__(self, model: bytes, *, name: str, threads: int = 1) -> Interpreter:
        """As `circadia.ports.OpenModel`. `PlatformUnavailable` for what needs LiteRT where there is none."""
        if self._java is None:
            try:
                return open_in_integers(model, name=name)
            except ArtifactError as error:
                raise PlatformUnavailable(f"{name}: {self.trouble}") from error
        try:
            return self._java(model, name=name, threads=threads)
        except ArtifactError as error:
            try:
                opened = open_in_integers(model, name=name)
            except ArtifactError:
                raise error from None
            log.warning("the integer kernel computes it: %s", error)
            return opened


class Bridge:
    """The methods of TfliteBridge.java. Threads may use different interpreters at once."""

    def __init__(self, jvm: Jvm) -> None:
        self._jvm = jvm
        self._open, self._describe, self._run, self._close = (
            jvm.own(BRIDGE, method) for method in ("open", "describe", "run", "close")
        )
        self._wrap: Callable[[bytes], Any] = jvm.call(jvm.wrapping)

    def open(self, model: bytes, threads: int) -> str:
        """The interpreter's number."""
        return str(self._jvm.attached(lambda: self._open(self._wrap(model), str(threads))))

    def describe(self, handle: str) -> list[str]:
        """`FIELDS` texts for each tensor."""
        return list(self._describe(handle))

    def run(self, handle: str, signature: str, data: bytes) -> bytes:
        """Inputs' bytes → outputs' bytes; `SensorError` with Java's words."""
        # The answer is copied while the thread is attached: it belongs to Java.
        return bytes(self._jvm.attached(lambda: self._run(handle, signature, self._wrap(data)).tostring()))

    def close(self, handle: str) -> None:
        """Let go of it."""
        self._close(handle)


class JavaInterpreter:
    """The `Interpreter` port; one thread at a time."""

    def __init__(self, bridge: Bridge, handle: str, ports: Mapping[str, Port]) -> None:
        self._bridge, self._handle, self._ports = bridge, handle, ports
        self._own = ports[ITSELF]
        self._places = {tensor.index: place for place, tensor in enumerate(self._own.inputs)}
        self._given = [bytes(tensor.size) for tensor in self._own.inputs]
        self._answers: dict[int, NDArray[Any]] = {}
        self._closes = weakref.finalize(self, bridge.close, handle)

    def get_input_details(self) -> list[dict[str, Any]]:
        """As the port."""
        return [tensor.details for tensor in self._own.inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """As the port."""
        return [tensor.details for tensor in self._own.outputs]

    def set_tensor(self, tensor_index: int, value: NDArray[Any]) -> None:
        """As the port; `ValueError` for an array of another shape or type, or an index that is no input's."""
        if tensor_index not in self._places:
            raise ValueError(f"tensor {tensor_index} is no input; these are {sorted(self._places)}")
        place = self._places[tensor_index]
        self._given[place] = packed(self._own.inputs[place], value)

    def invoke(self) -> None:
        """As the port."""
        answer = self._bridge.run(self._handle, ITSELF, b"".join(self._given))
        self._answers = {
            tensor.index: array
            for tensor, array in zip(self._own.outputs, unpacked(self._own.outputs, answer), strict=True)
        }

    def get_tensor(self, tensor_index: int) -> NDArray[Any]:
        """As the port; `ValueError` for what no run has answered."""
        if tensor_index not in self._answers:
            raise ValueError(
                f"tensor {tensor_index} is no output of a run; outputs are {sorted(self._answers)}"
            )
        return self._answers[tensor_index].copy()

    def get_signature_list(self) -> dict[str, Any]:
        """As the port."""
        return {
            key: {
                "inputs": [tensor.name for tensor in port.inputs],
                "outputs": [tensor.name for tensor in port.outputs],
            }
            for key, port in self._ports.items()
            if key != ITSELF
        }

    def get_signature_runner(self, signature_key: str) -> SignatureRunner:
        """As the port; `ValueError` for a signature that it does not have."""
        if signature_key == ITSELF or signature_key not in self._ports:
            raise ValueError(
                f"no signature {signature_key!r}; there are {sorted(self._ports.keys() - {ITSELF})}"
            )
        return SignatureRunner(self, self._bridge, self._handle, signature_key, self._ports[signature_key])


class SignatureRunner:
    """A signature as a function of arrays by name."""

    def __init__(
        self, interpreter: JavaInterpreter, bridge: Bridge, handle: str, key: str, port: Port
    ) -> None:
        """`interpreter` is kept for as long as this is."""
        self._interpreter = interpreter
        self._bridge, self._handle, self._key, self._port = bridge, handle, key, port

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        """By name."""
        return {tensor.name: tensor.details for tensor in self._port.inputs}

    def get_output_details(self) -> dict[str, dict[str, Any]]:
        """By name."""
        return {tensor.name: tensor.details for tensor in self._port.outputs}

    def __call__(self, **given: Any) -> dict[str, NDArray[Any]]:
        """Arrays by name, all of them → arrays by name; `ValueError` for one that is missing, or of another shape or type."""
        wanted = [tensor.name for tensor in self._port.inputs]
        if set(given) != set(wanted):
            raise ValueError(f"{self._key} takes {sorted(wanted)}, not {sorted(given)}")
        data = b"".join(packed(tensor, given[tensor.name]) for tensor in self._port.inputs)
        answer = self._bridge.run(self._handle, self._key, data)
        names = [tensor.name for tensor in self._port.outputs]
        return dict(zip(names, unpacked(self._port.outputs, answer), strict=True))


def ports_of(described: Sequence[str], name: str) -> dict[str, Port]:
    """The bridge's description → the signatures' inputs and outputs; the model's own graph is the one without a name.

    `ArtifactError` naming `name` for a tensor of texts.
    """
    found: dict[str, dict[str, list[Tensor]]] = {ITSELF: {IN: [], OUT: []}}
    for at in range(0, len(described), FIELDS):
        way, key, tensor, index, kind, shape, scale, zero_point = described[at : at + FIELDS]
        if kind not in TYPES:
            raise ArtifactError(f"{name}: tensor {tensor!r} holds {kind}, which cannot cross from Java")
        found.setdefault(key, {IN: [], OUT: []})[way].append(
            Tensor(
                name=tensor,
                index=int(index),
                shape=tuple(int(size) for size in shape.split(",")) if shape else (),
                dtype=TYPES[kind],
                quantization=(float(np.float32(scale)), int(zero_point)),
            )
        )
    return {key: Port(inputs=tuple(ways[IN]), outputs=tuple(ways[OUT])) for key, ways in found.items()}


def packed(tensor: Tensor, value: Any) -> bytes:
    """The array's bytes; `ValueError` unless it is of the tensor's type and shape."""
    array = np.asarray(value)
    if array.dtype != tensor.dtype or array.shape != tensor.shape:
        raise ValueError(
            f"{tensor.name}: {array.dtype}{list(array.shape)} given, {np.dtype(tensor.dtype)}{list(tensor.shape)} wanted"
        )
    return array.tobytes()


def unpacked(tensors: Sequence[Tensor], data: bytes) -> list[NDArray[Any]]:
    """The arrays in a piece of bytes."""
    arrays, at = [], 0
    for tensor in tensors:
        part = np.frombuffer(
            data, tensor.dtype, count=tensor.size // np.dtype(tensor.dtype).itemsize, offset=at
        )
        arrays.append(part.reshape(tensor.shape).copy())
        at += tensor.size
    return arrays
