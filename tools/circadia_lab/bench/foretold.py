"""Whether what is foretold of another choice holds what comes: simulated phones that live some days, choose anew, and live on."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circadia.config import parse_config
from circadia.forecast import TooShort
from circadia.foretelling import WIDEST, foretell, found_in, span_of
from circadia.reliving import AS_IT_WAS, Choice, Outside, relive
from circadia.shield import Limits
from circadia.store.reading import StoreReader
from circadia.types import Preference
from circadia.wiring import make_policy
from circadia_field.virtual_device import VirtualDevice
from circadia_lab.bench._machine import machine
from circadia_lab.data.day.plan import DAY_S
from circadia_lab.data.day.user import User
from circadia_lab.data.day.world import World

if TYPE_CHECKING:
    from circadia.foretelling import Estimate, Foretelling
    from circadia.ports import Policy
    from circadia_lab.bench.__main__ import Figure

PHONES, DAYS = 24, 5.0
"""As many days before the choice, and after it."""
LIVES = 2
PROFILES = ("pixel-3", "fairphone-4")
CHOICES = (
    Preference(),
    Preference(accuracy=0.6, latency=0.2, energy=0.2),
    Preference(accuracy=0.2, latency=0.2, energy=0.6),
    Preference(accuracy=0.2, latency=0.6, energy=0.2),
    Preference(accuracy=0.8, latency=0.1, energy=0.1),
    Preference(accuracy=0.1, latency=0.1, energy=0.8),
)
DEADLINES_S = (300.0, 900.0, 3600.0)
THINNED = 4
"""Of so many requests and examples of the demonstration's world one: a hundred requests a day."""
LIMITED = 4
"""Of so many phones one changes a limit, the others the preference."""
KINDS = ("joules", "latency", "accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One phone's foretelling of one kind, beside what came."""

    kind: str
    found: float
    middle: float
    low: float
    high: float
    before: float
    shown: bool = True
    """Whether the app would show it."""

    @property
    def within(self) -> bool:
        """Whether it came so."""
        return self.low <= self.found <= self.high

    @property
    def nearer(self) -> bool:
        """Whether it was nearer than to foretell that all stays as it was."""
        return abs(math.log(self.found / self.middle)) <= abs(math.log(self.found / self.before))


def measure() -> dict[str, Figure]:
    """`*_held`: share of the foretellings whose 95 % interval held what came in the simulation, over so many `*_told`.

    `*_width`: half of the interval over the middle, median. `*_moved`: how far what came lay from what was before, over
    that, median; `*_off`: likewise from the middle of what was foretold. All simulated: no phone was measured. `accuracy_shown`:
    so many were narrow enough to be shown. Some seven minutes of one core.
    """
    policy = make_policy("default")
    judged = [one for phone in range(PHONES) for one in judge(live(phone), policy)]
    return {"phones": PHONES, "days": DAYS, **summary(judged), **machine()}


def summary(judged: list[Judged]) -> dict[str, Figure]:
    """The figures of each kind."""
    found: dict[str, Figure] = {}
    for kind in KINDS:
        mine = [one for one in judged if one.kind == kind]
        found[f"{kind}_told"] = len(mine)
        if mine:
            found[f"{kind}_shown"] = sum(one.shown for one in mine)
            found[f"{kind}_held"] = sum(one.within for one in mine) / len(mine)
            found[f"{kind}_nearer"] = sum(one.nearer for one in mine) / len(mine)
            found[f"{kind}_width"] = float(np.median([(one.high - one.low) / 2 / one.middle for one in mine]))
            found[f"{kind}_moved"] = float(np.median([abs(one.found / one.before - 1) for one in mine]))
            found[f"{kind}_off"] = float(np.median([abs(one.found / one.middle - 1) for one in mine]))
    return found


class _Person:
    """A user's days, at the pace of a virtual device."""

    def __init__(self, user: User) -> None:
        self._user = user

    @property
    def due_s(self) -> float:
        return self._user.next_s

    def advance(self, now_s: float) -> None:
        while self._user.next_s <= now_s:
            self._user.happen()

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lived:
    """One phone's record until its choice, and all of it."""

    choice: Choice
    changed_s: float
    before: Outside
    whole: Outside


def live(phone: int) -> Lived:
    """Some days, a choice that follows from the phone's number, and as many days."""
    random = np.random.default_rng(phone)
    first, second = (CHOICES[place] for place in random.choice(len(CHOICES), 2, replace=False))
    limited = phone % LIMITED == LIMITED - 1
    limits = Limits(train_only_charging=limited)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "device.db"
        device, person = _phone(path, phone, first, Limits(), 0.0)
        device.live(DAYS * DAY_S + 3600, person)  # type: ignore[arg-type]  # plays the application's part
        if limited:
            device.finish()
            device.close()
            device, person = _phone(path, phone, first, limits, device.clock.t_s)
        else:
            device.agent.set_preference(second)
        changed_s, before = device.clock.t_s, outside_of(path)
        device.live(changed_s + DAYS * DAY_S, person)  # type: ignore[arg-type]
        device.finish()
        device.close()
        choice = Choice(first if limited else second, limits)
        return Lived(choice=choice, changed_s=changed_s, before=before, whole=outside_of(path))


def judge(lived: Lived, policy: Policy) -> list[Judged]:
    """What its record foretold, held against what came."""
    told = foretold(lived.before, policy, lived.choice)
    if isinstance(told, TooShort):
        return []
    after = found_in(lived.whole, lived.changed_s, lived.changed_s + DAYS * DAY_S)
    before = found_in(lived.whole, lived.changed_s - DAYS * DAY_S, lived.changed_s)
    return [
        _judged(kind, estimate, getattr(after, kind), getattr(before, kind))
        for kind in KINDS
        if (estimate := getattr(told, kind)) is not None and math.isfinite(getattr(after, kind))
    ]


def _judged(kind: str, estimate: Estimate, found: float, before: float) -> Judged:
    middle, low, high = estimate.over(DAYS)
    shown = kind != "accuracy" or estimate.half(estimate.days) <= WIDEST
    return Judged(kind=kind, found=found, middle=middle, low=low, high=high, before=before, shown=shown)


def _phone(
    path: Path, phone: int, preference: Preference, limits: Limits, start_s: float
) -> tuple[VirtualDevice, _Person]:
    days = math.ceil(2 * DAYS) + 1
    world = World(
        phone,
        1,
        days=days,
        drifts_s=(np.arange(1, days) * DAY_S).tolist(),
        deadlines_s=(DEADLINES_S[phone % len(DEADLINES_S)],),
    )
    shares = {"accuracy": preference.accuracy, "latency": preference.latency, "energy": preference.energy}
    table = {
        "agent": {"seed": phone, "preference": shares},
        "platform": {"profile": PROFILES[phone % len(PROFILES)]},
        "store": {"path": str(path)},
        "limits": {"train_only_charging": limits.train_only_charging},
    }
    device = VirtualDevice(parse_config(table), start_s=start_s)
    return device, _Person(User(device.agent, world.stream(0)[::THINNED]))


def outside_of(path: Path) -> Outside:
    """What came to a device, by its store."""
    with StoreReader(path) as store:
        return Outside(ticks=store.history(), requests=store.asked(), taught_s=store.taught())


def foretold(whole: Outside, policy: Policy, choice: Choice) -> Foretelling | TooShort:
    """Of a record as it is."""
    outside = whole.since(span_of(whole.ticks)[0])
    before, after = (
        [relive(outside, policy, one, np.random.default_rng(life).random) for life in range(LIVES)]
        for one in (AS_IT_WAS, choice)
    )
    return foretell(outside, before, after, widest=1.0)
