"""`circadia doctor`: what this machine has and lacks; exit code 1 when something failed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from circadia.config import DeviceConfig
    from circadia.doctor.finding import Finding


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("doctor", help="what this machine has and lacks", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="check for this device's configuration")
    parser.add_argument("--broker", metavar="HOST:PORT", help="try to connect to this broker")
    parser.add_argument("--json", action="store_true", help="a list of objects instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the findings."""
    from circadia.doctor.diagnosis import diagnose
    from circadia.doctor.finding import Status

    config, findings = _config(args)
    findings += diagnose(config)
    print(as_json(findings) if args.json else as_table(findings))
    return int(any(finding.status is Status.FAILED for finding in findings))


def _config(args: argparse.Namespace) -> tuple[DeviceConfig, list[Finding]]:
    """The device's, or the default's and what is wrong with the device's."""
    from circadia.config import DeviceConfig
    from circadia.doctor.finding import Finding, Status
    from circadia.errors import CircadiaError

    try:
        return _wanted(args), []
    except CircadiaError as error:
        advice = "mend it; what follows is about a device without a configuration"
        wrong = Finding(name="configuration", status=Status.FAILED, detail=str(error), advice=advice)
        return DeviceConfig(), [wrong]


def _wanted(args: argparse.Namespace) -> DeviceConfig:
    from circadia.config import DeviceConfig, FederationConfig, load_config

    config = load_config(args.config) if args.config else DeviceConfig()
    if args.broker is None:
        return config
    if config.federation is None:
        return dataclasses.replace(config, federation=FederationConfig(broker=args.broker))
    return dataclasses.replace(config, federation=dataclasses.replace(config.federation, broker=args.broker))


def as_json(findings: Iterable[Finding]) -> str:
    """`[{name, status, detail, advice}, …]`."""
    return json.dumps([dataclasses.asdict(f) | {"status": f.status.value} for f in findings], indent=2)


def as_table(findings: Iterable[Finding]) -> str:
    """One line a finding; what to do about it stands below it."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.status.value:7} {finding.name:15} {finding.detail}")
        if finding.advice:
            lines.append(f"{'':23} → {finding.advice}")
    return "\n".join(lines)
