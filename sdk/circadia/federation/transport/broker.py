"""A broker for one machine: mosquitto where it is installed, else iotcore, which pip installs.

Without passwords and on the loopback unless told otherwise: for demonstrations, tests and a home network.
"""

from __future__ import annotations

import getpass
import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from circadia.errors import ConfigError, PlatformUnavailable

log = logging.getLogger(__name__)

MOST_PACKET_BYTES = 128 * 1024
"""What the broker lets through: the limit that common brokers in the cloud set."""
SEGMENT_BYTES, SEGMENTS = 8 * 2**20, 8
"""How much iotcore keeps of each pattern subscribed to: 64 MiB, three models of five million parameters as float32."""
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
_READY_S = 15.0


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

        `persist`: a directory where mosquitto keeps retained messages. `folder`: where configuration and log
        go; without one, a temporary place. `embedded`: iotcore even where mosquitto is installed.
        `PlatformUnavailable` when neither broker is installed, `ConfigError` for what is no port and when iotcore is
        asked to persist.
        """
        if not 0 <= port < 65536:
            raise ConfigError(f"port {port}: is none; give --port from 1 to 65535, or 0 for a free one")
        self.host = host
        self.port = port
        self._persist = persist
        self._folder = folder
        self._embedded = embedded
        self._program = self._choose()

    @property
    def name(self) -> str:
        """`mosquitto` or `iotcore`."""
        return self._program.name

    @property
    def limits(self) -> str:
        """What this broker cannot do."""
        return self._program.limits

    @property
    def pid(self) -> int | None:
        """The broker's process; None when it does not run."""
        return self._program.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not died since."""
        return self._program.alive()

    def start(self) -> None:
        """Listen; returns when clients can connect. `PlatformUnavailable` for a taken port or a broker that dies."""
        self.port = _claim_port(self.host, self.port)
        self._program = self._choose()
        self._program.start()
        self._await_ready()
        log.info("%s listens on %s:%d; it cannot: %s", self.name, self.host, self.port, self.limits)

    def stop(self) -> None:
        """Close all connections and end the broker."""
        self._program.stop()

    def kill(self) -> None:
        """End it as a crash would: nothing is saved, nobody is told. `start` brings it back on its port."""
        if self.pid is None:
            raise PlatformUnavailable(f"{self.name} does not run; there is nothing to kill")
        os.kill(self.pid, signal.SIGKILL)
        self._program.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _choose(self) -> _Program:
        binary = None if self._embedded else find_mosquitto()
        if binary is not None:
            return _Mosquitto(binary, self.host, self.port, self._persist, self._folder)
        if importlib.util.find_spec("iotcore") is None:
            raise PlatformUnavailable(
                "no broker: install mosquitto, or iotcore by: pip install circadia[broker]"
            )
        if self._persist is not None:
            raise ConfigError(f"--persist {self._persist}: iotcore keeps nothing; install mosquitto")
        return _Iotcore(self.host, self.port, self._folder)

    def _await_ready(self) -> None:
        give_up_s = time.monotonic() + _READY_S
        while time.monotonic() < give_up_s:
            if not self._program.alive():
                break
            if _answers(self.host, self.port):
                return
            time.sleep(0.02)
        complaint = self._program.complaint()
        self._program.stop()
        raise PlatformUnavailable(f"{self.name} does not listen on {self.host}:{self.port}: {complaint}")


def find_mosquitto() -> str | None:
    """The path of mosquitto's binary; None when it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(_PLACES))


class _Program(ABC):
    """A broker in a process of its own, with its configuration and log in a folder."""

    name: str
    limits: str
    """What it cannot do."""
    _config_name: str

    def __init__(self, host: str, port: int, folder: Path | None) -> None:
        self._host = host
        self._port = port
        self._folder = folder
        self._log: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @abstractmethod
    def _command(self, config: Path) -> list[str]: ...

    @abstractmethod
    def _config(self) -> str: ...

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        folder = self._folder or self._make_folder()
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / self._config_name
        config.write_text(self._config(), encoding="utf-8")
        self._log = folder / f"{self.name}.log"
        with self._log.open("ab") as log_file:
            self._process = subprocess.Popen(
                self._command(config),
                stdin=subprocess.PIPE,  # closes with this process: iotcore's goes with it, mosquitto does not look
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,  # a terminal's Ctrl-C is for the parent, which then ends it in order
            )

    def _make_folder(self) -> Path:
        self._temporary = tempfile.TemporaryDirectory(prefix="circadia-broker-")
        return Path(self._temporary.name)

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
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process = None
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


class _Mosquitto(_Program):
    name = "mosquitto"
    _config_name = "mosquitto.conf"

    def __init__(self, binary: str, host: str, port: int, persist: Path | None, folder: Path | None) -> None:
        super().__init__(host, port, folder)
        self._binary = binary
        self._persist = persist
        kept = "what arrived since the last save" if persist else "anything"
        self.limits = f"keep {kept} over a crash; tell clients apart (no passwords, no TLS)"

    def _command(self, config: Path) -> list[str]:
        return [self._binary, "-c", str(config)]

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


class _Iotcore(_Program):
    name = "iotcore"
    _config_name = "iotcore.toml"
    limits = "keep anything over a restart; speak MQTT 5; tell clients apart (no passwords, no TLS)"

    def _command(self, config: Path) -> list[str]:
        return [sys.executable, "-m", "circadia.federation.transport.iotcore_process", str(config)]

    def _config(self) -> str:
        """Of rumqttd. MQTT 3.1.1 only: it takes a port of its own for MQTT 5.

        It keeps what was published in a log for each pattern subscribed to, as many segments as are given here: that is
        what a client that sleeps, or reads slowly, may be behind.
        """
        return f"""\
id = 0
[router]
id = 0
max_connections = 10000
max_outgoing_packet_count = 200
max_segment_size = {SEGMENT_BYTES}
max_segment_count = {SEGMENTS}
[v4.1]
name = "v4"
listen = "{_numeric(self._host)}:{self._port}"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = {MOST_PACKET_BYTES}
max_inflight_count = 100
dynamic_filters = true
"""


def _numeric(host: str) -> str:
    """The address that a name stands for."""
    try:
        return socket.gethostbyname(host)
    except OSError as error:
        raise PlatformUnavailable(f"host {host!r}: {error}; give an address of this machine") from error


def _claim_port(host: str, port: int) -> int:
    """A port that nobody listens on: the one given, or a free one for 0."""
    try:
        with socket.create_server((host, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
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
