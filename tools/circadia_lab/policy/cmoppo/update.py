"""One update: a rollout, advantages, some epochs of clipped policy gradient, dual ascent. All of it one function.

maximise  E min(ρ A, clip(ρ, 1 ± ε) A) + entropy − normaliser,   ρ = π(a | o) / π_old(a | o)
A = w·A_r − λ·A_c, normalised within its preference              (arXiv:1707.06347)

Where a rule is corrected, the entropy is that relative to the rule, −KL(π ‖ rule): a departure must be worth more than it is
unlikely under the rule                                          (Galashov et al., arXiv:1905.01240)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from circadia.errors import ConfigError
from circadia.observation import INPUT_SCALE, WIDTH
from circadia_lab.policy.cmoppo.actor import Actor, actor_for
from circadia_lab.policy.cmoppo.advantage import (
    advantages,
    averages,
    compared,
    normalised,
    scalarised,
    settled_averages,
)
from circadia_lab.policy.cmoppo.crowd import Crowd, crowd_of
from circadia_lab.policy.cmoppo.multipliers import Multipliers, ascended, initial_multipliers
from circadia_lab.policy.cmoppo.rollout import Ticks, rollout
from circadia_lab.policy.cmoppo.rounding import dense_layers, forward
from circadia_lab.policy.env.interface import COSTS, OBJECTIVES

if TYPE_CHECKING:
    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.env.interface import AnyEnvironment

GAINS = len(OBJECTIVES) + len(COSTS)
ENERGY = OBJECTIVES.index("energy")
SCALE_KEPT = 0.99
"""Per update."""
RANGE_KEPT = 0.999
"""Per update: how slowly an output's range shrinks again."""


class Learner(NamedTuple):
    """Everything that a training carries from update to update."""

    actor: Any
    critic: Any
    actor_adam: Any
    critic_adam: Any
    average: Any
    """Running average of the actor's parameters."""
    ranges: Any
    """Of the actor's outputs, for rounding."""
    multipliers: Multipliers
    centre: Any
    """(kinds, anchors, gains) running averages per period, with what is promised."""
    scale: Any
    """(gains,) running mean square of what the critic has to tell."""
    world: Any
    preference: Any
    """(batch, objectives)"""
    key: Any
    updates: Any
    """How many are done."""


class Aim(NamedTuple):
    """What devices maximise: the extension gives them other weights than their preference says."""

    weights: Any
    """(batch, objectives)"""
    rate: float
    """Share of the learning rates."""


class Figures(NamedTuple):
    """What an update tells."""

    gains: Any
    """(anchors, gains) averages per period: rewards, over all devices, then costs as shares of their limits, of the kind
    that has most of them."""
    explained: Any
    """(gains,) share of the variance of returns that the critic explained."""
    entropy: Any
    divergence: Any
    """Of the policy before the update from that after it, estimated on its last minibatch."""
    critic_loss: Any
    finite: Any
    """(2,) whether losses and parameters are."""


class Minibatch(NamedTuple):
    """(n, …) of what the losses need."""

    encoded: Any
    mask: Any
    action: Any
    log_p: Any
    advantage: Any
    returns: Any
    sleeps: Any = None
    sleep: Any = None
    work_prior: Any = None
    sleep_prior: Any = None


