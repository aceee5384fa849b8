"""`circadia-app`: the screens on a desktop, with the agent as a child process."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError, ConfigError
from circadia_app import appearance
from circadia_app.folder import AppFolder
from circadia_app.texts import LANGUAGES, system_language, texts_of
from circadia_app.theme import Scheme, Theme

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia_app.texts import Texts
    from circadia_app.ui.app import CircadiaApp
    from circadia_app.ui.desk import Place
    from circadia_app.ui.live_desk import LiveDesk

log = logging.getLogger(__name__)

FOLDER = "~/.local/share/circadia-app"
FIRST_S = 30.0
"""A picture waits so long for the agent's first decision."""
PLACES = ("now", "choose", "learn", "test", "log", "your-data", "consent")
PICTURE = (
    "save a picture (PNG) of the screen and end; without --folder it is of a phone of its own, simulated unless --config says "
    "otherwise, for which learning is agreed to"
)
SIMULATED = """\
# The device's configuration, made by circadia-app: a simulated phone. `circadia run --help` names what can stand here.

[store]
path = "device.db"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status; errors of the person's are told in a line."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(name)s %(levelname)s %(message)s")
    try:
        return _run(asked)
    except CircadiaError as error:
        print(f"circadia-app: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="circadia-app", description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help=f"what screens and agent share ({FOLDER})")
    parser.add_argument(
        "--config", type=Path, help="a device.toml to begin with; it is copied into the folder"
    )
    parser.add_argument(
        "--plan",
        type=Path,
        help="a frozen plan of a field test that can be joined (circadia field plan --out); it is copied likewise",
    )
    parser.add_argument(
        "--examples", type=Path, metavar="FILE.npz", help="what that test asks and teaches with (the digits)"
    )
    parser.add_argument(
        "--size", type=_size, default=(412, 915), metavar="WxH", help="of the window in dp (412x915)"
    )
    parser.add_argument("--density", type=_positive, default=1.0, help="pixels a dp (1)")
    parser.add_argument(
        "--scheme", choices=[scheme.value for scheme in Scheme], help="colours (as chosen, else dark)"
    )
    parser.add_argument("--language", choices=LANGUAGES, help="of the words (as chosen, else the system's)")
    parser.add_argument("--font-scale", type=_positive, default=1.0, help="of the letters (1)")
    parser.add_argument("--screen", choices=PLACES, help="to open with")
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help=PICTURE)
    parser.add_argument(
        "--agree", action="store_true", help="agree to learning on this device, as the first screen asks"
    )
    return parser


def _size(text: str) -> tuple[int, int]:
    wide, _, high = text.partition("x")
    if not (wide.isdigit() and high.isdigit() and 200 <= int(wide) <= 4000 and 200 <= int(high) <= 8000):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write WIDTHxHEIGHT in dp, as 412x915")
    return int(wide), int(high)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.5 <= value <= 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0.5 and 4")
    return value


def prepared(
    path: Path, config: Path | None, plan: Path | None = None, examples: Path | None = None
) -> AppFolder:
    """The folder with a configuration in it, and what a field test takes; `ConfigError` where that cannot be made.

    A configuration that is wrong takes the place of none.
    """
    folder = AppFolder(path=path.expanduser().absolute())
    if config is not None and config.is_file():
        from circadia.config import load_config

        load_config(config)
    try:
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if config is not None:
            shutil.copyfile(config, folder.config)
        elif not folder.config.exists():
            folder.config.write_text(SIMULATED, encoding="utf-8")
        for given, place in ((plan, folder.plan), (examples, folder.examples)):
            if given is not None:
                shutil.copyfile(given, place)
    except OSError as error:
        raise ConfigError(
            f"{error}; name a folder that may be written to, and files that can be read"
        ) from error
    return folder


def configure(size: tuple[int, int], density: float, font_scale: float) -> None:
    """Kivy reads all of this when it is imported first."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("SDL_VIDEODRIVER", "offscreen")
    os.environ["KIVY_NO_ARGS"] = "1"
    os.environ["KIVY_NO_FILELOG"] = "1"
    os.environ["KIVY_NO_ENV_CONFIG"] = "1"
    os.environ.setdefault("KIVY_LOG_MODE", "PYTHON")
    os.environ["KIVY_METRICS_DENSITY"], os.environ["KIVY_METRICS_FONTSCALE"] = str(density), str(font_scale)
    logging.disable(logging.ERROR)  # it tells of kinds of touch screens that it finds no library for
    from kivy.config import Config

    Config.set("graphics", "width", str(round(size[0] * density)))
    Config.set("graphics", "height", str(round(size[1] * density)))
    Config.set("kivy", "exit_on_escape", "0")
    Config.remove_section("input")  # the window's own touches and mouse are enough
    Config.add_section("input")
    Config.set("input", "mouse", "mouse,disable_multitouch")
    import kivy.core.window  # noqa: F401 - opened here

    logging.disable(logging.NOTSET)
    logging.getLogger("kivy").setLevel(logging.WARNING)


