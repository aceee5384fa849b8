"""Deleting what the device has of the person, and asking the federation to do the same.

On the disk it takes three steps, and whatever is interrupted goes on at the next start: the signed request and its key are
written, then everything else is removed (`AppFolder.personal`), then the request says so. It waits beside its key, which can
sign it again, until the server has confirmed it or the person gives up. A device that no federation knows asks nobody.

Files are unlinked, not overwritten: flash moves what is written over, so that this would promise nothing. A phone's own
encryption of its files is what keeps freed blocks from being read.

The signature is Ed25519 (RFC 8032) over the request as JSON with sorted keys and without spaces. The key is made for the
request: it shows that a later message comes from who asked, not that it is the device. The federation has no message for it
yet, so that the request is a file.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import shutil
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError, StoreError
from circadia.store.reading import StoreReader
from circadia_app import json_file

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_app.folder import AppFolder

WHAT = "circadia/delete/1"
CONFIRMED = "confirmed.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """One that was asked for."""

    request_id: str
    asked_s: float
    """Seconds since the Unix epoch."""
    erased: bool
    """Whether all is removed here."""
    device: str
    """As the federation knows it; empty: no federation does, and nobody is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What the server has confirmed last."""

    request_id: str
    confirmed_s: float
    """Seconds since the Unix epoch."""


def delete(folder: AppFolder, federation: str, now_s: float) -> Deletion:
    """Write the request, then remove everything. Nobody has the store open: see `circadia_app.alone`.

    `federation`: its name, empty where the device is in none. `ConfigError` where the disk does not let it: what is done so
    far goes on at the next start.
    """
    begun = _begin(folder, federation, now_s)
    finish(folder)
    return next((one for one in waiting(folder) if one.request_id == begun.request_id), begun)


def finish(folder: AppFolder) -> bool:
    """Go on with what was interrupted; whether there was something. For the start of agent and screens, `alone`."""
    unfinished = [one for one in waiting(folder) if not one.erased]
    if unfinished:
        _erase(folder)
    for one in unfinished:
        if one.device:
            path = _document(folder, one.request_id)
            json_file.write(path, {**(json_file.read(path) or {}), "erased": True})
        else:
            _forget(folder, one.request_id)
    return bool(unfinished)


def waiting(folder: AppFolder) -> list[Deletion]:
    """The requests that are neither confirmed nor given up, the oldest first. `ConfigError` names a file that is damaged."""
    found = [_deletion_of(path) for path in folder.deletion.glob("*.json") if path.name != CONFIRMED]
    return sorted(found, key=lambda one: (one.asked_s, one.request_id))


def document(folder: AppFolder, request_id: str) -> dict[str, Any]:
    """What is to be sent: `request` and `signature`. `ConfigError` for one that does not wait."""
    found = json_file.read(_document(folder, request_id))
    if found is None:
        raise ConfigError(f"deletion {request_id!r}: no such request waits in {folder.deletion}")
    return {"request": found["request"], "signature": found["signature"]}


def is_genuine(sent: dict[str, Any]) -> bool:
    """Whether the signature of a document is that of the key that it names."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(
            base64.b64decode(sent["request"]["public_key"], validate=True)
        )
        key.verify(base64.b64decode(sent["signature"], validate=True), _signed(sent["request"]))
    except (InvalidSignature, binascii.Error, KeyError, TypeError, ValueError):
        return False
    return True


def confirm(folder: AppFolder, request_id: str, now_s: float) -> None:
    """The server has done it: request and key go, that it was confirmed stays. `ConfigError` for one that does not wait."""
    document(folder, request_id)
    json_file.write(folder.deletion / CONFIRMED, {"request_id": request_id, "confirmed_s": now_s})
    _forget(folder, request_id)


def confirmation(folder: AppFolder) -> Confirmation | None:
    """The last; None: nothing was confirmed yet."""
    found = json_file.read(folder.deletion / CONFIRMED)
    if found is None:
        return None
    return Confirmation(request_id=str(found["request_id"]), confirmed_s=float(found["confirmed_s"]))


def give_up(folder: AppFolder, request_id: str) -> None:
    """The person does not wait for the server any more: request and key go. `ConfigError` for one that does not wait."""
    document(folder, request_id)
    _forget(folder, request_id)


def _begin(folder: AppFolder, federation: str, now_s: float) -> Deletion:
    request_id = uuid.uuid4().hex
    device, task = _identity(folder) if federation else ("", "")
    folder.deletion.mkdir(mode=0o700, exist_ok=True)
    request = {
        "what": WHAT,
        "request_id": request_id,
        "federation": federation,
        "device": device,
        "task": task,
        "asked_s": now_s,
    }
    signature = ""
    if device:
        request["public_key"], signature = _sign(folder, request_id, request)
    json_file.write(
        _document(folder, request_id), {"request": request, "signature": signature, "erased": False}
    )
    return Deletion(request_id=request_id, asked_s=now_s, erased=False, device=device)


def _identity(folder: AppFolder) -> tuple[str, str]:
    """Device and task by the store. One that cannot be read is deleted all the same, and nobody can be asked about it."""
    try:
        with StoreReader(folder.store) as store:
            task = store.task()
            return store.device(), "" if task is None else task.digest
    except StoreError:
        return "", ""


def _sign(folder: AppFolder, request_id: str, request: dict[str, Any]) -> tuple[str, str]:
    """(public key, signature of the request that names it), after the private key is on the disk."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    handle = os.open(_key(folder, request_id), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    signature = key.sign(_signed({**request, "public_key": public}))
    return public, base64.b64encode(signature).decode()


def _signed(request: dict[str, Any]) -> bytes:
    return json.dumps(request, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _erase(folder: AppFolder) -> None:
    for place in folder.personal():
        try:
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # the other process, or SQLite, was there first
        except OSError as error:
            raise ConfigError(
                f"{place}: cannot be deleted: {error}; it is tried again at the next start"
            ) from error


def _forget(folder: AppFolder, request_id: str) -> None:
    """The key last: a request without its key could not be sent again, and a key alone is removed with the next."""
    _document(folder, request_id).unlink(missing_ok=True)
    for key in folder.deletion.glob("*.pem"):
        if not _document(folder, key.stem).exists():
            key.unlink(missing_ok=True)
    if not any(folder.deletion.iterdir()):
        folder.deletion.rmdir()


def _deletion_of(path: Path) -> Deletion:
    found = json_file.read(path) or {}
    try:
        request = found["request"]
        return Deletion(
            request_id=str(request["request_id"]),
            asked_s=float(request["asked_s"]),
            erased=bool(found["erased"]),
            device=str(request["device"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path}: is no request for deletion ({error!r}); delete it, and ask again"
        ) from error


def _document(folder: AppFolder, request_id: str) -> Path:
    return folder.deletion / f"{request_id}.json"


def _key(folder: AppFolder, request_id: str) -> Path:
    return folder.deletion / f"{request_id}.pem"
