"""The agent's service at one moment, as it goes over the link: an answer to `status` and back."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, Self

from circadia.errors import RemoteProtocolError
from circadia.ranges import is_whole
from circadia.status import AgentStatus, Joules, State, UpdateCounts
from circadia.traffic import Traffic
from circadia.types import Link, Observation, Preference, Sleep, Source, WakeOn
from circadia_app.notice import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What the screens need that is not in the store."""

    pid: int
    """Of the service's process."""
    started_s: float
    """When that began, since the Unix epoch."""
    now_s: float
    """When this was said, since the Unix epoch …"""
    clock_s: float
    """… and by the agent's clock, which a simulated day has for itself; NaN without an agent."""
    simulated: bool
    """Whether the body is simulated: then all its figures are."""
    status: AgentStatus | None
    """None while the agent is not there: `lacks` says why, or it starts."""
    observation: Observation | None
    """What the last decision saw; None before the first of this run."""
    lacks: tuple[str, ...]
    """What keeps the agent from running, and what to do about it."""
    paused_until_s: float
    """Since the Unix epoch; infinite: until `resume`; NaN: it is not paused."""
    screens: int
    """How many are connected."""
    notice: Notice
    """As the notification shows it."""
    body: dict[str, Any] | None = None
    """What the body says of itself, as `PhoneState.plain` of a phone; None: nothing."""

    def message(self) -> dict[str, Any]:
        """As JSON has it: null for NaN."""
        found: dict[str, Any] = {**plain(dataclasses.replace(self, body=None)), "body": self.body}
        paused = not math.isnan(self.paused_until_s)
        return {**found, "paused": paused}

    @classmethod
    def of(cls, message: dict[str, Any]) -> Self:
        """The way back; `RemoteProtocolError` for what this version does not understand."""
        try:
            until_s = message["paused_until_s"]
            return cls(
                pid=int(message["pid"]),
                started_s=float(message["started_s"]),
                now_s=float(message["now_s"]),
                clock_s=_number(message["clock_s"]),
                simulated=bool(message["simulated"]),
                status=None if message["status"] is None else _status(message["status"]),
                observation=None if message["observation"] is None else _observation(message["observation"]),
                lacks=tuple(map(str, message["lacks"])),
                paused_until_s=math.inf if message["paused"] and until_s is None else _number(until_s),
                screens=int(message["screens"]),
                notice=Notice(**message["notice"]),
                body=message.get("body"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RemoteProtocolError(
                f"a status that these screens do not understand ({error!r}): end the app and open it again"
            ) from error


def plain(value: Any) -> Any:
    """A value of Circadia's as JSON has it: objects by field, enumerations by value or name, null for what is not finite."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.name.lower() if isinstance(value, IntEnum) else value.value
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value if isinstance(value, str | bool) or value is None else _plain_number(value)


def _plain_number(value: Any) -> int | float | None:
    """NumPy's too."""
    if is_whole(value):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _observation(message: dict[str, Any]) -> Observation:
    known = {f.name for f in dataclasses.fields(Observation)}
    return Observation(**{name: _number(value) for name, value in message.items() if name in known})


def _status(message: dict[str, Any]) -> AgentStatus:
    sleep, link = message["sleep"], message["link"]
    taken = {
        "state": State(message["state"]),
        "decided_s": _number(message["decided_s"]),
        "next_wake_s": _number(message["next_wake_s"]),
        "limits": tuple(message["limits"]),
        "changed_by": tuple(message.get("changed_by", ())),
        "link": None if link is None else Link[link.upper()],
        "updates": UpdateCounts(**message["updates"]),
        "preference": Preference(**message["preference"]),
        "traffic": None if message.get("traffic") is None else Traffic(**message["traffic"]),
        "joules": tuple(Joules(**{**one, "source": Source(one["source"])}) for one in message["joules"]),
        "sleep": None
        if sleep is None
        else Sleep(length_s=_number(sleep["length_s"]), wake_on=WakeOn(sleep["wake_on"])),
    }
    return AgentStatus(**{**message, **taken})
