"""Whether the configured body and meter work here, which plug-ins cannot be used, and the checks that other rooms add."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from circadia.actions import CATALOGUE, units_of
from circadia.doctor.finding import Finding, Status
from circadia.errors import CircadiaError
from circadia.platforms.clocks import SystemClock
from circadia.plugs import (
    CHECKS,
    METERS,
    PLATFORMS,
    BlamedMeter,
    MeterContext,
    PlatformContext,
    load,
    named,
    points_of,
    told,
)
from circadia.ports import sound_wakes_on, wakes_on
from circadia.types import WakeOn
from circadia.wiring import named_profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from circadia.config import DeviceConfig
    from circadia.plugs import Socket
    from circadia.ports import Platform


def body(config: DeviceConfig) -> Finding:
    """Whether the body of [platform] can be built and looked at."""
    kind = config.platform.kind
    try:
        made = built(config)
        able = wakes_on(made)
        made.close()
    except CircadiaError as error:
        return Finding(
            name="body",
            status=Status.FAILED,
            detail=str(error),
            advice="mend [platform], or name another kind",
        )
    woken = next(words for kind_of, words in WOKEN.items() if kind_of in able)
    return Finding(name="body", status=Status.OK, detail=f"{kind}; {woken}")


WOKEN = {
    WakeOn.REQUEST: "requests wake it",
    WakeOn.DEADLINE: "requests wake it in time for their deadlines",
    WakeOn.DUE: "nothing wakes it before its time, so requests wait for the next look",
}
"""The most that a body can do, in words."""


def built(config: DeviceConfig) -> Platform:
    """The body of [platform], looked at once. `CircadiaError` names what it lacks."""
    found = PLATFORMS.find(config.platform.kind)
    clock = SystemClock()
    context = PlatformContext(
        profile=named_profile(config.platform.profile),
        clock=clock,
        midnight_s=float(time.timezone),
        last=None,
    )
    with found.blamed("building it"):
        body = found.plug.build(config.platform, context)
    with found.blamed("looking at it"):
        body.observe(clock.now_s())
        _ = body.stopwatch, body.looks_at("battery_soc"), sound_wakes_on(body)
        for action in CATALOGUE:
            if body.supports(action):
                body.phases(action, units_of(action), 0)
    return body


def meter(config: DeviceConfig) -> Finding:
    """Whether the kind of [meter] can be used; one that is shy is not opened."""
    kind, name = config.meter.kind, "meter"
    try:
        if not kind and PLATFORMS.find(config.platform.kind).plug.meter is not None:
            detail = f"the {config.platform.kind} body's own; its joules are {config.platform.kind}"
            return Finding(name=name, status=Status.OK, detail=detail)
        if not kind:
            return Finding(
                name=name,
                status=Status.ABSENT,
                detail=f"no [meter] is configured; there are {', '.join(METERS.kinds()) or 'none'}",
                advice='without one joules are unknown; name one by kind = "serial" in [meter]',
            )
        _asked(config)
    except CircadiaError as error:
        advice = "mend [meter] kind, or pip install circadia[meter]"
        return Finding(name=name, status=Status.FAILED, detail=str(error), advice=advice)
    return Finding(name=name, status=Status.OK, detail=kind)


def _asked(config: DeviceConfig) -> None:
    found = METERS.find(config.meter.kind)
    if found.plug.shy:
        return
    platform, clock = built(config), SystemClock()
    try:
        context = MeterContext(profile=named_profile(config.platform.profile), clock=clock, platform=platform)
        with found.blamed("building it"):
            meter = found.plug.build(config.meter, context)
        blamed, now_s = BlamedMeter(meter=meter, found=found), clock.now_s()
        blamed.about()
        blamed.read(now_s, now_s)
        blamed.close()
    finally:
        platform.close()


def unusable(config: DeviceConfig) -> Iterator[Finding]:
    """A finding for each installed body or meter that cannot be used, and is not the configured one."""
    yield from _unusable(PLATFORMS, config.platform.kind)
    yield from _unusable(METERS, config.meter.kind)


def _unusable(socket: Socket[Any], kind: str) -> Iterator[Finding]:
    for point in socket.points():
        if point.name in socket.built_in:
            yield _absent(f"{named(point)} is hidden: a kind of that name comes with Circadia", "rename it")
        elif point.name != kind:
            try:
                socket.loaded(point)
            except CircadiaError as error:
                yield _absent(str(error), "this device does not need it")


def _absent(detail: str, advice: str) -> Finding:
    return Finding(name="plug-in", status=Status.ABSENT, detail=detail, advice=advice)


def added(config: DeviceConfig, sys_root: Path, dev_root: Path) -> Iterator[Finding]:
    """What the checks of other rooms found. One that cannot be loaded, or raises, is a finding itself."""
    for point in points_of(CHECKS):
        yield from _findings(point, config, sys_root, dev_root)


def _findings(point: EntryPoint, config: DeviceConfig, sys_root: Path, dev_root: Path) -> Iterable[Finding]:
    try:
        return [checked(finding) for finding in load(point)(config, sys_root, dev_root)]
    except Exception as error:  # noqa: BLE001 - whatever a check raises is what doctor has to tell
        advice = "update or uninstall that package"
        detail = f"{named(point)}: {told(error)}"
        return [Finding(name="check", status=Status.FAILED, detail=detail, advice=advice)]


def checked(finding: object) -> Finding:
    """`TypeError` for anything else."""
    if not isinstance(finding, Finding):
        raise TypeError(f"{finding!r} is no Finding")
    return finding
