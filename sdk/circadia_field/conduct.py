"""A field test, period by period, from wherever it was broken off.

A period belongs to one attempt: a store of its own, so that every period begins with the same model. After a reboot a
period goes on until its time is over; one that lost too much is void, stays in the bundle, and is tried again at once.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from circadia.config import load_config
from circadia.errors import ConfigError, MeterError, StoreError
from circadia.learning.task_file import load_task
from circadia.plugs import MeterConfig, PlatformConfig
from circadia.store.sqlite import fold
from circadia_field.application import Application, events
from circadia_field.bundle import BROKEN_OFF, DEVICE, ENDED, PINNED, RESUMED, STARTED, writing
from circadia_field.examples import load_examples
from circadia_field.pins import EXAMPLES, PROFILE, check_same, pinned_policy, pinned_task
from circadia_field.stage import BrokenOff, VirtualStage
from circadia_field.ticks import read_ticks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia.config import DeviceConfig
    from circadia_field.bundle import Bundle
    from circadia_field.plan import Period
    from circadia_field.stage import Player, Stage
    from circadia_field.ticks import Ticks

Kind = TypeVar("Kind", PlatformConfig, MeterConfig)
STORE, ASKED, SAMPLES = "device.db", "asked.jsonl", "samples"
MOST_ATTEMPTS = 3
"""Of a period in a row, before somebody has to look; a later run tries again."""
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
    with bundle.held(), writing(bundle.folder):
        return _conduct(bundle, stage, tell)


def _conduct(bundle: Bundle, stage: Stage, tell: Callable[[str], None]) -> bool:
    schedule, tried = bundle.plan.schedule(), Counter[int]()
    while True:
        place, number = bundle.next_up()
        if place == len(schedule):
            return True
        attempt = Attempt(
            place=place, number=number, period=schedule[place], folder=bundle.period(place, number)
        )
        tried[place] += 1
        if tried[place] > MOST_ATTEMPTS:
            raise MeterError(
                f"{bundle.folder}: period {place + 1} lost more than {MOST_LOST:.0%} of its time {MOST_ATTEMPTS} times in a row; "
                "see to the meter and its cable, and run it again"
            )
        if not _play(bundle, stage, attempt, tell):
            return False


def _play(bundle: Bundle, stage: Stage, attempt: Attempt, tell: Callable[[str], None]) -> bool:
    resumed = _started(bundle, attempt)
    if isinstance(stage, VirtualStage):
        resumed = None  # virtual time begins the period again
    if resumed is None and attempt.folder.exists():
        shutil.rmtree(attempt.folder)
    attempt.folder.mkdir(parents=True, exist_ok=True)
    washout_h = bundle.plan.washout_h
    player = stage.begin(config_of(bundle, attempt), attempt.period.start_h - washout_h)
    try:
        if math.isnan(player.agent.resumed_at_s):
            resumed = None  # not one tick was recorded
        start_s = resumed["start_s"] if resumed else player.agent.clock.now_s()
        _check_clock(attempt, player, start_s)
        count_s = start_s + washout_h * 3600
        until_s = count_s + attempt.period.hours * 3600
        times = {"start_s": start_s, "count_s": count_s, "until_s": until_s}
        event = RESUMED if resumed else STARTED
        _note(bundle, event, attempt, **times, meter=player.agent.meter.about(), chosen=player.chosen)
        try:
            _live(bundle, attempt, player, start_s, until_s)
            player.finish()
        except BrokenOff:
            player.stop()
            _note(bundle, BROKEN_OFF, attempt, at_s=player.agent.clock.now_s())
            return False
        player.stop()
        fold(attempt.folder / STORE)
        lost = lost_share(attempt.folder / STORE, count_s, until_s)
        void = lost > MOST_LOST
        found = {} if void else _watts(player, read_ticks(attempt.folder / STORE).begun(count_s, until_s))
        _note(bundle, ENDED, attempt, lost=lost, void=void, errors=player.errors, **{"true_w": None, **found})
    finally:
        player.close()
    tell(
        f"{attempt.place + 1:3} of {len(bundle.plan.schedule())}  {attempt.period.phase}  "
        f"{attempt.period.arm:20} {'void: ' if void else ''}{lost:.1%} of its time without joules"
    )
    return True


def _check_clock(attempt: Attempt, player: Player, start_s: float) -> None:
    """`ConfigError` after a reboot with a clock that was not set yet: what goes on would lie before what was."""
    now_s, last_s = player.agent.clock.now_s(), float(np.fmax(start_s, player.agent.resumed_at_s))
    if now_s < last_s:
        raise ConfigError(
            f"{attempt.folder}: the clock is {last_s - now_s:.0f} s behind what was recorded already; set it (is the network "
            "there, which tells the time?) and run it again"
        )


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
    """The last line of the log that says so."""
    wanted = (STARTED, attempt.place, attempt.number)
    found = [e for e in bundle.log() if (e["event"], e["period"], e["attempt"]) == wanted]
    return found[-1] if found else None


def _note(bundle: Bundle, event: str, attempt: Attempt, **more: Any) -> None:
    wall = datetime.now(UTC).isoformat(timespec="seconds")
    bundle.note(event=event, period=attempt.place, attempt=attempt.number, wall=wall, **more)


def config_of(bundle: Bundle, attempt: Attempt) -> DeviceConfig:
    """The device's configuration with this period's policy, store and chance."""
    config = load_config(bundle.folder / DEVICE)
    name = pinned_task(bundle, config.agent.task)
    task = load_task(name)
    # Tests of release 0.1 know the model file alone.
    same = bundle.pins.get("task_identity", task.identity.text) == task.identity.text
    if task.digest != bundle.pins["task"] or not same:
        raise ConfigError(f"{name}: is not the task any more that the test began with; restore it")
    seed = int(np.random.SeedSequence([bundle.plan.seed, attempt.place]).generate_state(1)[0])
    return dataclasses.replace(
        config,
        agent=dataclasses.replace(
            config.agent, task=name, policy=pinned_policy(bundle, attempt.period.policy), seed=seed
        ),
        platform=_set(config.platform, seed=seed, profile=str(bundle.folder / PINNED / PROFILE)),
        store=dataclasses.replace(config.store, path=attempt.folder / STORE),
        meter=_set(config.meter, samples=str(attempt.folder / SAMPLES)) if _keeps(config) else config.meter,
    )


def _set(config: Kind, **wanted: Any) -> Kind:
    """With these values, as far as its kind has such keys."""
    known = {key.name for key in dataclasses.fields(config)}
    return dataclasses.replace(config, **{key: value for key, value in wanted.items() if key in known})


def _keeps(config: DeviceConfig) -> bool:
    """Whether the meter keeps its samples in a folder."""
    return bool(getattr(config.meter, "samples", ""))


def _watts(player: Player, ticks: Ticks) -> dict[str, Any]:
    """Of the ticks that count: what the whole device drew, whose figure that is, and what truly flowed, None where nobody knows."""
    start_s, end_s = float(ticks.t_s[0]), float(ticks.t_s[-1] + ticks.duration_s[-1])
    true_j = player.true_j(start_s, end_s)
    return {
        "device_w": float(ticks.energy_j.sum() / ticks.duration_s.sum()),
        "source": ticks.source,
        "true_w": None if true_j is None else true_j / (end_s - start_s),
    }


def lost_share(store: Path, count_s: float, until_s: float) -> float:
    """Of the counted time, what has no joules; 1 where there are none at all, or no tick began in it."""
    try:
        ticks = read_ticks(store)
    except StoreError:
        return 1.0
    if not ticks.begun(count_s, until_s).count:
        return 1.0
    ends = np.minimum(ticks.t_s + ticks.duration_s, until_s)
    known_s = float(np.maximum(ends - np.maximum(ticks.t_s, count_s), 0).sum())
    return max(1 - known_s / (until_s - count_s), 0.0)
