"""A sensor on a solar board: readings that can wait are answered in groups, and each decision can be looked at."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

import circadia
from circadia.errors import DeadlineExpired
from circadia.wiring import build

HOUR_S = 3600


def main() -> None:
    """Ask a dozen times, say how it was answered."""
    random = np.random.default_rng(1)
    decided: Counter[str] = Counter()

    def look(record: circadia.TickRecord) -> None:
        decided[record.decision.action.name] += 1

    late = 0
    waited: list[float] = []
    with build(circadia.load_config(Path("device.toml")), observers=(look,)) as agent:
        answers = [
            agent.submit(random.random((8, 8, 1), dtype=np.float32), deadline_s=6 * HOUR_S) for _ in range(12)
        ]
        for answer in answers:
            try:
                waited.append(answer.result(timeout=60).latency_s)
            except DeadlineExpired:
                late += 1
    print(
        f"{len(waited)} answered after {np.median(waited or [np.nan]):.0f} s in the median, {late} too late"
    )
    for name, count in decided.most_common():
        print(f"  {name:28} {count}")


if __name__ == "__main__":
    main()
