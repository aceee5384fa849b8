"""What a device meets and cannot change, as a few joint states and their chain, derived from a scenario's hours.

A phone is at night on its charger, at home on an unmetered link, away on a metered one, or in use. With the day cut
into ticks t_k, the physics' own laws (charger by the clock; user and link kept with probability exp(−τ / hold), else
drawn anew from the hour's shares) give how often class c is followed by class c′:

    P[c, c′] = Σ_k Pr(class(t_k) = c, class(t_k+1) = c′) / Σ_k Pr(class(t_k) = c)

So each class has its true share of the day and its true chance of ending at a tick; only the clock is forgotten, and
a stay is geometric. Rates of demand are the hours' means given the class: a day brings what the scenario says.

A board has sun, cloud or night, each with its link up or down. Day and night end by chance after their mean length.
Clouds are a Gauss–Markov process cut at its mean, which stays on its side with probability ½ + asin(exp(−τ/hold)) / π;
each side stands for the mean of its half, mean ± sd √(2/π).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia.observation import DAY_S, HOUR_S
from circadia.physics.surroundings import by_hour, plugged_in
from circadia.types import Link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.physics.params import Params

    Floats = NDArray[np.float64]

WARM_UP_DAYS = 2
"""After so many the shares of user and link repeat from day to day."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contexts:
    """C joint states; every array is (C,) unless said."""

    names: tuple[str, ...]
    chain: Floats
    """(C, C) from one tick to the next."""
    time_s: Floats
    """A representative local time."""
    user_active: Floats
    link: Floats
    clearness: Floats
    requests_per_s: Floats
    examples_per_s: Floats

    @property
    def shares(self) -> Floats:
        """Of the time, in the long run."""
        size = len(self.names)
        table = np.vstack([self.chain.T - np.eye(size), np.ones(size)])
        shares: Floats = np.linalg.lstsq(table, np.append(np.zeros(size), 1.0), rcond=None)[0]
        return shares


def contexts_of(params: Params, tick_s: float) -> Contexts:
    """A board's if the device has a panel, else a phone's."""
    return board_contexts(params, tick_s) if params.panel_w > 0 else phone_contexts(params, tick_s)


# A phone

NIGHT, HOME, AWAY, IN_USE = range(4)
PHONE_NAMES = ("night", "home", "away", "in use")
_USER_LINK = tuple(product((0, 1), map(int, Link)))
"""The joint values that user and link take, in the order of the arrays below."""


def phone_contexts(params: Params, tick_s: float) -> Contexts:
    """Night, home, away and in use. The tick must divide the day."""
    times = _ticks_of_day(tick_s)
    plugged = plugged_in(times, params, np) > 0
    shares, moves = _user_and_link(times, params, tick_s)
    member = np.stack([_class_of(on) for on in plugged])
    following = np.roll(member, -1, axis=0)
    pairs = np.einsum("kuc,ku,kuv,kvd->cd", member, shares, moves, following, optimize=True)
    present = np.einsum("kuc,ku->kc", member, shares)
    weights = present / present.sum(axis=0)
    return Contexts(
        names=PHONE_NAMES,
        chain=pairs / pairs.sum(axis=1, keepdims=True),
        time_s=times[weights.argmax(axis=0)],
        user_active=np.array([0.0, 0.0, 0.0, 1.0]),
        link=np.array([Link.FREE, Link.FREE, Link.METERED, Link.METERED], np.float64),
        clearness=np.full(4, float(params.clearness_mean)),
        requests_per_s=weights.T @ by_hour(params.requests_per_hour, times, np) / HOUR_S,
        examples_per_s=weights.T @ by_hour(params.examples_per_hour, times, np) / HOUR_S,
    )


def _ticks_of_day(tick_s: float) -> Floats:
    if DAY_S % tick_s:
        raise ConfigError(f"grid: a tick of {tick_s:g} s does not divide the day")
    return tick_s * (np.arange(round(DAY_S / tick_s)) + 0.5)


def _class_of(plugged: Any) -> Floats:
    """(6, 4) which class each joint value of user and link belongs to."""
    member = np.zeros((len(_USER_LINK), len(PHONE_NAMES)))
    for i, (user, link) in enumerate(_USER_LINK):
        known = IN_USE if user else HOME if link == Link.FREE else AWAY
        member[i, NIGHT if plugged else known] = 1
    return member


