"""A broker for the protocol cores of one process: what is published arrives before the next thing happens.

It keeps retained messages and loses nothing. Time is whatever its clock shows.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from circadia.federation.wire.effects import Publish, Subscribe, Unsubscribe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia.federation.device.endpoint import DeviceEndpoint
    from circadia.federation.device.events import DeviceEvent
    from circadia.federation.transport.link import Endpoint, Sink
    from circadia.ports import Clock
    from circadia.types import ModelUpdate


@dataclass(slots=True, eq=False)
class Party:
    """Whoever may be connected."""

    endpoint: Endpoint
    sink: Sink
    patterns: list[str] = field(default_factory=list)
    connected: bool = False


class Post:
    """Carries messages between protocol cores. One thread."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._parties: list[Party] = []
        self._retained: dict[str, bytes] = {}
        self._underway: deque[tuple[Party, str, bytes]] = deque()
        self._carrying = False

    def join(self, endpoint: Endpoint, sink: Sink) -> Party:
        """A party that is not connected yet."""
        party = Party(endpoint, sink)
        self._parties.append(party)
        return party

    def connect(self, party: Party) -> None:
        """It listens and is heard from now on."""
        if not party.connected:
            party.connected = True
            self.carry_out(party, party.endpoint.connected(self.clock.now_s()))

    def leave(self, party: Party) -> None:
        """It says farewell; nothing more is sent to it."""
        if party.connected:
            self.carry_out(party, (party.endpoint.farewell(),))
            party.connected, party.patterns = False, []
            self.carry_out(party, party.endpoint.disconnected(self.clock.now_s()))

    @property
    def due_s(self) -> float:
        """When `tick` has something to do for any party; infinite at rest."""
        return min(party.endpoint.due_s for party in self._parties)

    def tick(self) -> None:
        """Let the parties whose time has come do what is due."""
        now_s = self.clock.now_s()
        for party in self._parties:
            if party.endpoint.due_s <= now_s:
                self.carry_out(party, party.endpoint.tick(now_s))

    def carry_out(self, party: Party, steps: Sequence[Any]) -> None:
        """What a core answered: its sink keeps first, then its messages go out, and all that follows from them."""
        self._keep_and_send(party, steps)
        if self._carrying:
            return
        self._carrying = True
        try:
            while self._underway:
                to, topic, payload = self._underway.popleft()
                if to.connected:
                    self._keep_and_send(to, to.endpoint.receive(topic, payload, self.clock.now_s()))
        finally:
            self._carrying = False

    def _keep_and_send(self, party: Party, steps: Sequence[Any]) -> None:
        effects = [step for step in steps if isinstance(step, Subscribe | Unsubscribe | Publish)]
        for step in steps:
            if not isinstance(step, Subscribe | Unsubscribe | Publish):
                party.sink.take(step)
        party.sink.commit()
        for effect in effects if party.connected else ():
            self._send(party, effect)

    def _send(self, party: Party, effect: Subscribe | Unsubscribe | Publish) -> None:
        match effect:
            case Subscribe(pattern=pattern):
                party.patterns.append(pattern)
                found = [(topic, p) for topic, p in self._retained.items() if matches(pattern, topic)]
                self._underway.extend((party, topic, payload) for topic, payload in found)
            case Unsubscribe(pattern=pattern):
                party.patterns = [known for known in party.patterns if known != pattern]
            case Publish():
                self._publish(effect)

    def _publish(self, message: Publish) -> None:
        if message.retain and message.payload:
            self._retained[message.topic] = message.payload
        elif message.retain:
            self._retained.pop(message.topic, None)
        for party in self._parties:
            if party.connected and any(matches(pattern, message.topic) for pattern in party.patterns):
                self._underway.append((party, message.topic, message.payload))


def matches(pattern: str, topic: str) -> bool:
    """Whether an MQTT filter matches a topic: `+` is any one level, `#` all that follow."""
    wanted, levels = pattern.split("/"), topic.split("/")
    for place, one in enumerate(wanted):
        if one == "#":
            return True
        if place >= len(levels) or one not in ("+", levels[place]):
            return False
    return len(wanted) == len(levels)


class PostLink:
    """A device's side of the federation: the `Federation` port over the post."""

    trouble = ""

    def __init__(self, post: Post, endpoint: DeviceEndpoint) -> None:
        self._post, self._endpoint = post, endpoint
        self._party = post.join(endpoint, self)
        self._events: list[DeviceEvent] = []

    @property
    def connected(self) -> bool:
        """Whether the federation can be reached now."""
        return self._party.connected

    @property
    def waiting(self) -> int:
        """Events that nobody polled yet."""
        return len(self._events)

    def set_online(self, online: bool) -> None:
        """A connection takes no time."""
        (self._post.connect if online else self._post.leave)(self._party)

    def request(self, push: Sequence[ModelUpdate], pull: bool) -> None:
        """As the port's; while there is a connection, all of it is done when this returns."""
        for update in push:
            self._endpoint.check(update)
        now_s = self._post.clock.now_s()
        self._post.carry_out(self._party, self._endpoint.push(push, now_s))
        if pull:
            self._post.carry_out(self._party, self._endpoint.pull(now_s))

    def poll(self) -> list[DeviceEvent]:
        """What arrived since the last call."""
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Leave."""
        self.set_online(online=False)

    # As the sink of its party

    def take(self, step: DeviceEvent) -> None:
        """For the agent."""
        self._events.append(step)

    def commit(self) -> None:
        """Nothing is kept here."""
