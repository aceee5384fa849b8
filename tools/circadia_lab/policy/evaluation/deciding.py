"""A policy among wakes: from what devices see to what they do and how long they sleep, as the runtime takes it.

A policy that says nothing of sleep is paced by its period (`circadia.pacing`), and requests wake it as the body can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from circadia.actions import FACTS
from circadia.observation import TABLE, Encoder, Selection, encode
from circadia.pacing import earliest_s, rest_s
from circadia.physics.dynamics import busy_s
from circadia.policy.artifact import load_policy
from circadia.policy.prior import Prior
from circadia.policy.rules import RULES
from circadia.policy.sampling import sample
from circadia.policy.sleeps import SLEEPS, draw
from circadia.rest import STRONGEST
from circadia.types import WakeOn
from circadia_lab.policy.env.interface import Choice
from circadia_lab.policy.env.sleeping import Asked
from circadia_lab.policy.evaluation.scorers import of_file, of_layers, of_rule
from circadia_lab.policy.files.int8_network import int8_scores
from circadia_lab.policy.files.policy_file import read_heads

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.policy.due_rule import DueRule
    from circadia.policy.prior import PriorSettings
    from circadia.policy.sleeps import SleepOptions
    from circadia_lab.policy.env.wakes import Living, WakeFleet
    from circadia_lab.policy.evaluation.scorers import Scorer

    Floats = NDArray[np.float32]

WORK, SLEEP = range(2)
"""Places of a decision's two draws."""
KINDS = list(WakeOn)


class Decided(NamedTuple):
    """(…,) each."""

    work: Any
    """Index of the catalogue."""
    asked: Asked


class Decider(Protocol):
    """A policy. NumPy arrays."""

    @property
    def sleeps(self) -> SleepOptions:
        """What it chooses from."""
        ...

    @property
    def prior(self) -> PriorSettings | None:
        """What it corrects, if anything."""
        ...

    def __call__(self, fleet: WakeFleet, living: Living, values: Floats, u: Any, /) -> Decided:
        """Devices, (…, features) what they see, (…, 2) uniforms → what they do."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """Says nothing of sleep."""

    scorer: Scorer
    period_s: float
    sleeps: SleepOptions = SLEEPS
    prior: PriorSettings | None = None

    def __call__(self, fleet: WakeFleet, living: Living, values: Floats, u: Any) -> Decided:
        """As `Decider`."""
        work = _worked(self.scorer, fleet, values, u)
        answers = FACTS.answers[work]
        left = np.maximum(living.bodies.queue_length - answers, 0)
        pace = rest_s(waiting=left, serves=answers > 0, away=False, period_s=self.period_s, xp=np)
        busy = earliest_s(busy_s(living.bodies, work, fleet.params, np, fleet.facts), xp=np)
        can = np.asarray(fleet.params.wakes_on)
        usual = np.select(
            [can[..., KINDS.index(kind)] > 0 for kind in STRONGEST], [KINDS.index(kind) for kind in STRONGEST]
        )
        return Decided(work, Asked(np.maximum(pace - busy, 0), usual + 0 * work))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """The rule that does what is due."""

    rule: DueRule
    sleeps: SleepOptions = SLEEPS
    prior: PriorSettings | None = None

    def __call__(self, fleet: WakeFleet, living: Living, values: Floats, u: Any) -> Decided:
        """As `Decider`."""
        del living
        work = _worked(of_rule(self.rule), fleet, values, u)
        drawn = draw(self.rule.sleep_scores(values), fleet.admitted, u[..., SLEEP])
        length = self.sleeps.length_s(drawn, self.rule.due_after(values, work))
        return Decided(work, Asked(length, self.sleeps.kind(drawn.option)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Headed:
    """A file of format 2."""

    scorer: Scorer
    sleep_scores: Any
    """(…, features) values, (…, WIDTH) encoded → (…, options)"""
    sleeps: SleepOptions
    prior: PriorSettings | None

    def __call__(self, fleet: WakeFleet, living: Living, values: Floats, u: Any) -> Decided:
        """As `Decider`."""
        work = _worked(self.scorer, fleet, values, u)
        drawn = draw(self.sleep_scores(values), fleet.admitted, u[..., SLEEP])
        return Decided(work, fleet.asked(living, Choice(work, drawn.option, drawn.rest, values)))


def _worked(scorer: Scorer, fleet: WakeFleet, values: Floats, u: Any) -> Any:
    mask = fleet.mask(values)
    scores = np.asarray(scorer(values, encode(values), mask)).reshape(mask.shape)
    return sample(scores, mask & (scores > -np.inf), u[..., WORK])


def decider_of_rule(name: str, period_s: float) -> Decider:
    """One of `RULES`."""
    rule: Any = RULES[name]()
    return Ruled(rule=rule) if hasattr(rule, "sleeps") else Paced(scorer=of_rule(rule), period_s=period_s)


def decider_of_file(path: Path, period_s: float) -> Decider:
    """Of either format; `ArtifactError` names what is wrong with it."""
    artifact = load_policy(path)
    manifest = artifact.manifest
    if manifest.sleeps is None:
        return Paced(scorer=of_file(path), period_s=period_s)
    layers, slept = read_heads(artifact.model, artifact.name)
    table = manifest.table
    network, select, own = int8_scores((*layers[:-1], *slept)), Selection(table), Encoder(table)

    prior = None if manifest.prior is None else Prior(manifest.prior)

    def sleep_scores(values: Floats) -> Any:
        seen = encode(values) if table == TABLE else own(select(values))
        return network(seen) if prior is None else network(seen) + prior.sleep(values)

    work_scores = of_layers(layers, manifest.actions, table)

    def scorer(values: Floats, encoded: Any, mask: Any) -> Any:
        scores = work_scores(values, encoded, mask)
        return scores if prior is None else scores + prior.work(values)[..., : mask.shape[-1]]

    return Headed(
        scorer=scorer, sleep_scores=sleep_scores, sleeps=manifest.sleeps.options, prior=manifest.prior
    )
