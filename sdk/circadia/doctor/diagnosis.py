"""What this machine has and lacks for running a device: one finding a line."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.doctor.decision import decision
from circadia.doctor.finding import Finding, Status
from circadia.doctor.plugins import added, body, meter, unusable
from circadia.errors import CircadiaError, ConfigError, NothingStored
from circadia.federation.transport.address import BrokerAddress
from circadia.ports import SleepingPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from circadia.config import DeviceConfig

CONNECT_S = 3.0
"""How long a broker may take to accept a connection."""
SPACE_MB = 100
"""Free space that the state folder should have: a store with its write-ahead log, and a spool of updates."""
SYS, DEV = Path("/sys"), Path("/dev")


def diagnose(config: DeviceConfig, sys_root: Path = SYS, dev_root: Path = DEV) -> Iterator[Finding]:
    """Every check for a device of that configuration, in the order in which a person would look."""
    yield python_version(sys.version_info[:3])
    yield tried("interpreter", _interpreter, "install tflite-runtime (Python 3.11) or ai-edge-litert")
    yield Finding(name="platform", status=Status.OK, detail=platform.platform())
    yield body(config)
    yield decision(config)
    yield unless_said(battery(sys_root), config, platform_key="mains", limits_key="battery")
    yield unless_said(thermal(sys_root), config, limits_key="thermometer")
    yield link(sys_root)
    yield meter(config)
    yield from unusable(config)
    yield from added(config, sys_root, dev_root)
    yield broker_program()
    yield broker_reachable(config.federation.broker if config.federation else None)
    yield tried("policy", lambda: _policy(config.agent.policy), "name another policy in [agent] policy")
    yield tried(
        "task", lambda: _task(config.agent.task, config.store.path), "name another task in [agent] task"
    )
    yield state_folder(config.store.path)
    yield tried("store", lambda: _store(config.store.path), "update Circadia, or name another [store] path")
    yield tried("device name", lambda: device_name(config), "mend `device`, or name another [store] path")
    yield updates(config)
    yield Finding(
        name="certificates",
        status=Status.ABSENT,
        detail="TLS is not configured",
        advice="keep the broker on a network that you trust",
    )


def tried(name: str, check: Callable[[], str], advice: str) -> Finding:
    """OK with what `check` returns, FAILED with the error of ours that it raises."""
    try:
        return Finding(name=name, status=Status.OK, detail=check())
    except CircadiaError as error:
        return Finding(name=name, status=Status.FAILED, detail=str(error), advice=advice)


def python_version(version: tuple[int, int, int]) -> Finding:
    """Circadia needs 3.11 or newer."""
    text = ".".join(map(str, version))
    if version < (3, 11):
        return Finding(
            name="python", status=Status.FAILED, detail=text, advice="install Python 3.11 or newer"
        )
    return Finding(name="python", status=Status.OK, detail=text)


def battery(sys_root: Path) -> Finding:
    """The power supplies of type Battery."""
    supplies = sys_root.glob("class/power_supply/*/type")
    found = [file.parent.name for file in supplies if _text(file) == "Battery"]
    return _sensor(
        "battery",
        found,
        "a linux body on the mains says platform.mains = true, one whose battery tells nothing limits.battery = false; a "
        "simulated body has its own",
    )


def thermal(sys_root: Path) -> Finding:
    """The thermal zones that answer with a temperature."""
    zones = sorted(sys_root.glob("class/thermal/thermal_zone*"))
    readings = {_text(zone / "type") or zone.name: _text(zone / "temp") for zone in zones}
    found = [
        f"{name} {int(text) / 1000:.0f} °C" for name, text in readings.items() if text.lstrip("-").isdecimal()
    ]
    return _sensor(
        "thermal",
        found,
        "a linux body without one does not start before limits.thermometer = false says so; a simulated body has its own",
    )


def link(sys_root: Path) -> Finding:
    """The network interfaces that are up, loopback aside."""
    states = sorted(sys_root.glob("class/net/*/operstate"))
    found = [file.parent.name for file in states if file.parent.name != "lo" and _text(file) == "up"]
    return _sensor("link", found, "without a link the device learns alone until one comes")


def unless_said(
    finding: Finding, config: DeviceConfig, *, limits_key: str, platform_key: str = ""
) -> Finding:
    """A sensor that is absent and that the device's file says it has none of needs no advice."""
    keys = {f"limits.{limits_key} = false": limits_key in config.limits.lacking}
    if platform_key:
        keys[f"platform.{platform_key} = true"] = bool(getattr(config.platform, platform_key, False))
    said = [key for key, holds in keys.items() if holds]
    if finding.status is not Status.ABSENT or not said:
        return finding
    return Finding(name=finding.name, status=Status.OK, detail=f"none, as {said[0]} says")


def _sensor(name: str, found: list[str], advice: str) -> Finding:
    if found:
        return Finding(name=name, status=Status.OK, detail=", ".join(found))
    return Finding(name=name, status=Status.ABSENT, detail="no sensor under /sys", advice=advice)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:  # a sensor that is listed and does not answer counts as absent
        return ""


def broker_program() -> Finding:
    """The broker that `circadia broker` would start."""
    from circadia.federation.transport.broker import find_mosquitto

    if binary := find_mosquitto():
        return Finding(
            name="broker program", status=Status.OK, detail=f"{_mosquitto_version(binary)}, {binary}"
        )
    try:
        detail = f"iotcore {importlib.metadata.version('iotcore')} (no mosquitto)"
    except importlib.metadata.PackageNotFoundError:
        advice = "only the broker's host needs one: install mosquitto, or circadia[broker]"
        return Finding(
            name="broker program", status=Status.ABSENT, detail="neither mosquitto nor iotcore", advice=advice
        )
    return Finding(name="broker program", status=Status.OK, detail=detail)


