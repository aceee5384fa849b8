"""The policies of a study, made ready to be played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circadia_lab.policy.cmoppo.actor import scorer_of
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.evaluation.arm import Arm
from circadia_lab.policy.evaluation.evaluation import APART, FLOATS, OURS
from circadia_lab.policy.evaluation.scorers import of_file, of_layers
from circadia_lab.policy.study.export import rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.policy.kernel import QuantisedLayer
    from circadia_lab.policy.env.interface import AnyEnvironment
    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.arm import Conditions
    from circadia_lab.policy.evaluation.scorers import Scorer
    from circadia_lab.policy.files.policy_file import FloatLayer
    from circadia_lab.policy.study.ground import Ground
    from circadia_lab.policy.study.training_file import Training

UNCONSTRAINED = "unconstrained"
CALIBRATION_COPIES = 32
"""Devices for each anchor whose days set the ranges of the 8 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One arm's policies, one a training seed."""

    name: str
    kind: str
    scorers: tuple[Scorer, ...]
    note: str = ""

    def play(
        self, problem: Problem, conditions: Conditions, progress: Callable[[float], None] | None = None
    ) -> Arm:
        """Each of them, under the same chance."""
        count = len(self.scorers)

        def told(done: int) -> Callable[[float], None] | None:
            return (lambda share: progress((done + share) / count)) if progress else None

        plays = tuple(
            conditions.play(problem, scorer, ANCHORS, told(i)) for i, scorer in enumerate(self.scorers)
        )
        return Arm(name=self.name, kind=self.kind, plays=plays, note=self.note)


def contestants(trainings: Mapping[str, Sequence[Training]], ground: Ground) -> tuple[Contestant, ...]:
    """Of the trainings by arm; the coupled ones in 8 bits, as a device runs them, and in floats."""
    coupled = trainings[OURS]
    found = [
        Contestant(
            name=OURS,
            kind="trained",
            scorers=tuple(of_layers(layers) for layers in in_8_bits(coupled, ground)),
            note="What ships: one int8 network for every preference.",
        ),
        Contestant(name=FLOATS, kind="ablation", scorers=_in_floats(coupled), note="Before it was rounded."),
    ]
    for name, note in _NOTES.items():
        if name in trainings:
            found.append(
                Contestant(name=name, kind="ablation", scorers=_in_floats(trainings[name]), note=note)
            )
    return tuple(found)


_NOTES = {
    APART: (
        "Two networks of half the size, one for serving and one for the rest, each seeing the battery and its own side; "
        "serving wins; in floats."
    ),
    UNCONSTRAINED: "The same training with no price on the costs; in floats.",
    "one-limit-for-all": "The same with limits held on average over the kinds of device; in floats.",
    "no-margin": "The same with costs steered to their limits themselves, not below; in floats.",
    "no-annealing": "The same with costs steered below their limits from the start; in floats.",
    "one-try": "The same with no second action tried under the same chance; in floats.",
    "one-stage": "The same without the extension of the front; in floats.",
}


def of_policy_file(path: Path) -> Contestant:
    """One policy, as it lies there; `ArtifactError` names what is wrong with it."""
    return Contestant(
        name=OURS, kind="trained", scorers=(of_file(path),), note=f"The policy file {path.name}."
    )


def in_8_bits(trainings: Sequence[Training], ground: Ground) -> tuple[tuple[QuantisedLayer, ...], ...]:
    """Each training's network, its ranges from its own days."""
    environment = calibration(ground)
    return tuple(
        rounded(training.layers_of_one_network, environment, training.seed).layers for training in trainings
    )


def calibration(ground: Ground) -> AnyEnvironment:
    """Devices whose days set the ranges."""
    return ground.environment(ground.batch(len(ANCHORS) * CALIBRATION_COPIES, len(ANCHORS)))


def _in_floats(trainings: Sequence[Training]) -> tuple[Scorer, ...]:
    return tuple(_of_floats(training.layers) for training in trainings)


def _of_floats(layers: dict[str, tuple[FloatLayer, ...]]) -> Scorer:
    draw = scorer_of(layers)

    def scorer(values: NDArray[Any], encoded: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
        del values
        return draw(encoded, mask)

    return scorer