def _user_and_link(times: Floats, params: Params, tick_s: float) -> tuple[Floats, Floats]:
    """(ticks, 6) share of each joint value at each tick of the day, and (ticks, 6, 6) its chances for the next."""
    users, links = _moves(times, params, tick_s)
    moves = np.einsum("kuv,klm->kulvm", users, links).reshape(len(times), 6, 6)
    now, shares = np.full(6, 1 / 6), np.zeros((len(times), 6))
    for _ in range(WARM_UP_DAYS):
        for k, move in enumerate(moves):
            shares[k] = now
            now = now @ move
    return shares, moves


def _moves(times: Floats, params: Params, tick_s: float) -> tuple[Floats, Floats]:
    """(ticks, 2, 2) and (ticks, 3, 3): keep, or draw from the shares of the hour at the next tick."""
    then = times + tick_s
    user = by_hour(params.user_share, then, np)
    free, metered = by_hour(params.link_free, then, np), by_hour(params.link_metered, then, np)
    drawn = np.stack([1 - user, user], axis=-1), np.stack([1 - free - metered, metered, free], axis=-1)
    keep = math.exp(-tick_s / params.user_hold_s), math.exp(-tick_s / params.link_hold_s)
    users, links = (k * np.eye(d.shape[1]) + (1 - k) * d[:, None] for k, d in zip(keep, drawn, strict=True))
    return users, links


# A board

SUN, CLOUD, DARK = range(3)
_SKIES = ("sun", "cloud", "night")


def board_contexts(params: Params, tick_s: float) -> Contexts:
    """Sun, cloud and night with the link up, then the same with it down."""
    up = _mean(params.link_free)
    link = _kept(math.exp(-tick_s / params.link_hold_s), np.array([up, 1 - up]))
    day_s = float(params.sunset_s - params.sunrise_s)
    clearness = float(params.clearness_mean) + math.sqrt(2 / math.pi) * float(params.clearness_sd) * np.array(
        [1.0, -1.0, 0.0]
    )
    times = np.array([_mean_sun_s(params)] * 2 + [float(params.sunset_s) + (DAY_S - day_s) / 2])
    requests, examples = (
        _by_daylight(t, params) for t in (params.requests_per_hour, params.examples_per_hour)
    )
    return Contexts(
        names=tuple(f"{sky}, link {state}" for state in ("up", "down") for sky in _SKIES),
        chain=np.kron(link, _sky(params, tick_s, day_s)),
        time_s=np.tile(times % DAY_S, 2),
        user_active=np.zeros(6),
        link=np.repeat([float(Link.FREE), float(Link.NONE)], 3),
        clearness=np.tile(np.clip(clearness, 0.05, 1.05), 2),
        requests_per_s=np.tile(requests, 2),
        examples_per_s=np.tile(examples, 2),
    )


def _mean(table: Any) -> float:
    return float(np.mean(table))


def _kept(keep: float, shares: Floats) -> Floats:
    chain: Floats = keep * np.eye(len(shares)) + (1 - keep) * shares
    return chain


def _sky(params: Params, tick_s: float, day_s: float) -> Floats:
    stay = 0.5 + math.asin(math.exp(-tick_s / float(params.clearness_hold_s))) / math.pi
    dusk, dawn = tick_s / day_s, tick_s / (DAY_S - day_s)
    return np.array(
        [
            [(1 - dusk) * stay, (1 - dusk) * (1 - stay), dusk],
            [(1 - dusk) * (1 - stay), (1 - dusk) * stay, dusk],
            [dawn / 2, dawn / 2, 1 - dawn],
        ]
    )


def _mean_sun_s(params: Params) -> float:
    """The forenoon's time at which the clear-sky sine is at its daily mean, 2/π."""
    return float(params.sunrise_s + (params.sunset_s - params.sunrise_s) * math.asin(2 / math.pi) / math.pi)


def _by_daylight(table: Any, params: Params) -> Floats:
    """(3,) mean rate per second by day, by day and by night."""
    minutes = 60.0 * (np.arange(24 * 60) + 0.5)
    light = (minutes > params.sunrise_s) & (minutes < params.sunset_s)
    rates = by_hour(table, minutes, np) / HOUR_S
    day, night = float(rates[light].mean()), float(rates[~light].mean())
    return np.array([day, day, night])
