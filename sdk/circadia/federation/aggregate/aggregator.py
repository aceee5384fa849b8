"""The aggregator's end of the federation, without I/O: messages and times in, effects out.

A verdict is kept before it is sent: `KeepUpdate` always comes before the `Publish` of its acknowledgement, and the
shell has to make it durable in between (decisions/0004-acknowledge-after-fsync.md). The shell carries out the
`Keep…` effects of one call before it makes the next one, so that `verdicts` knows of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError, RemoteProtocolError, StoreError
from circadia.federation.aggregate.averaging import Buffer
from circadia.federation.aggregate.records import KeepUpdate, KeepVersion, UpdateRecord, Verdict, Version
from circadia.federation.codecs import FLOAT32, INT8, decode, largest_payload
from circadia.federation.codecs import encode as pack
from circadia.federation.wire.assembly import Assembly, cut
from circadia.federation.wire.effects import Effect, Publish, Subscribe
from circadia.federation.wire.messages import (
    ACCEPTED,
    CHUNK,
    INCOMPLETE,
    LARGEST_PAYLOAD,
    REJECTED,
    Acknowledgement,
    DamageError,
    Manifest,
    ModelChunk,
    Status,
    UpdateChunk,
    Want,
    decode_as,
    encode,
)
from circadia.federation.wire.topics import (
    AGGREGATOR,
    AckTopic,
    ManifestTopic,
    ModelTopic,
    StatusTopic,
    UpdateTopic,
    WantTopic,
    build,
    checked_id,
    parse,
    update_filter,
    want_filter,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

AggregatorStep = Effect | KeepUpdate | KeepVersion
VERSIONS_ON_BROKER = 3
"""The current version and the two before it: for devices in the middle of a pull."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorSettings:
    """How a federation is run. Times are real seconds."""

    federation: str
    task: str
    """SHA-256 of the task's model file, 64 hexadecimal digits."""
    buffer: int = 4
    """Updates that make a version."""
    timeout_s: float = 600.0
    """After it a version is made of fewer, at least one."""
    rate: float = 1.0
    """Step along the mean of the changes."""
    norm_limit: float = 10.0
    """An update is rejected when |change| > norm_limit · max(1, |weights|)."""
    gap_s: float = 2.0
    """Silence in the middle of an update after which the missing chunks are asked for."""
    forget_s: float = 120.0
    """Silence after which a part of an update is forgotten."""
    partial_bytes: int = 64 * 2**20
    """Memory for parts of updates; beyond it the one that was silent longest goes."""
    repeat_s: float = 1.0
    """A chunk of the model is not sent again sooner."""

    def __post_init__(self) -> None:
        checked_id("federation", self.federation)
        if self.buffer < 1 or self.rate <= 0 or self.norm_limit <= 0:
            raise ConfigError(f"{self}: buffer must be 1 or more, rate and norm_limit positive")
        if min(self.timeout_s, self.gap_s, self.forget_s, self.repeat_s) <= 0:
            raise ConfigError(f"{self}: times must be positive")


@dataclass(slots=True, kw_only=True, eq=False)
class _Partial:
    """An update of which some chunks are there."""

    header: UpdateChunk
    assembly: Assembly
    heard_s: float
    asked: bool = False