@dataclass(frozen=True, slots=True)
class Trainer:
    """The update of one environment and one configuration; pure, to be compiled."""

    environment: AnyEnvironment
    config: Config
    actor: Actor
    crowd: Crowd
    updates: int
    """Of stage 1."""
    round_updates: int
    """Of each round of stage 2."""

    @property
    def steps_per_update(self) -> int:
        """Ticks of all devices."""
        return self.config.ticks * self.environment.batch

    @property
    def all_updates(self) -> int:
        """Of both stages."""
        return self.updates + self.config.extension_rounds * self.round_updates

    def whole_reports(self, updates: float) -> int:
        """The next lower number of updates that ends with a report, one report at least."""
        return _whole(updates, self.config.report_every)

    def initial(self, key: Any) -> Learner:
        """Fresh networks and devices."""
        key, of_actor, of_critic, of_world, of_preference = jax.random.split(key, 5)
        width = self.config.critic_width
        actor = self.actor.parameters(of_actor)
        critic = dense_layers(of_critic, (WIDTH, width, width, GAINS), 0.1)
        return Learner(
            actor=actor,
            critic=critic,
            actor_adam=self._adam().init(actor),
            critic_adam=self._adam().init(critic),
            average=actor,
            ranges=self.actor.ranges(),
            multipliers=initial_multipliers(
                int(self._priced_kinds.max()) + 1, len(self.crowd.corners), len(COSTS)
            ),
            centre=jnp.zeros((self.environment.kinds.max() + 1, len(self.crowd.corners), GAINS)),
            scale=jnp.ones(GAINS),
            world=self.environment.initial(of_world),
            preference=self.crowd.preferences(of_preference),
            key=key,
            updates=jnp.zeros((), jnp.int32),
        )

    def update(self, learner: Learner, aim: Aim | None = None) -> tuple[Learner, Figures]:
        """One of them; without `aim` devices maximise what their preference says."""
        key, acting, shuffling, drawing = jax.random.split(learner.key, 4)
        share = jnp.minimum(learner.updates / self.updates, 1.0)
        rate = _annealed(share, self.config.last_rate)
        weights, rate = (self._weights(learner.preference), rate) if aim is None else aim
        world, ticks = self._act(learner, acting, share)
        learner, batch, figures = self._judge(learner._replace(world=world), ticks, weights, share)
        learner, losses = self._descend(learner, batch, shuffling, (share, rate))
        preference = learner.preference
        if aim is None:
            preference = self.crowd.redrawn(preference, drawing, self.config.redraw)
        learner = learner._replace(key=key, preference=preference, updates=learner.updates + 1)
        return learner, Figures(*figures, *losses, _finite(learner, losses))

    def _weights(self, preference: Any) -> Any:
        """(batch, objectives) of the utility: what is as good otherwise is done with less energy."""
        return preference.at[:, ENERGY].max(self.config.least_energy)

    @property
    def _priced_kinds(self) -> Any:
        """(batch,) which devices share prices."""
        kinds = self.environment.kinds
        return kinds if self.config.by_kind else 0 * kinds

    def prices(self, learner: Learner) -> Any:
        """(kinds, anchors, costs) λ in utility per limit.

        Multipliers count in deviations of the anchor's utility per deviation of the cost, so that their rates suit
        problems of any scale:   λ_kac = price_kac √(Σ_j w_aj² scale_j) / √scale_c
        """
        config, objectives = self.config, len(OBJECTIVES)
        utility = jnp.sqrt(
            jnp.square(jnp.asarray(self.crowd.corners, jnp.float32)) @ learner.scale[:objectives]
        )
        unit = utility[:, None] / jnp.sqrt(learner.scale[objectives:])
        return unit * learner.multipliers.prices(config.proportional, config.largest_multiplier)

    def _act(self, learner: Learner, key: Any, share: Any) -> tuple[Any, tuple[Ticks, Any]]:
        """The rollout and the observation after it."""
        rounded = share >= self.config.rounded_from

        draw_from = self.actor.draw_from(learner.actor, ranges=learner.ranges, rounded=rounded)
        world, ticks = rollout(
            self.environment,
            draw_from,
            learner.world,
            learner.preference,
            key,
            self.config.ticks,
            self.config.tried,
            self.config.explored,
        )
        return world, (ticks, self.environment.see(world, learner.preference).encoded)

    def _judge(
        self, learner: Learner, acted: tuple[Ticks, Any], weights: Any, share: Any
    ) -> tuple[Learner, Minibatch, tuple[Any, Any]]:
        """Advantages and returns of a rollout; multipliers, centre and scale after it."""
        config, (ticks, last) = self.config, acted
        members, shares = self.crowd.members(), self.crowd.shares(learner.preference)
        prices = self.prices(learner)
        deviation = jnp.sqrt(learner.scale)
        observed = jnp.concatenate([ticks.encoded, last[None]])
        values = self._values(learner.critic, observed) * deviation
        level = self._level(values, shares)
        values -= level
        gain, weight = (ticks.gain + ticks.promised)[:, :, 0], ticks.weight[:, :, 0]
        of_kinds = self._by_kind(gain, weight, values)
        costs = of_kinds[..., len(OBJECTIVES) :]
        if not config.by_kind:
            costs = settled_averages(gain, weight, values, members)[None, :, len(OBJECTIVES) :]
        rewards = averages(ticks.gain[:, :, 0], weight, members)[:, : len(OBJECTIVES)]
        # A first centre beats one that creeps up from 0.
        kept = jnp.where(learner.updates == 0, 0.0, config.smoothing)
        steady = jnp.where(learner.updates == 0, 0.0, SCALE_KEPT)
        centre = kept * learner.centre + (1 - kept) * of_kinds
        own_centre = jnp.einsum("da,dak->dk", shares, centre[self.environment.kinds])
        advantage = advantages(
            gain,
            weight,
            values,
            own_centre,
            discount=config.discount,
            trace=config.trace**weight if config.sleeps else config.trace,
        )
        returns = advantage + values[:-1]
        instead = None
        if config.tried > 1:
            instead = self._values(learner.critic, ticks.instead) * deviation - level[:, None]
        own = config.tried - config.explored
        apart = compared(ticks, advantage, values, instead, own_centre, config)
        own_prices = jnp.einsum("da,dac->dc", shares, prices[self._priced_kinds])
        scalar = normalised(scalarised(apart, weights[:, None], own_prices[:, None]), shares, members, own)
        fading = jnp.maximum(1 - share / config.explored_until, 0)
        scalar = scalar.at[..., own:].multiply(fading)
        batch = Minibatch(
            ticks.encoded,
            ticks.mask,
            ticks.action,
            ticks.log_p,
            scalar,
            returns / deviation,
            ticks.sleeps,
            ticks.sleep,
            ticks.work_prior,
            ticks.sleep_prior,
        )
        spread = jnp.var(returns, (0, 1))
        return (
            learner._replace(
                multipliers=self._ascended(learner.multipliers, costs, share),
                centre=centre,
                scale=steady * learner.scale + (1 - steady) * jnp.maximum(spread, 1e-8),
            ),
            batch,
            (
                jnp.concatenate([rewards, costs.max(0)], -1),
                1 - jnp.var(advantage, (0, 1)) / jnp.maximum(spread, 1e-12),
            ),
        )

    def _level(self, values: Any, shares: Any) -> Any:
        """(devices, gains) what values lie above 0 on average, of a device's kind and preference.

        The differential value is only known up to a constant. With γ below 1 a constant C would cost a sleep C (1 − γ^w),
        as if the average were another, and be forgotten over γ's horizon, which is many rollouts of brief sleeps. So it
        is taken out of what choices are judged by (as the average value constraint of Ma et al., arXiv:2106.03442).
        """
        if not self.config.sleeps:
            return jnp.zeros(values.shape[1:])
        members = self.crowd.members_by_kind(self.environment.kinds)
        of_kinds = jnp.einsum("hda,dk->hak", members, jnp.mean(values, 0))
        return jnp.einsum("da,dak->dk", shares, of_kinds[self.environment.kinds])

    def _by_kind(self, gain: Any, weight: Any, values: Any) -> Any:
        """(kinds, anchors, gains) averages of each kind of device.

        Were they centred alike, the kinds' values would lie far apart, and what a feature tells of the kind would pass
        for what it is worth.
        """
        members = self.crowd.members_by_kind(self.environment.kinds)
        return jax.vmap(settled_averages, (None, None, None, 0))(gain, weight, values, members)

    def _ascended(self, multipliers: Multipliers, costs: Any, share: Any) -> Multipliers:
        config = self.config
        if not config.constrained:
            return multipliers
        return ascended(
            multipliers,
            costs,
            target=target_of(share, config),
            rate=config.multiplier_rate * _annealed(share, config.multiplier_rate_last),
            smoothing=config.smoothing,
            largest=config.largest_multiplier,
        )

    def _descend(
        self, learner: Learner, batch: Minibatch, key: Any, progress: tuple[Any, Any]
    ) -> tuple[Learner, tuple[Any, Any, Any]]:
        """Epochs of minibatches; each holds whole rollouts of some devices."""
        config, (share, rates) = self.config, progress
        order = jnp.concatenate(
            [
                jax.random.permutation(k, self.crowd.size).reshape(config.minibatches, -1)
                for k in jax.random.split(key, config.epochs)
            ]
        )

        def descend(learner: Learner, devices: Any) -> tuple[Learner, tuple[Any, Any, Any, Any]]:
            part = jax.tree.map(lambda x: jnp.take(x, devices, axis=1), batch)
            return self._step(learner, part, share, rates)

        learner, (entropy, divergence, critic_loss, ranges) = jax.lax.scan(descend, learner, order)
        widened = jax.tree.map(_widened, learner.ranges, ranges)
        kept = 1 - 1 / max(config.averaging * self.updates, 1)
        average = jax.tree.map(lambda a, b: kept * a + (1 - kept) * b, learner.average, learner.actor)
        return learner._replace(ranges=widened, average=average), (
            jnp.mean(entropy),
            divergence[-1],
            jnp.mean(critic_loss),
        )

    def _step(
        self, learner: Learner, part: Minibatch, share: Any, rates: Any
    ) -> tuple[Learner, tuple[Any, Any, Any, Any]]:
        config = self.config
        gradient, (entropy, divergence, ranges) = jax.grad(self._actor_loss, has_aux=True)(
            learner.actor, learner.ranges, part, share
        )
        actor, actor_adam = self._moved(
            learner.actor, gradient, learner.actor_adam, rates * self._taught(share) * config.actor_rate
        )
        actor = jax.tree.map(
            lambda p: jnp.clip(p, -config.largest_weight, config.largest_weight) if p.ndim > 1 else p, actor
        )
        critic_loss, gradient = jax.value_and_grad(self._critic_loss)(learner.critic, part)
        critic, critic_adam = self._moved(
            learner.critic, gradient, learner.critic_adam, rates * config.critic_rate
        )
        moved = learner._replace(actor=actor, actor_adam=actor_adam, critic=critic, critic_adam=critic_adam)
        return moved, (entropy, divergence, critic_loss, ranges)

    def _actor_loss(self, actor: Any, ranges: Any, part: Minibatch, share: Any) -> tuple[Any, Any]:
        config = self.config
        drawn = self.actor.drawn(actor, part, ranges=ranges, rounded=share >= config.rounded_from)
        log_p = jnp.take_along_axis(drawn.log_p, part.action, -1)
        entropy = _entropy(drawn.log_p, part.mask)
        likeness = _likeness(drawn.log_p, part.mask, part.work_prior)
        if part.sleeps is not None:
            log_p += jnp.take_along_axis(drawn.sleep_log_p, part.sleep, -1)
            entropy += _entropy(drawn.sleep_log_p, part.sleeps)
            likeness += _likeness(drawn.sleep_log_p, part.sleeps, part.sleep_prior)
        ratio = jnp.exp(log_p - part.log_p)
        clipped = jnp.clip(ratio, 1 - config.clip, 1 + config.clip)
        gained = jnp.mean(jnp.minimum(ratio * part.advantage, clipped * part.advantage))
        fall = jnp.minimum(share / config.entropy_until, 1.0)
        bonus = config.entropy * (config.entropy_last / config.entropy) ** fall
        loss = -gained - bonus * (entropy + likeness) + config.normaliser * jnp.mean(drawn.normaliser)
        return loss, (entropy, jnp.mean(part.log_p - log_p), drawn.ranges)

    def _critic_loss(self, critic: Any, part: Minibatch) -> Any:
        return 0.5 * jnp.mean(jnp.square(self._values(critic, part.encoded) - part.returns))

    def _values(self, critic: Any, encoded: Any) -> Any:
        """(…, gains) in units of the root of `scale`."""
        return forward(critic, encoded.astype(jnp.float32) * INPUT_SCALE)

    def _taught(self, share: Any) -> Any:
        """Share of the actor's learning rate: none while the critic learns what the first policy is worth."""
        first = self.config.critic_first
        return jnp.where(share >= first, 1.0, 0.0) if first else 1.0

    def _adam(self) -> optax.GradientTransformation:
        return optax.chain(
            optax.clip_by_global_norm(self.config.gradient_norm), optax.scale_by_adam(eps=1e-5)
        )

    def _moved(self, parameters: Any, gradient: Any, adam: Any, rate: Any) -> tuple[Any, Any]:
        step, adam = self._adam().update(gradient, adam, parameters)
        return jax.tree.map(lambda p, s: p - rate * s, parameters, step), adam


