"""Where a broker listens."""

from __future__ import annotations

from dataclasses import dataclass

from circadia.errors import ConfigError

DEFAULT_PORT = 1883


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker listens."""

    host: str
    port: int = DEFAULT_PORT

    def __post_init__(self) -> None:
        if not self.host or not 0 < self.port < 65536:
            raise ConfigError(f"broker {self.host!r}:{self.port}: need a host and a port in 1..65535")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> BrokerAddress:
        """`HOST`, `HOST:PORT` or `[IPv6]:PORT`; `ConfigError` otherwise."""
        host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
        if not colon:
            host, port = text, str(DEFAULT_PORT)
        if not port.isascii() or not port.isdigit():
            raise ConfigError(f"broker {text!r}: write HOST:PORT, for example 127.0.0.1:{DEFAULT_PORT}")
        return cls(host=host.removeprefix("[").removesuffix("]"), port=int(port))
