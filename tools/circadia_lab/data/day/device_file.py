"""The configuration file of a device of a demonstration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from circadia_lab.data.day.plan import EXAMPLES, FEDERATION, PERIOD_S, WORKS

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_lab.data.day.plan import Plan

CONFIG = """\
device = "{device}"

[agent]
policy = {policy}
task = "digits"
period_s = {period_s}
deadline_s = {deadline_s}
seed = {seed}

[platform]
kind = "simulated"
profile = "{profile}"
work = "{work}"
seed = {seed}
initial_soc = {initial_soc}
scale = {scale}

[learning]
examples = {examples}

[store]
path = "{store}"

[federation]
broker = "127.0.0.1:{port}"
name = "{federation}"
drain_s = {drain_s}
first_retry_s = 0.1
longest_retry_s = 1.0

[federation.patience]  # of a day that passes in minutes
chunk_s = 0.5
acknowledgement_s = 1.0
longest_s = 5.0
"""


def device_file(plan: Plan, index: int, *, policy: str, store: Path, port: int, drain_s: float) -> str:
    """TOML: a device of that plan, with `agent.policy`, its database, and the broker's port on this machine."""
    return CONFIG.format(
        device=plan.name(index),
        policy=json.dumps(policy),
        period_s=PERIOD_S,
        deadline_s=plan.deadline_s(index),
        seed=plan.device_seed(index),
        profile=plan.profile(index),
        work=WORKS[plan.work],
        initial_soc=plan.initial_soc(index),
        scale=plan.scale,
        examples=EXAMPLES,
        store=store,
        port=port,
        federation=FEDERATION,
        drain_s=drain_s,
    )