def trainer_of(environment: AnyEnvironment, config: Config, crowd: Crowd | None = None) -> Trainer:
    """`crowd`: whose preferences the devices have, if not the anchors'. `ConfigError` where the batch does not suit."""
    if environment.batch % config.minibatches:
        raise ConfigError(
            f"a batch of {environment.batch} devices cannot be cut into {config.minibatches} minibatches; choose a multiple"
        )
    crowd = crowd_of(environment.batch, config.free_share) if crowd is None else crowd
    updates = config.steps / (config.ticks * environment.batch)
    extension = config.extension_share * updates
    a_round = int(extension / max(config.extension_rounds, 1)) // config.report_every * config.report_every
    return Trainer(
        environment,
        config,
        actor_for(config, environment),
        crowd,
        _whole(updates - extension, config.report_every),
        a_round if crowd.bound < crowd.size else 0,
    )


def _whole(updates: float, report_every: int) -> int:
    return max(int(updates) // report_every, 1) * report_every


def _entropy(log_p: Any, mask: Any) -> Any:
    """Mean of −Σ p log p."""
    return -jnp.mean(jnp.sum(jnp.exp(log_p) * jnp.where(mask, log_p, 0), -1))


def _likeness(log_p: Any, mask: Any, prior: Any) -> Any:
    """Mean of Σ p · prior: the cross entropy with the rule, up to what no parameter changes; 0 without a rule."""
    return 0.0 if prior is None else jnp.mean(jnp.sum(jnp.exp(log_p) * jnp.where(mask, prior, 0), -1))


def _annealed(share: Any, last: float) -> Any:
    """From 1 to `last` by a cosine."""
    return last + (1 - last) * 0.5 * (1 + jnp.cos(jnp.pi * share))


def target_of(share: Any, config: Config) -> Any:
    """Of a limit: from loose to what leaves room to spare."""
    fallen = jnp.minimum(share / config.target_until, 1.0)
    return config.target_first + fallen * (config.target - config.target_first)


def _widened(old: Any, new: Any) -> Any:
    """(layers, 2) ranges that hold what (minibatches, layers, 2) new ones saw."""
    kept = old * RANGE_KEPT
    low = jnp.minimum(kept[:, 0], jnp.min(new[:, :, 0], 0))
    return jnp.stack([low, jnp.maximum(kept[:, 1], jnp.max(new[:, :, 1], 0))], -1)


def _finite(learner: Learner, losses: Any) -> Any:
    def whole(tree: Any) -> Any:
        return jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(tree)]))

    return jnp.stack([whole(losses), whole((learner.actor, learner.critic))])
