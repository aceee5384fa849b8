"""`python -m circadia_lab.bench._app_day FOLDER`: seconds from a store's file to the first screen's view model.

Of the fastest of some rounds, each with a fresh reader; imports are not counted.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from circadia_app.folder import AppFolder
from circadia_app.moment import Agent, device_of, read_past, snapshot_of
from circadia_app.texts import texts_of
from circadia_app.viewmodels.now import now

ROUNDS = 5


def main(folder: str, end_s: float) -> int:
    """`end_s`: of the newest decision, by the agent's clock."""
    opened, texts = AppFolder(path=Path(folder)), texts_of("en")
    device, local_s = device_of(opened), end_s % 86_400
    times = []
    for _ in range(ROUNDS):
        start_s = time.perf_counter()
        past = read_past(opened.store, end_s)
        seen = now(snapshot_of(opened, device, Agent(), now_s=end_s, local_s=local_s, past=past), texts)
        times.append(time.perf_counter() - start_s)
        assert len(past.ticks) >= 86_400, "the day is there"
        assert seen.battery.ribbon.columns, "and shown"
    print(min(times))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
