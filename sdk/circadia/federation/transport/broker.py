"""A broker for one machine: mosquitto where it is installed, else the embedded amqtt.

Without passwords and on the loopback unless told otherwise: for demonstrations, tests and a home network.
"""

from __future__ import annotations

import asyncio
import getpass
import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from circadia.errors import ConfigError, PlatformUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

MOST_PACKET_BYTES = 128 * 1024
"""What the broker lets through: the limit that common brokers in the cloud set."""
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
_READY_S = 15.0


class _Engine(Protocol):
    """A kind of broker."""

    @property
    def name(self) -> str: ...
    @property
    def limits(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    def start(self) -> None: ...
    def alive(self) -> bool: ...
    def complaint(self) -> str: ...
    def stop(self) -> None: ...


class Broker:
    """A broker that runs as long as this object is started."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        persist: Path | None = None,
        folder: Path | None = None,
        embedded: bool = False,
    ) -> None:
        """Choose a broker; `port` 0 takes a free one and keeps it over restarts.

        `persist`: a directory where mosquitto keeps retained messages. `folder`: where its configuration and log
        go; without one, a temporary place.
        `PlatformUnavailable` when neither broker is installed, `ConfigError` when amqtt is asked to persist.
        """
        self.host = host
        self.port = port
        self._persist = persist
        self._folder = folder
        self._engine = self._choose(embedded)

    @property
    def name(self) -> str:
        """`mosquitto` or `amqtt`."""
        return self._engine.name

    @property
    def limits(self) -> str:
        """What this broker cannot do."""
        return self._engine.limits

    @property
    def pid(self) -> int | None:
        """The broker's process; None when it runs inside this one or not at all."""
        return self._engine.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not died since."""
        return self._engine.alive()

    def start(self) -> None:
        """Listen; returns when clients can connect. `PlatformUnavailable` for a taken port or a broker that dies."""
        self.port = _claim_port(self.host, self.port)
        self._engine = self._choose(isinstance(self._engine, _Amqtt))
        self._engine.start()
        self._await_ready()
        log.info("%s listens on %s:%d; it cannot: %s", self.name, self.host, self.port, self.limits)

    def stop(self) -> None:
        """Close all connections and end the broker."""
        self._engine.stop()

    def kill(self) -> None:
        """End mosquitto as a crash would: nothing is saved, nobody is told. `start` brings it back on its port."""
        if self._engine.pid is None:
            raise PlatformUnavailable(f"{self.name} has no process of its own that could be killed")
        os.kill(self._engine.pid, signal.SIGKILL)
        self._engine.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _choose(self, embedded: bool) -> _Engine:
        binary = None if embedded else find_mosquitto()
        if binary is not None:
            return _Mosquitto(binary, self.host, self.port, self._persist, self._folder)
        if importlib.util.find_spec("amqtt") is None:
            raise PlatformUnavailable(
                "no broker: install mosquitto, or the embedded one by: pip install circadia[broker]"
            )
        if self._persist is not None:
            raise ConfigError(
                f"--persist {self._persist}: the embedded amqtt keeps nothing; install mosquitto"
            )
        return _Amqtt(self.host, self.port)

    def _await_ready(self) -> None:
        give_up_s = time.monotonic() + _READY_S
        while time.monotonic() < give_up_s:
            if not self._engine.alive():
                break
            if _answers(self.host, self.port):
                return
            time.sleep(0.02)
        complaint = self._engine.complaint()
        self._engine.stop()
        raise PlatformUnavailable(f"{self.name} does not listen on {self.host}:{self.port}: {complaint}")


def find_mosquitto() -> str | None:
    """The path of mosquitto's binary; None when it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(_PLACES))


class _Mosquitto:
    """mosquitto in a process of its own."""

    name = "mosquitto"

    def __init__(self, binary: str, host: str, port: int, persist: Path | None, folder: Path | None) -> None:
        self._binary = binary
        self._host = host
        self._port = port
        self._persist = persist
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = folder
        self._log: Path | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        kept = "what arrived since the last save" if persist else "anything"
        self.limits = f"keep {kept} over a crash; tell clients apart (no passwords, no TLS)"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        folder = self._folder or self._make_folder()
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "mosquitto.conf"
        config.write_text(self._config(), encoding="utf-8")
        self._log = folder / "mosquitto.log"
        with self._log.open("ab") as log_file:
            self._process = subprocess.Popen(
                [self._binary, "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,  # a terminal's Ctrl-C is for the parent, which then ends it in order
            )

    def _make_folder(self) -> Path:
        self._temporary = tempfile.TemporaryDirectory(prefix="circadia-broker-")
        return Path(self._temporary.name)

    def _config(self) -> str:
        lines = [
            f"listener {self._port} {self._host}",
            "allow_anonymous true",
            f"max_packet_size {MOST_PACKET_BYTES}",
            "max_inflight_messages 20",
            "max_queued_messages 10000",
            "set_tcp_nodelay true",
            # Started by root it would become a user who may not read these files.
            f"user {getpass.getuser()}",
            f"persistence {'true' if self._persist else 'false'}",
        ]
        if self._persist:
            self._persist.mkdir(parents=True, exist_ok=True)
            lines += [f"persistence_location {self._persist.resolve()}/", "autosave_interval 60"]
        return "\n".join(lines) + "\n"

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def complaint(self) -> str:
        if self._log is None or not self._log.exists():
            return "not started"
        return self._log.read_text(errors="replace")[-500:].strip() or "no message"

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


class _Amqtt:
    """amqtt in a thread of this process."""

    name = "amqtt"
    limits = (
        "keep messages for clients that are away, or anything over a restart; speak MQTT 5; "
        "carry more than about 1,000 messages a second; tell clients apart (no passwords, no TLS)"
    )
    pid: int | None = None

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ending = asyncio.Event()
        self._failure = ""

    def start(self) -> None:
        logging.getLogger("amqtt").setLevel(logging.ERROR)
        logging.getLogger("transitions").setLevel(logging.ERROR)
        self._thread = threading.Thread(target=self._run, name="amqtt", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - whatever ends the thread is the answer of `complaint`
            self._failure = f"{type(error).__name__}: {error}"

    async def _serve(self) -> None:
        from amqtt.broker import Broker as Embedded

        self._loop = asyncio.get_running_loop()
        embedded = Embedded(self._config())
        await embedded.start()
        await self._ending.wait()
        await embedded.shutdown()

    def _config(self) -> Mapping[str, object]:
        return {
            "listeners": {"default": {"type": "tcp", "bind": f"{self._host}:{self._port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }

    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def complaint(self) -> str:
        return self._failure or "no message"

    def stop(self) -> None:
        if self._thread is not None:
            if self._loop is not None and self._thread.is_alive():
                self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(10)
            self._thread = None


def _claim_port(host: str, port: int) -> int:
    """A port that nobody listens on: the one given, or a free one for 0."""
    try:
        with socket.create_server((host, port)) as probe:
            return int(probe.getsockname()[1])
    except (OSError, OverflowError) as error:  # the latter for a number that is no port
        raise PlatformUnavailable(
            f"port {port} of {host} cannot be used: {error}; choose another by --port"
        ) from error


def _answers(host: str, port: int) -> bool:
    reachable = "127.0.0.1" if host in {"", "0.0.0.0"} else host  # noqa: S104
    try:
        with socket.create_connection((reachable, port), 1.0):
            return True
    except OSError:
        return False
