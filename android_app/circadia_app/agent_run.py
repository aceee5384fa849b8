"""One agent in a thread of its own, from its configuration to its end."""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from circadia.events import Answered, Decided, Event, Installed, Rejected
from circadia.plugs import PLATFORMS
from circadia.wiring import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.agent import Agent
    from circadia.config import DeviceConfig
    from circadia.runtime import Runtime
    from circadia.types import TickRecord
    from circadia.wiring import Parts
    from circadia_app.consent import Consent
    from circadia_app.folder import AppFolder
    from circadia_app.settings import Settings

log = logging.getLogger(__name__)

DRAIN_S = 1.0
"""How long an agent that ends tries to deliver: a service has two seconds to end in."""
NUDGE_S = 0.02
"""Training looks up between two steps when somebody wants a tick."""

TOLD: tuple[type[Event], ...] = (Decided, Answered, Installed, Rejected)
"""What goes on to the screens."""


def allowed(config: DeviceConfig, folder: AppFolder, consent: Consent, settings: Settings) -> DeviceConfig:
    """The device's configuration as the person allows it: the folder's store, chosen limits, a federation only by consent."""
    store = replace(config.store, path=folder.store)
    federation = config.federation if consent.send is not None else None
    if federation is not None:
        federation = replace(federation, drain_s=min(federation.drain_s, DRAIN_S))
    return settings.over(replace(config, store=store, federation=federation))


@runtime_checkable
class Tells(Protocol):
    """A body that says more of itself than its observation holds."""

    def told(self) -> dict[str, Any]:
        """As JSON has it; from any thread."""
        ...


class AgentRun:
    """Begun once, ended once."""

    def __init__(
        self,
        config: DeviceConfig,
        *,
        parts: Parts,
        paused: bool,
        told: Callable[[Event], None],
        over: Callable[[], None],
    ) -> None:
        """Put together; errors as `circadia.wiring.build`. Who does not start it stops it.

        `told` hears of decisions, answers, versions and rejections on the agent's thread; `over`, on a thread of its own, that
        the agent has ended, whatever ended it.
        """
        self.simulated = PLATFORMS.find(config.platform.kind).plug.virtual
        self.last: TickRecord | None = None
        """The newest decision of this run; swapped whole."""
        self._runtime: Runtime = build(config, parts=parts, observers=(self._decided,))
        for kind in TOLD:
            self._runtime.agent.on(kind, told)
        if paused:
            self._runtime.agent.pause()
        self._over = over

    def start(self) -> None:
        """It decides from now on."""
        self._runtime.start()
        threading.Thread(target=self._wait, name="circadia-agent-end", daemon=True).start()

    @property
    def agent(self) -> Agent:
        """What it runs."""
        return self._runtime.agent

    @property
    def body(self) -> dict[str, Any] | None:
        """What the body says of itself, of those that do: a phone's battery, reader and standby bucket."""
        body = self.agent.platform
        return body.told() if isinstance(body, Tells) else None

    @property
    def failure(self) -> BaseException | None:
        """What ended it, if nobody did."""
        return self._runtime.failure

    @property
    def ticks(self) -> int:
        """Decisions of this run."""
        return self._runtime.ticks

    @property
    def errors(self) -> int:
        """Parts of the agent that failed so far."""
        return self._runtime.errors

    @property
    def clock_s(self) -> float:
        """The agent's time."""
        return self.agent.clock.now_s()

    def stop(self) -> None:
        """Until all is stored and closed."""
        self.end(math.inf, deliver=True)

    def end(self, within_s: float, *, deliver: bool) -> bool:
        """Whether all is stored and closed within so many seconds; training ends at its next step.

        Not `deliver`: nothing is sent any more.
        """
        until_s = time.monotonic() + within_s
        if not deliver:
            self.agent.pause()
        ending = threading.Thread(target=self._runtime.stop, name="circadia-agent-stop", daemon=True)
        ending.start()
        while ending.is_alive() and (left_s := until_s - time.monotonic()) > 0:
            self.agent.wake()
            ending.join(min(NUDGE_S, left_s))
        return not ending.is_alive()

    def _decided(self, record: TickRecord) -> None:
        self.last = record

    def _wait(self) -> None:
        self._runtime.join()
        self._over()
