"""The desktop's TFLite under the stub of LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
from jnius import PythonJavaClass, java_method

from circadia.tflite.interpreter import open_interpreter
from circadia_app.tflite_java import TYPES

NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}


class Desktop(PythonJavaClass):  # type: ignore[misc]
    """What the stub of LiteRT's Interpreter computes with."""

    __javainterfaces__ = ("org/tensorflow/lite/Interpreter$Backend",)
    __javacontext__ = "app"

    def __init__(self) -> None:
        super().__init__()
        self.opened: dict[str, Any] = {}
        self.threads: list[int] = []

    @java_method("(Ljava/nio/ByteBuffer;I)Ljava/lang/String;")  # type: ignore[untyped-decorator]
    def open(self, model: Any, threads: int) -> str | None:
        try:
            interpreter = open_interpreter(model.array().tostring(), name="stub", threads=threads)
        except Exception:  # noqa: BLE001  Java is told so
            return None
        handle = str(len(self.opened) + 1)
        runners = {key: interpreter.get_signature_runner(key) for key in interpreter.get_signature_list()}
        own = interpreter.get_input_details(), interpreter.get_output_details()
        ports = {"": [[(one["name"], one) for one in part] for part in own]}
        for key, runner in runners.items():
            ports[key] = [list(runner.get_input_details().items()), list(runner.get_output_details().items())]
        self.opened[handle] = interpreter, runners, ports
        self.threads.append(threads)
        lines = [handle]
        for key, (inputs, outputs) in ports.items():
            for way, part in (("in", inputs), ("out", outputs)):
                lines += ["\t".join(described(way, key, name, one)) for name, one in part]
        return "\n".join(lines)

    @java_method("(Ljava/lang/String;Ljava/lang/String;Ljava/nio/ByteBuffer;Ljava/nio/ByteBuffer;)V")  # type: ignore[untyped-decorator]
    def run(self, model: str, signature: str, given: Any, answer: Any) -> None:
        interpreter, runners, ports = self.opened[model]
        data, at, inputs = given.array().tostring(), 0, {}
        for name, one in ports[signature][0]:
            shape, kind = tuple(int(n) for n in one["shape"]), np.dtype(one["dtype"])
            count = int(np.prod(shape))
            inputs[name] = np.frombuffer(data, kind, count=count, offset=at).reshape(shape)
            at += count * kind.itemsize
        if signature:
            told = runners[signature](**inputs)
            arrays = [told[name] for name, _ in ports[signature][1]]
        else:
            for name, one in ports[""][0]:
                interpreter.set_tensor(one["index"], inputs[name])
            interpreter.invoke()
            arrays = [interpreter.get_tensor(one["index"]) for _, one in ports[""][1]]
        answer.put(b"".join(np.asarray(array).tobytes() for array in arrays))


def described(way: str, key: str, name: str, tensor: dict[str, Any]) -> list[str]:
    scale, zero_point = tensor.get("quantization", (0.0, 0))
    shape = ",".join(str(int(n)) for n in tensor["shape"])
    kind = NAMES[np.dtype(tensor["dtype"])]
    return [
        way,
        key,
        name,
        str(int(tensor["index"])),
        kind,
        shape,
        repr(float(np.float32(scale))),
        str(int(zero_point)),
    ]
