"""A recorded trace under another policy, tick by tick: what it would have drawn, from the same observations.

The observations stay those that the recorded actions led to: nothing that would have come of other actions is
simulated. With p the other policy's chances under the recorded limits, over what had something to do, and a the recorded action,
per tick

    agreement = p(a),   total variation = ½ Σ |p − p'| to a second policy p'
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import FACTS, INDEX, NAMES
from circadia.idle import idle
from circadia.policy.sampling import probabilities
from circadia.types import Mode
from circadia_lab.policy.replay.energy import modelled_j
from circadia_lab.policy.replay.sleeps import SleepsReplayed, replay_sleeps, same_actions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.energy.profile import DeviceProfile
    from circadia.ports import Policy
    from circadia_lab.policy.replay.trace import Trace

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyChange:
    """By a profile's figures, on average per tick; rest between the works is not counted."""

    profile: str
    recorded_j: float
    policy_j: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """The policy that is said to have recorded the trace, beside the other one."""

    name: str
    agreement: float
    """Mean chance of the recorded actions; low if it was another policy after all."""
    total_variation: float
    """Mean distance of the two policies' chances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came out."""

    policy: str
    ticks: int
    hours: float
    agreement: float
    """Mean chance that the other policy does what was done."""
    mode_agreement: float
    """The same for the mode alone."""
    recorded_modes: dict[str, float]
    policy_modes: dict[str, float]
    recorded_actions: dict[str, float]
    """Shares of ticks, of all the catalogue."""
    policy_actions: dict[str, float]
    recorded_forbidden: float
    """Share of ticks whose draw from the bare scores the shield forbade …"""
    policy_forbidden: float
    """… and the chance of that under the other policy."""
    infeasible_ticks: int
    same_actions: float | None = None
    """Share of ticks in which the other policy does what was done at the recorded draw; None where none was recorded."""
    sleeps: SleepsReplayed | None = None
    recorded_by: Recorder | None = None
    energy: EnergyChange | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `off_policy` says what this cannot know."""
        return {**asdict(self), "off_policy": True, "outcomes_resimulated": False}


def replay(
    trace: Trace, policy: Policy, *, recorded_by: Policy | None = None, profile: DeviceProfile | None = None
) -> Replay:
    """The recorded observations and limits, decided once more."""
    scores = scores_of(policy, trace.x)
    bare = probabilities(scores, policy.offered & _useful(trace)).astype(np.float64)
    chances = drawn(scores, policy, trace)
    did = np.eye(len(FACTS.names))[_deeds(trace)]
    proposed = np.take_along_axis(trace.admitted, trace.proposed[:, None], 1)[:, 0]
    return Replay(
        policy=policy.name,
        ticks=trace.ticks,
        hours=float(trace.t_s[-1] - trace.t_s[0]) / 3600,
        agreement=float((chances * did).sum(-1).mean()),
        mode_agreement=float(((chances @ FACTS.modes) * (did @ FACTS.modes)).sum(-1).mean()),
        recorded_modes=_modes(did),
        policy_modes=_modes(chances),
        recorded_actions=_actions(did),
        policy_actions=_actions(chances),
        recorded_forbidden=float(1 - proposed.mean()),
        policy_forbidden=float((bare * ~trace.admitted).sum(-1).mean()),
        infeasible_ticks=int((~trace.feasible).sum()),
        same_actions=same_actions(
            trace, scores, trace.admitted & policy.offered & _useful(trace), trace.action
        ),
        sleeps=replay_sleeps(trace, policy),
        recorded_by=_recorder(recorded_by, trace, chances, did) if recorded_by else None,
        energy=_energy(trace, profile, chances, did) if profile else None,
    )


def scores_of(policy: Policy, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(ticks, features) → (ticks, actions), one tick after the other, as a device asks."""
    return np.stack([policy.scores(row) for row in x])


def drawn(scores: NDArray[np.float32], policy: Policy, trace: Trace) -> Floats:
    """(ticks, actions) chances under the recorded limits; sleep where they leave nothing."""
    chances: Floats = probabilities(scores, trace.admitted & policy.offered & _useful(trace)).astype(
        np.float64
    )
    chances[chances.sum(-1) == 0, 0] = 1
    return chances


def _useful(trace: Trace) -> NDArray[np.bool_]:
    """(ticks, actions) what had something to do."""
    useful: NDArray[np.bool_] = ~idle(trace.x, FACTS)
    return useful


def _deeds(trace: Trace) -> NDArray[np.int64]:
    """(ticks,) what was done. Earlier versions served and trained with nothing there: that was sleeping, or a pull."""
    useful = np.take_along_axis(_useful(trace), trace.action[:, None], 1)[:, 0]
    asleep = np.where(FACTS.pulls[trace.action], INDEX["sleep/sync-pull"], INDEX["sleep"])
    return np.where(useful, trace.action, asleep)


def _recorder(policy: Policy, trace: Trace, chances: Floats, did: Floats) -> Recorder:
    own = drawn(scores_of(policy, trace.x), policy, trace)
    return Recorder(
        name=policy.name,
        agreement=float((own * did).sum(-1).mean()),
        total_variation=float(np.abs(own - chances).sum(-1).mean() / 2),
    )


def _energy(trace: Trace, profile: DeviceProfile, chances: Floats, did: Floats) -> EnergyChange:
    joules = modelled_j(trace.x, profile)
    return EnergyChange(
        profile=profile.name,
        recorded_j=float((joules * did).sum(-1).mean()),
        policy_j=float((joules * chances).sum(-1).mean()),
    )


def _modes(chances: Floats) -> dict[str, float]:
    shares = (chances @ FACTS.modes).mean(0)
    return {mode.name.lower(): float(share) for mode, share in zip(Mode, shares, strict=True)}


def _actions(chances: Floats) -> dict[str, float]:
    return {name: float(share) for name, share in zip(NAMES, chances.mean(0), strict=True)}
