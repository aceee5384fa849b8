"""How soon a real body answers: at once in the application's thread, and through the policy after `submit`."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from circadia.config import parse_config
from circadia.errors import CircadiaError
from circadia.tflite.interpreter import backend, open_interpreter
from circadia.wiring import build

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from circadia.agent import Agent
    from circadia.runtime import Runtime
    from circadia.types import TickRecord
    from circadia_lab.bench.__main__ import Figure

ROUNDS, CALLS = 21, 20
WAKES, PAUSES_S = 200, (0.01, 0.15)
"""Requests, one at a time, after pauses that are drawn."""
LATENCY = {"accuracy": 0.0, "latency": 1.0, "energy": 0.0}
EVEN = {"accuracy": 1 / 3, "latency": 1 / 3, "energy": 1 / 3}
PATIENCE_S, RETRY_S = 60.0, 0.02


def measure() -> dict[str, Figure]:
    """Of a machine on the mains without a thermometer, the shipped policy and task, nothing else going on.

    `infer_over_invoke`: the median of `agent.infer` over that of the bare `infer` signature, weights set, calls of the two
    interleaved. `submit_ms`, `submit_p95_ms`: from `submit` to the answer under the preference for latency, where the policy
    served at that wake; `deferred_share`: of wakes by a request at which it did not. Under an even preference it holds requests
    to their deadline, which there is no point in waiting for.
    """
    with tempfile.TemporaryDirectory(prefix="circadia-answer-") as folder:
        figures = _at_once(f"{folder}/at-once.db")
        return figures | _through_the_policy(f"{folder}/latency.db", LATENCY)


def _device(
    path: str, preference: dict[str, float], observers: Sequence[Callable[[TickRecord], None]] = ()
) -> Runtime:
    table = {
        "platform": {"kind": "linux", "profile": "pi-solar", "mains": True},
        "limits": {"thermometer": False},
        "agent": {"preference": preference},
        "store": {"path": path},
    }
    return build(parse_config(table), observers=observers)


def _at_once(path: str) -> dict[str, Figure]:
    with _device(path, EVEN) as agent:
        task = agent.workload.task
        x = np.random.default_rng(0).random(task.input_shape).astype(np.float32)
        signature = open_interpreter(task.model, name=task.name).get_signature_runner("infer")
        batch = np.zeros((task.infer_batch, *task.input_shape), np.float32)
        batch[0] = x
        weights = task.initial_weights

        def invoke() -> None:
            signature(x=batch, w=weights)

        def infer() -> None:
            agent.infer(x)

        infer()
        times = [(_timed_us(invoke), _timed_us(infer)) for _ in range(ROUNDS)]
    invoke_us, infer_us = (statistics.median(column) for column in zip(*times, strict=True))
    return {
        "interpreter": str(backend()),
        "task": task.name,
        "invoke_us": invoke_us,
        "infer_us": infer_us,
        "infer_over_invoke": infer_us / invoke_us,
    }


def _timed_us(work: Callable[[], None]) -> float:
    """Median of one call."""
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


class _Wakes:
    """Hears of ticks: whether the first one with a request waiting served it."""

    def __init__(self) -> None:
        self._ticked = threading.Event()
        self._served: frozenset[int] = frozenset()

    def see(self, record: TickRecord) -> None:
        """On the agent's thread."""
        if record.observation.queue_length > 0 and not self._ticked.is_set():
            self._served = frozenset(answer.request_id for answer in record.outcome.served)
            self._ticked.set()

    def begin(self) -> None:
        """A request is about to be made."""
        self._ticked.clear()

    def served(self, request_id: int) -> bool:
        """Waits for that tick."""
        if not self._ticked.wait(PATIENCE_S):
            raise CircadiaError(f"no tick within {PATIENCE_S:g} s after a request")
        return request_id in self._served


def _through_the_policy(path: str, preference: dict[str, float]) -> dict[str, Figure]:
    wakes, random, found = _Wakes(), np.random.default_rng(1), []
    runtime = _device(path, preference, (wakes.see,))
    with runtime as agent:
        x = random.random(agent.workload.task.input_shape).astype(np.float32)
        agent.infer(x)  # the first tick is over
        for pause_s in random.uniform(*PAUSES_S, WAKES):
            time.sleep(pause_s)
            found.append(_answered_ms(agent, x, wakes))
    if runtime.errors:
        raise CircadiaError("the device failed; its log says how")
    times_ms = [ms for ms in found if ms is not None]
    return {
        "submit_ms": float(np.median(times_ms)) if times_ms else None,
        "submit_p95_ms": float(np.quantile(times_ms, 0.95)) if times_ms else None,
        "deferred_share": 1 - len(times_ms) / len(found),
    }


def _answered_ms(agent: Agent, x: NDArray[np.float32], wakes: _Wakes) -> float | None:
    """Until the answer; None if the policy did not serve when it was woken. Then it is woken until it does."""
    wakes.begin()
    start = time.perf_counter()
    answer = agent.submit(x)
    ended: list[float] = []
    answer.add_done_callback(lambda _: ended.append(time.perf_counter()))
    at_once = wakes.served(answer.request_id)
    while not answer.done():
        agent.wake()
        time.sleep(RETRY_S)
    return (ended[0] - start) * 1e3 if at_once else None
