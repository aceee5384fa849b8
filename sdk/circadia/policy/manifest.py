"""What stands beside a policy network, in `NAME.json`: what it was made for, and how to tell that it works here."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from circadia.due import DUE, DueLimits
from circadia.errors import ArtifactError
from circadia.observation import TABLE, Feature
from circadia.policy.prior import PriorSettings, parsed
from circadia.policy.sleeps import EDGES_S, SLEEPS, SleepOptions
from circadia.types import WakeOn

FORMAT = "circadia-policy-1"
"""Of a network with one output: it decides what to do, and sleeps as the agent's period has it."""
FORMAT_2 = "circadia-policy-2"
"""Of one with two: it decides how long to sleep, too."""
AGAIN = "export the policy again"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderVector:
    """An observation's values, None where absent, and the int8 vector that the encoder must make of them."""

    values: tuple[float | None, ...]
    encoded: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreVector:
    """An encoded observation, and the int8 scores that the network must answer."""

    encoded: tuple[int, ...]
    scores: tuple[int, ...]
    sleeps: tuple[int, ...] = ()
    """Of the second output, in format 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepHead:
    """What the second output scores: the options of `circadia.policy.sleeps`."""

    wake_on: tuple[str, ...] = tuple(kind.value for kind in WakeOn)
    """The kinds of sleep, in the order of the output's groups."""
    edges_s: tuple[float, ...] = EDGES_S
    due: DueLimits = DUE
    """By which it was trained that something is due."""
    output_scale: float
    output_zero_point: int

    @property
    def options(self) -> SleepOptions:
        """`ValueError` for kinds that this version does not know, and edges that are none."""
        return SleepOptions(wake_on=tuple(WakeOn(kind) for kind in self.wake_on), edges_s=self.edges_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The facts about a policy file."""

    table: tuple[Feature, ...] = TABLE
    actions: tuple[str, ...]
    """Stable names, in the order of the network's outputs."""
    output_scale: float
    output_zero_point: int
    """A score is output_scale · (q − output_zero_point)."""
    model_sha256: str
    encoder_vectors: tuple[EncoderVector, ...]
    score_vectors: tuple[ScoreVector, ...]
    sleeps: SleepHead | None = None
    """None in format 1."""
    prior: PriorSettings | None = None
    """What the scores of both outputs are added to, in format 2; None: nothing."""
    made: dict[str, Any] = field(default_factory=dict)
    """How it was made: generator, seed and what else its maker wants to say.

    `"idle": "masked"` says that it was trained with what has nothing to do taken from it (`circadia.idle`).
    """

    @property
    def idle_masked(self) -> bool:
        """Whether it was; a file that does not say so is from before, and sleeps by other names, too."""
        return bool(self.made.get("idle") == "masked")


def dump_manifest(manifest: Manifest) -> str:
    """The JSON text; same manifest, same text."""
    content = _contents(manifest)
    lines = (f"{json.dumps(key)}: {_text(value)}" for key, value in content.items())
    return "{\n" + ",\n".join([*lines, f'"manifest_sha256": "{_digest(content)}"']) + "\n}\n"


def _contents(manifest: Manifest) -> dict[str, Any]:
    content = asdict(manifest)
    if manifest.sleeps is None:  # as format 1 has always been written
        del content["sleeps"], content["prior"]
        for row in content["score_vectors"]:
            del row["sleeps"]
    elif manifest.prior is None:
        del content["prior"]
    else:
        content["prior"] = manifest.prior.as_dict()
    return {"format": FORMAT if manifest.sleeps is None else FORMAT_2, **content}


def _text(value: Any) -> str:
    """Rows of tables and vectors on lines of their own."""
    if not isinstance(value, tuple) or not value or isinstance(value[0], str):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    rows = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in value)
    return "[\n  " + ",\n  ".join(rows) + "\n]"