def _run(asked: argparse.Namespace) -> int:
    if asked.screenshot is None or asked.folder is not None:
        return _opened(asked, _furnished(asked, asked.folder or Path(FOLDER)))
    with tempfile.TemporaryDirectory(prefix="circadia-app-") as made:
        asked.agree = asked.agree or asked.screen != "consent"
        return _opened(asked, _furnished(asked, Path(made)))


def _furnished(asked: argparse.Namespace, path: Path) -> AppFolder:
    return prepared(path, asked.config, asked.plan, asked.examples)


def _opened(asked: argparse.Namespace, folder: AppFolder) -> int:
    chosen = appearance.load(folder.settings)
    theme = Theme.shipped(Scheme(asked.scheme or (chosen.scheme if chosen.scheme != "system" else "dark")))
    texts = texts_of(asked.language or chosen.language or system_language())
    configure(asked.size, asked.density, asked.font_scale)

    from circadia_app.ui.app import CircadiaApp
    from circadia_app.ui.desk import NAVIGATION, Opening, Place
    from circadia_app.viewmodels.starting import starting

    opens = Place(asked.screen) if asked.screen else None
    with ExitStack() as ends:

        def desk(fresh: Callable[[], None]) -> LiveDesk:
            return _desk(folder, texts, fresh, ends, agree=asked.agree)

        if asked.screenshot is not None:
            made = desk(lambda: None)
            _settle(made, opens or made.first())
            return _picture(CircadiaApp(made, theme, opens=opens), asked.screenshot)
        names = tuple(texts(f"nav.{place}") for place in NAVIGATION)
        CircadiaApp(Opening(names=names, model=starting(texts), desk=desk), theme, opens=opens).run()
    return 0


def _desk(
    folder: AppFolder, texts: Texts, fresh: Callable[[], None], ends: ExitStack, *, agree: bool
) -> LiveDesk:
    """Read, and with its agent begun; it is left at the end."""
    from circadia_app.moment import device_of
    from circadia_app.ui.desk import Place
    from circadia_app.ui.keeper import ChildKeeper
    from circadia_app.ui.live_desk import LiveDesk
    from circadia_app.viewmodels.tokens import Do

    desk = LiveDesk(folder, device_of(folder), texts, ChildKeeper(folder), fresh=fresh)
    ends.callback(desk.close)
    ends.callback(desk.hush)
    desk.start()
    if agree and desk.first() is Place.CONSENT:
        desk.see(Place.CONSENT)
        desk.turn("learn", on=True)
        desk.do(Do.START)
    return desk


def _settle(desk: LiveDesk, place: Place) -> None:
    """Until the agent has decided, its record was read, and what the screen foretells of it is known, if the agent runs at all."""
    until_s = time.monotonic() + FIRST_S
    while time.monotonic() < until_s:
        desk.see(place)  # what is foretold begins with a look
        if not desk.expects:
            return
        time.sleep(0.05)


def _picture(app: CircadiaApp, file: Path) -> int:
    """Of the screen once it has settled; `ConfigError` where it cannot be written."""
    from kivy.base import EventLoop, stopTouchApp

    app._run_prepare()  # noqa: SLF001 - the loop is turned here, by hand
    for _ in range(12):
        EventLoop.idle()
    file.unlink(missing_ok=True)
    app.root.export_to_png(str(file))
    stopTouchApp()
    if not file.is_file():
        raise ConfigError(
            f"{file}: the picture could not be written; name a .png in a folder that may be written to"
        )
    print(file)
    print(app.said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
