"""`circadia field plan`: how many pairs a field test needs, in which order; frozen before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("field", help="plan a field test", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    plan = actions.add_parser("plan", help="sample size, order, hash")
    plan.add_argument(
        "--arm",
        action="append",
        metavar="NAME=POLICY",
        help="the first is compared with each other; default coupled=default and charging-only=charging-only",
    )
    plan.add_argument(
        "--effect", type=float, default=0.3, help="saving looked for, of the agent's joules; default 0.3"
    )
    plan.add_argument(
        "--agent-share",
        type=float,
        required=True,
        help="the agent's share of the device's drain, for example 0.05",
    )
    plan.add_argument(
        "--noise", type=float, default=0.03, help="of the drain between periods, one deviation; default 0.03"
    )
    plan.add_argument("--power", type=float, default=0.8, help="default 0.8")
    plan.add_argument("--hours", type=float, default=24.0, help="of a period, default 24")
    plan.add_argument("--washout", type=float, default=1.0, help="hours before each period, default 1")
    plan.add_argument("--pairs", type=int, default=0, help="default: as many as the power needs")
    plan.add_argument("--seed", type=int, default=0, help="of the order")
    plan.add_argument("--out", type=Path, metavar="PLAN.json", help="freeze it there")
    plan.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the plan, freeze it if asked to."""
    from circadia.errors import ConfigError
    from circadia_lab.field.plan import Plan, freeze
    from circadia_lab.field.sample_size import achieved_power, device_change

    arms = dict(
        text.partition("=")[::2] for text in args.arm or ("coupled=default", "charging-only=charging-only")
    )
    if not all(arms.values()):
        raise ConfigError("--arm is NAME=POLICY, for example coupled=default")
    plan = Plan(
        arms=arms,
        effect=args.effect,
        agent_share=args.agent_share,
        noise=args.noise,
        power=args.power,
        hours=args.hours,
        washout_h=args.washout,
        pairs=args.pairs,
        seed=args.seed,
    )
    change = device_change(plan.effect, plan.agent_share)
    reached = achieved_power(change, plan.noise, plan.needed_pairs)
    print(
        f"{plan.effect:.0%} of the agent's {plan.agent_share:.0%} of the drain is {change:.2%} of the device's; in a noise of "
        f"{plan.noise:.1%} that takes"
    )
    print(
        f"{plan.needed_pairs} pairs a comparison (power {reached:.2f}) after {plan.aa_pairs} A/A pairs: "
        f"{len(plan.schedule())} periods of {plan.hours:g} h, {plan.days:.0f} days"
    )
    if args.out:
        print(f"{args.out}: frozen, SHA-256 {freeze(plan, args.out)}")
    return 0
