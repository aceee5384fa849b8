"""The desk of the true agent: its store and its word over the link, the person's choices on their way back. No Kivy.

Files and links are read by threads of its own; what is seen is built of what they found last.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import math
import threading
import time
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from circadia.errors import CircadiaError, PlatformUnavailable
from circadia.forecast import TooShort
from circadia.foretelling import LEAST_DAYS
from circadia_app import consent as consents
from circadia_app import deletion, exporting
from circadia_app import settings as choices
from circadia_app.alone import alone
from circadia_app.field_test import store_of
from circadia_app.foresight import Foresight
from circadia_app.link.client import LinkClient
from circadia_app.live import Live
from circadia_app.moment import Agent, Device, nothing_past, read_past, snapshot_of
from circadia_app.progress import days_planned, field_of
from circadia_app.ui.desk import NAVIGATION, STAY, Offer, Place, Step
from circadia_app.viewmodels.asked import Told, refused, trained
from circadia_app.viewmodels.parts import Button
from circadia_app.viewmodels.tokens import Do, Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from circadia.types import Preference
    from circadia_app.folder import AppFolder
    from circadia_app.texts import Texts
    from circadia_app.ui.keeper import Keeper
    from circadia_app.viewmodels.field import FieldTest
    from circadia_app.viewmodels.snapshot import Past, Snapshot

logger = logging.getLogger(__name__)

READ_S = 2.0
"""The store is read at most so often."""
AGAIN_S = 1.0
"""An agent that went without being asked to is started again after so long."""
HOUR_S = 3600.0


@cache
def view_of(place: Place) -> Callable[..., Any]:
    """What makes a place's view model: the function of that name in the file of that name, read when it is first seen."""
    name = place.replace("-", "_")
    made: Callable[..., Any] = getattr(import_module(f"circadia_app.viewmodels.{name}"), name)
    return made


