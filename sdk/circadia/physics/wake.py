"""The physics of a wake and of the sleep after it, of any length: what a tick of fixed length can leave out.

Beside `dynamics.step` a device remembers of late what `circadia.recent` has it remember, hears of the federation's
versions only when it is in touch, and learns of a world that moves away from it (`circadia.physics.learnt`). Its user
and its sky are those of the whole stretch (`surroundings_over`). Pure functions over an array module `xp`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from circadia.actions import FACTS
from circadia.observation import DAY_S
from circadia.physics import dynamics, learnt
from circadia.physics.backlog import fed_back, seen_off
from circadia.physics.surroundings import income_j, surroundings_over
from circadia.practice import PRACTICE_S
from circadia.recent import LABELS, RATE_S
from circadia.types import Link, Load

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.actions import ActionFacts
    from circadia.physics.params import Params
    from circadia.physics.state import Noise, Result, State

HOUR_S = 3600.0
MOMENT_S = 60.0
"""What comes in for so long pays for a shorter work, as in a body's account (`circadia.platforms.account`)."""
PIECES = 8
"""Of a rest: over each, what comes in is netted with what goes out."""
RESTING = (Load.DEEP_SLEEP, Load.AWAKE)


class Paid(NamedTuple):
    """Joules that the loads drew, the user's own draw left out; (…,) each."""

    agent_j: Any
    """Of waking up, work and radio."""
    device_j: Any
    """And of rest."""
    agent_battery_j: Any
    """What charger and panel did not pay for at the time, taken over the work, a moment at least, and over each of `PIECES` of the rest."""
    device_battery_j: Any


class Woken(NamedTuple):
    """A wake and its sleep."""

    after: State
    begin: State
    """With what the work did, at the wake's start: the model in service, practice, examples unseen and unsent, what is known."""
    result: Result
    paid: Paid
    told: Any
    """Rows that the updates which were made are worth to the federation, in all."""


def remembering(state: State, params: Params, xp: Any) -> State:
    """The state of a device that has just been set up, with nothing to remember."""
    none = 0 * state.time_s
    per_hour = xp.mean(params.requests_per_hour, axis=-1)
    return state._replace(
        known_behind=state.versions_behind,
        trained_age_s=none + DAY_S,
        contact_age_s=none + DAY_S,
        recent_error=none + 0.5,
        error_age_s=none + DAY_S,
        requests_per_hour=none + per_hour,
        training_gain=none,
        **dict.fromkeys(dynamics.LEARNT, none),
    )


def step(
    state: State,
    action: Any,
    noise: Noise,
    params: Params,
    right: Callable[[State], Any],
    xp: Any,
    facts: ActionFacts = FACTS,
) -> Woken:
    """(…,) state, catalogue index and noise, `noise.dt_s` the wake's and its sleep's length → the next wake.

    `right`: of a state, the share of its answers that are right, in [0, 1].
    """
    after, result = dynamics.step(state, action, noise, params, xp, facts, surroundings_over)
    pulled = _pulled(state, result, xp)
    begin = _worked(pulled, result, xp)
    asked = xp.asarray(facts.syncs)[action]
    remembered = _remembered(state, (pulled, begin), result, noise, right, params, xp)
    after = after._replace(
        **remembered,
        **_heard(state, asked, result, xp),
        **learnt.moved(begin, noise.moved, noise.published, noise.told, xp),
    )
    told = learnt.worth(state.unsent_examples + result.examples_trained, xp) * result.updates_made
    return Woken(after, begin, result, _paid(state, result, params, xp), told)


def _pulled(state: State, result: Result, xp: Any) -> State:
    came = result.pulled > 0
    return state._replace(
        model_age_s=xp.where(came, state.newest_age_s, state.model_age_s),
        **learnt.pulled(state, came, xp),
    )


def _worked(state: State, result: Result, xp: Any) -> State:
    """After serving, training and pushing."""
    fresh, age = seen_off(state, result.fresh_trained, xp)
    made = result.updates_made
    return state._replace(
        practice=state.practice + result.examples_trained,
        unsent_examples=(state.unsent_examples + result.examples_trained) * (1 - made),
        fresh_examples=fresh,
        fresh_age_s=age,
        **learnt.trained(state, result.examples_trained, xp),
    )


