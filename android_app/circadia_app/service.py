"""The agent's service: a process of its own beside the screens, `python -m circadia_app.service FOLDER` on a desktop.

It starts from what the folder holds: consent, settings, `device.toml` and the store. That is all that a restart by the system,
which brings no command, has to go by. Without consent it says so and ends.

What the screens can ask over the link (`circadia_app.link`), each with what it answers beside `ok`:

    status                          a `Live` as JSON
    pause      until_s              seconds since the Unix epoch, null: until `resume`. It only sleeps
    resume
    preference accuracy latency energy       kept, and heeded from the next decision on
    limits     battery_floor …      those of `ChosenLimits`, null or absent: as the device's configuration has it; the agent begins anew
    consent    text learn send field_test    as `Consent.agreed`; without `learn` as `withdraw`
    train_now                       a decision now, under the limits as ever: action, why, trained, fresh_examples,
                                    held_back: the limits that leave no training at all
    submit     x deadline_s         for an application that has its model here: request_id, label, confidence, latency_s, version
    feedback   request_id label
    add_example x label
    stop                            the agent ends with all stored, then the service
    withdraw                        consent is taken back, the agent ends, then the service; nothing is sent any more
    delete                          `withdraw`, and all that the device has of the person is removed: request_id, waits

It tells `decided`, `answered`, `installed`, `rejected` and `ended`; of the last, whether it is to `stay` so because the person wants it.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import queue
import sys
import threading
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from circadia.backoff import BackOff
from circadia.config import load_config
from circadia.ending import ending
from circadia.errors import CircadiaError, ConfigError
from circadia.events import Decided
from circadia.ranges import is_real
from circadia.wiring import Parts
from circadia_app import consent as consents
from circadia_app import deletion, field_test, traffic
from circadia_app import settings as choices
from circadia_app.agent_run import AgentRun, allowed
from circadia_app.alone import alone
from circadia_app.diary import Diary
from circadia_app.field_run import FieldRun
from circadia_app.folder import AppFolder
from circadia_app.host import LAST_RESORT_S, DesktopHost
from circadia_app.journal import Journal
from circadia_app.link.server import LinkServer
from circadia_app.live import Live
from circadia_app.news import input_of, news, of_training, serve
from circadia_app.notice import Facts, notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from circadia.config import DeviceConfig
    from circadia.events import Event
    from circadia.types import TickRecord
    from circadia_app.exits import Exit
    from circadia_app.host import ServiceHost
    from circadia_app.link.server import Request
    from circadia_app.notice import Notice
    from circadia_field.bundle import Bundle

log = logging.getLogger(__name__)

END_S = 1.8
"""How long the agent has to end, of the two seconds that the person waits."""
DELETION_S = 10.0
"""How much longer a deletion waits for a store that is still open."""
NOTICE_S = 5.0
"""The notification changes at most so often."""
RETRY_S = (5.0, 300.0)
"""First and longest pause before an agent that could not start, or failed, is tried again."""
MOST_WAITING = 1024
"""Requests and news for the service's thread."""


class Ending(NamedTuple):
    """Of the service."""

    why: str
    by_person: bool