class LiveDesk:
    """`start` before the screens, `close` after them; between, the screens' thread calls it as a `Desk`."""

    def __init__(
        self,
        folder: AppFolder,
        device: Device,
        texts: Texts,
        keeper: Keeper,
        *,
        share: Callable[[Path], None] | None = None,
        fresh: Callable[[], None] = lambda: None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """`share`: gives a file of `folder.exports` to another app; None: the person is told where it lies.

        `fresh` is called, by any thread, when there is something new to see. `now_s`: seconds since the Unix epoch.
        """
        self._folder, self._device, self._texts, self._keeper = folder, device, texts, keeper
        self.fresh = fresh
        self._share, self._now_s = share, now_s
        self._gate = threading.Lock()
        self._agent = Agent()
        self._past: Past = nothing_past()
        self._test: tuple[FieldTest | None, int] = (None, 0)
        self._told: list[Offer] = []
        """What has come of something that took its time; appended to by any thread."""
        self._files = threading.Lock()
        """Held by who makes a file, or deletes them all."""
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, name="circadia-screens-store", daemon=True)
        self._foresight = Foresight(folder.foretold, device.config, self._tell_fresh)
        self._link = LinkClient(folder.link, on_event=self._event, on_change=self._change)
        # What is tentative on the screens
        self._place = Place.NOW
        self._draft = {"learn": False, "send": False, "field_test": False}
        self._later = False
        self._sure = False
        self._before: Preference | None = None
        self._kind = Kind.ALL
        self._between: tuple[float, float] | None = None

    def start(self) -> None:
        """Finish what was interrupted, read, listen, and start the agent if it may run."""
        with suppress(PlatformUnavailable), alone(self._folder):  # a service that runs did so at its start
            deletion.finish(self._folder)
        self._look()
        self._link.start()
        self._reader.start()
        self._foresight.start()
        self._begin()

    def hush(self) -> None:
        """The screens go: nobody is told of anything new."""
        self.fresh = lambda: None

    def close(self) -> None:
        """Leave; a second call does nothing."""
        self._closing.set()
        self._wanted.set()
        self._link.close()
        self._foresight.close()
        if self._reader.ident is not None:
            self._reader.join()
        self._keeper.close()

    # What is found, on threads of its own

    def _begin(self) -> None:
        if consents.load(self._folder.consent).learn is None:
            return
        with self._gate:
            if not self._agent.there:
                self._agent = dataclasses.replace(self._agent, awaited_s=self._now_s())
        self._keeper.start()

    def _tell_fresh(self) -> None:
        self.fresh()

    def _change(self, there: bool) -> None:
        with self._gate:
            heard_s = self._now_s()
            self._agent = dataclasses.replace(self._agent, there=there, heard_s=heard_s, awaited_s=math.nan)
        if there:
            self._ask_status()
        elif not self._closing.is_set():
            threading.Timer(AGAIN_S, self._again).start()
        self.fresh()

    def _again(self) -> None:
        if not self._closing.is_set():
            try:
                self._begin()
            except CircadiaError as error:
                logger.warning("%s", error)

    def _event(self, _event: dict[str, Any]) -> None:
        self._ask_status()

    def _ask_status(self) -> None:
        self._link.ask("status").add_done_callback(self._status)

    def _status(self, answer: Future[dict[str, Any]]) -> None:
        if answer.cancelled() or answer.exception() is not None:
            return
        try:
            live = Live.of(answer.result())
        except CircadiaError as error:
            logger.warning("the agent's word is not understood: %s", error)
            return
        with self._gate:
            self._agent = dataclasses.replace(self._agent, live=live, heard_s=self._now_s())
        self._wanted.set()

    def _read(self) -> None:
        while not self._closing.is_set():
            self._wanted.wait()
            self._wanted.clear()
            if self._closing.is_set():
                return
            try:
                self._look()
            except CircadiaError as error:
                logger.warning("%s", error)
            self.fresh()
            self._closing.wait(READ_S)

    def _look(self) -> None:
        """Into the store of the agent that runs, and into the field test."""
        agreed, clock_s, store = consents.load(self._folder.consent), self._clock_s(), self._folder.store
        try:
            self._test = field_of(self._folder, agreed, clock_s), days_planned(self._folder)
            store = store_of(self._folder, agreed)
        except CircadiaError as error:  # the service says so too, and does not run
            logger.warning("the field test cannot be read: %s", error)
        self._past = read_past(store, clock_s)

    def _clock_s(self) -> float:
        live, now_s = self._agent.live, self._now_s()
        return now_s if live is None or math.isnan(live.clock_s) else live.clock_s + now_s - live.now_s

    def snapshot(self) -> Snapshot:
        """This moment."""
        now_s = self._now_s()
        local = dt.datetime.fromtimestamp(now_s).astimezone()
        local_s = (local - local.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
        made = snapshot_of(
            self._folder,
            self._device,
            self._agent,
            now_s=now_s,
            local_s=local_s,
            past=self._past,
            test=self._test,
        )
        if self._place is not Place.CHOOSE:
            return made
        if made.consent.learn is None:  # nothing is decided, and nothing recorded
            return dataclasses.replace(made, effect=TooShort(days=0, lacking=LEAST_DAYS))
        sight = self._foresight.of(made.past, made.preference, made.limits, made.clock_s)
        return dataclasses.replace(made, effect=sight.effect, came=sight.came)

    @property
    def expects(self) -> bool:
        """Whether a first decision of the agent, or what is being foretold, is still to be seen."""
        if self._foresight.busy:
            return True
        if consents.load(self._folder.consent).learn is None:
            return False
        live = self._agent.live
        stuck = live is not None and bool(live.lacks)
        return not stuck and not (self._agent.there and live is not None and len(self._past.ticks))

    # As a desk

    def first(self) -> Place:
        """Consent, before anything was agreed or put off."""
        return Place.CONSENT if self._undecided() else Place.NOW

    def _undecided(self) -> bool:
        agreed = consents.load(self._folder.consent)
        return not self._later and agreed.learn is None and math.isnan(agreed.withdrawn_s)

    def names(self) -> tuple[str, ...]:
        """In the person's language."""
        return tuple(self._texts(f"nav.{place}") for place in NAVIGATION)

    def see(self, place: Place) -> Any:
        """As it is now."""
        self._place = place
        seen, texts = self.snapshot(), self._texts
        if place is Place.CHOOSE and self._before is None:
            self._before = seen.preference
        draft = self._draft
        more: dict[Place, dict[str, Any]] = {
            Place.CHOOSE: {"before": self._before},
            Place.LOG: {"kind": self._kind, "between": self._between},
            Place.YOUR_DATA: {"sure": self._sure},
            Place.CONSENT: {"learns": draft["learn"], "sends": draft["send"], "tests": draft["field_test"]},
        }
        return view_of(place)(seen, texts, **more.get(place, {}))

    def left(self, place: Place) -> None:
        """Undo, filters and first steps end."""
        if place is Place.CHOOSE:
            self._before = None
        self._sure, self._kind = False, Kind.ALL
        if place is Place.LOG:
            self._between = None

    def do(self, what: Do) -> Step:
        """One function a button."""
        doers: dict[Do, Callable[[], Step | None]] = {
            Do.PAUSE: self._offer_pause,
            Do.PAUSE_HOUR: lambda: self._pause(self._now_s() + HOUR_S),
            Do.PAUSE_TOMORROW: lambda: self._pause(self._tomorrow_s()),
            Do.PAUSE_OPEN: lambda: self._pause(math.inf),
            Do.RESUME: lambda: self._pause(math.nan),
            Do.UNDO: self._undo,
            Do.TRAIN_NOW: self._train_now,
            Do.YOUR_DATA: lambda: Step(place=Place.YOUR_DATA),
            Do.LIMITS: lambda: Step(place=Place.CHOOSE),
            Do.CONSENT: lambda: Step(place=Place.CONSENT),
            Do.RESTART: self._begin,
            Do.START: self._agree,
            Do.NOT_NOW: self._not_now,
            Do.JOIN_TEST: lambda: self._set_consent("field_test", on=True),
            Do.STOP_TEST: lambda: self._set_consent("field_test", on=False),
            Do.SHARE: self._offer_share,
            Do.HOW_TO_ADD: lambda: self._offer("how"),
            Do.SHARE_NOW: self._share_log,
            Do.EXPORT: self._offer_export,
            Do.EXPORT_NOW: lambda: self._make(lambda: exporting.export_test(self._folder)),
            Do.STORAGE: lambda: self._offer("storage", path=self._folder.path),
            Do.DELETE: lambda: self._be_sure(sure=True),
            Do.KEEP: lambda: self._be_sure(sure=False),
            Do.DELETE_NOW: self._delete,
            Do.GIVE_UP_WAITING: self._give_up,
            Do.LIGHT: lambda: self._colours("light"),
            Do.DARK: lambda: self._colours("dark"),
        }
        doer = doers.get(what)
        return (doer() if doer is not None else None) or STAY

    def language(self) -> str:
        """As the words were chosen."""
        return self._texts.language

    def bright(self) -> Offer | None:
        """Once: a sheet that is only put away is an answer, too."""
        if choices.load(self._folder.settings).scheme != "system":
            return None
        self._colours("dark")
        light = Button(text=self._texts("bright.light"), do=Do.LIGHT, filled=True)
        dark = Button(text=self._texts("bright.dark"), do=Do.DARK)
        heading, text = self._texts("bright.heading"), self._texts("bright.text")
        return Offer(heading=heading, text=text, buttons=(light, dark))

    def voiceless(self) -> Offer:
        """In words."""
        return Offer(heading=self._texts("voice.heading"), text=self._texts("voice.text"))

    def _colours(self, scheme: str) -> None:
        choices.change(self._folder.settings, lambda before: dataclasses.replace(before, scheme=scheme))

    def turn(self, key: str, on: bool) -> None:
        """On the first screen tentative; on the others at once."""
        if self._place is Place.CONSENT:
            self._draft[key] = on
            if not self._draft["learn"]:
                self._draft = dict.fromkeys(self._draft, False)
        elif key in self._draft:
            self._set_consent(key, on=on)
        else:
            self._limit(key, on)

    def slide(self, key: str, value: float) -> None:
        """The floor is shown in percent."""
        self._limit(key, value / 100 if key == "battery_floor" else value)

    def prefer(self, preference: Preference) -> None:
        """From the next decision on."""
        self._keep("preference", dataclasses.asdict(preference), preference=preference)

    def sift(self, kind: Kind) -> None:
        """Until the log is left."""
        self._kind, self._between = kind, None

    def stretch(self, start_s: float, end_s: float) -> None:
        """Until the log is left, or sifted."""
        self._kind, self._between = Kind.ALL, (start_s, end_s)

    # What is asked of the agent; without it what was chosen is written for its next start

    def _keep(self, do: str, fields: dict[str, Any], **chosen: Any) -> None:
        """In the settings at once, so that it is seen, and told to the agent."""
        choices.change(self._folder.settings, lambda before: dataclasses.replace(before, **chosen))
        self._tell(do, **fields)

    def _tell(self, do: str, **fields: Any) -> None:
        """Nothing where it is not there: at its start it reads what was written."""
        if not self._link.connected:
            return

        def done(answer: Future[dict[str, Any]]) -> None:
            if (error := answer.exception()) is not None:
                logger.warning("%s: %s", do, error)
            self._ask_status()
            self.fresh()

        self._link.ask(do, **fields).add_done_callback(done)

    def _offer_pause(self) -> Step:
        seen = view_of(Place.NOW)(self.snapshot(), self._texts)
        return Step(offer=Offer(heading=self._texts("pause.button"), buttons=seen.pauses))

    def _offer(self, key: str, **values: object) -> Step:
        """Words only."""
        return Step(
            offer=Offer(
                heading=self._texts(f"offer.{key}.heading"), text=self._texts(f"offer.{key}.text", **values)
            )
        )

    def _tomorrow_s(self) -> float:
        """The wall's next midnight, where the person lives."""
        today = dt.datetime.fromtimestamp(self._now_s()).astimezone()
        return (today + dt.timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    def _pause(self, until_s: float) -> None:
        if math.isnan(until_s):
            self._keep("resume", {}, paused_until_s=until_s)
        else:
            self._keep("pause", {"until_s": None if math.isinf(until_s) else until_s}, paused_until_s=until_s)

    def _undo(self) -> None:
        if self._before is not None:
            self.prefer(self._before)

    def _limit(self, key: str, value: Any) -> None:
        limits = dataclasses.replace(choices.load(self._folder.settings).limits, **{key: value})
        self._keep("limits", limits.chosen, limits=limits)

    def told(self) -> Offer | None:
        """The oldest first."""
        return self._told.pop(0) if self._told else None

    def _tell_person(self, told: Told) -> None:
        self._told.append(Offer(heading=told.heading, text=told.text))
        self.fresh()

    def _train_now(self) -> Step | None:
        if not self._link.connected:
            away = refused("", self._texts)
            return Step(offer=Offer(heading=away.heading, text=away.text))

        def done(answer: Future[dict[str, Any]]) -> None:
            if answer.cancelled():
                return
            error = answer.exception()
            if error is None:
                self._tell_person(trained(answer.result(), self.snapshot(), self._texts))
            else:
                self._tell_person(refused(str(error), self._texts))

        self._link.ask("train_now").add_done_callback(done)
        return None

    # What is given away: first it is shown, or said, what goes along

    def _offer_share(self) -> Step:
        return self._first("log.heading", self._log_text(), "log.share", Do.SHARE_NOW)

    def _offer_export(self) -> Step:
        text = self._texts("offer.export.text")
        return self._first("offer.export.heading", text, "offer.export.button", Do.EXPORT_NOW)

    def _first(self, heading: str, text: str, button: str, do: Do) -> Step:
        touch = Button(text=self._texts(button), do=do, filled=True)
        return Step(offer=Offer(heading=self._texts(heading), text=text, buttons=(touch,)))

    def _log_text(self) -> str:
        seen = view_of(Place.LOG)(self.snapshot(), self._texts, kind=self._kind, between=self._between)
        return str(seen.share)

    def _share_log(self) -> Step | None:
        text = self._log_text()
        return self._make(lambda: exporting.export_log(self._folder, text))

    def _make(self, make: Callable[[], Path]) -> Step | None:
        """A file, in a thread of its own; then it is given to another app, or said where it lies."""
        if not self._files.acquire(blocking=False):
            return self._offer("busy")

        def work() -> None:
            try:
                path = make()
                if self._share is not None:
                    self._share(path)
                    return
                saved = Told(heading=self._texts("offer.saved.heading"), text=str(path))
            except CircadiaError as error:
                saved = refused(str(error), self._texts)
            finally:
                self._files.release()
            self._tell_person(saved)

        threading.Thread(target=work, name="circadia-screens-file", daemon=True).start()
        return None

    def _not_now(self) -> Step:
        self._later = True
        return Step(place=Place.NOW)

    def _agree(self) -> Step:
        self._change_consent(**self._draft)
        self._draft = dict.fromkeys(self._draft, False)
        self._begin()
        return Step(place=Place.NOW)

    def _set_consent(self, key: str, *, on: bool) -> None:
        """One switch; learning is what the others hang on."""
        agreed = consents.load(self._folder.consent)
        wanted = {name: getattr(agreed, name) is not None for name in self._draft}
        wanted[key] = on
        if on:
            wanted["learn"] = True
        self._change_consent(**wanted)
        if wanted["learn"]:
            self._begin()

    def _change_consent(self, *, learn: bool, send: bool, field_test: bool) -> None:
        """On the disk first: whatever happens then, what was taken back does not start again."""
        from circadia_app.viewmodels.consent import TEXT

        now_s = self._now_s()
        agreed = consents.load(self._folder.consent)
        changed = agreed.agreed(now_s, TEXT, learn=learn, send=send, field_test=field_test)
        consents.save(self._folder.consent, changed)
        if not learn:
            self._tell("withdraw")
        else:
            self._tell("consent", text=TEXT, learn=learn, send=send, field_test=field_test)

    def _be_sure(self, *, sure: bool) -> None:
        self._sure = sure

    def _delete(self) -> Step | None:
        """By the agent, which has to end first; here where it is not there."""
        if not self._files.acquire(blocking=False):
            return self._offer("busy")
        self._sure = False
        self._foresight.forget()
        self._later = True  # it is not asked for consent again at once
        if self._link.connected:
            self._link.ask("delete").add_done_callback(self._deleted)
            return None
        try:
            federation = self._device.config.federation
            with alone(self._folder):
                deletion.delete(self._folder, federation.name if federation else "", self._now_s())
        except PlatformUnavailable:
            heading, text = self._texts("asked.refused"), self._texts("offer.running.text")
            return Step(offer=Offer(heading=heading, text=text))
        finally:
            self._files.release()
        self._forget()
        return None

    def _deleted(self, answer: Future[dict[str, Any]]) -> None:
        self._files.release()
        if not answer.cancelled() and (error := answer.exception()) is not None:
            logger.warning("delete: %s", error)
            self._tell_person(refused(str(error), self._texts))
        self._forget()

    def _forget(self) -> None:
        """What was read before."""
        with self._gate:
            self._past = nothing_past()
            self._test = (None, self._test[1])
            self._agent = Agent()
        self._wanted.set()
        self.fresh()

    def _give_up(self) -> None:
        for one in deletion.waiting(self._folder):
            deletion.give_up(self._folder, one.request_id)
