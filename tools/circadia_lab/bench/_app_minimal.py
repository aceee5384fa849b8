"""`python -m circadia_lab.bench._app_minimal`: a Kivy app of one label up to its first frame, its figures as of the app.

It imports nothing of Circadia's; its window is set as the app sets its own.
"""

from __future__ import annotations

import logging
import os
import sys
import time

SIZE = (412, 915)


def main() -> int:
    """Ends after the frame."""
    os.environ["KIVY_NO_ARGS"] = os.environ["KIVY_NO_FILELOG"] = os.environ["KIVY_NO_ENV_CONFIG"] = "1"
    os.environ["KIVY_LOG_MODE"] = "PYTHON"
    logging.disable(logging.ERROR)
    from kivy.config import Config

    Config.set("graphics", "width", str(SIZE[0]))
    Config.set("graphics", "height", str(SIZE[1]))
    Config.remove_section("input")
    Config.add_section("input")
    Config.set("input", "mouse", "mouse,disable_multitouch")
    from kivy.app import App
    from kivy.core.window import Window
    from kivy.uix.label import Label

    shown: list[tuple[float, float]] = []

    class Minimal(App):  # type: ignore[misc]  # Kivy has no types
        def build(self) -> Label:
            return Label(text="Circadia")

    def told(_window: object) -> None:
        running = App.get_running_app()
        if running is not None and running.root is not None and not shown:
            shown.append((time.monotonic(), time.process_time()))
            running.stop()

    Window.bind(on_flip=told)
    Minimal().run()
    print(*shown[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
