"""What a command needs beside the device's own packages."""

from __future__ import annotations

from importlib.util import find_spec

from circadia.errors import PlatformUnavailable


def need(command: str, *modules: str) -> None:
    """`PlatformUnavailable` names the modules that are not installed."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise PlatformUnavailable(
            f"circadia {command} needs {', '.join(missing)}: pip install circadia[lab,meter]"
        )
