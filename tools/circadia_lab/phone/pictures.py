"""`python -m circadia_lab.phone.pictures FOLDER`: the app's screens over a simulated phone's fortnight, as PNG files.

One file a screen: three sizes beside one another, of `circadia-app --screenshot`. Nothing in them was measured.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PIL import Image

from circadia_lab.phone.lived import lived

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS = 14.2
"""Ends in an early afternoon."""
SIZES = ("360x640", "412x915", "800x1280")
GAP = 16
GROUND = {"dark": "#303C49", "light": "#CBD3DC"}
COLOURS = 256
"""Of a file's palette: the commonest, which all grounds and lines have; the edges of letters take the nearest."""
CONFIG = """\
[agent]
seed = 3

[platform]
profile = 'pixel-3'
scale = 1.001 # goes on where the store ends

[store]
path = 'device.db'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One file."""

    name: str
    screen: str
    scheme: str = "dark"
    language: str = "en"
    font_scale: float = 1.0


SHEETS = (
    Sheet(name="now", screen="now"),
    Sheet(name="choose", screen="choose"),
    Sheet(name="learn", screen="learn"),
    Sheet(name="test", screen="test"),
    Sheet(name="log", screen="log"),
    Sheet(name="your-data", screen="your-data"),
    Sheet(name="consent", screen="consent"),
    Sheet(name="now-light-german", screen="now", scheme="light", language="de"),
    Sheet(name="choose-light-german", screen="choose", scheme="light", language="de"),
    Sheet(name="now-large", screen="now", scheme="light", font_scale=1.6),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status; a picture that fails says why on standard error."""
    parser = argparse.ArgumentParser(prog="python -m circadia_lab.phone.pictures", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", help="of these names", nargs="*", choices=[sheet.name for sheet in SHEETS])
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="circadia-pictures-") as made:
        phone = Path(made) / "phone"
        phone.mkdir()
        (phone / "device.toml").write_text(CONFIG, encoding="utf-8")
        lived(phone / "device.db", days=DAYS)
        for sheet in SHEETS:
            if not asked.only or sheet.name in asked.only:
                file = asked.folder / f"{sheet.name}.png"
                _beside([_taken(phone, sheet, size) for size in SIZES], sheet.scheme, file)
                print(f"{file} {file.stat().st_size // 1000} kB")
    return 0


def _taken(phone: Path, sheet: Sheet, size: str) -> Image.Image:
    """One picture, over a copy of the phone's folder."""
    with tempfile.TemporaryDirectory(prefix="circadia-picture-") as made:
        folder, file = Path(made) / "app", Path(made) / "picture.png"
        shutil.copytree(phone, folder)
        command = [sys.executable, "-m", "circadia_app.command", "--folder", str(folder), "--size", size]
        command += ["--screen", sheet.screen, "--scheme", sheet.scheme, "--language", sheet.language]
        command += ["--font-scale", str(sheet.font_scale), "--screenshot", str(file)]
        if sheet.screen != "consent":
            command.append("--agree")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with Image.open(file) as picture:
            return picture.convert("RGB")


def _beside(pictures: Sequence[Image.Image], scheme: str, file: Path) -> None:
    """From the left to the right, at the top."""
    wide = sum(picture.width for picture in pictures) + GAP * (len(pictures) + 1)
    sheet = Image.new("RGB", (wide, max(picture.height for picture in pictures) + 2 * GAP), GROUND[scheme])
    x = GAP
    for picture in pictures:
        sheet.paste(picture, (x, GAP))
        x += picture.width + GAP
    counted = sorted(sheet.getcolors(sheet.width * sheet.height) or [], reverse=True)
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        [part for _, colour in counted[:COLOURS] for part in cast("tuple[int, int, int]", colour)]
    )
    sheet.quantize(palette=palette, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
