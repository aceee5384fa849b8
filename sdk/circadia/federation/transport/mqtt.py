"""MQTT 3.1.1 through paho, the only file that imports it: one thread, one `select`, no polling.

paho gives success for a packet that the broker will refuse, keeps its session in memory only and wakes once a second
in its own loop; so sizes are checked here, every connection starts with a fresh client (what was on its way is sent
again by the cores), and the loop is this one.
"""

from __future__ import annotations

import contextlib
import logging
import math
import select
import socket
import ssl
import struct
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from circadia.errors import LocalProtocolError, RemoteProtocolError
from circadia.federation.transport.link import LinkSettings
from circadia.federation.transport.namesake import Namesakes
from circadia.federation.wire.effects import Publish, Subscribe, Unsubscribe
from circadia.federation.wire.topics import MOST_BYTES, StatusTopic, UpdateTopic, WantTopic, parse
from circadia.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from circadia.federation.transport.address import BrokerAddress
    from circadia.federation.transport.link import Endpoint, Sink

log = logging.getLogger(__name__)

_REFUSED_SUBSCRIPTION = 128


def check_packet(publish: Publish, limit: int) -> None:
    """`LocalProtocolError` for a topic or a packet that common brokers refuse."""
    topic = len(publish.topic.encode())
    size = topic + len(publish.payload) + 9  # fixed header, two lengths, packet id
    if topic > MOST_BYTES or size > limit:
        raise LocalProtocolError(
            f"packet of {size} bytes for {publish.topic}: at most {limit}, and {MOST_BYTES} of topic"
        )


def _is_usual(topic: str) -> bool:
    """Whether it is one that a device sends to."""
    try:
        return isinstance(parse(topic)[1], UpdateTopic | WantTopic | StatusTopic)
    except RemoteProtocolError:
        return False


