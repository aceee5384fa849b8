"""`circadia field plan`: how many pairs a field test needs, in which order; frozen before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

DEFAULT_ARMS = ("coupled=default", "separate=separate", "charging-only=charging-only")


def register(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action."""
    plan = actions.add_parser("plan", help="sample size, order, hash", description=__doc__)
    plan.add_argument(
        "--arm",
        action="append",
        metavar="NAME=POLICY",
        help=f"the first is compared with each other; default {' '.join(DEFAULT_ARMS)}",
    )
    plan.add_argument(
        "--effect", type=float, default=0.3, help="saving looked for, of the agent's joules; default 0.3"
    )
    share = plan.add_mutually_exclusive_group(required=True)
    share.add_argument(
        "--agent-share", type=float, help="the agent's share of the device's drain, for example 0.05"
    )
    share.add_argument(
        "--measured",
        type=Path,
        metavar="STORE.db",
        help="measure that share: a store of this device with its meter",
    )
    plan.add_argument(
        "--noise", type=float, default=0.03, help="of the drain between periods, one deviation; default 0.03"
    )
    plan.add_argument("--power", type=float, default=0.8, help="default 0.8")
    plan.add_argument("--hours", type=float, default=24.0, help="of a period, default 24")
    plan.add_argument("--washout", type=float, default=1.0, help="hours before each period, default 1")
    plan.add_argument("--pairs", type=int, help="default: as many as the power needs")
    plan.add_argument("--aa-pairs", type=int, default=6, help="of the first arm with itself, default 6")
    plan.add_argument(
        "--order", default="randomised", choices=("randomised", "abba"), help="within the pairs"
    )
    plan.add_argument(
        "--requests", type=float, default=16.0, metavar="PER_HOUR", help="that are asked, default 16"
    )
    plan.add_argument(
        "--examples", type=float, default=8.0, metavar="PER_HOUR", help="that are taught, default 8"
    )
    plan.add_argument("--deadline", type=float, default=60.0, metavar="S", help="of a request, default 60")
    plan.add_argument(
        "--gain-ppm", type=float, default=1000.0, help="of the meter, one deviation; default 1000"
    )
    plan.add_argument("--offset-mw", type=float, default=0.5, help="of its zero, one deviation; default 0.5")
    plan.add_argument(
        "--seed", type=int, default=0, help="of the order, the requests and the devices' chance"
    )
    plan.add_argument("--out", type=Path, metavar="PLAN.json", help="freeze it there")
    plan.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the plan, freeze it if asked to."""
    from circadia_field.plan import Plan, freeze
    from circadia_lab.field.analysis.sample_size import achieved_power, device_change, pairs_needed

    share = args.agent_share if args.measured is None else _measured_share(args.measured)
    change = device_change(args.effect, share)
    pairs = args.pairs if args.pairs is not None else pairs_needed(change, args.noise, power=args.power)
    plan = Plan(
        arms=_arms(args.arm or DEFAULT_ARMS),
        effect=args.effect,
        agent_share=share,
        noise=args.noise,
        pairs=pairs,
        power=args.power,
        hours=args.hours,
        washout_h=args.washout,
        aa_pairs=args.aa_pairs,
        order=args.order,
        requests_per_h=args.requests,
        examples_per_h=args.examples,
        deadline_s=args.deadline,
        meter_gain=args.gain_ppm * 1e-6,
        meter_offset_w=args.offset_mw * 1e-3,
        seed=args.seed,
    )
    print(
        f"{plan.effect:.0%} of the agent's {share:.0%} of the drain is {change:.2%} of the device's; in a noise of "
        f"{plan.noise:.1%} that takes"
    )
    print(
        f"{pairs} pairs a comparison (power {achieved_power(change, plan.noise, pairs):.2f}) after {plan.aa_pairs} A/A pairs: "
        f"{len(plan.schedule())} periods of {plan.hours:g} h, {plan.days:.1f} days"
    )
    if args.out:
        print(f"{args.out}: frozen, SHA-256 {freeze(plan, args.out)}")
    return 0


def _arms(texts: list[str] | tuple[str, ...]) -> dict[str, str]:
    from circadia.errors import ConfigError
    from circadia.wiring import make_policy

    arms = dict(text.partition("=")[::2] for text in texts)
    if len(arms) < len(texts):
        raise ConfigError("--arm: two of them have the same name")
    if not all(arms.values()):
        raise ConfigError("--arm is NAME=POLICY, for example coupled=default")
    for policy in arms.values():
        make_policy(policy)
    return arms


def _measured_share(store: Path) -> float:
    """Of the agent, with a word about it."""
    from circadia.errors import ConfigError
    from circadia_field.ticks import read_ticks
    from circadia_lab.field.analysis.period_figures import REST
    from circadia_lab.measure.joules.joules import load_watts

    ticks = read_ticks(store)
    rest_w = load_watts(ticks).get(REST)
    if rest_w is None:
        raise ConfigError(
            f"{store}: the device never rested, so the agent's share cannot be told; give --agent-share"
        )
    whole_w = float(ticks.energy_j.sum() / ticks.duration_s.sum())
    share = (whole_w - rest_w) / whole_w
    print(
        f"{store}: {whole_w:.4g} W, {rest_w:.4g} W of it at rest: the agent's share is {share:.1%} ({ticks.source})"
    )
    return share
