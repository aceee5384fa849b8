"""For an app of your own: its agent in a service, on a phone Android's, on a desktop a child process.

agent = Companion("agent")                 # a folder with device.toml and your model
agent.agree("the words' version")          # once the person has: the agent starts, and learns here
agent.ask("submit", x=[…], deadline_s=60)  # → a Future; what else can be asked: `circadia_app.service`
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia_app import consent
from circadia_app.folder import AppFolder
from circadia_app.link.client import LinkClient
from circadia_app.shipped import put

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from circadia_app.ui.keeper import Keeper

DESKTOP = "desktop.toml"
"""In the place of device.toml where there is no phone: another body."""
STARTING_S = 30.0
"""What is asked waits at least so long for an agent that starts."""
BESIDE = "circadia-agent"
"""On a desktop, in the folder that the program was started in: `circadia` would hide the package of that name."""


class Companion:
    """The agent of an app, from its first thread."""

    def __init__(
        self,
        files: str | Path,
        *,
        environment: Mapping[str, str] = os.environ,
        on_event: Callable[[dict[str, Any]], None] = lambda _event: None,
    ) -> None:
        """`files`: device.toml, what it names beside it, and perhaps desktop.toml. They are copied beside the agent's store.

        `on_event` hears of decisions, answers and versions, on a thread of its own. An agent that was agreed to starts.
        """
        self.folder = _furnished(Path(files), environment)
        self._keeper = _keeper(self.folder, phone="ANDROID_PRIVATE" in environment)
        self._link = LinkClient(self.folder.link, on_event=on_event, hold_s=STARTING_S)
        self._link.start()
        if consent.load(self.folder.consent).learn is not None:
            self._keeper.start()

    def agree(self, text: str, *, send: bool = False) -> None:
        """The person has agreed to the version `text` of your words: to learning here and, with `send`, to a federation."""
        before = consent.load(self.folder.consent)
        consent.save(self.folder.consent, before.agreed(time.time(), text, learn=True, send=send))
        self._keeper.start()

    def ask(self, do: str, **fields: Any) -> Future[dict[str, Any]]:
        """As `LinkClient.ask`; half a minute's start of the agent is waited for. `ConfigError` before the person has agreed."""
        if consent.load(self.folder.consent).learn is None:
            raise ConfigError("nobody has agreed that it learns here: call agree() once the person has")
        return self._link.ask(do, **fields)

    def close(self) -> None:
        """The app goes; on a phone the agent stays."""
        self._link.close()
        self._keeper.close()


def _furnished(files: Path, environment: Mapping[str, str]) -> AppFolder:
    private = environment.get("ANDROID_PRIVATE")
    place = Path(BESIDE) if private is None else Path(private) / "circadia"
    folder = AppFolder(path=place.absolute())
    try:
        other = private is None and (files / DESKTOP).is_file()
        kept = shutil.ignore_patterns(folder.config.name) if other else None
        shutil.copytree(files, folder.path, dirs_exist_ok=True, copy_function=put, ignore=kept)
        if other:
            put(files / DESKTOP, folder.config)
    except (OSError, shutil.Error) as error:
        raise ConfigError(
            f"{files}: {error}; give a folder with device.toml and the model that it names"
        ) from error
    return folder


def _keeper(folder: AppFolder, *, phone: bool) -> Keeper:
    if phone:
        from circadia_app.android_host import PhoneKeeper
        from circadia_app.jvm import here

        java = here()
        return PhoneKeeper(java.own, java.package)
    from circadia_app.ui.keeper import ChildKeeper

    return ChildKeeper(folder)