class Service:
    """`run` is for one thread, which owns agent, settings and consent; all else is for any."""

    def __init__(
        self,
        folder: AppFolder,
        host: ServiceHost,
        *,
        parts: Parts | None = None,
        wording: Callable[[Facts], Notice] = notice,
        now_s: Callable[[], float] = time.time,
        exits: Callable[[], Iterable[Exit]] = tuple,
    ) -> None:
        """`parts`: ready-made, as what opens models on a phone; `wording`: what the notification says; `now_s`: seconds since the Unix epoch.

        `exits`: what the system remembers of the ends of the app's processes.
        """
        self.folder = folder
        self.host = host
        self._parts = parts or Parts()
        self._wording = wording
        self._now_s = now_s
        self._started_s = now_s()
        self._journal = Journal(folder.log, now_s)
        self._diary = Diary(self._journal, exits)
        self._counter = traffic.Counter(folder.traffic)
        self._tasks: queue.Queue[Callable[[], None]] = queue.Queue(MOST_WAITING)
        self._link = LinkServer(folder.link, self._asked, on_screens=self._screens)
        self._settings = choices.Settings()
        self._consent = consents.Consent()
        self._run: AgentRun | None = None
        self._test: FieldRun | None = None
        """Under which the agent runs, a new one each period."""
        self._lacks: tuple[str, ...] = ()
        self._retry = BackOff(*RETRY_S)
        self._retry_s = math.inf
        """When the agent is tried again, by the monotonic clock."""
        self._waiting: list[tuple[float, Request]] = []
        """Who waits for a decision after so much of the agent's time."""
        self._shown_s = -math.inf
        self._stale = False
        """Whether the notification may say something else now."""
        self._ending: deque[Ending] = deque()
        """What is to end the service."""
        self._over = False
        self._in_time = True
        """Whether the agent has ended when the service is to."""
        self._does: dict[str, Callable[[Request], None]] = {
            "status": self._status,
            "pause": self._pause,
            "resume": self._resume,
            "preference": self._prefer,
            "limits": self._limit,
            "consent": self._agree,
            "train_now": self._train_now,
            "submit": self._submit,
            "feedback": self._feedback,
            "add_example": self._add_example,
            "stop": self._stop,
            "withdraw": self._withdraw,
            "delete": self._delete,
        }

    # From any thread

    def stop(self, why: str = "asked to", *, by_person: bool = False) -> None:
        """End with all stored, within two seconds: a signal, the notification's button, the system's time limit.

        `by_person`: the screens do not start it again by themselves.
        """
        self._ending.append(Ending(why, by_person))
        self._post(lambda: None)

    def task_removed(self) -> None:
        """The app was swiped away: what is not stored yet is stored with a decision now, and the service goes on."""
        self._post(self._task_removed)

    def _post(self, task: Callable[[], None]) -> bool:
        try:
            self._tasks.put_nowait(task)
        except queue.Full:
            log.warning("the service does not keep up: something is passed over")
            return False
        return True

    def _asked(self, request: Request) -> None:
        if not self._post(lambda: self._do(request)):
            request.refuse("the service does not keep up; ask again")

    def _screens(self, screens: int) -> None:
        self._post(lambda: self._screens_changed(screens))

    def _told(self, event: Event) -> None:
        name, told = news(event)
        self._link.tell(name, **told)
        if isinstance(event, Decided):
            record = event.record
            self._post(lambda: self._decided(record))

    def _run_is_over(self) -> None:
        self._post(lambda: None)

    # The service's thread

    def run(self) -> int:
        """Until `stop`, a withdrawal, or what the system does → the process's exit status.

        `ConfigError` for a consent or settings that cannot be read, `PlatformUnavailable` where another service has the folder.
        """
        with alone(self.folder):
            deletion.finish(self.folder)
            self._consent = consents.load(self.folder.consent)
            if self._consent.learn is None:
                log.warning("%s: nobody has agreed to learning yet; nothing is started", self.folder.consent)
                self.host.stop_waking()
                self.host.end()
                return 0
            self._settings = choices.load(self.folder.settings)
            self._serve()
        return 0

    def _serve(self) -> None:
        with ExitStack() as opened:
            opened.callback(self._leave_foreground)
            opened.enter_context(self._diary.kept())
            self.host.begin(self._notice())
            self._keep_waking()
            self._link.start()
            opened.callback(self._link.close)
            opened.callback(self._finish)
            self._start_agent()
            while not self._over:
                self._turn()

    def _leave_foreground(self) -> None:
        """Only of an end that is meant: one by an error is the system's to start again."""
        if self._over:
            self.host.end()

    def _keep_waking(self) -> None:
        try:
            self.host.keep_waking(LAST_RESORT_S)
        except CircadiaError as error:
            log.warning("no job looks after the service: %s", error)

    def _finish(self) -> None:
        """Whatever ends the service, the agent ends with it; one that does not end in time is cut off, and has all stored."""
        if not (self._in_time and self._end_agent(deliver=True)):
            self._link.close()
            self._leave_foreground()
            self.host.abandon()

    def _turn(self) -> None:
        self._look()
        try:
            task = self._tasks.get(timeout=self._patience_s())
        except queue.Empty:
            return
        task()

    def _look(self) -> None:
        """What is due: by the clock, or because the agent or the service is to end."""
        if self._ending:
            self._end(self._ending.popleft())
            return
        self._ended()
        if self._run is not None and not math.isnan(self._settings.paused_until_s) and not self._paused:
            self._unpause()
        if time.monotonic() >= self._retry_s:
            self._start_agent()
        if self._stale and time.monotonic() >= self._shown_s + NOTICE_S:
            self._show()

    def _patience_s(self) -> float | None:
        if self._over:
            return 0.0
        left_s = [self._retry_s - time.monotonic()]
        if self._paused:
            left_s.append(self._settings.paused_until_s - self._now_s())
        if self._stale:
            left_s.append(self._shown_s + NOTICE_S - time.monotonic())
        least_s = min(left_s)
        return None if math.isinf(least_s) else min(max(least_s, 0.01), threading.TIMEOUT_MAX)

    @property
    def _paused(self) -> bool:
        return self._settings.paused(self._now_s())

    # The agent

    def _start_agent(self) -> None:
        self._retry_s = math.inf
        try:
            bundle = field_test.due(self.folder, self._consent)
            if bundle is not None:
                self._start_test(bundle)
                return
            config = allowed(load_config(self.folder.config), self.folder, self._consent, self._settings)
            run = self._agent_of(config, self._run_is_over)
        except CircadiaError as error:
            self._lack(str(error))
            return
        run.start()
        self._runs(run)

    def _agent_of(self, config: DeviceConfig, over: Callable[[], None]) -> AgentRun:
        return AgentRun(config, parts=self._parts, paused=self._paused, told=self._told, over=over)

    def _runs(self, run: AgentRun) -> None:
        self._let_down("another period of the field test begins")
        self._run = run
        if self._paused:
            run.agent.pause()  # a test's next agent may have begun before the pause
        self._lacks = ()
        self._counter.begin()
        self._journal.write(
            "agent", device=self._run.agent.status().device, policy=self._run.agent.policy.name
        )
        self._show()

    # The field test, and its agents

    def _start_test(self, bundle: Bundle) -> None:
        self._test = FieldRun(
            bundle,
            make=self._agent_of_test,
            begun=lambda test, run: self._post_for(test, lambda: self._runs(run)),
            over=lambda test: self._post_for(test, self._test_over),
        )
        self._test.start()
        self._journal.write("field test", plan=bundle.plan.digest)

    def _agent_of_test(self, config: DeviceConfig) -> tuple[AgentRun, dict[str, Any]]:
        """Under the person's limits and preference as ever; alone, for a federation would take each period for another device."""
        chosen = self._settings
        return self._agent_of(
            chosen.over(dataclasses.replace(config, federation=None)), lambda: None
        ), chosen.over_plan

    def _post_for(self, test: FieldRun, task: Callable[[], None]) -> None:
        """Unless another has taken its place until then."""
        self._post(lambda: task() if self._test is test else None)

    def _test_over(self) -> None:
        """Of itself: by its last period, after which the agent goes on as it was before, or by an error."""
        assert self._test is not None
        failure, self._test, self._run = self._test.failure, None, None
        self._let_down("the period of the field test has ended")
        if failure is None:
            self._journal.write("field test over")
            self._start_agent()
        else:
            self._lack(f"{failure}. It is tried again; or stop the field test, under Test")

    def _count(self, *, all_of_it: bool = False) -> None:
        """What the link has sent and received is written down; a disk that refuses it ends nothing."""
        if self._run is None:
            return
        now_s = self._now_s()
        day = traffic.day_of(now_s, time.localtime(now_s).tm_gmtoff)
        try:
            self._counter.keep(self._run.agent.status().traffic, day, all_of_it=all_of_it)
        except CircadiaError as error:
            log.warning("what was sent is not counted: %s", error)

    def _lack(self, what: str) -> None:
        self._lacks = (what,)
        self._retry_s = time.monotonic() + self._retry.failed(time.monotonic())
        log.warning("the agent does not run: %s; next try in %.0f s", what, self._retry_s - time.monotonic())
        self._show()

    def _end_agent(self, *, deliver: bool, within_s: float = END_S) -> bool:
        """Whether it has ended; one that has not goes on ending."""
        if self._test is not None:
            ended = self._test.end(within_s)
        elif self._run is not None:
            ended = self._run.end(within_s, deliver=deliver)
        else:
            return True
        self._count(all_of_it=True)
        if not ended:
            return False
        self._run = self._test = None
        self._let_down("the agent has ended")
        return True

    def _begin_anew(self) -> None:
        """With what was chosen or agreed now."""
        if not self._end_agent(deliver=True, within_s=DELETION_S):
            log.error("the agent does not end, and has to begin anew: the service ends and is started again")
            self.host.abandon()
        self._start_agent()

    def _ended(self) -> None:
        """An agent has ended that nobody ended; a field test sees to its own."""
        if self._run is None or self._test is not None or (failure := self._run.failure) is None:
            return
        self._count(all_of_it=True)
        self._run = None
        self._let_down("the agent has failed")
        self._link.tell("ended", failure=f"{type(failure).__name__}: {failure}")
        self._lack(f"it ended by an error: {type(failure).__name__}: {failure}")

    def _let_down(self, why: str) -> None:
        waiting, self._waiting = self._waiting, []
        for _, request in waiting:
            request.refuse(f"{why}; ask again once it runs")

    def _decided(self, record: TickRecord) -> None:
        self._count()
        if self._run is not None:
            self._diary.note_body(self._run.body)
        self._retry.succeeded()
        self._stale = True
        waiting, self._waiting = self._waiting, []
        for asked_s, request in waiting:
            if record.t_s < asked_s:
                self._waiting.append((asked_s, request))
            else:
                request.answer(**of_training(record))

    def _task_removed(self) -> None:
        self._journal.write("task removed")
        if self._run is not None:
            self._run.agent.wake()

    def _screens_changed(self, screens: int) -> None:
        """They may have written down what they could not say while nobody heard them."""
        self._journal.write("screens", connected=screens)
        agreed = self._agreed()
        if agreed.learn is None:
            ended = self._end_agent(deliver=False)
            self._leave("consent was withdrawn", ended=ended, stay=True)
        elif agreed != self._consent:
            self._heed(agreed)

    def _agreed(self) -> consents.Consent:
        """As the disk has it; what cannot be read is none."""
        try:
            return consents.load(self.folder.consent)
        except CircadiaError as error:
            log.warning("consent counts as withdrawn: %s", error)
            return consents.Consent()

    def _heed(self, agreed: consents.Consent) -> None:
        before, self._consent = self._consent, agreed
        switches = ("send", "field_test")
        if any((getattr(before, one) is None) is not (getattr(agreed, one) is None) for one in switches):
            self._begin_anew()

    def _end(self, ending: Ending) -> None:
        """Of the service: with the agent, and told to whoever listens."""
        ended = self._end_agent(deliver=True)
        self._leave(ending.why, ended=ended, stay=ending.by_person)

    def _leave(self, why: str, *, ended: bool, stay: bool) -> None:
        self._over, self._in_time = True, ended
        self.host.stop_waking()
        self._journal.write("ended", why=why, in_time=ended)
        self._link.tell("ended", failure="", stay=stay)

    # What the person sees

    def _live(self) -> Live:
        run, last = self._run, self._run.last if self._run else None
        return Live(
            pid=os.getpid(),
            started_s=self._started_s,
            now_s=self._now_s(),
            clock_s=run.clock_s if run else math.nan,
            simulated=run.simulated if run else False,
            status=run.agent.status() if run else None,
            observation=last.observation if last else None,
            lacks=self._lacks,
            paused_until_s=self._settings.paused_until_s if self._paused else math.nan,
            screens=self._link.screens,
            notice=self._notice(),
            body=run.body if run else None,
        )

    def _notice(self) -> Notice:
        run = self._run
        facts = Facts(
            status=run.agent.status() if run else None,
            seen=run.last.observation if run and run.last else None,
            lacks=self._lacks,
            paused_until_s=self._settings.paused_until_s,
            ahead_s=self._now_s() - run.clock_s if run else 0.0,
            language=self._settings.language,
        )
        return self._wording(facts)

    def _show(self) -> None:
        self._shown_s, self._stale = time.monotonic(), False
        try:
            self.host.show(self._notice())
        except CircadiaError as error:
            log.warning("the notification stays as it was: %s", error)

    # What can be asked

    def _do(self, request: Request) -> None:
        does = self._does.get(request.do)
        if does is None:
            request.refuse(f"{request.do!r} cannot be asked; there are {', '.join(self._does)}")
            return
        try:
            does(request)
        except CircadiaError as error:
            request.refuse(str(error))

    def _running(self) -> AgentRun:
        if self._run is None:
            raise CircadiaError(f"the agent does not run: {'; '.join(self._lacks) or 'it ends'}")
        return self._run

    def _status(self, request: Request) -> None:
        request.answer(**self._live().message())

    def _pause(self, request: Request) -> None:
        until_s = request.fields.get("until_s")
        if until_s is not None and not is_real(until_s):
            raise ConfigError(f"until_s is {until_s!r}; it must be null or seconds since the Unix epoch")
        self._keep(paused_until_s=math.inf if until_s is None else float(until_s))
        if self._paused and self._run is not None:
            self._run.agent.pause()
        self._journal.write("paused", until_s=until_s)
        self._stale = True
        request.answer()

    def _resume(self, request: Request) -> None:
        self._unpause()
        request.answer()

    def _unpause(self) -> None:
        self._keep(paused_until_s=math.nan)
        if self._run is not None:
            self._run.agent.resume()
        self._journal.write("resumed")
        self._stale = True

    def _prefer(self, request: Request) -> None:
        preference = choices.preference_of(request.fields)
        assert preference is not None, "an object is never null"
        self._keep(preference=preference)
        if self._run is not None:
            self._run.agent.set_preference(preference)
        request.answer()

    def _limit(self, request: Request) -> None:
        self._keep(limits=choices.limits_of(request.fields))
        self._begin_anew()
        request.answer(lacks=list(self._lacks))

    def _keep(self, **changes: Any) -> None:
        self._settings = choices.change(
            self.folder.settings, lambda before: dataclasses.replace(before, **changes)
        )

    def _agree(self, request: Request) -> None:
        wanted = {switch: request.fields.get(switch, False) for switch in consents.SWITCHES}
        if not all(isinstance(on, bool) for on in wanted.values()):
            raise ConfigError(f"consent is {wanted!r}; each switch must be true or false")
        agreed = self._consent.agreed(self._now_s(), request.fields.get("text", ""), **wanted)
        if agreed.learn is None:
            self._withdraw(request)
            return
        consents.save(self.folder.consent, agreed)
        self._journal.write("agreed", **wanted)
        self._heed(agreed)
        request.answer()

    def _train_now(self, request: Request) -> None:
        run = self._running()
        self._waiting.append((run.clock_s, request))
        run.agent.wake()

    def _submit(self, request: Request) -> None:
        agent, deadline_s = self._running().agent, request.fields.get("deadline_s")
        answer = agent.submit(input_of(request.fields.get("x")), deadline_s)
        answer.add_done_callback(lambda done: serve(request, done))

    def _feedback(self, request: Request) -> None:
        number: Any = request.fields.get("request_id")
        self._running().agent.feedback(number, request.fields.get("label", ""))
        request.answer()

    def _add_example(self, request: Request) -> None:
        self._running().agent.add_example(input_of(request.fields.get("x")), request.fields.get("label", ""))
        request.answer()

    def _stop(self, request: Request) -> None:
        ended = self._end_agent(deliver=True)
        request.answer(in_time=ended)
        self._leave("the person stopped it", ended=ended, stay=True)

    def _take_back(self) -> tuple[bool, str]:
        """Consent first: whatever happens then, nothing starts again.

        Whether the agent has ended in time, and what kept the withdrawal from the disk: the agent ends all the same.
        """
        self._consent, trouble = self._consent.withdrawn(self._now_s()), ""
        try:
            consents.save(self.folder.consent, self._consent)
        except CircadiaError as error:
            trouble = f"{error}. Learning has ended, but would begin again with the app: free some room, and withdraw again"
        return self._end_agent(deliver=False), trouble

    def _withdraw(self, request: Request) -> None:
        ended, trouble = self._take_back()
        if trouble:
            request.refuse(trouble)
        else:
            request.answer(in_time=ended)
        self._leave("consent was withdrawn", ended=ended, stay=True)

    def _delete(self, request: Request) -> None:
        """Whatever becomes of it, the service ends: without an agent it has nothing to do."""
        in_time, trouble = self._take_back()
        why, ended = "consent was withdrawn", in_time
        try:
            ended = in_time or self._end_agent(deliver=False, within_s=DELETION_S)
            deleted = self._erase(ended=ended, trouble=trouble)
            why = "all was deleted"
            request.answer(in_time=in_time, request_id=deleted.request_id, waits=bool(deleted.device))
        finally:
            self._leave(why, ended=ended, stay=True)

    def _erase(self, *, ended: bool, trouble: str) -> deletion.Deletion:
        if trouble:
            raise CircadiaError(trouble)
        if not ended:
            raise CircadiaError(
                "nothing is deleted yet, for the agent does not end; open the app again and delete then"
            )
        federation = load_config(self.folder.config).federation
        self._journal.close()
        return deletion.delete(self.folder, federation.name if federation else "", self._now_s())


def main(arguments: list[str]) -> int:
    """On a desktop: until SIGTERM, Ctrl-C, or what the screens ask for."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m circadia_app.service FOLDER", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    service = Service(AppFolder(path=Path(arguments[0])), DesktopHost())
    try:
        with ending() as ended:
            threading.Thread(
                target=_stop_at, args=(ended, service), name="circadia-signals", daemon=True
            ).start()
            return service.run()
    except CircadiaError as error:
        print(f"circadia-app: {error}", file=sys.stderr)
        return 1


def _stop_at(ended: threading.Event, service: Service) -> None:
    """On a thread of its own: a signal's handler may interrupt the queue's own lock."""
    ended.wait()
    service.stop("a signal")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
