"""What the federation's transport costs: a model through a TLS terminator, and a large update's way onto the wire."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import PlatformUnavailable
from circadia.federation.aggregate.aggregator import AggregatorSettings
from circadia.federation.aggregate.intake import Intake
from circadia.federation.aggregate.ledger import Ledger
from circadia.federation.aggregate.service import AggregatorService
from circadia.federation.device.endpoint import DeviceEndpoint
from circadia.federation.device.events import ModelArrived
from circadia.federation.transport.address import BrokerAddress
from circadia.federation.transport.broker import Broker
from circadia.federation.transport.device_link import DeviceLink
from circadia.federation.wire import boundary
from circadia.federation.wire.effects import Publish
from circadia.federation.wire.messages import Status, UpdateChunk, encode
from circadia.types import ModelUpdate
from circadia_lab.bench._machine import machine
from circadia_lab.bench._terminator import Identity, Terminator

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from circadia_lab.bench.__main__ import Figure

ROUNDS = 5
PARAMETERS = (2_000, 20_000, 300_000)
UPLOADS = (5_000_000, 20_000_000)
TASK = "ab" * 32
LIMIT_S = 60.0


def measure() -> dict[str, Figure]:
    """The figures below; needs mosquitto.

    `fetch_N_s` is the time from a device's pull until a model of N parameters is there, through a proxy that gathers
    the broker's bytes for 10 ms; `fetch_N_tls_s` the same with the proxy ending TLS; `_ratio` their quotient. Medians
    of interleaved rounds, each with a device of its own that is connected before the clock starts.
    `upload_N_mb_s` is the device's processor time from a pushed update to its last message in bytes,
    `intake_N_mb_s` the aggregator's from those bytes to the whole payload, and `…_growth` how much longer four times
    the bytes take, by the byte: 1 is linear. Medians as well.
    """
    return {**machine(), **fetches(), **uploads()}


def fetches() -> dict[str, Figure]:
    """Times of a fetch, with and without TLS."""
    figures: dict[str, Figure] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="circadia-transport-")))
        broker = stack.enter_context(Broker())
        identity = Identity(folder)
        plain = stack.enter_context(Terminator(broker.port))
        secret = stack.enter_context(Terminator(broker.port, identity.server()))
        for parameters in PARAMETERS:
            with aggregating(folder, broker.port, parameters):
                rounds = [
                    (
                        fetch_s(plain.port, parameters, None),
                        fetch_s(secret.port, parameters, identity.client()),
                    )
                    for _ in range(ROUNDS)
                ]
            bare_s, tls_s = (statistics.median(times) for times in zip(*rounds, strict=True))
            figures |= {f"fetch_{parameters}_s": bare_s, f"fetch_{parameters}_tls_s": tls_s}
            figures[f"fetch_{parameters}_ratio"] = tls_s / bare_s
    return figures


@contextmanager
def aggregating(folder: Path, port: int, parameters: int) -> Iterator[None]:
    """An aggregator of a federation named after its size, in a thread."""
    with closing(Ledger(folder / f"{parameters}.db", task=TASK, parameters=parameters)) as ledger:
        service = AggregatorService(
            address=BrokerAddress(host="127.0.0.1", port=port),
            ledger=ledger,
            settings=AggregatorSettings(federation=f"of-{parameters}", task=TASK),
            initial_weights=np.random.default_rng(1).normal(size=parameters).astype(np.float32),
            stamp=float,
            random=Random(1),
        )
        thread = threading.Thread(target=service.run)
        thread.start()
        try:
            _await(lambda: service.connected, "the aggregator")
            yield
        finally:
            service.stop()
            thread.join()


def fetch_s(port: int, parameters: int, tls: ssl.SSLContext | None) -> float:
    """One fetch by a device that is connected; it knows the manifest by then, or asks for it."""
    endpoint = DeviceEndpoint(
        device_id="device", federation=f"of-{parameters}", task_digest=TASK, parameters=parameters
    )
    address = BrokerAddress(host="127.0.0.1", port=port)
    there = threading.Event()
    link = DeviceLink(address=address, endpoint=endpoint, random=Random(2), tls=tls, on_event=there.set)
    try:
        _await(lambda: link.connected, "the connection")
        start_s = time.perf_counter()
        link.request((), pull=True)
        while not any(isinstance(event, ModelArrived) for event in link.poll()):
            there.clear()
            if not there.wait(LIMIT_S):
                raise PlatformUnavailable(f"no model of {parameters} parameters within {LIMIT_S:g} s")
        return time.perf_counter() - start_s
    finally:
        link.close()


def _await(condition: Callable[[], bool], what: str) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end_s:
            raise PlatformUnavailable(f"{what} did not come within {LIMIT_S:g} s")
        time.sleep(0.005)


def uploads() -> dict[str, Figure]:
    """Processor times of a large update at both ends."""
    figures: dict[str, Figure] = {}
    times: dict[int, tuple[float, float]] = {}
    for size in UPLOADS:
        rounds = [upload_s(size) for _ in range(ROUNDS)]
        sent_s, taken_s = (statistics.median(column) for column in zip(*rounds, strict=True))
        times[size] = (sent_s, taken_s)
        figures |= {f"upload_{size // 10**6}_mb_s": sent_s, f"intake_{size // 10**6}_mb_s": taken_s}
    small, large = UPLOADS
    for name, one, other in zip(("upload", "intake"), times[small], times[large], strict=True):
        figures[f"{name}_growth"] = other / one * small / large
    return figures


def upload_s(size: int) -> tuple[float, float]:
    """Processor seconds: the device's to turn an update into messages, the aggregator's to put it together."""
    payload = np.random.default_rng(3).bytes(size)
    update = ModelUpdate(
        update_id="u", task=TASK, base_version=1, examples=1, codec="int8", payload=payload, created_s=0.0
    )
    endpoint = DeviceEndpoint(device_id="device", federation="home", task_digest=TASK, parameters=size)
    endpoint.connected(0.0)
    there = encode(Status(device="aggregator", online=True))
    endpoint.receive("circadia/1/home/status/aggregator", there, 0.0)
    start_s = time.process_time()
    sent = [step for step in endpoint.push([update], 0.0) if isinstance(step, Publish)]
    between_s = time.process_time()
    intake = Intake(most_bytes=64 * 2**20, gap_s=2.0, forget_s=120.0)
    whole = None
    for message in sent:
        heard = boundary.read("home", message.topic, message.payload)
        if isinstance(heard, boundary.Heard) and isinstance(heard.message, UpdateChunk):
            whole = intake.add(heard.message, 0.0)
    end_s = time.process_time()
    if whole != payload:
        raise PlatformUnavailable(f"an update of {size} bytes did not arrive as it was sent")
    return between_s - start_s, end_s - between_s