class MqttLink:
    """Connects a protocol core to a broker, again and again, until stopped.

    `run` belongs to one thread, which also makes every call into the core. `post`, `set_online` and `stop` may be
    called from any thread.
    """

    def __init__(
        self,
        *,
        address: BrokerAddress,
        client_id: str,
        endpoint: Endpoint,
        sink: Sink,
        random: Random,
        settings: LinkSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        online: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls`: the connection is encrypted with it, and it checks that the broker is `address.host`."""
        self.address = address
        self.wakeups = 0
        """How often the loop ran."""
        self.dropped = 0
        """Messages and calls that found a queue full."""
        self.connections = 0
        self.trouble = ""
        """Why there is no connection, or who else has this client's name; empty: all is well."""
        self._client_id = client_id
        self._endpoint = endpoint
        self._sink = sink
        self._random = random
        self._settings = settings or LinkSettings()
        self._clock = clock
        self._online = online
        self._tls = tls
        self._stopping = False
        self._calls: deque[Callable[[float], tuple[Any, ...]]] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._client: Client | None = None
        self._connected = False
        self._was_connected = False
        self._lost = ""
        self._namesakes = Namesakes(endpoint.will().topic, f"{random.getrandbits(64):016x}".encode())
        self._mayfail: set[int] = set()
        """Subscriptions that the broker may refuse."""
        self._inbox: deque[tuple[str, bytes]] = deque()
        self._outbox: deque[Subscribe | Unsubscribe | Publish] = deque()
        self._attempts = 0
        self._retry_s = -math.inf
        self._ping_s = math.inf
        """When the connection was silent for too long, or the first answer is overdue."""
        self._read_s = self._written_s = -math.inf
        self._sent_bytes = self._received_bytes = self._messages = self._others = 0

    # From any thread

    @property
    def traffic(self) -> Traffic:
        """What went out and came in so far."""
        return Traffic(
            sent_bytes=self._sent_bytes,
            received_bytes=self._received_bytes,
            messages=self._messages,
            other_messages=self._others,
        )

    @property
    def connected(self) -> bool:
        """Whether the broker has answered and nothing was heard of a loss since."""
        return self._connected

    def post(self, call: Callable[[float], tuple[Any, ...]]) -> bool:
        """Have the link's thread call the core with the time; False when too many calls wait."""
        if len(self._calls) >= self._settings.most_queued:
            self.dropped += 1
            return False
        self._calls.append(call)
        self._wake()
        return True

    def set_online(self, online: bool) -> None:
        """Whether to hold a connection at all. Cheap when nothing changes."""
        if online != self._online:
            self._online = online
            self._wake()

    def stop(self) -> None:
        """Have `run` say farewell and return. Safe in a signal handler."""
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # it is awake already, or gone
            self._wake_in.send(b"x")

    # The loop

    def run(self) -> None:
        """Serve until `stop`. `StoreError` of the sink comes out after the connection is closed."""
        try:
            while not self._stopping:
                self._serve()
            self._leave()
        finally:
            self._hang_up()
            self._wake_in.close()
            self._wake_out.close()

    def _serve(self) -> None:
        now_s = self._clock()
        if not self._online:
            self._leave()
            self._attempts, self._retry_s = 0, -math.inf
        elif self._client is None and now_s >= self._retry_s:
            self._dial(now_s)
        self._wait()
        self.wakeups += 1
        self._dispatch()

    def _wait(self) -> None:
        """Sleep until there is something to read, to write, or to do."""
        client = self._client
        sock = client.socket() if client is not None else None
        reads = [self._wake_out, *([sock] if sock else [])]
        writes = [sock] if sock and client is not None and client.want_write() else []
        until_s = min(self._endpoint.due_s, self._ping_s, self._next_dial_s())
        timeout_s = None if math.isinf(until_s) else max(until_s - self._clock(), 0.0)
        # Decrypted bytes wait in the TLS layer: `select` sees the raw socket only, and would sleep on them.
        decrypted = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        if self._calls or self._stopping or decrypted:
            timeout_s = 0.0
        readable, writable, _ = select.select(reads, writes, [], timeout_s)
        if self._wake_out in readable:
            self._drain_wake()
        if client is not None and sock is not None:
            self._exchange(client, read=decrypted or sock in readable, write=sock in writable)

    def _exchange(self, client: Client, *, read: bool, write: bool) -> None:
        """Let paho read, write and, when either direction was silent for long, ping: that is its only timer."""
        try:
            if read:
                client.loop_read()
            if write and client.socket() is not None:
                client.loop_write()
            if self._clock() >= self._ping_s and self._was_connected:
                client.loop_misc()
                read = write = True
        except (struct.error, ValueError, LookupError) as error:
            self._lost = f"the broker sent what is not MQTT: {error}"
        now_s = self._clock()
        if now_s >= self._ping_s and not self._was_connected:
            self._lost = self._lost or f"no answer within {self._settings.connect_timeout_s:g} s"
        elif client.socket() is None:
            self._lost = self._lost or "connection closed"
        if self._was_connected:
            self._read_s = now_s if read else self._read_s
            self._written_s = now_s if write else self._written_s
            self._ping_s = min(self._read_s, self._written_s) + self._settings.keepalive_s

    def _next_dial_s(self) -> float:
        return self._retry_s if self._online and self._client is None else math.inf

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_out.recv(4096):
                pass

    def _dispatch(self) -> None:
        """Tell the core what happened, and do what it answers."""
        now_s = self._clock()
        if self._lost:
            self._fail(self._lost)
            return
        if self._connected and not self._was_connected:
            self._was_connected = True
            self.connections += 1
            self._attempts = 0
            self._read_s = self._written_s = now_s
            self._ping_s = now_s + self._settings.keepalive_s
            if not self._namesakes.in_a_row:
                self.trouble = ""
            log.info("%s: connected to %s", self._client_id, self.address)
            self._claim_name()
            self._take(self._endpoint.connected(now_s))
        while self._inbox:
            topic, payload = self._inbox.popleft()
            self._received_bytes += len(topic.encode()) + len(payload)
            if topic == self._namesakes.topic:
                self._hear_claim(payload)
                continue
            self._take(self._endpoint.receive(topic, payload, now_s))
        for _ in range(len(self._calls)):
            self._take(self._calls.popleft()(now_s))
        if now_s >= self._endpoint.due_s:
            self._take(self._endpoint.tick(now_s))
        self._sink.commit()
        self._send()

    def _take(self, steps: Sequence[Any]) -> None:
        for step in steps:
            if isinstance(step, Subscribe | Unsubscribe | Publish):
                self._outbox.append(step)
            else:
                self._sink.take(step)

    def _claim_name(self) -> None:
        """Read who claimed it before, then claim it; a broker may forbid to read."""
        assert self._client is not None
        self._namesakes.connected()
        _, mid = self._client.subscribe(self._namesakes.topic, qos=1)
        if mid is not None:
            self._mayfail.add(mid)
        self._client.publish(self._namesakes.topic, self._namesakes.claim, qos=1, retain=True)

    def _hear_claim(self, payload: bytes) -> None:
        if not self._namesakes.heard(payload):
            if not self._namesakes.in_a_row:
                self.trouble = ""
            return
        self.trouble = (
            f"another client is named {self._client_id!r} as well: each throws the other off the broker"
        )
        log.warning(
            "%s: another client of this name has been connected to %s: two devices with one name, or one federation with "
            "two aggregators; give one of them another name (`device` in its configuration). The next loss is waited out "
            "for up to %.1f s",
            self._client_id,
            self.address,
            self._namesake_pause_s(),
        )

    def _namesake_pause_s(self) -> float:
        """0 without one."""
        times = self._namesakes.in_a_row
        settings = self._settings
        return (
            min(settings.namesake_s * 2.0 ** min(times - 1, 32), settings.longest_namesake_s)
            if times
            else 0.0
        )

    def _send(self) -> None:
        while self._outbox:
            step = self._outbox.popleft()
            if self._client is None or not self._was_connected:
                continue  # the core does all of it again when the link is up
            if isinstance(step, Subscribe):
                self._client.subscribe(step.pattern, qos=1)
            elif isinstance(step, Unsubscribe):
                self._client.unsubscribe(step.pattern)
            else:
                self._publish(self._client, step)

    def _publish(self, client: Client, step: Publish) -> None:
        check_packet(step, self._settings.most_packet_bytes)
        info = client.publish(step.topic, step.payload, qos=step.qos, retain=step.retain)
        self._count(step)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self.dropped += 1

    def _count(self, step: Publish) -> None:
        self._sent_bytes += len(step.topic.encode()) + len(step.payload)
        self._messages += 1
        self._others += not _is_usual(step.topic)

    # The connection

    def _dial(self, now_s: float) -> None:
        client = self._new_client()
        try:
            client.connect(self.address.host, self.address.port, keepalive=self._settings.keepalive_s)
        except (OSError, ValueError, struct.error) as error:
            self._fail(str(error))
            return
        self._client = client
        self._ping_s = now_s + self._settings.connect_timeout_s

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.connect_timeout = self._settings.connect_timeout_s
        client.max_inflight_messages_set(self._settings.most_inflight)
        client.max_queued_messages_set(self._settings.most_queued)
        will = self._endpoint.will()
        client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        client.on_socket_open = _send_at_once
        # With this callback set, paho leaves all writing to `_wait`.
        client.on_socket_register_write = lambda *_: None
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._lost = f"the broker refused the connection: {code}"
        else:
            self._connected = True

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        self._lost = self._lost or f"connection lost: {code}"

    def _on_subscribe(self, _client: Client, _data: Any, mid: int, codes: Any, _properties: Any) -> None:
        if mid not in self._mayfail and any(code.value >= _REFUSED_SUBSCRIPTION for code in codes):
            self._lost = "the broker refused a subscription; check its access rules"

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        self._inbox.append((topic, bytes(message.payload)))

    def _fail(self, why: str) -> None:
        """Give this connection up; the next one comes after a wait that grows, with a random part."""
        self._hang_up()
        wait_s = self._settings.first_retry_s * 2.0 ** min(self._attempts, 32)
        wait_s = max(min(wait_s, self._settings.longest_retry_s), self._namesake_pause_s())
        wait_s *= self._random.uniform(0.5, 1.0)
        self._attempts += 1
        self._retry_s = self._clock() + wait_s
        if not self._namesakes.in_a_row:
            self.trouble = why
        log.info("%s: %s: %s; next try in %.1f s", self._client_id, self.address, why, wait_s)

    def _leave(self) -> None:
        """Say farewell and disconnect in order, so that the broker does not send the will."""
        if self._client is not None and self._was_connected:
            bye = self._endpoint.farewell()
            self._client.publish(self._namesakes.topic, b"", qos=0, retain=True)
            self._client.publish(bye.topic, bye.payload, qos=0, retain=bye.retain)
            self._count(bye)
            self._client.disconnect()
            self._flush(self._client, self._clock() + 1.0)
        self._hang_up()

    def _flush(self, client: Client, until_s: float) -> None:
        while (sock := client.socket()) is not None and client.want_write():
            left_s = until_s - self._clock()
            if left_s <= 0 or not select.select([], [sock], [], left_s)[1]:
                return
            client.loop_write()

    def _hang_up(self) -> None:
        """Close the socket, forget the client, tell the core."""
        client, self._client = self._client, None
        was_connected, self._was_connected = self._was_connected, False
        self._connected = False
        self._ping_s = math.inf
        self._inbox.clear()
        self._outbox.clear()
        self._mayfail.clear()
        if client is not None and (sock := client.socket()) is not None:
            sock.close()
        self._lost = ""
        if was_connected:
            self._take(self._endpoint.disconnected(self._clock()))


def _send_at_once(_client: Client, _data: Any, sock: Any) -> None:
    """Small packets do not wait for the other side's delayed acknowledgement: 40 ms each way."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
