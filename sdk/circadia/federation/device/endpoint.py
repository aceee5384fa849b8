"""The device's end of the federation, without I/O: messages and times in, effects and events out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia.errors import ConfigError, RemoteProtocolError
from circadia.federation.device.download import Download
from circadia.federation.device.events import DeviceEvent
from circadia.federation.device.patience import Patience
from circadia.federation.device.uploads import Uploads
from circadia.federation.wire import boundary
from circadia.federation.wire.effects import Effect, Publish, Subscribe
from circadia.federation.wire.messages import (
    Acknowledgement,
    Manifest,
    ModelChunk,
    Status,
    encode,
)
from circadia.federation.wire.topics import (
    AGGREGATOR,
    AckTopic,
    ManifestTopic,
    ModelTopic,
    StatusTopic,
    build,
    checked_id,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from circadia.federation.wire.messages import Message, Scalar
    from circadia.federation.wire.topics import Topic
    from circadia.types import ModelUpdate

DeviceStep = Effect | DeviceEvent
"""What a call answers: effects for the shell and events for the agent, in order."""


class DeviceEndpoint:
    """One device in one federation. `now_s` is any clock that never runs backwards.

    An update that was pushed is sent until its verdict is known, while the aggregator is there. A model that was pulled is fetched until it is
    there, or a newer one in its place. Nothing is sent between `disconnected` and `connected`.
    """

    def __init__(
        self,
        *,
        device_id: str,
        federation: str,
        task_digest: str,
        parameters: int,
        identity: str = "",
        installed_version: int = 0,
        patience: Patience | None = None,
        details: Mapping[str, Scalar] | None = None,
        rejected: Sequence[str] = (),
    ) -> None:
        """`task_digest` is the model file's, `identity` that of the whole task; without it the model's decides alone.

        `details` are shown to whoever watches the federation. `rejected`: why the newest updates of an earlier run were, the
        oldest first, if none was accepted since.
        """
        if device_id == AGGREGATOR:
            raise ConfigError(f"device id {device_id!r} belongs to the aggregator; choose another")
        self.device_id = checked_id("device", device_id)
        self.federation = checked_id("federation", federation)
        self._details = dict(details or {})
        patience = patience or Patience()
        self._uploads = Uploads(
            federation=federation,
            device=device_id,
            identity=identity,
            patience=patience,
            rejected=rejected,
        )
        self._download = Download(
            federation=federation,
            device=device_id,
            task_digest=task_digest,
            identity=identity,
            parameters=parameters,
            installed_version=installed_version,
            patience=patience,
        )

    @property
    def installed_version(self) -> int:
        """The newest version that was handed to the agent."""
        return self._download.installed_version

    @property
    def pushing(self) -> int:
        """Updates whose verdict is not known yet."""
        return len(self._uploads)

    @property
    def put_off(self) -> int:
        """Of those, updates that the aggregator could not read or use so far."""
        return self._uploads.put_off

    @property
    def pulling(self) -> bool:
        """Whether a model was asked for and is not there yet."""
        return self._download.wanted

    @property
    def due_s(self) -> float:
        """When `tick` has something to do; infinite at rest."""
        return min(self._uploads.due_s, self._download.due_s)

    def will(self) -> Publish:
        """What the broker tells the others when this device is gone."""
        return self._status(online=False)

    def farewell(self) -> Publish:
        """What to say before leaving on purpose."""
        return self._status(online=False)

    def connected(self, now_s: float) -> tuple[DeviceStep, ...]:
        """The broker answered: listen, and go on with everything that waits."""
        self._uploads.connected(now_s)
        return (
            Subscribe(pattern=build(self.federation, AckTopic(device=self.device_id))),
            Subscribe(pattern=build(self.federation, StatusTopic(device=AGGREGATOR))),
            Subscribe(pattern=build(self.federation, ManifestTopic())),
            self._status(online=True),
            *self._download.connected(now_s),
        )

    def disconnected(self, now_s: float) -> tuple[DeviceStep, ...]:  # noqa: ARG002
        """The connection is gone; what was on its way is sent again later."""
        self._uploads.disconnected()
        self._download.disconnected()
        return ()

    def check(self, update: ModelUpdate) -> None:
        """`LocalProtocolError` for an update that no message can carry. Safe on any thread."""
        self._uploads.check(update)

    def push(self, updates: Sequence[ModelUpdate], now_s: float) -> tuple[DeviceStep, ...]:
        """Send these updates; `LocalProtocolError` for one that no message can carry."""
        return self._uploads.add(updates, now_s)

    def pull(self, now_s: float) -> tuple[DeviceStep, ...]:
        """Fetch the newest version, once."""
        return self._download.pull(now_s)

    def tick(self, now_s: float) -> tuple[DeviceStep, ...]:
        """Ask and send again what took too long."""
        return (*self._uploads.tick(now_s), *self._download.tick(now_s))

    def receive(self, topic: str, payload: bytes, now_s: float) -> tuple[DeviceStep, ...]:
        """A message came. Whatever is wrong with it comes out as a `Corruption`; nothing is raised."""
        heard = boundary.read(self.federation, topic, payload)
        if isinstance(heard, boundary.Unread):
            return (boundary.corruption(topic, heard.why),)
        return boundary.hear(topic, lambda: self._hear(heard.where, heard.message, now_s))

    def _hear(self, where: Topic, message: Message | None, now_s: float) -> tuple[DeviceStep, ...]:
        match where, message:
            case _, None:
                return ()  # a retained message was cleared
            case ManifestTopic(), Manifest():
                return self._download.hear_manifest(message, now_s)
            case ModelTopic(version=version), ModelChunk():
                return self._download.hear_chunk(version, message, now_s)
            case StatusTopic(device=device), Status() if device == AGGREGATOR:
                return self._uploads.aggregator(message.online, now_s)
            case AckTopic(device=device), Acknowledgement() if device == self.device_id:
                return self._hear_ack(message, now_s)
        raise RemoteProtocolError("nobody subscribed to this topic")

    def _hear_ack(self, ack: Acknowledgement, now_s: float) -> tuple[DeviceStep, ...]:
        """Whoever watches the federation sees how many updates are put off."""
        before = self.put_off
        steps = self._uploads.hear(ack, now_s)
        return steps if self.put_off == before else (*steps, self._status(online=True))

    def _status(self, *, online: bool) -> Publish:
        waiting = {"put_off": self.put_off} if self.put_off else {}
        status = Status(device=self.device_id, online=online, details={**self._details, **waiting})
        topic = build(self.federation, StatusTopic(device=self.device_id))
        return Publish(topic=topic, payload=encode(status), retain=True)
