"""Writes `decisions.json`: what the file beside it, of format 2 with a prior, decided when it was the shipped one.

Run once, with the code that shipped it; later versions have to decide the same.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from circadia.actions import FACTS, NAMES
from circadia.idle import idle
from circadia.observation import TABLE
from circadia.policy.sampling import sample
from circadia.policy.sleeps import draw_one
from circadia.wiring import make_policy
from circadia_lab.policy.files.observations import sample_observations

HERE = Path(__file__).parent
ROWS = 40


def main() -> None:
    policy, random = make_policy(str(HERE / "policy.tflite")), np.random.default_rng(2)
    decisions = []
    for x in sample_observations(ROWS, random):
        u, v = random.random(2).tolist()
        scores, sleeps = policy.scores(x), policy.sleep_scores(x)
        drawn = NAMES[int(sample(scores, policy.offered & ~idle(x, FACTS), u))]
        option = draw_one(sleeps, range(policy.sleeps.count), v)
        decisions.append({
            "x": [None if np.isnan(value) else float(value) for value in x],
            "u": u,
            "v": v,
            "scores": [round(float(score), 4) for score in scores],
            "sleep_scores": [round(float(score), 4) for score in sleeps],
            "drawn": drawn,
            "slept": policy.sleeps.names[option[0]],
        })  # fmt: skip
    told = {
        "features": [feature.name for feature in TABLE],
        "actions": list(NAMES),
        "sleeps": list(policy.sleeps.names),
        "decisions": decisions,
    }
    (HERE / "decisions.json").write_text(json.dumps(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
