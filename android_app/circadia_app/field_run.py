"""A field test that goes on in a thread of its own: `circadia_field.conduct`, with the service's agents for its periods."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from circadia.errors import CircadiaError
from circadia_field.conduct import conduct
from circadia_field.stage import LONGEST_WAIT_S, BrokenOff, RealPlayer

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.config import DeviceConfig
    from circadia_app.agent_run import AgentRun
    from circadia_field.bundle import Bundle

log = logging.getLogger(__name__)


class FieldRun:
    """Begun once, ended once; as a stage it has the periods played by agents that `make` puts together."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        make: Callable[[DeviceConfig], tuple[AgentRun, dict[str, Any]]],
        begun: Callable[[FieldRun, AgentRun], None],
        over: Callable[[FieldRun], None],
    ) -> None:
        """All three are called on the test's thread.

        `make`: the agent, not started, and what the person chose over its plan; `begun` hears of it; `over`: that the test has
        ended, whatever ended it.
        """
        self._bundle, self._make, self._begun, self._over = bundle, make, begun, over
        self._ends = threading.Event()
        self.failure: BaseException | None = None
        """What ended it, if neither its last period nor `end` did."""
        self._thread = threading.Thread(target=self._conduct, name="circadia-field", daemon=True)

    def start(self) -> None:
        """It goes on from wherever it was."""
        self._thread.start()

    def end(self, within_s: float) -> bool:
        """Whether the period is broken off, its agent ended and all stored within so many seconds."""
        until_s = time.monotonic() + within_s
        self._ends.set()
        self._thread.join(max(until_s - time.monotonic(), 0))
        return not self._thread.is_alive()

    def _conduct(self) -> None:
        self.failure = CircadiaError("the field test ended by an error; its log says how")
        try:
            conduct(self._bundle, self, log.info)
            self.failure = None
        except CircadiaError as error:
            self.failure = error
        finally:
            self._over(self)

    # As a stage, and for its players

    def begin(self, config: DeviceConfig, start_h: float) -> RealPlayer:  # noqa: ARG002 - the port's names
        """Now."""
        if self._ends.is_set():
            raise CircadiaError("the field test is to end")
        run, chosen = self._make(config)
        self._begun(self, run)
        return RealPlayer(run, self, chosen)

    def wait(self, wait_s: float) -> None:
        """As `circadia_field.stage.Waits`."""
        if self._ends.wait(min(max(wait_s, 0.0), LONGEST_WAIT_S)):
            raise BrokenOff
