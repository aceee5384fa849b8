"""`python -m circadia_lab.bench._app_first_frame FOLDER`: the app's own command, agent and all, until its day is shown.

Prints the monotonic clock at its first frame and the processor seconds until then, and both again for the day's.
"""

from __future__ import annotations

import sys
import time

from circadia_app import command

SIZE = (412, 915)


def main(folder: str) -> int:
    """Ends after the second."""
    command.configure(SIZE, 1.0, 1.0)
    from kivy.app import App
    from kivy.core.window import Window

    shown: list[tuple[float, float]] = []

    def told(_window: object) -> None:
        running = App.get_running_app()
        if running is None or running.root is None or len(shown) == 2:
            return
        if not shown:
            shown.append((time.monotonic(), time.process_time()))
        if running.desk is not None:
            shown.append((time.monotonic(), time.process_time()))
            running.stop()

    Window.bind(on_flip=told)
    command.main(["--folder", folder, "--screen", "now"])
    print(*shown[0], *shown[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
