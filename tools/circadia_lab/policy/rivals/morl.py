"""Trains an algorithm of morl-baselines for some seconds of wall time; runs in the rivals' environment.

python -m circadia_lab.policy.rivals.morl envelope --problem phone --seconds 120 --seed 0 --out FILE.npz
"""

from __future__ import annotations

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.rivals import envelope, pcn
from circadia_lab.policy.rivals.days import Days
from circadia_lab.policy.rivals.learned import Learned, write_learned

if TYPE_CHECKING:
    from collections.abc import Sequence

ALGORITHMS = {"envelope": envelope, "pcn": pcn}
PROBES = 500


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes `Learned` and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("algorithm", choices=sorted(ALGORITHMS))
    parser.add_argument("--problem", default="phone")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    start = time.perf_counter()
    world = Days(args.problem, args.seed)
    world.until_s = start + args.seconds
    algorithm = ALGORITHMS[args.algorithm]
    agent = algorithm.learn(world, args.seed)
    seconds = time.perf_counter() - start
    observed = np.array(world.probes[-PROBES:])
    anchors = np.arange(len(observed)) % len(ANCHORS)
    learned = Learned(
        algorithm=args.algorithm,
        arrays=algorithm.arrays(agent),
        probe_seen=observed,
        probe_preference=ANCHORS[anchors].astype(np.float32),
        probe_action=algorithm.actions(agent, observed, anchors),
    )
    write_learned(args.out, learned)
    versions = {name: version(name) for name in ("morl_baselines", "torch")}
    print(json.dumps({"steps": world.steps, "seconds": seconds, "versions": versions}))


if __name__ == "__main__":
    main()
