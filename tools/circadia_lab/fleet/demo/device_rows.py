"""What a device is doing, read from its store beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from circadia.errors import NothingStored, StoreError
from circadia.store.reading import StoreReader
from circadia.types import Link
from circadia_lab.fleet.demo.live import DeviceRow
from circadia_lab.page.action_name import exchange_of, pushes, works_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from circadia.store.rows import Masked
    from circadia.types import Observation


def read_row(store: Path, name: str, profile: str, alive: bool = True) -> DeviceRow:
    """The newest tick of the device whose store that is, and `alive` for whether its process runs.

    Reads without waiting and without holding the device up. A store that is absent or has no tables yet makes a row
    that says `starting`; one that is locked or damaged, `unreadable`.
    """
    try:
        with StoreReader(store, wait_s=0) as reader:
            found = reader.newest()
    except NothingStored:
        found = None
    except StoreError:
        return DeviceRow(name=name, profile=profile, state=_state(alive, "unreadable"))
    if found is None:
        return DeviceRow(name=name, profile=profile, state=_state(alive, "starting"))
    seen = found.observation
    blame = overruled(found.proposed, found.action, found.masked, feasible=found.feasible)
    return DeviceRow(
        name=name,
        profile=profile,
        battery_soc=seen.battery_soc,
        charging=seen.charging > 0,
        action=found.action,
        why=why(seen, found.action, blame) if alive else "the process does not run",
        queue=seen.queue_length,
        staleness_s=seen.model_age_s,
        versions_behind=seen.versions_behind,
        version=found.version,
        state=_state(alive, "running"),
    )


def _state(alive: bool, state: str) -> str:
    return state if alive else "down"


def overruled(proposed: str, action: str, masked: Masked, *, feasible: bool = True) -> tuple[str, ...]:
    """The limits that forbade what the policy proposed; none when it got its way.

    `masked`: (limit, names that it forbids), as in `Decision.masked`.
    """
    if feasible and proposed == action:
        return ()
    return tuple(limit for limit, forbidden in masked if proposed in forbidden)


def why(observation: Observation, action: str, masked: Sequence[str]) -> str:
    """One phrase: what about the observation makes the action plausible.

    `action` is a stable name; `masked` names the limits that forbade what the policy proposed.
    """
    if masked:
        return f"shield: {', '.join(masked)}"
    sync = exchange_of(action)
    reasons = {"serve": _serving, "train": _training}
    parts = [part for work in works_of(action) for part in reasons.get(work, _sleeping)(observation, sync)]
    if sync == "sync-pull":
        parts.append(_behind(observation))
    if pushes(action):
        parts.append(_unsent(observation))
    if sync:
        parts.append(_link(observation))
    return ", ".join(part for part in parts if part) or "nothing to do"


def _serving(seen: Observation, _: str) -> list[str]:
    if not seen.queue_length > 0:
        return ["the queue is empty"]
    return [f"queue {seen.queue_length:.0f}", _slack(seen)]


def _slack(seen: Observation) -> str:
    return f"slack {seen.queue_slack_s:.0f} s" if math.isfinite(seen.queue_slack_s) else ""


def _training(seen: Observation, _: str) -> list[str]:
    power = "charging" if seen.charging > 0 else _battery(seen)
    fresh = seen.fresh_examples
    return [power, f"{fresh:.0f} fresh examples" if fresh > 0 else "nothing fresh: rehearses"]


def _battery(seen: Observation) -> str:
    return f"battery {100 * seen.battery_soc:.0f} %" if math.isfinite(seen.battery_soc) else ""


def _sleeping(seen: Observation, sync: str) -> list[str]:
    """What waits meanwhile, the most urgent first."""
    if seen.queue_length > 0:
        return [f"queue {seen.queue_length:.0f} waits", _slack(seen)]
    if sync or not seen.fresh_examples > 0:
        return []
    return [f"{seen.fresh_examples:.0f} fresh examples wait", "" if seen.charging > 0 else _battery(seen)]


def _behind(seen: Observation) -> str:
    return (
        f"model {seen.versions_behind:.0f} behind" if seen.versions_behind > 0 else "asks for a newer model"
    )


def _unsent(seen: Observation) -> str:
    return f"{seen.unsent_examples:.0f} unsent" if seen.unsent_examples > 0 else ""


def _link(seen: Observation) -> str:
    return f"link {Link(int(seen.link)).name.lower()}" if seen.link in tuple(Link) else ""
