"""A field test, period by period, from wherever it was broken off.

A period belongs to one attempt: a store of its own, so that every period begins with the same model. After a reboot a
period goes on until its time is over; one that lost too much is void, stays in the bundle, and is tried again at once.
"""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.config import load_config
from circadia.errors import ConfigError, MeterError, StoreError
from circadia.learning.task_file import load_task
from circadia_lab.field.application import Application, events
from circadia_lab.field.bundle import BROKEN_OFF, DEVICE, ENDED, PINNED, RESUMED, STARTED
from circadia_lab.field.examples import load_examples
from circadia_lab.field.pins import EXAMPLES, PROFILE, check_same, pinned_policy
from circadia_lab.field.stage import BrokenOff, VirtualStage
from circadia_lab.field.ticks import read_ticks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia.config import DeviceConfig
    from circadia_lab.field.bundle import Bundle
    from circadia_lab.field.plan import Period
    from circadia_lab.field.stage import Player, Stage

STORE, ASKED = "device.db", "asked.jsonl"
MOST_ATTEMPTS = 3
MOST_LOST = 0.05
"""Share of a period without joules that makes it void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a period."""

    place: int
    number: int
    period: Period
    folder: Path


def conduct(bundle: Bundle, stage: Stage, tell: Callable[[str], None]) -> bool:
    """Run what is left of the test; False if a signal broke it off. Errors name what stops it.

    `tell` hears a line for each period.
    """
    check_same(bundle)
    schedule = bundle.plan.schedule()
    while True:
        place, number = bundle.next_up()
        if place == len(schedule):
            return True
        attempt = Attempt(
            place=place, number=number, period=schedule[place], folder=bundle.period(place, number)
        )
        if number > MOST_ATTEMPTS:
            raise MeterError(
                f"{attempt.folder}: {MOST_ATTEMPTS} attempts lost more than {MOST_LOST:.0%} of their time; see to the meter "
                "and its cable, delete the last attempt's lines in the log, and run again"
            )
        if not _play(bundle, stage, attempt, tell):
            return False


def _play(bundle: Bundle, stage: Stage, attempt: Attempt, tell: Callable[[str], None]) -> bool:
    resumed = _started(bundle, attempt)
    if resumed is not None and isinstance(stage, VirtualStage):
        shutil.rmtree(attempt.folder)  # virtual time begins the period again
        resumed = None
    attempt.folder.mkdir(parents=True, exist_ok=True)
    washout_h = bundle.plan.washout_h
    player = stage.begin(config_of(bundle, attempt), attempt.period.start_h - washout_h)
    try:
        start_s = resumed["start_s"] if resumed else player.agent.clock.now_s()
        count_s = start_s + washout_h * 3600
        until_s = count_s + attempt.period.hours * 3600
        times = {"start_s": start_s, "count_s": count_s, "until_s": until_s}
        event = RESUMED if resumed else STARTED
        _note(bundle, event, attempt, **times, meter=player.agent.meter.about())
        try:
            _live(bundle, attempt, player, start_s, until_s)
            player.finish()
        except BrokenOff:
            player.stop()
            _note(bundle, BROKEN_OFF, attempt, at_s=player.agent.clock.now_s())
            return False
        player.stop()
        lost = lost_share(attempt.folder / STORE, count_s, until_s)
        void = lost > MOST_LOST
        true_w = None if void else _true_w(player, attempt.folder / STORE, count_s, until_s)
        _note(bundle, ENDED, attempt, lost=lost, void=void, errors=player.errors, true_w=true_w)
    finally:
        player.close()
    tell(
        f"{attempt.place + 1:3} of {len(bundle.plan.schedule())}  {attempt.period.phase}  "
        f"{attempt.period.arm:20} {'void: ' if void else ''}{lost:.1%} of its time without joules"
    )
    return True


def _live(bundle: Bundle, attempt: Attempt, player: Player, start_s: float, until_s: float) -> None:
    examples = load_examples(bundle.folder / PINNED / EXAMPLES, player.agent.workload.task)
    application = Application(
        player.agent,
        events(bundle.plan, attempt.period, len(examples.y)),
        examples,
        start_s=start_s,
        deadline_s=bundle.plan.deadline_s,
        asked=attempt.folder / ASKED,
    )
    try:
        player.live(until_s, application)
    finally:
        application.close()


def _started(bundle: Bundle, attempt: Attempt) -> dict[str, Any] | None:
    """The line of the log that says so."""
    for entry in bundle.log():
        if (entry["event"], entry["period"], entry["attempt"]) == (STARTED, attempt.place, attempt.number):
            return entry
    return None


def _note(bundle: Bundle, event: str, attempt: Attempt, **more: Any) -> None:
    wall = datetime.now(UTC).isoformat(timespec="seconds")
    bundle.note(event=event, period=attempt.place, attempt=attempt.number, wall=wall, **more)


def config_of(bundle: Bundle, attempt: Attempt) -> DeviceConfig:
    """The device's configuration with this period's policy, store and chance."""
    config = load_config(bundle.folder / DEVICE)
    if load_task(config.agent.task).digest != bundle.pins["task"]:
        raise ConfigError(
            f"{config.agent.task}: is not the task any more that the test began with; restore it"
        )
    seed = int(np.random.SeedSequence([bundle.plan.seed, attempt.place]).generate_state(1)[0])
    return dataclasses.replace(
        config,
        agent=dataclasses.replace(
            config.agent, policy=pinned_policy(bundle, attempt.period.policy), seed=seed
        ),
        platform=dataclasses.replace(
            config.platform, seed=seed, profile=str(bundle.folder / PINNED / PROFILE)
        ),
        store=dataclasses.replace(config.store, path=attempt.folder / STORE),
    )


def _true_w(player: Player, store: Path, count_s: float, until_s: float) -> float | None:
    """What truly flowed in the ticks that count; None where nobody knows."""
    ticks = read_ticks(store).begun(count_s, until_s)
    start_s, end_s = float(ticks.t_s[0]), float(ticks.t_s[-1] + ticks.duration_s[-1])
    true_j = player.true_j(start_s, end_s)
    return None if true_j is None else true_j / (end_s - start_s)


def lost_share(store: Path, count_s: float, until_s: float) -> float:
    """Of the counted time, what has no joules; 1 where there are none at all."""
    try:
        ticks = read_ticks(store)
    except StoreError:
        return 1.0
    ends = np.minimum(ticks.t_s + ticks.duration_s, until_s)
    known_s = float(np.maximum(ends - np.maximum(ticks.t_s, count_s), 0).sum())
    return max(1 - known_s / (until_s - count_s), 0.0)
