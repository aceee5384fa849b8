"""What a device would be let do now, if a request, an example and a version waited."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import action_named
from circadia.bounds import Bounds
from circadia.doctor.finding import Finding, Status
from circadia.doctor.plugins import built
from circadia.energy.pace import Paces
from circadia.errors import CircadiaError, NothingStored
from circadia.learning.task_file import load_task
from circadia.observation import values
from circadia.platforms.clocks import SystemClock
from circadia.policy.sleeps import draw_one
from circadia.ports import SleepingPolicy, wakes_on
from circadia.recent import Recent
from circadia.sensors import all_told, needed
from circadia.shield import foretold
from circadia.store.reading import StoreReader
from circadia.types import WakeOn, in_words
from circadia.vigil import EXAMPLES, REQUESTS, VERSIONS, in_the_way
from circadia.wiring import make_policy, most_sync_bytes, most_units, profile_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.config import DeviceConfig
    from circadia.energy.profile import DeviceProfile
    from circadia.ports import Platform, Policy
    from circadia.types import Decision, Observation, Pace

NAME = "decision"
ANEW = "DELETE FROM paces"
SLOW = 10
"""Times what the profile says: worth telling."""
WAIT = "wait until that has passed, or change [limits]"
KINDS = (REQUESTS, EXAMPLES, VERSIONS)


def decision(config: DeviceConfig) -> Finding:
    """Decides once on the present observation; failed when all that could be wanted is forbidden."""
    try:
        body = built(config)
        try:
            return _decided(config, body)
        finally:
            body.close()
    except CircadiaError as error:
        return Finding(
            name=NAME, status=Status.FAILED, detail=f"cannot be made: {error}", advice="see the other lines"
        )


def _decided(config: DeviceConfig, body: Platform) -> Finding:
    policy, task = make_policy(config.agent.policy), load_task(config.agent.task)
    profile, on_air = profile_of(config.platform, task), most_sync_bytes(task.parameters)
    most = foretold(body, profile, on_air, units=most_units(config, task))
    bounds = Bounds(config.limits, most, Paces.of(_paces(config.store.path), task.infer_batch))
    shield = bounds.shield
    seen = _with_work(body.observe(SystemClock().now_s()), config, body)
    x = values(seen)
    decided = shield.decide(x, policy.scores(x), 0.5)
    forbidden = {
        kind.doing: limits for kind in KINDS if (limits := in_the_way(decided, kind, policy.offered))
    }
    offered = {kind.doing for kind in KINDS if (kind.actions & policy.offered[: kind.actions.size]).any()}
    silent = [sensor for sensor in needed(shield.names) if sensor.silent(seen)]
    advice = all_told(silent, shield.names, body.looks_at)
    if forbidden and not advice:
        advice = _measured(bounds, Bounds(config.limits, most), config.store.path) or _warm(
            forbidden.values(), seen, config, profile, body
        )
    told = "; ".join(
        f"{' and '.join(doing for doing in forbidden if forbidden[doing] == limits)} forbidden by {in_words(limits)}"
        for limits in dict.fromkeys(forbidden.values())
    )
    if forbidden.keys() >= offered:
        return Finding(
            name=NAME,
            status=Status.FAILED,
            detail=f"nothing can be done now: {told}",
            advice=advice or WAIT,
        )
    can = f"with a request, an example and a version waiting: {decided.action.name}, then {_sleep(policy, decided, x, body)}"
    return Finding(name=NAME, status=Status.OK, detail="; ".join(filter(None, (can, told))), advice=advice)


def _sleep(policy: Policy, decided: Decision, x: NDArray[np.float32], body: Platform) -> str:
    """What would follow, in words."""
    if not isinstance(policy, SleepingPolicy) or policy.sleeps is None:
        return "sleep by agent.period_s"
    places = np.flatnonzero(policy.sleeps.mask(wakes_on(body))).tolist()
    drawn = draw_one(policy.sleep_scores(x), places, 0.5)
    if drawn is None:
        return "sleep by agent.period_s, for it has no sleep that this body can do"
    sleep = policy.sleeps.sleep(*drawn, policy.due_s(x, decided.action))
    return f"{sleep.length_s:.0f} s of sleep, woken {WOKEN[sleep.wake_on]}"


WOKEN = {
    WakeOn.DUE: "by nothing before",
    WakeOn.DEADLINE: "before by a request, in time for its deadline",
    WakeOn.REQUEST: "before by a request, at once",
}


def _measured(bounds: Bounds, foretold: Bounds, store: Path) -> str:
    """What to do where work once took so long that the limits count on more than there is; empty where none did."""
    slow = {
        name: seconds
        for name, seconds in bounds.at_most_s.items()
        if action_named(name).works == (action_named(name),) and seconds > SLOW * foretold.at_most_s[name]
    }
    if not slow:
        return ""
    name = max(slow, key=slow.__getitem__)
    return (
        f"{name} is counted on to take up to {slow[name]:.3g} s here, for that is what was measured once; if something had held "
        f"the program up then, stop the device and let it measure anew: sqlite3 {store} '{ANEW}'"
    )


def _warm(
    forbidden: Collection[tuple[str, ...]],
    seen: Observation,
    config: DeviceConfig,
    profile: DeviceProfile,
    body: Platform,
) -> str:
    """What to do where it is too warm, with the figures; empty where heat is not in the way."""
    if not any("thermal" in limits for limits in forbidden):
        return ""
    where = body.looks_at("temperature_c")
    return (
        f"it is {seen.temperature_c:.0f} °C{f' ({where})' if where else ''}, work warms it further, and it must stay under both "
        f"limits.temperature_c, {config.limits.temperature_c:g} °C, and {profile.thermal.limit_c.value:g} °C of the profile "
        f"{config.platform.profile!r}; if it is always so warm, name a profile of this class of machine, with its own "
        "thermal.limit_c, and set limits.temperature_c; else wait until it has cooled down"
    )


def _with_work(seen: Observation, config: DeviceConfig, body: Platform) -> Observation:
    preference = config.agent.preference
    recent = Recent(deadline_s=config.agent.deadline_s, federated=config.federation is not None)
    return dataclasses.replace(
        seen,
        **recent.fields(0.0),
        wake_on_request=2.0 if WakeOn.REQUEST in wakes_on(body) else float(WakeOn.DEADLINE in wakes_on(body)),
        queue_length=1.0,
        queue_age_s=0.0,
        queue_slack_s=config.agent.deadline_s,
        fresh_examples=1.0,
        fresh_age_s=0.0,
        unsent_examples=0.0,
        practice=0.0,
        spooled_updates=0.0,
        versions_behind=1.0,
        preference_accuracy=preference.accuracy,
        preference_latency=preference.latency,
        preference_energy=preference.energy,
    )


def _paces(path: Path) -> list[Pace]:
    try:
        with StoreReader(path) as store:
            return store.paces()
    except NothingStored:
        return []
