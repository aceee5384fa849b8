"""Pacing, the agent's thread, start and end. The one place with a broad `except`: log, record, back off."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from circadia.backoff import BackOff
from circadia.errors import CircadiaError
from circadia.events import Decided
from circadia.pacing import (
    MEASURED_SPACING_S,
    RETRY_S,
    SPACING_S,
    earliest_s,
    measured_retry_s,
    rest_s,
)
from circadia.rest import Rest
from circadia.status import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia.agent import Agent
    from circadia.types import TickRecord
    from circadia.watchdog import Watchdog

log = logging.getLogger(__name__)

BACK_OFF_S = (1.0, 300.0)
"""First and longest pause after an error, in the agent's time; it doubles in between."""

POWERING_DOWN = "powering the body down"


class Closable(Protocol):
    """Something to end after the agent."""

    def close(self) -> None:
        """End it; a second call does nothing."""
        ...


class Runtime:
    """Runs an agent once: `run()` in this thread, `start()` … `stop()` or `with runtime as agent:` in one of its own.

    An application that ends without `stop` is stopped by the interpreter's end.
    """

    def __init__(
        self,
        agent: Agent,
        *,
        closing: tuple[Closable, ...] = (),
        drain_s: float = 0.0,
        pull_wait_s: float = 0.0,
        observers: Sequence[Callable[[TickRecord], None]] = (),
    ) -> None:
        """`observers` hear of every tick, on the agent's thread: listeners to `Decided`, see `Listeners.on`.

        Real seconds: `drain_s` to deliver the last updates, `pull_wait_s` for the answer to a pull before a wake's work.
        """
        self.agent = agent
        self.errors = 0
        self.ticks = 0
        self.failure: BaseException | None = None
        """What ended the agent, if nobody else did."""
        self._closing = closing
        self._drain_s, self._pull_wait_s = drain_s, pull_wait_s
        self._pid: int | None = None
        """The process that runs it or did."""
        self._gate = threading.Lock()
        self._runs: threading.Thread | None = None
        """The thread that runs it or did; of a Runtime that was closed unused, the one that closed it."""
        self._over = threading.Event()
        self._stop = threading.Event()
        self._rest = Rest(agent)
        self._watchdog: Watchdog | None = None
        self._spacing_s = SPACING_S if agent.platform.stopwatch is None else MEASURED_SPACING_S
        self._ticking, self._learning, self._hearing = (BackOff(*BACK_OFF_S) for _ in range(3))
        for observer in observers:
            agent.on(Decided, partial(_show, observer))

    @property
    def observer_errors(self) -> int:
        """How often an observer or another listener raised; not among `errors`, for the device worked."""
        return self.agent.application.reporter.listeners.errors

    # Start and end, from any thread

    def run(self) -> None:
        """Tick until `stop`, then close the agent and what belongs to it. `CircadiaError` as for `start`."""
        with self._gate:
            self._claim(threading.current_thread())
        self._run()

    def watch(self, watchdog: Watchdog) -> None:
        """Let it know that the device lives, while it waits and sleeps: no sleep, nor power-down, lasts longer than it bears."""
        self._watchdog = watchdog

    def start(self) -> Agent:
        """Tick in a thread of its own → the agent. `CircadiaError` if it runs already, or has ended: launch another."""
        # A daemon: at the interpreter's end, `stop` comes first and waits for it.
        thread = threading.Thread(target=self._run_alone, name="circadia-agent", daemon=True)
        with self._gate:
            self._claim(thread)
            atexit.register(self._forgotten)
            try:
                thread.start()
            except BaseException:
                self._close()
                raise
        return self.agent

    def stop(self) -> None:
        """End it, and wait until all is stored and closed; a second call does nothing, nor does one in a fork.

        A listener, which the agent's thread waits for, only asks for the end; so may a signal handler not at all, for it
        may interrupt the bell's own lock.
        """
        if self._is_copy:
            return
        self._stop.set()
        self.agent.inbox.ring()
        with self._gate:
            unused = self._claimed(threading.current_thread())
        if unused:
            self._close()
        elif self._runs is not threading.current_thread():
            self._over.wait()

    @property
    def _is_copy(self) -> bool:
        """In a fork: the agent's thread, its store and its link are the first process's."""
        return self._pid not in (None, os.getpid())

    def join(self) -> None:
        """Wait until it has ended, whatever ends it: `stop`, in another thread, or a `failure`."""
        self._over.wait()

    def _forgotten(self) -> None:
        if self._is_copy or self._over.is_set():
            return
        log.warning("the application ended and did not stop its device: it is stopped now, and all is stored")
        self.stop()

    def __enter__(self) -> Agent:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _claim(self, thread: threading.Thread) -> None:
        """That thread is the one that ticks; `CircadiaError` if there is or was one. Behind the gate."""
        if self._claimed(thread):
            return
        raise CircadiaError(
            "the agent has ended; launch it again"
            if self._stop.is_set()
            else "the agent runs already; a Runtime runs once, in one thread"
        )

    def _claimed(self, thread: threading.Thread) -> bool:
        if self._runs is not None:
            return False
        self._runs, self._pid = thread, os.getpid()
        return True

    # In the agent's thread

    def _run_alone(self) -> None:
        with suppress(BaseException):  # logged; nobody is there to catch it
            self._run()

    def _run(self) -> None:
        self.agent.application.inferences.agent_thread = threading.get_ident()
        self.agent.application.reporter.state = State.RUNNING
        try:
            while not self._stop.is_set():
                self._wait()
                self.turn()
            self._drain()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.failure = error
            self._failed("the agent", error)
            log.critical("the agent ends, by an error that it does not survive", exc_info=True)
            raise
        finally:
            self._close()

    @property
    def due_s(self) -> float:
        """When the next tick is due, if nobody asks for one before."""
        return self._rest.due_s

    def _wait(self) -> None:
        """For the next tick or the bell, in pieces that a watchdog bears; powered down, where a sleep was chosen and the body can."""
        clock, due_s = self.agent.clock, self._rest.due_s
        left_s = due_s - clock.now_s()
        if left_s > 0:
            wall_s = clock.wall_s(left_s)
            piece_s = min(wall_s, self._watchdog.every_s if self._watchdog else wall_s)
            until_s = due_s - left_s * (1 - piece_s / wall_s)
            if not self._powers_down(until_s):
                looks_s = self._rest.looks_s(until_s) - clock.now_s()
                self.agent.inbox.wait(min(piece_s, clock.wall_s(max(looks_s, 0.0))))
        if self._watchdog is not None:
            self._feed(self._watchdog)

    def _powers_down(self, until_s: float) -> bool:
        try:
            down = self._rest.power_down(until_s)
        except Exception as error:
            self._failed(POWERING_DOWN, error)
            log.exception("%s failed; this sleep is waited awake", POWERING_DOWN)
            self._rest.distrust()
            return False
        if down:
            self.agent.application.reporter.worked(POWERING_DOWN)
        return down

    def _feed(self, watchdog: Watchdog) -> None:
        try:
            watchdog.feed()
        except OSError as error:
            log.warning("the watchdog does not listen any more (%s)", error)
            self._watchdog = None

    def turn(self) -> None:
        """Take in what came, and tick if it is time: a request brings the tick forward.

        For whoever moves time by hand; `run` calls it in real time.
        """
        agent = self.agent
        call = agent.ingest()
        now_s = agent.clock.now_s()
        self._rest.look(now_s)
        if now_s >= self._learning.due_s:
            self._attempt("storing examples", self._learning, agent.learn)
        self._hears()
        if call is not None:
            self._rest.called(call, now_s)
        if now_s < self._rest.due_s:
            agent.expire(now_s)
        elif not self._stop.is_set() and not self._attempt("a tick", self._ticking, self._tick):
            free_s = now_s + BACK_OFF_S[0]  # who asks is still heard, for answers go out
            self._rest.retry(free_s, max(self._ticking.due_s, free_s))
        agent.application.reporter.next_wake_s = self._rest.due_s

    def _attempt(self, what: str, pause: BackOff, part: Callable[[], None]) -> bool:
        """Run a part of the agent; its error is logged, and does not stop the other parts."""
        try:
            part()
        except Exception as error:
            self._failed(what, error)
            log.exception("%s failed; next try in %.0f s", what, pause.failed(self.agent.clock.now_s()))
            return False
        pause.succeeded()
        self.agent.application.reporter.worked(what)
        return True

    def _failed(self, what: str, error: BaseException) -> None:
        self.errors += 1
        self.agent.application.reporter.failed(what, error)

    def _tick(self) -> None:
        record = self.agent.tick(self._wait_for_pull if self._pull_wait_s else None)
        self.ticks += 1
        free_s = record.t_s + float(earliest_s(record.outcome.busy_s, self._spacing_s))
        self._rest.begin(record, free_s, self._rest_s(record))

    def _wait_for_pull(self, answered: Callable[[], bool], left_s: float) -> None:
        """Until then, at most `left_s` of the agent's time: in the middle of a tick, which who wants another cuts short."""
        agent, clock = self.agent, self.agent.clock
        end_s = clock.now_s() + min(left_s, self._pull_wait_s / clock.wall_s(1.0))
        while self._hears() and not (answered() or agent.inbox.wanted or self._stop.is_set()):
            left_s = end_s - clock.now_s()
            if left_s <= 0 or not agent.inbox.wait(clock.wall_s(left_s)):
                break
        agent.inbox.ring()  # what else it rang for has not been looked at

    def _hears(self) -> bool:
        due = self.agent.clock.now_s() >= self._hearing.due_s
        return due and self._attempt("hearing the federation", self._hearing, self.agent.hear)

    def _rest_s(self, record: TickRecord) -> float:
        measures = self.agent.platform.stopwatch is not None
        rest = rest_s(
            waiting=self.agent.workload.waiting,
            serves=record.decision.action.serve is not None,
            away=self.agent.workload.busy,
            period_s=self.agent.period_s,
            retry_s=measured_retry_s(record.observation.queue_slack_s) if measures else RETRY_S,
        )
        return float(rest)

    def _drain(self) -> None:
        """Try to deliver the updates that wait; what is not acknowledged in time stays in the store."""
        agent, end_s = self.agent, time.monotonic() + self._drain_s
        agent.ingest()
        try:
            agent.learn()
            agent.hear()
            agent.deliver()
            while agent.workload.spooled and agent.delivering and (left_s := end_s - time.monotonic()) > 0:
                agent.inbox.wait(left_s)
                agent.hear()
        except Exception:
            log.exception("while delivering the last updates")

    def _close(self) -> None:
        try:
            # The agent asks the body and the meter once more when it ends.
            for part in (*self._closing, self.agent, self.agent.platform):
                self._end(part)
        finally:
            atexit.unregister(self._forgotten)
            self._over.set()

    def _end(self, part: Closable) -> None:
        try:
            part.close()
        except Exception:
            log.exception("while closing %s", type(part).__name__)


def _show(observer: Callable[[TickRecord], None], event: Decided) -> None:
    observer(event.record)
