"""What a device remembers of late: how often it is asked, how often it was wrong, when it last trained and was in touch.

    rate     r′ = r · exp(−dt / 2 h) + arrivals / 2 h                      requests an hour
    error    e′ = e + (wrong − e) / min(n, 32)                             at the n-th label
    deadline d′ = d + (deadline − d) / min(n, 16)                          at the n-th request, from the configured one

Times are the agent's clock's. It is taken up again from the last stored observation: what that tick itself brought is
lost, but for its training.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.observation import DAY_S, HOUR_S
from circadia.types import NAN, Load

if TYPE_CHECKING:
    from circadia.types import LastTick, Training

RATE_S = 2 * HOUR_S
"""How fast the arrival rate forgets."""
LABELS, DEADLINES = 32, 16
"""How many labels and deadlines their means go back."""
NEVER_S = DAY_S
"""The age of what has not happened yet."""
ANSWERS = 1024
"""Answers whose labels may come."""
TRAINING = (Load.TRAIN_LOW, Load.TRAIN_HIGH)


def faded_rate(per_hour: Any, arrivals: Any, dt_s: Any, xp: Any = np) -> Any:
    """(…,) requests an hour after `dt_s` without any and then so many arrivals."""
    return per_hour * xp.exp(-dt_s / RATE_S) + arrivals * (HOUR_S / RATE_S)


def error_after(error: Any, wrong: Any, labels: Any) -> Any:
    """(…,) share of wrong answers after another label, 1 if its answer was wrong; `labels`: so many there are with it."""
    return error + (wrong - error) / np.minimum(labels, LABELS)


class Recent:
    """Of the agent's thread."""

    def __init__(
        self, *, deadline_s: float = 60.0, federated: bool = False, last: LastTick | None = None
    ) -> None:
        """`deadline_s`: of requests before the first; `last`: where an earlier run ended."""
        self._federated = federated
        self._per_hour, self._rate_s = 0.0, NAN
        self._error, self._labels, self._error_s = NAN, 0, NAN
        self._deadline_s, self._deadlines = deadline_s, 0
        self._trained_s = self._gain = NAN
        self.contact_s = NAN
        """When the federation last answered; NaN: never yet."""
        self._answers: dict[int, int] = {}
        if last is not None:
            self._go_on(last)

    def _go_on(self, last: LastTick) -> None:
        seen, t_s = last.observation, last.t_s
        self._gain = seen.training_gain
        self._trained_s, self.contact_s = t_s - seen.trained_age_s, t_s - seen.contact_age_s
        if any(phase.load in TRAINING for phase in last.phases):
            self._trained_s = t_s
        if math.isfinite(seen.requests_per_hour):
            self._per_hour, self._rate_s = seen.requests_per_hour, t_s
        if math.isfinite(seen.recent_error):
            self._error, self._labels, self._error_s = seen.recent_error, LABELS, t_s - seen.error_age_s
        if math.isfinite(seen.deadline_s):
            self._deadline_s, self._deadlines = seen.deadline_s, DEADLINES

    def asked(self, submitted_s: float, deadline_s: float) -> None:
        """A request came that can wait until `deadline_s`."""
        self._per_hour, self._rate_s = self._rate_at(submitted_s, arrivals=1), submitted_s
        if math.isfinite(deadline_s):
            self._deadlines = min(self._deadlines + 1, DEADLINES)
            self._deadline_s += (deadline_s - submitted_s - self._deadline_s) / self._deadlines

    def _rate_at(self, now_s: float, arrivals: int = 0) -> float:
        since_s = max(now_s - self._rate_s, 0.0) if math.isfinite(self._rate_s) else 0.0
        return float(faded_rate(self._per_hour, arrivals, since_s))

    def answered(self, request_id: int, label: int) -> None:
        """A request was answered with that label."""
        self._answers[request_id] = label
        if len(self._answers) > ANSWERS:
            del self._answers[next(iter(self._answers))]

    def labelled(self, request_id: int, label: int, now_s: float) -> None:
        """The true label of a request; nothing for one that was not answered, or long ago."""
        answer = self._answers.pop(request_id, None)
        if answer is None:
            return
        self._labels = min(self._labels + 1, LABELS)
        before = self._error if math.isfinite(self._error) else 0.0
        self._error, self._error_s = float(error_after(before, answer != label, self._labels)), now_s

    def trained(self, training: Training, now_s: float) -> None:
        """A training began then."""
        self._trained_s = now_s
        if math.isfinite(training.gain):
            self._gain = training.gain

    def contacted(self, now_s: float) -> None:
        """The federation has answered."""
        self.contact_s = now_s

    def fields(self, now_s: float) -> dict[str, float]:
        """The fields of an observation."""
        contact_s = _age_s(now_s, self.contact_s, NEVER_S) if self._federated else NAN
        return {
            "trained_age_s": _age_s(now_s, self._trained_s, NEVER_S),
            "contact_age_s": contact_s,
            "recent_error": self._error,
            "error_age_s": _age_s(now_s, self._error_s, NAN),
            "requests_per_hour": self._rate_at(now_s),
            "training_gain": self._gain,
            "deadline_s": self._deadline_s,
        }


def _age_s(now_s: float, then_s: float, unknown_s: float) -> float:
    """0 where the clock was set back."""
    return max(now_s - then_s, 0.0) if math.isfinite(then_s) else unknown_s
