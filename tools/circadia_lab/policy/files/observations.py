"""Observations to learn and test policies on: every corner of the table, with the correlations of real days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.observation import COLUMN, DAY_S, HOUR_S, NO_DEADLINE_S, TABLE
from circadia.types import Link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BALANCED_SHARE = 0.4
"""Of rows with the preference that most devices have: a third each."""
BROKEN_SHARE = 0.25
"""Of rows with absent sensors."""
PRACTISED_SHARE = 0.9
"""Of rows after any training."""
LIMIT_C = 45.0


def sample_observations(count: int, random: np.random.Generator) -> NDArray[np.float32]:
    """(count, features) values as in `circadia.observation.values`, NaN where a sensor is absent."""
    hour = random.uniform(0, 24, count)
    columns = {
        "dt_s": _log_uniform(random, 1, 6 * HOUR_S, count),
        "day_sine": np.sin(2 * np.pi * hour / 24),
        "day_cosine": np.cos(2 * np.pi * hour / 24),
        **_body(hour, random),
        **_link(hour, random),
        **_queue(random, count),
        **_learning(random, count),
        **_preference(random, count),
        **_recent(random, count),
        **_waking(random, count),
    }
    rows = np.stack([columns[feature.name] for feature in TABLE], axis=-1)
    return _broken(rows, random).astype(np.float32)


def _body(hour: Floats, random: np.random.Generator) -> dict[str, Floats]:
    count, night = len(hour), (hour < 7) | (hour > 23)
    charging = random.random(count) < np.where(night, 0.7, 0.25)
    soc = np.where(random.random(count) < 0.7, random.uniform(0.1, 1, count), random.beta(3, 2, count))
    active = random.random(count) < np.where(night, 0.05, 0.35)
    temperature = random.normal(27, 5, count) + 5 * active + 3 * charging
    return {
        "charging": charging,
        "battery_soc": soc,
        "user_active": active,
        "cpu_load": np.clip(random.beta(1, 6, count) + 0.3 * active, 0, 1),
        "temperature_c": temperature,
        "thermal_headroom": (LIMIT_C - temperature) / (LIMIT_C - 25),
        "power_save": ~charging & (random.random(count) < np.where(soc < 0.2, 0.7, 0.02)),
        "charge_forecast": np.where(random.random(count) < 0.5, 0, random.random(count)),
    }


def _link(hour: Floats, random: np.random.Generator) -> dict[str, Floats]:
    home = (hour < 8) | (hour > 17)
    u = random.random(len(hour))
    link = np.where(u < 0.1, Link.NONE, np.where(u < np.where(home, 0.2, 0.7), Link.METERED, Link.FREE))
    speed = np.choose(link, [0, 5e5, 2e6]) * random.lognormal(0, 0.7, len(hour))
    return {"link": link.astype(float), "link_bytes_per_s": speed}


def _queue(random: np.random.Generator, count: int) -> dict[str, Floats]:
    waiting = random.random(count) < 0.5
    length = np.where(waiting, np.ceil(_log_uniform(random, 0.3, 64, count)), 0)
    return {
        "queue_length": length,
        "queue_age_s": np.where(waiting, _log_uniform(random, 0.1, 600, count), 0),
        "queue_slack_s": np.where(waiting, _log_uniform(random, 0.5, HOUR_S, count), NO_DEADLINE_S),
    }


def _learning(random: np.random.Generator, count: int) -> dict[str, Floats]:
    fresh = np.where(random.random(count) < 0.3, 0, np.round(_log_uniform(random, 1, 300, count)))
    unsent = np.where(random.random(count) < 0.5, 0, np.round(_log_uniform(random, 8, 8192, count)))
    return {
        "fresh_examples": fresh,
        "fresh_age_s": np.where(fresh > 0, _log_uniform(random, 5, DAY_S, count), 0),
        "unsent_examples": unsent,
        "practice": _log_uniform(random, 1, 262_144, count) * (random.random(count) < PRACTISED_SHARE),
        "spooled_updates": np.where(random.random(count) < 0.7, 0, random.geometric(0.5, count)),
        "versions_behind": np.where(random.random(count) < 0.45, 0, random.geometric(0.4, count)),
        "model_age_s": _log_uniform(random, 10, DAY_S, count),
    }


def _preference(random: np.random.Generator, count: int) -> dict[str, Floats]:
    weights = random.dirichlet([0.8, 0.8, 0.8], count)
    weights[random.random(count) < BALANCED_SHARE] = 1 / 3
    return {f"preference_{name}": weights[:, i] for i, name in enumerate(("accuracy", "latency", "energy"))}


def _recent(random: np.random.Generator, count: int) -> dict[str, Floats]:
    return {
        "trained_age_s": _log_uniform(random, 10, DAY_S, count),
        "contact_age_s": _log_uniform(random, 10, DAY_S, count),
        "recent_error": random.beta(1.5, 6, count),
        "error_age_s": _log_uniform(random, 10, DAY_S, count),
        "requests_per_hour": _log_uniform(random, 0.1, 600, count),
        "training_gain": np.clip(random.normal(0.1, 0.2, count), -1, 1),
        "deadline_s": _log_uniform(random, 10, 4 * HOUR_S, count),
    }


def _waking(random: np.random.Generator, count: int) -> dict[str, Floats]:
    return {
        "wake_on_request": random.integers(0, 3, count).astype(float),
        "wake_up_j": _log_uniform(random, 0.001, 50, count),
        "radio_session_j": _log_uniform(random, 0.01, 10, count),
        "sleep_w": _log_uniform(random, 1e-5, 2, count),
        "training_step_j": _log_uniform(random, 1e-5, 30, count),
    }


def _broken(rows: Floats, random: np.random.Generator) -> Floats:
    """Some sensors of some rows are absent; the preference never is."""
    count = len(rows)
    rate = np.where(random.random(count) < BROKEN_SHARE, random.uniform(0.02, 0.3, count), 0)
    absent = random.random(rows.shape) < rate[:, None]
    absent[:, [COLUMN[f"preference_{name}"] for name in ("accuracy", "latency", "energy")]] = False
    return np.where(absent, np.nan, rows)


def _log_uniform(random: np.random.Generator, low: float, high: float, count: int) -> Floats:
    drawn: Floats = np.exp(random.uniform(np.log(low), np.log(high), count))
    return drawn