def _mosquitto_version(binary: str) -> str:
    # Its help begins with `mosquitto version 2.0.11` and ends with exit code 3.
    answer = subprocess.run([binary, "-h"], capture_output=True, text=True, timeout=10, check=False)
    return answer.stdout.partition("\n")[0].replace(" version", "") or "mosquitto of an unknown version"


def broker_reachable(address: str | None) -> Finding:
    """Whether HOST:PORT accepts a TCP connection; nothing is sent."""
    name = "broker"
    if address is None:
        return Finding(
            name=name, status=Status.ABSENT, detail="none given", advice="name one by --broker HOST:PORT"
        )
    broker = BrokerAddress.parse(address)
    try:
        socket.create_connection((broker.host, broker.port), CONNECT_S).close()
    except OSError as error:
        advice = "check the address, start the broker, look for a firewall"
        return Finding(name=name, status=Status.FAILED, detail=f"{broker}: {error}", advice=advice)
    return Finding(name=name, status=Status.OK, detail=f"{broker} accepts connections")


def state_folder(store: Path) -> Finding:
    """Whether the store's folder can be written and has space."""
    name = "state folder"
    folder = store.absolute().parent
    if not folder.is_dir():
        return Finding(
            name=name, status=Status.FAILED, detail=f"{folder} is not there", advice="make the folder"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        advice = "name another place in [store] path, or give the device's user the folder"
        return Finding(name=name, status=Status.FAILED, detail=f"{folder} is not writable", advice=advice)
    free_mb = shutil.disk_usage(folder).free / 1e6
    detail = f"{folder}: {free_mb:,.0f} MB free"
    if free_mb < SPACE_MB:
        return Finding(name=name, status=Status.FAILED, detail=detail, advice=f"free {SPACE_MB} MB there")
    return Finding(name=name, status=Status.OK, detail=detail)


def _interpreter() -> str:
    from circadia.tflite.interpreter import backend

    return str(backend())


def _policy(name: str) -> str:
    from circadia.policy.artifact import load_policy, shipped_policy
    from circadia.policy.network import NetworkPolicy
    from circadia.policy.rules import RULES
    from circadia.wiring import make_policy

    if name in ("default", "separate"):
        load_policy(shipped_policy())  # whose errors a device survives, by a rule in its place
    policy = make_policy(name)
    what = "a rule" if name in RULES else "hashes and test vectors right"
    remarks = "".join(f"; {remark}" for remark in policy.remarks) if isinstance(policy, NetworkPolicy) else ""
    chooses = isinstance(policy, SleepingPolicy) and policy.sleeps is not None
    sleeps = "chooses its sleeps" if chooses else "sleeps by agent.period_s"
    return f"{policy.name}: offers {int(policy.offered.sum())} actions, {sleeps}, {what}{remarks}"


def _store(path: Path) -> str:
    from circadia.store.migrations import STORE
    from circadia.store.reading import StoreReader

    try:
        with StoreReader(path) as store:
            schema = store.schema
    except NothingStored:
        return f"{path}: made at the first start"
    if schema < STORE.version:
        return f"{path}: schema {schema}, migrated to {STORE.version} at the next start"
    later = ", a later version's, which this one may use" if schema > STORE.version else ""
    return f"{path}: schema {schema}{later}"


def device_name(config: DeviceConfig) -> str:
    """The name in the federation; `ConfigError` where the store began with another."""
    from circadia.store.reading import StoreReader

    kept = ""
    with suppress(CircadiaError), StoreReader(config.store.path) as store:
        kept = store.device()
    if config.federation is not None and kept and config.device not in {"", kept}:
        raise ConfigError(f"{config.device!r}, and the store {config.store.path} began as {kept!r}")
    name = config.device or kept or "drawn at the first start in a federation"
    return f"{name}, as the store began" if kept else name


def updates(config: DeviceConfig) -> Finding:
    """What the federation made of the device's updates, as its store has it; FAILED when it rejected the last one."""
    from circadia.store.reading import StoreReader
    from circadia.wiring import counts_of

    name = "updates"
    try:
        with StoreReader(config.store.path) as store:
            found = store.updates()
    except CircadiaError:  # the finding about the store says so
        return Finding(name=name, status=Status.ABSENT, detail="none are known")
    counts = counts_of(found)
    detail = f"{counts.accepted} accepted, {counts.rejected} rejected, {counts.waiting} without a verdict"
    judged = [update for update in found if update.accepted is not None]
    if config.federation is None and not judged:
        detail = f"no [federation]: the device learns alone, and keeps {counts.waiting} updates in case it gets one"
    if not judged or judged[-1].accepted:
        return Finding(name=name, status=Status.OK, detail=detail)
    held = "; the others are held back, and one is tried now and again" if counts.held else ""
    return Finding(
        name=name,
        status=Status.FAILED,
        detail=f"{detail}: the last one for {counts.last_rejection!r}{held}",
        advice="give device and aggregator the same task and settings; a device that starts again tries one at once",
    )


def _task(name: str, store_path: Path) -> str:
    from circadia.learning.task_file import load_task
    from circadia.store.reading import StoreReader

    task, kept = load_task(name), None
    with suppress(CircadiaError), StoreReader(store_path) as store:  # the finding about the store says so
        kept = store.task()
    if kept is not None and (what := kept.differences(task.identity)):
        raise ConfigError(f"{name}: the store {store_path} belongs to another task: {what}")
    return f"{task.name}: {task.parameters} parameters, task {task.identity.digest[:12]}, test vectors right"
