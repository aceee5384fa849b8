"""What a decision costs beside the network in it: encode, scores, limits and draw against the bare invocation."""

from __future__ import annotations

import statistics
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np

from circadia.config import parse_config
from circadia.energy.profile_file import shipped_profile
from circadia.observation import Encoder, Selection
from circadia.physics.scenario import scenario_for
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.policy.artifact import load_policy, shipped_policy
from circadia.policy.inference import Int8Network
from circadia.policy.network import NetworkPolicy
from circadia.policy.sleeps import draw_one
from circadia.shield import Limits, Shield, action_costs
from circadia.tflite.interpreter import backend
from circadia.types import WakeOn
from circadia.wiring import Parts, build
from circadia_lab.policy.files.observations import sample_observations

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.bench.__main__ import Figure

PROFILE, SYNC_BYTES = "pixel-3", 400_000
OBSERVATIONS, ROUNDS = 200, 101
TICKS, TICK_S = 288, 300.0


def measure() -> dict[str, Figure]:
    """`decision_us`: observation values → work and sleep, as in a tick; `invoke_us`: set_tensor, invoke, get_tensor.

    Medians over interleaved rounds on the shipped file; `decision_over_invoke` is the ratio of the two, and
    `scores_us` is the part without limits, draws and sleep: the network and the rule that it corrects.
    `tick_ms` is the median of whole ticks of a simulated device:
    sensors, decision, work and commit to a file; `sleep_tick_ms` that of those with nothing done, whatever the action
    was called: no request served, no training, no update made.
    """
    artifact = load_policy(shipped_policy())
    policy, network = NetworkPolicy(artifact), Int8Network(artifact.model, artifact.name, sleeps=True)
    options = policy.sleeps
    assert options is not None, "the shipped policy chooses its sleeps"
    admitted = np.flatnonzero(options.mask(set(WakeOn))).tolist()
    shield = _shield()
    rows = list(sample_observations(OBSERVATIONS, np.random.default_rng(0)))
    select, encode = Selection(artifact.manifest.table), Encoder(artifact.manifest.table)
    encoded = [encode(select(row)) for row in rows]
    draws = np.random.default_rng(1).random(OBSERVATIONS).tolist()

    def invoke() -> None:
        for q in encoded:
            network(q)
            network.second()

    def score() -> None:
        for x in rows:
            policy.scores(x)

    def decide() -> None:
        for x, u in zip(rows, draws, strict=True):
            decision = shield.decide(x, policy.scores(x), u)
            drawn = draw_one(policy.sleep_scores(x), admitted, u)
            assert drawn is not None
            due_s = policy.due_s(x, decision.action) if options.until_due(drawn[0]) else ()
            options.sleep(*drawn, due_s)

    times = [tuple(_timed_us(work) for work in (invoke, score, decide)) for _ in range(ROUNDS)]
    invoke_us, scores_us, decision_us = (statistics.median(column) for column in zip(*times, strict=True))
    return {
        "interpreter": str(backend()),
        "invoke_us": invoke_us,
        "scores_us": scores_us,
        "decision_us": decision_us,
        "decision_over_invoke": decision_us / invoke_us,
        **whole_ticks(),
    }


def whole_ticks(ticks: int = TICKS) -> dict[str, Figure]:
    """Of a device with some examples, a tick every five minutes, through a day unless told otherwise."""
    clock = HandClock()
    with tempfile.TemporaryDirectory(prefix="circadia-tick-") as folder:
        config = parse_config({"store": {"path": f"{folder}/device.db"}})
        agent = build(config, parts=Parts(clock=clock)).agent
        random = np.random.default_rng(0)
        times_ms, idle_ms = [], []
        for tick in range(ticks):
            clock.t_s = TICK_S * tick
            if tick % 4 == 0:
                agent.add_example(random.random(agent.workload.task.input_shape, np.float32), tick % 10)
            agent.ingest()
            agent.learn()
            start = time.perf_counter()
            outcome = agent.tick().outcome
            times_ms.append((time.perf_counter() - start) * 1e3)
            if not outcome.served and outcome.training is None and outcome.update is None:
                idle_ms.append(times_ms[-1])
        agent.close()
    return {"tick_ms": statistics.median(times_ms), "sleep_tick_ms": statistics.median(idle_ms)}


def _shield() -> Shield:
    profile = shipped_profile(PROFILE)
    body = SimulatedPlatform(profile, scenario_for(profile), seed=0)
    return Shield(Limits(), action_costs(body, profile, SYNC_BYTES))


def _timed_us(work: Callable[[], None]) -> float:
    """Of one of the `OBSERVATIONS` that `work` goes through."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / OBSERVATIONS * 1e6
