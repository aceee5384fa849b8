"""Which task it is: the model's file, the labels in their order, and what goes in.

    digest = SHA-256 of the identity as canonical JSON (keys sorted, no spaces, UTF-8)

Weights, learning rate and name are not part of it. See docs/decisions/0018-a-tasks-identity.md.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields

from circadia.errors import StoreError

SHOWN = 6
"""Labels that a message shows, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskIdentity:
    """Two tasks learn and serve the same thing if and only if this is equal."""

    model: str
    """SHA-256 of the model file in hexadecimal digits: all that a task was told by until schema 5 of the store."""
    labels: tuple[str, ...]
    input_shape: tuple[int, ...]
    """Of one x."""
    input_dtype: str = "float32"
    scaling: str = ""
    """In words: how raw data become x, where the model does not do that itself."""

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def text(self) -> str:
        """As canonical JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> TaskIdentity:
        """Of `text`; keys that a later version has added are passed over. `StoreError` for anything else."""
        try:
            found = json.loads(text)
            known = {f.name: found[f.name] for f in fields(cls) if f.name in found}
            lists = {name: tuple(known[name]) for name in ("labels", "input_shape")}
            return cls(**{**known, **lists})
        except (ValueError, TypeError, KeyError) as error:
            raise StoreError(f"the identity of a task is damaged: {error}; restore the file") from error

    def differences(self, other: TaskIdentity) -> str:
        """What of `other` is not as here, by name; empty if nothing."""
        told = []
        if self.labels != other.labels:
            told.append(f"labels {_listed(other.labels)} instead of {_listed(self.labels)}")
        if self.input_shape != other.input_shape:
            told.append(f"input of shape {list(other.input_shape)} instead of {list(self.input_shape)}")
        if self.input_dtype != other.input_dtype:
            told.append(f"input of type {other.input_dtype} instead of {self.input_dtype}")
        if self.scaling != other.scaling:
            told.append(f"scaling {other.scaling!r} instead of {self.scaling!r}")
        if self.model != other.model:
            told.append(f"model file {other.model[:12]}… instead of {self.model[:12]}…")
        return ", ".join(told)


def _listed(labels: tuple[str, ...]) -> str:
    more = f", … ({len(labels)})" if len(labels) > SHOWN else ""
    return ", ".join(labels[:SHOWN]) + more
