"""The .kv files beside the screens, read as resources: on a phone they lie in an archive."""

from __future__ import annotations

from importlib.resources import files

from kivy.lang import Builder


def load(name: str) -> None:
    """The rules of `NAME.kv`, once."""
    if name not in Builder.files:
        Builder.load_string(
            files(__package__).joinpath(f"{name}.kv").read_text(encoding="utf-8"), filename=name
        )