def _remembered(
    state: State,
    works: tuple[State, State],
    result: Result,
    noise: Noise,
    right: Callable[[State], Any],
    params: Params,
    xp: Any,
) -> dict[str, Any]:
    """Fields of `circadia.recent`; `works`: after pulling, after all."""
    pulled, begin = works
    dt = result.dt_s
    labels = fed_back(result.requests_served, noise, params, xp)
    correct = right(pulled)
    wrong = xp.minimum(xp.floor(labels * (1 - correct) + noise.label_u), labels) / xp.maximum(labels, 1)
    share = 1 - (1 - 1 / LABELS) ** labels
    trained = result.steps > 0
    before = 1 - correct
    gain = xp.clip((right(begin) - correct) / xp.maximum(before, 1e-3), -1, 1)
    return {
        "trained_age_s": xp.where(trained, 0, state.trained_age_s) + dt,
        "recent_error": state.recent_error + (wrong - state.recent_error) * share,
        "error_age_s": xp.where(labels > 0, 0, state.error_age_s) + dt,
        "requests_per_hour": _rate(state, noise, dt, xp),
        "training_gain": xp.where(trained, gain, state.training_gain),
    }


def _rate(state: State, noise: Noise, dt_s: Any, xp: Any) -> Any:
    """(…,) requests an hour, faded: those that still wait came evenly of late, those that lapsed before."""

    def kept(low: Any, high: Any) -> Any:
        """Mean of exp(−age / fading) between two ages."""
        width = xp.maximum((high - low) / RATE_S, 1e-6)
        return xp.exp(-low / RATE_S) * (1 - xp.exp(-width)) / width

    oldest = xp.maximum(dt_s, noise.deadline_s)
    heard = noise.arrivals * kept(0 * dt_s, noise.arrival_age_s) + noise.lapsed * kept(
        noise.deadline_s, oldest
    )
    return state.requests_per_hour * xp.exp(-dt_s / RATE_S) + heard * (HOUR_S / RATE_S)


def _heard(state: State, asked: Any, result: Result, xp: Any) -> dict[str, Any]:
    """Of the federation: it answers whoever asks, over a link."""
    contact = (asked > 0) & (result.sync_bytes > 0) & (state.link >= int(Link.METERED))
    behind = state.versions_behind * (1 - result.pulled)
    return {
        "known_behind": xp.where(contact, behind, state.known_behind),
        "contact_age_s": xp.where(contact, 0, state.contact_age_s) + result.dt_s,
    }


def _paid(state: State, result: Result, params: Params, xp: Any) -> Paid:
    resting = xp.asarray([1.0 if load in RESTING else 0.0 for load in Load])
    rest_j = xp.sum(result.energy_j * resting, axis=-1)
    agent_j = xp.sum(result.energy_j * (1 - resting), axis=-1)
    busy = xp.minimum(result.busy_s, result.dt_s)
    share = busy / xp.maximum(result.dt_s, 1e-3)
    moment = xp.clip(MOMENT_S, busy, result.dt_s)
    moment_share = moment / xp.maximum(result.dt_s, 1e-3)
    now = income_j(state, moment, params, xp)
    of_agent = _unpaid(agent_j, result.background_j * moment_share, now, params, xp)
    around = surroundings_over(state, result.dt_s, params, xp)
    rest_s = result.dt_s - busy
    until = [income_j(around, busy + rest_s * (i / PIECES), params, xp) for i in range(PIECES + 1)]
    piece_j, background_j = rest_j / PIECES, result.background_j * (1 - share) / PIECES
    of_rest = sum(
        _unpaid(piece_j, background_j, later - before, params, xp) for before, later in pairwise(until)
    )
    return Paid(agent_j, agent_j + rest_j, of_agent, of_agent + of_rest)


def _unpaid(load_j: Any, background_j: Any, income: Any, params: Params, xp: Any) -> Any:
    """(…,) of the loads' joules: income pays for loads and background alike."""
    drawn = load_j + background_j
    paid = xp.minimum(params.charge_efficiency * income / xp.maximum(drawn, 1e-9), 1)
    return load_j * (1 - paid)


def mean_fresh_age_s(woken: Woken, xp: Any) -> Any:
    """(…,) over the stretch, of the age of the oldest unseen example; 0 while there is none."""
    dt, later = woken.result.dt_s, woken.after.fresh_age_s
    some = woken.begin.fresh_age_s + dt / 2
    return xp.where(woken.begin.fresh_examples > 0, some, later**2 / xp.maximum(2 * dt, 1e-6))


def midway(woken: Woken, xp: Any) -> State:
    """The device halfway through the stretch, as far as its accuracy goes."""
    half = woken.result.dt_s / 2
    begin, after = woken.begin, woken.after
    fresh = xp.where(
        begin.fresh_examples > 0, begin.fresh_age_s + half, xp.maximum(after.fresh_age_s - half, 0)
    )
    return begin._replace(
        model_age_s=begin.model_age_s + half,
        fresh_age_s=fresh,
        practice=begin.practice * xp.exp(-half / PRACTICE_S),
        present=(begin.present + after.present) / 2,
    )
