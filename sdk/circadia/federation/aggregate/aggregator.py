"""The aggregator's end of the federation, without I/O: messages and times in, effects out.

A verdict is kept before it is sent: `KeepUpdate` always comes before the `Publish` of its acknowledgement, and the
shell has to make it durable in between (docs/decisions/0004-acknowledge-after-fsync.md). The shell carries out the
`Keep…` effects of one call before it makes the next one, so that `verdicts` knows of them.

Only an update that arrived whole and intact gets a verdict. Everything else that cannot be read or used yet is
*not now* (docs/decisions/0011-messages-meet-versions.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError, RemoteProtocolError, StoreError
from circadia.federation.aggregate.averaging import Buffer
from circadia.federation.aggregate.intake import Intake, Key
from circadia.federation.aggregate.publishing import Publishing
from circadia.federation.aggregate.records import (
    KeepUpdate,
    KeepVersion,
    PutOff,
    UpdateRecord,
    Verdict,
    Version,
)
from circadia.federation.codecs import INT8, LARGEST, decode, largest_payload
from circadia.federation.wire import boundary
from circadia.federation.wire.corruption import Corruption
from circadia.federation.wire.effects import Effect, Publish, Subscribe
from circadia.federation.wire.messages import (
    ACCEPTED,
    INCOMPLETE,
    LARGEST_PAYLOAD,
    LONGEST_REASON,
    NOT_NOW,
    REJECTED,
    Acknowledgement,
    Manifest,
    Status,
    UpdateChunk,
    Want,
    encode,
)
from circadia.federation.wire.topics import (
    AGGREGATOR,
    HIGHEST_NUMBER,
    AckTopic,
    ManifestTopic,
    StatusTopic,
    UpdateTopic,
    WantTopic,
    build,
    checked_id,
    update_filter,
    want_filter,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from circadia.federation.wire.messages import Message
    from circadia.federation.wire.topics import Topic

AggregatorStep = Effect | KeepUpdate | KeepVersion | PutOff | Corruption
MOST_TOLD = 4096
"""Updates of which is remembered that *not now* was said lately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorSettings:
    """How a federation is run. Times are real seconds."""

    federation: str
    task: str
    """SHA-256 of the task's model file, 64 hexadecimal digits."""
    identity: str = ""
    """Digest of the task's identity, which has labels and input too; without one, the model's file decides alone."""
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
    """A chunk of the model is not sent again sooner, nor is *not now* said again of an update."""

    def __post_init__(self) -> None:
        checked_id("federation", self.federation)
        if self.buffer < 1 or self.rate <= 0 or self.norm_limit <= 0:
            raise ConfigError(f"{self}: buffer must be 1 or more, rate and norm_limit positive")
        if min(self.timeout_s, self.gap_s, self.forget_s, self.repeat_s) <= 0:
            raise ConfigError(f"{self}: times must be positive")


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
        self._intake = Intake(
            most_bytes=settings.partial_bytes, gap_s=settings.gap_s, forget_s=settings.forget_s
        )
        self._told_s: dict[Key, float] = {}
        """When *not now* was said of an update; the oldest first."""
        self._buffer = self._refill(buffered)
        self._flush_s = math.inf
        self._online = False
        self._publishing = Publishing(
            federation=settings.federation,
            task=settings.task,
            identity=settings.identity,
            repeat_s=settings.repeat_s,
            version=version,
        )

    @property
    def due_s(self) -> float:
        """When `tick` has something to do; infinite at rest."""
        return min(self._flush_s, self._intake.due_s)

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
        announced = build(federation, ManifestTopic())
        patterns = (update_filter(federation), want_filter(federation), announced)
        listen = tuple(Subscribe(pattern=pattern) for pattern in patterns)
        publish = () if kept else self._publishing.whole()
        return (*listen, self._status(online=True), *kept, *publish)

    def disconnected(self, now_s: float) -> tuple[AggregatorStep, ...]:  # noqa: ARG002
        """The connection is gone; nothing is sent until the next one."""
        self._online = False
        return ()

    def receive(self, topic: str, payload: bytes, now_s: float) -> tuple[AggregatorStep, ...]:
        """A message came. Whatever is wrong with it comes out as a `Corruption`; `StoreError` of the ledger is raised."""
        heard = boundary.read(self.settings.federation, topic, payload)
        if isinstance(heard, boundary.Unread):
            what = boundary.corruption(topic, heard.why)
            return (what, *boundary.hear(topic, lambda: self._unread(heard, now_s)))
        return boundary.hear(topic, lambda: self._hear(heard.where, heard.message, now_s))

    def _hear(self, where: Topic, message: Message | None, now_s: float) -> tuple[AggregatorStep, ...]:
        match where, message:
            case UpdateTopic(), UpdateChunk():
                return self._hear_update(where, message, now_s)
            case WantTopic(), Want():
                return self._publishing.hear_want(message, now_s)
            case ManifestTopic(), Manifest() | None:
                return self._publishing.hear_manifest(message, now_s)
        return ()

    def _unread(self, heard: boundary.Unread, now_s: float) -> tuple[AggregatorStep, ...]:
        """What was damaged on the way is sent again; what somebody meant gets an answer."""
        if heard.damaged or not isinstance(heard.where, UpdateTopic):
            return ()
        key = (heard.where.device, heard.where.update_id)
        if verdict := self._verdicts(*key):
            return (self._acknowledge(key, verdict),)
        return self._put_off(key, heard.why, now_s)

    def tick(self, now_s: float) -> tuple[AggregatorStep, ...]:
        """Make the version whose time has come; ask for missing chunks; forget what was given up."""
        steps: list[AggregatorStep] = []
        if now_s >= self._flush_s:
            steps += self._flush(now_s)
        for gap in self._intake.gaps(now_s):
            if self._online:
                device, update_id = gap.key
                ack = Acknowledgement(update_id=update_id, status=INCOMPLETE, missing=gap.missing)
                steps.append(self._answer(device, ack))
        return tuple(steps)

    # Updates

    def _hear_update(
        self, where: UpdateTopic, chunk: UpdateChunk, now_s: float
    ) -> tuple[AggregatorStep, ...]:
        key = (where.device, where.update_id)
        if verdict := self._verdicts(*key):
            return (self._acknowledge(key, verdict),)
        if (chunk.device, chunk.update_id, chunk.chunk) != (*key, where.chunk):
            raise RemoteProtocolError("update-chunk: device, update_id and chunk differ from the topic's")
        try:
            self._check(chunk)
            payload = self._intake.add(chunk, now_s)
        except RemoteProtocolError as error:
            return self._put_off(key, str(error), now_s)
        return () if payload is None else self._judge(key, chunk, payload, now_s)

    def _judge(
        self, key: Key, chunk: UpdateChunk, payload: bytes, now_s: float
    ) -> tuple[AggregatorStep, ...]:
        """The verdict on an update that is whole and intact."""
        try:
            delta = decode(payload, self._parameters, chunk.codec)
            self._check_norm(delta)
        except RemoteProtocolError as error:
            return self._reject(key, str(error), now_s)
        return self._accept(key, chunk, payload, delta, now_s)

    def _check(self, chunk: UpdateChunk) -> None:
        """What may be otherwise tomorrow, here or on the device, is no ground for a verdict."""
        if chunk.task != self.settings.task:
            raise RemoteProtocolError(
                f"task: update for {chunk.task[:12]}…, this federation learns {self.settings.task[:12]}…; "
                "give both the same task"
            )
        if self.settings.identity and chunk.identity not in {"", self.settings.identity}:
            raise RemoteProtocolError(
                "task: update for the same model with other labels or another input; give both the same task"
            )
        if chunk.codec != INT8:
            raise RemoteProtocolError(f"codec: {chunk.codec}, updates come as {INT8}")
        if chunk.base_version > self.version.number:
            raise RemoteProtocolError(
                f"base_version: {chunk.base_version} is in the future, newest is {self.version.number}"
            )
        if chunk.size > largest_payload(self._parameters, chunk.codec):
            raise RemoteProtocolError(f"size: {chunk.size} bytes are too many for {self._parameters} values")
        if self.version.number >= HIGHEST_NUMBER:
            raise RemoteProtocolError(
                f"version: {HIGHEST_NUMBER} is the last there is; start a federation with a new id"
            )

    def _put_off(self, key: Key, why: str, now_s: float) -> tuple[AggregatorStep, ...]:
        """*Not now*: nothing is kept and nothing decided. Said once in a while, however many chunks there are."""
        if now_s < self._told_s.get(key, -math.inf) + self.settings.repeat_s:
            return ()
        self._told_s.pop(key, None)
        self._told_s[key] = now_s
        if len(self._told_s) > MOST_TOLD:
            del self._told_s[next(iter(self._told_s))]
        reason = why[:LONGEST_REASON]
        ack = Acknowledgement(update_id=key[1], status=NOT_NOW, reason=reason)
        return (PutOff(device=key[0], update_id=key[1], reason=reason), self._answer(key[0], ack))

    def _check_norm(self, delta: NDArray[np.float32]) -> None:
        """Too large is also what would make weights that the model's codec cannot carry, and so no next version."""
        norm = float(np.linalg.norm(delta.astype(np.float64)))
        weights = self.version.weights.astype(np.float64)
        room = (LARGEST * 0.99 - float(np.abs(weights).max())) / self.settings.rate
        limit = min(self.settings.norm_limit * max(1.0, float(np.linalg.norm(weights))), room)
        if not norm <= limit:
            raise RemoteProtocolError(f"norm: the change's is {norm:.3g}, allowed is {limit:.3g}")

    def _accept(
        self,
        key: Key,
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

    def _reject(self, key: Key, reason: str, now_s: float) -> tuple[AggregatorStep, ...]:
        verdict = Verdict(accepted=False, reason=reason[:LONGEST_REASON])
        record = UpdateRecord(device=key[0], update_id=key[1], verdict=verdict, received_s=self._stamp(now_s))
        return (KeepUpdate(record=record), self._acknowledge(key, verdict))

    def _acknowledge(self, key: Key, verdict: Verdict) -> Publish:
        status = ACCEPTED if verdict.accepted else REJECTED
        return self._answer(key[0], Acknowledgement(update_id=key[1], status=status, reason=verdict.reason))

    def _answer(self, device: str, ack: Acknowledgement) -> Publish:
        return Publish(topic=build(self.settings.federation, AckTopic(device=device)), payload=encode(ack))

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
        if self.version.number >= HIGHEST_NUMBER:
            return ()  # what was accepted before stays in the ledger; no more is
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
        self._publishing.take(self.version)
        return (KeepVersion(version=self.version), *(self._publishing.whole() if self._online else ()))

    def _status(self, *, online: bool) -> Publish:
        status = Status(device=AGGREGATOR, online=online, details={"version": self.version.number})
        topic = build(self.settings.federation, StatusTopic(device=AGGREGATOR))
        return Publish(topic=topic, payload=encode(status), retain=True)


def first_version(weights: NDArray[np.float32], published_s: float) -> Version:
    """Version 1: the task's initial weights. `ConfigError` when they cannot be published."""
    if weights.ndim != 1 or not 0 < weights.size <= LARGEST_PAYLOAD // 8 or not np.isfinite(weights).all():
        raise ConfigError(f"initial weights of shape {weights.shape}: need one flat finite vector")
    return Version(number=1, published_s=published_s, weights=weights.astype(np.float32))