def _digest(content: dict[str, Any]) -> str:
    """SHA-256 of the content without its own hash, in one canonical spelling."""
    kept = {key: value for key, value in content.items() if key != "manifest_sha256"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def parse_manifest(text: str | bytes, name: str) -> Manifest:
    """`ArtifactError` names `name`, the field or the feature that is wrong, and what to do; hashes come last.

    Names of features and actions are not looked up here: other versions know others.
    """
    content = _content(text, name)
    try:
        manifest = _manifest(content)
    except KeyError as error:
        raise ArtifactError(f"{name}: the manifest has no {error}; {AGAIN}") from error
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"{name}: the manifest is wrong: {error}; {AGAIN}") from error
    if content.get("manifest_sha256") != _digest(content):
        raise ArtifactError(f"{name}: was changed after it was written (manifest_sha256 differs); {AGAIN}")
    return manifest


def _content(text: str | bytes, name: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ArtifactError(f"{name}: not JSON, perhaps truncated: {error}; {AGAIN}") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found not in (FORMAT, FORMAT_2):
        raise ArtifactError(
            f"{name}: format {found!r}; this version reads {FORMAT!r} and {FORMAT_2!r}; {AGAIN}"
        )
    return dict(content)


def _manifest(content: dict[str, Any]) -> Manifest:
    sleeps = content["sleeps"] if content["format"] == FORMAT_2 else None
    return Manifest(
        table=_table(content["table"]),
        actions=tuple(str(action) for action in content["actions"]),
        output_scale=_positive(content["output_scale"]),
        output_zero_point=int(content["output_zero_point"]),
        model_sha256=str(content["model_sha256"]),
        encoder_vectors=tuple(
            EncoderVector(values=_floats(row["values"]), encoded=_integers(row["encoded"]))
            for row in content["encoder_vectors"]
        ),
        score_vectors=tuple(
            ScoreVector(
                encoded=_integers(row["encoded"]),
                scores=_integers(row["scores"]),
                sleeps=() if sleeps is None else _integers(row["sleeps"]),
            )
            for row in content["score_vectors"]
        ),
        sleeps=None if sleeps is None else _sleep_head(sleeps),
        prior=None if sleeps is None else _prior(content.get("prior"), sleeps),
        made=dict(content["made"]),
    )


def _sleep_head(content: dict[str, Any]) -> SleepHead:
    """What a device can sleep by: kinds that it knows, edges that rise, limits that are some."""
    due = content["due"]
    if not isinstance(due, dict):
        raise TypeError(f"sleeps.due is {due!r}, not an object of limits")
    head = SleepHead(
        wake_on=tuple(str(kind) for kind in content["wake_on"]),
        edges_s=tuple(float(edge) for edge in content["edges_s"]),
        due=DueLimits(**{str(key): float(value) for key, value in due.items()}),
        output_scale=_positive(content["output_scale"]),
        output_zero_point=int(content["output_zero_point"]),
    )
    _ = head.options
    return head


def _prior(content: Any, sleeps: dict[str, Any]) -> PriorSettings | None:
    if content is None:
        return None
    if not isinstance(content, dict):
        raise TypeError(f"prior is {content!r}, not an object")
    if _sleep_head(sleeps).options != SLEEPS:
        raise ValueError("a prior is told for the usual kinds and lengths of sleep, not for others")
    return parsed(content)


def _table(rows: list[dict[str, Any]]) -> tuple[Feature, ...]:
    """What can be encoded by: each feature once, with a range that is one."""
    table = tuple(Feature(**row) for row in rows)
    for feature in table:
        numbers = (feature.low, feature.high, feature.scale)
        if not (all(map(math.isfinite, numbers)) and feature.low < feature.high and feature.scale >= 0):
            raise ValueError(
                f"feature {feature.name!r} goes from {feature.low} to {feature.high} at scale {feature.scale}"
            )
        if feature.scale and feature.low <= -feature.scale:
            raise ValueError(f"feature {feature.name!r} has no logarithm from {feature.low} on")
    names = [feature.name for feature in table]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"table must be of one or more different features, not {names}")
    return table


def _positive(value: Any) -> float:
    if not 0 < float(value) < math.inf:
        raise ValueError(f"output_scale is {value}, not a number above 0")
    return float(value)


def _floats(row: list[Any]) -> tuple[float | None, ...]:
    return tuple(None if value is None else float(value) for value in row)


def _integers(row: list[Any]) -> tuple[int, ...]:
    numbers = tuple(int(value) for value in row)
    if any(not -128 <= number <= 127 for number in numbers):
        raise ValueError(f"a vector holds {max(numbers, key=abs)}, which is no int8 number")
    return numbers
