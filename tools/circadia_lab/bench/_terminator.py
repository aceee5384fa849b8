"""A proxy in front of a broker that ends TLS and coalesces what the broker sends, as load balancers do."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

COALESCE_S = 0.01
"""For so long after the first byte, the broker's bytes are gathered into one write."""
_LIMIT = 2**20


class Identity:
    """A certificate for 127.0.0.1, made for one run and signed by itself."""

    def __init__(self, folder: Path) -> None:
        """Write it to `folder`."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        now = dt.datetime.now(dt.UTC)
        day = dt.timedelta(days=1)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self._certificate = folder / "certificate.pem"
        self._key = folder / "key.pem"
        self._certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self._key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def server(self) -> ssl.SSLContext:
        """For the proxy."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate, self._key)
        return context

    def client(self) -> ssl.SSLContext:
        """For whoever connects to it: trusts this certificate and no other."""
        return ssl.create_default_context(cafile=self._certificate)


class Terminator:
    """Listens on a free port of the loopback; `tls` None passes plain bytes on in the same way."""

    def __init__(self, broker_port: int, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self._broker_port = broker_port
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._ended = asyncio.Event()
        self._pumps: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._join, "127.0.0.1", 0, ssl=self._tls, limit=_LIMIT)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.add(task)
        try:
            from_broker, to_broker = await asyncio.open_connection(
                "127.0.0.1", self._broker_port, limit=_LIMIT
            )
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await asyncio.gather(_pump(reader, to_broker, 0.0), _pump(from_broker, writer, COALESCE_S))
        finally:
            self._pumps.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gather_s: float) -> None:
    """Pass bytes on until the end."""
    try:
        while data := await _gathered(reader, gather_s):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def _gathered(reader: asyncio.StreamReader, gather_s: float) -> bytes:
    """What comes within `gather_s` of the first byte; nothing at the end."""
    data = await reader.read(_LIMIT)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(gather_s):
            while data and (more := await reader.read(_LIMIT)):
                data += more
    return data