class Aggregator:
    """Judges updates, keeps them, averages them, publishes versions. `now_s` never runs backwards."""

    def __init__(
        self,
        *,
        settings: AggregatorSettings,
        version: Version,
        buffered: Sequence[UpdateRecord],
        verdicts: Callable[[str, str], Verdict | None],
        stamp: Callable[[float], float],
    ) -> None:
        """Go on from what the ledger has: `version`, `buffered`, and `verdicts` of a device and update id.

        `stamp` turns `now_s` into the federation's time, for `published_s`.
        """
        self.settings = settings
        self.version = version
        self._verdicts = verdicts
        self._stamp = stamp
        self._partial: dict[tuple[str, str], _Partial] = {}
        self._partial_bytes = 0
        self._buffer = self._refill(buffered)
        self._flush_s = math.inf
        self._online = False
        self._repeated_s: dict[int, float] = {}
        self._pack()

    @property
    def due_s(self) -> float:
        """When `tick` has something to do; infinite at rest."""
        gaps = (self._partial_due_s(partial) for partial in self._partial.values())
        return min(self._flush_s, min(gaps, default=math.inf))

    @property
    def waiting(self) -> int:
        """Accepted updates that no version holds yet."""
        return self._buffer.updates

    def will(self) -> Publish:
        """What the broker tells the others when the aggregator is gone."""
        return self._status(online=False)

    def farewell(self) -> Publish:
        """What to say before leaving on purpose."""
        return self._status(online=False)

    # Inputs

    def connected(self, now_s: float) -> tuple[AggregatorStep, ...]:
        """The broker answered: listen, and publish again what it may have forgotten."""
        self._online = True
        kept = self._flush_if_full(now_s)
        federation = self.settings.federation
        listen = (Subscribe(pattern=update_filter(federation)), Subscribe(pattern=want_filter(federation)))
        publish = () if kept else self._publish_version()
        return (*listen, self._status(online=True), *kept, *publish)

    def disconnected(self, now_s: float) -> tuple[AggregatorStep, ...]:  # noqa: ARG002
        """The connection is gone; nothing is sent until the next one."""
        self._online = False
        return ()

    def receive(self, topic: str, payload: bytes, now_s: float) -> tuple[AggregatorStep, ...]:
        """A message came. One that breaks the rules is dropped, or rejected where it belongs to an update."""
        try:
            federation, where = parse(topic)
        except RemoteProtocolError:
            return ()
        if federation != self.settings.federation:
            return ()
        match where:
            case UpdateTopic():
                return self._hear_update(where, payload, now_s)
            case WantTopic():
                return self._hear_want(payload, now_s)
        return ()

    def tick(self, now_s: float) -> tuple[AggregatorStep, ...]:
        """Make the version whose time has come; ask for missing chunks; forget what was given up."""
        steps: list[AggregatorStep] = []
        if now_s >= self._flush_s:
            steps += self._flush(now_s)
        for key, partial in list(self._partial.items()):
            if now_s >= partial.heard_s + self.settings.forget_s:
                self._drop(key)
            elif not partial.asked and now_s >= partial.heard_s + self.settings.gap_s:
                partial.asked = True
                steps += self._ask(key, partial)
        return tuple(steps)

    # Updates

    def _hear_update(self, where: UpdateTopic, payload: bytes, now_s: float) -> tuple[AggregatorStep, ...]:
        key = (where.device, where.update_id)
        if verdict := self._verdicts(*key):
            return (self._acknowledge(key, verdict),)
        try:
            chunk = decode_as(UpdateChunk, payload)
            self._check(chunk, where)
            return self._add(key, chunk, now_s)
        except DamageError:
            return ()  # the device sends it again
        except RemoteProtocolError as error:
            return self._reject(key, str(error), now_s)

    def _check(self, chunk: UpdateChunk, where: UpdateTopic) -> None:
        if (chunk.device, chunk.update_id, chunk.chunk) != (where.device, where.update_id, where.chunk):
            raise RemoteProtocolError("update-chunk: device, update_id and chunk differ from the topic's")
        if chunk.task != self.settings.task:
            raise RemoteProtocolError(
                f"task: update for {chunk.task[:12]}…, this federation learns {self.settings.task[:12]}…"
            )
        if chunk.codec != INT8:
            raise RemoteProtocolError(f"codec: {chunk.codec}, updates come as {INT8}")
        if chunk.base_version > self.version.number:
            raise RemoteProtocolError(
                f"base_version: {chunk.base_version} is in the future, newest is {self.version.number}"
            )
        if chunk.size > largest_payload(self._parameters, chunk.codec):
            raise RemoteProtocolError(f"size: {chunk.size} bytes are too many for {self._parameters} values")

    def _add(self, key: tuple[str, str], chunk: UpdateChunk, now_s: float) -> tuple[AggregatorStep, ...]:
        partial = self._partial.get(key)
        if partial is None:
            partial = self._open(key, chunk, now_s)
        elif chunk.header != partial.header.header:
            raise RemoteProtocolError(
                f"update-chunk: the header of chunk {chunk.chunk} differs from the first one's"
            )
        partial.heard_s = now_s
        partial.asked = False
        partial.assembly.add(chunk.chunk, chunk.data)
        if not partial.assembly.complete:
            return ()
        try:
            payload = partial.assembly.payload()
            delta = decode(payload, self._parameters, chunk.codec)
            self._check_norm(delta)
        finally:
            self._drop(key)
        return self._accept(key, chunk, payload, delta, now_s)

    def _open(self, key: tuple[str, str], chunk: UpdateChunk, now_s: float) -> _Partial:
        while self._partial and self._partial_bytes + chunk.size > self.settings.partial_bytes:
            self._drop(min(self._partial, key=lambda other: self._partial[other].heard_s))
        assembly = Assembly(size=chunk.size, digest=chunk.sha256)
        self._partial[key] = _Partial(header=chunk, assembly=assembly, heard_s=now_s)
        self._partial_bytes += chunk.size
        return self._partial[key]

    def _drop(self, key: tuple[str, str]) -> None:
        if partial := self._partial.pop(key, None):
            self._partial_bytes -= partial.header.size

    def _check_norm(self, delta: NDArray[np.float32]) -> None:
        norm = float(np.linalg.norm(delta.astype(np.float64)))
        limit = self.settings.norm_limit * max(
            1.0, float(np.linalg.norm(self.version.weights.astype(np.float64)))
        )
        if not norm <= limit:
            raise RemoteProtocolError(f"norm: the change's is {norm:.3g}, allowed is {limit:.3g}")

    def _accept(
        self,
        key: tuple[str, str],
        chunk: UpdateChunk,
        payload: bytes,
        delta: NDArray[np.float32],
        now_s: float,
    ) -> tuple[AggregatorStep, ...]:
        record = UpdateRecord(
            device=key[0],
            update_id=key[1],
            verdict=Verdict(accepted=True),
            received_s=self._stamp(now_s),
            base_version=chunk.base_version,
            # A device that never had a version started where version 1 did: from the task's initial weights.
            staleness=self.version.number - max(chunk.base_version, 1),
            examples=chunk.examples,
            codec=chunk.codec,
            payload=payload,
        )
        self._take(self._buffer, record, delta)
        self._flush_s = min(self._flush_s, now_s + self.settings.timeout_s)
        keep = KeepUpdate(record=record)
        return (keep, self._acknowledge(key, record.verdict), *self._flush_if_full(now_s))

    def _reject(self, key: tuple[str, str], reason: str, now_s: float) -> tuple[AggregatorStep, ...]:
        self._drop(key)
        verdict = Verdict(accepted=False, reason=reason[:512])
        record = UpdateRecord(device=key[0], update_id=key[1], verdict=verdict, received_s=self._stamp(now_s))
        return (KeepUpdate(record=record), self._acknowledge(key, verdict))

    def _acknowledge(self, key: tuple[str, str], verdict: Verdict) -> Publish:
        status = ACCEPTED if verdict.accepted else REJECTED
        ack = Acknowledgement(update_id=key[1], status=status, reason=verdict.reason)
        return Publish(topic=build(self.settings.federation, AckTopic(device=key[0])), payload=encode(ack))

    def _ask(self, key: tuple[str, str], partial: _Partial) -> tuple[AggregatorStep, ...]:
        if not self._online:
            return ()
        ack = Acknowledgement(update_id=key[1], status=INCOMPLETE, missing=partial.assembly.missing)
        return (Publish(topic=build(self.settings.federation, AckTopic(device=key[0])), payload=encode(ack)),)

    def _partial_due_s(self, partial: _Partial) -> float:
        return partial.heard_s + (self.settings.forget_s if partial.asked else self.settings.gap_s)

    # Versions

    @property
    def _parameters(self) -> int:
        return int(self.version.weights.size)

    def _refill(self, records: Iterable[UpdateRecord]) -> Buffer:
        buffer = Buffer(self._parameters)
        for record in records:
            try:
                delta = decode(record.payload or b"", self._parameters, record.codec or INT8)
            except RemoteProtocolError as error:
                raise StoreError(
                    f"kept update {record.update_id} of {record.device} is damaged: {error}"
                ) from error
            self._take(buffer, record, delta)
        return buffer

    def _take(self, buffer: Buffer, record: UpdateRecord, delta: NDArray[np.float32]) -> None:
        buffer.add(delta, examples=record.examples or 0, staleness=record.staleness or 0)

    def _flush_if_full(self, now_s: float) -> tuple[AggregatorStep, ...]:
        if self._buffer.updates >= self.settings.buffer:
            return self._flush(now_s)
        if self._buffer.updates and math.isinf(self._flush_s):
            self._flush_s = now_s + self.settings.timeout_s
        return ()

    def _flush(self, now_s: float) -> tuple[AggregatorStep, ...]:
        """The next version out of the buffer."""
        self._flush_s = math.inf
        self.version = Version(
            number=self.version.number + 1,
            published_s=self._stamp(now_s),
            weights=self._buffer.apply(self.version.weights, self.settings.rate),
            updates=self._buffer.updates,
            examples=self._buffer.examples,
        )
        self._buffer = Buffer(self._parameters)
        self._pack()
        return (KeepVersion(version=self.version), *(self._publish_version() if self._online else ()))

    def _pack(self) -> None:
        packed = pack(self.version.weights, FLOAT32)
        self._chunks = cut(packed)
        self._repeated_s.clear()
        self._manifest = Manifest(
            task=self.settings.task,
            version=self.version.number,
            published_s=self.version.published_s,
            parameters=self._parameters,
            sha256=sha256(packed).digest(),
            size=len(packed),
            chunks=len(self._chunks),
            codec=FLOAT32,
        )

    def _publish_version(self) -> tuple[AggregatorStep, ...]:
        """Chunks first, so that whoever hears of the version finds it; then what nobody needs any more goes."""
        chunks = (self._publish_chunk(chunk) for chunk in range(len(self._chunks)))
        return (*chunks, self._publish_manifest(), *self._clear_old())

    def _publish_chunk(self, chunk: int) -> Publish:
        number = self.version.number
        message = ModelChunk(version=number, chunk=chunk, data=self._chunks[chunk])
        return self._retain(ModelTopic(version=number, chunk=chunk), encode(message))

    def _publish_manifest(self) -> Publish:
        return self._retain(ManifestTopic(), encode(self._manifest))

    def _clear_old(self) -> Iterable[Publish]:
        old = self.version.number - VERSIONS_ON_BROKER
        if old < 1:
            return ()
        # How many chunks it had is not remembered; no version has more than this.
        most = -(-largest_payload(self._parameters, FLOAT32) // CHUNK)
        return [self._retain(ModelTopic(version=old, chunk=chunk), b"") for chunk in range(most)]

    def _retain(self, topic: ManifestTopic | ModelTopic, payload: bytes) -> Publish:
        return Publish(topic=build(self.settings.federation, topic), payload=payload, retain=True)

    def _hear_want(self, payload: bytes, now_s: float) -> tuple[AggregatorStep, ...]:
        """Repair what the broker lacks. Who wants another version gets the manifest, and wants this one then."""
        try:
            want = decode_as(Want, payload)
        except RemoteProtocolError:
            return ()
        if want.version != self.version.number:
            return (self._publish_manifest(),) if self._may_repeat(-1, now_s) else ()
        wanted = [
            chunk for chunk in want.chunks if chunk < len(self._chunks) and self._may_repeat(chunk, now_s)
        ]
        return tuple(self._publish_chunk(chunk) for chunk in wanted)

    def _may_repeat(self, what: int, now_s: float) -> bool:
        if now_s < self._repeated_s.get(what, -math.inf) + self.settings.repeat_s:
            return False
        self._repeated_s[what] = now_s
        return True

    def _status(self, *, online: bool) -> Publish:
        status = Status(device=AGGREGATOR, online=online, details={"version": self.version.number})
        topic = build(self.settings.federation, StatusTopic(device=AGGREGATOR))
        return Publish(topic=topic, payload=encode(status), retain=True)


def first_version(weights: NDArray[np.float32], published_s: float) -> Version:
    """Version 1: the task's initial weights. `ConfigError` when they cannot be published."""
    if weights.ndim != 1 or not 0 < weights.size <= LARGEST_PAYLOAD // 8 or not np.isfinite(weights).all():
        raise ConfigError(f"initial weights of shape {weights.shape}: need one flat finite vector")
    return Version(number=1, published_s=published_s, weights=weights.astype(np.float32))
