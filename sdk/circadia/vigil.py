"""Never silently idle: the log names the limit or the sensor that keeps a device from what waits, at most hourly each."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import FACTS, NAMES
from circadia.observation import DAY_S, HOUR_S
from circadia.sensors import needed, told
from circadia.types import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from circadia.types import Decision, Observation, TickRecord

log = logging.getLogger(__name__)

PATIENCE_S = DAY_S
"""How long examples, updates and versions may wait under limits before it is said: a phone charges once a day."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What may wait for an action."""

    what: str
    doing: str
    actions: NDArray[np.bool_]
    """(actions,) those that work on it."""


REQUESTS = Kind("requests", "serving", FACTS.serves)
EXAMPLES = Kind("fresh examples", "training", FACTS.trains)
UPDATES = Kind("updates", "sending", FACTS.pushes)
VERSIONS = Kind("a newer version", "fetching", FACTS.pulls)
KINDS = (REQUESTS, EXAMPLES, UPDATES, VERSIONS)


def in_the_way(decision: Decision, kind: Kind, offered: NDArray[np.bool_]) -> tuple[str, ...]:
    """The limits that forbid all of a kind's actions that the policy offers; none if one of them is left, or none is offered.

    Those that forbid all of them alone, if there are such.
    """
    if not decision.masked:
        return ()
    wanted = {NAMES[place] for place in np.flatnonzero(kind.actions & offered[: len(NAMES)])}
    forbidden = {limit: wanted & set(names) for limit, names in decision.masked}
    able = wanted - forbidden.pop("platform", set())
    if wanted and not able:
        return ("platform",)
    if not able or not able <= {name for names in forbidden.values() for name in names}:
        return ()
    alone = tuple(limit for limit, names in forbidden.items() if able <= names)
    return alone or tuple(limit for limit, names in forbidden.items() if able & names)


class Vigil:
    """Of the agent's thread. Times are the agent's."""

    def __init__(
        self, acting: Collection[str], looks_at: Callable[[str], str], *, federated: bool = True
    ) -> None:
        """The names of the limits that act, and where the body looks for a field of the observation.

        A device that learns alone, not `federated`, has nobody to send to or to fetch from.
        """
        self._federated = federated
        self._acting, self._looks_at = acting, looks_at
        self._needed = needed(acting)
        self._said_s: dict[tuple[str, ...], float] = {}
        self._silent: set[str] = set()
        self._since_s: dict[str, float] = {}

    def look(self, t_s: float, seen: Observation) -> None:
        """A sensor that a limit needs and that does not answer; and one that answers again."""
        for sensor in self._needed:
            if sensor.silent(seen):
                self._silent.add(sensor.key)
                self._say(t_s, ("sensor", sensor.key), told(sensor, self._acting, self._looks_at))
            elif sensor.key in self._silent:
                self._silent.discard(sensor.key)
                self._say(
                    t_s,
                    ("again", sensor.key),
                    f"the {sensor.key.replace('_', ' ')} answers again",
                    logging.INFO,
                )

    def judge(self, record: TickRecord, offered: NDArray[np.bool_]) -> str:
        """What waits for longer than it should, for limits are in the way → those in the way of requests, in words.

        `offered`: (actions,) by the policy.
        """
        t_s, seen, decision, outcome = record.t_s, record.observation, record.decision, record.outcome
        if not decision.masked:
            self._since_s.clear()
            return ""
        self._judge_the_rest(t_s, seen, decision, offered)
        if not outcome.expired:
            return ""
        limits = in_the_way(decision, REQUESTS, offered)
        if limits:
            self._say(
                t_s,
                (REQUESTS.what, *limits),
                f"{len(outcome.expired)} requests have waited beyond their deadline: {REQUESTS.doing} is forbidden by "
                f"{in_words(limits)}",
            )
        return in_words(limits)

    def _judge_the_rest(
        self, t_s: float, seen: Observation, decision: Decision, offered: NDArray[np.bool_]
    ) -> None:
        waiting = (
            (EXAMPLES, seen.fresh_examples > 0),
            (UPDATES, self._federated and seen.spooled_updates > 0),
            (VERSIONS, self._federated and seen.versions_behind > 0),
        )
        for kind, waits in waiting:
            limits = in_the_way(decision, kind, offered) if waits else ()
            if not limits:
                self._since_s.pop(kind.what, None)
                continue
            since_s = self._since_s.setdefault(kind.what, t_s)
            if t_s - since_s >= PATIENCE_S:
                hours = (t_s - since_s) / HOUR_S
                self._say(
                    t_s,
                    (kind.what, *limits),
                    f"{kind.what} waited for {hours:.0f} hours: {kind.doing} is forbidden by {in_words(limits)}",
                )

    def _say(self, t_s: float, key: tuple[str, ...], words: str, level: int = logging.WARNING) -> None:
        last_s = self._said_s.get(key)
        if last_s is None or not 0 <= t_s - last_s < HOUR_S:
            self._said_s[key] = t_s
            log.log(level, "%s", words)
