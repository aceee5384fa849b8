"""Makes `vendor/android-api.json` out of the published descriptions of Android's API, by hand when a name is missing:

    npm pack @nativescript/types-android        levels and constants
    pip download --no-deps chaquopy-stubs-android     int or long
    python tests/android/api_description.py …/android-platform-21-37-merged.d.ts …/android-stubs

`android.app.job` is not in the first: what the app uses of it is as old as Android 6, and checked against its classes.
Of the classes below it has every constant, and every method that is newer than Android 6, whose classes are there.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FILE = HERE / "vendor" / "android-api.json"
OWNERS = (
    "android.Manifest$permission",
    "android.app.Activity",
    "android.app.ActivityManager",
    "android.app.ApplicationExitInfo",
    "android.app.KeyguardManager",
    "android.app.Notification",
    "android.app.Notification$Action",
    "android.app.Notification$Action$Builder",
    "android.app.Notification$Builder",
    "android.app.NotificationChannel",
    "android.app.NotificationManager",
    "android.app.PendingIntent",
    "android.app.Service",
    "android.app.usage.UsageStatsManager",
    "android.content.BroadcastReceiver",
    "android.content.ComponentName",
    "android.content.Context",
    "android.content.Intent",
    "android.content.IntentFilter",
    "android.content.pm.ServiceInfo",
    "android.content.pm.PackageManager",
    "android.graphics.drawable.Icon",
    "android.hardware.usb.UsbConstants",
    "android.hardware.usb.UsbDevice",
    "android.hardware.usb.UsbDeviceConnection",
    "android.hardware.usb.UsbEndpoint",
    "android.hardware.usb.UsbInterface",
    "android.hardware.usb.UsbManager",
    "android.net.ConnectivityManager",
    "android.net.Network",
    "android.net.NetworkCapabilities",
    "android.os.BatteryManager",
    "android.os.Build$VERSION",
    "android.os.IBinder",
    "android.os.OutcomeReceiver",
    "android.os.PerformanceHintManager",
    "android.os.PerformanceHintManager$Session",
    "android.os.PowerManager",
    "android.os.PowerManager$WakeLock",
    "android.os.PowerMonitor",
    "android.os.PowerMonitorReadings",
    "android.os.health.SystemHealthManager",
    "android.provider.Settings",
)
OLD = 23
"""Of which there are the classes themselves."""
SINCE = re.compile(r"@since (\d+)")
CLASS = re.compile(r"^\s*export (?:abstract )?(?:class|interface) (\w+)")
MODULE = re.compile(r"^\s*(?:export|declare) module (\w+) \{")
METHOD = re.compile(r"^\s*public (static )?(\w+)\((.*?)\): (.+);$")
CONSTRUCTOR = re.compile(r"^\s*public constructor\((.*?)\);$")
FIELD = re.compile(r"^\s*public (static )?(\w+): (.+);$")


def described(lines: list[str]) -> dict[str, Any]:
    """Owner → level, and name → what it is: level, number of arguments of each overload, value of a constant."""
    found: dict[str, Any] = {}
    path: list[tuple[str, bool]] = []
    since = 0
    for line in lines:
        if (match := SINCE.search(line)) and "/**" in line:
            since = int(match[1])
            continue
        if match := MODULE.match(line):
            path.append((match[1], False))
        elif match := CLASS.match(line):
            path.append((match[1], True))
            owner = _named(path)
            found.setdefault(owner, {"level": since, "members": {}})
            found[owner]["level"] = max(found[owner]["level"], since)
        elif line.strip() == "}" and path:
            path.pop()
        elif path and path[-1][1]:
            _member(found[_named(path)]["members"], line, since)
        if not line.strip().startswith(("/**", "*")):
            since = 0
    return found


def _named(path: list[tuple[str, bool]]) -> str:
    """A module inside of which a class of the same path lies holds its nested classes."""
    parts = [name for name, _ in path]
    first = next(at for at, name in enumerate(parts) if name[0].isupper())
    return ".".join(parts[:first]) + "." + "$".join(parts[first:])


def _member(members: dict[str, Any], line: str, since: int) -> None:
    if match := METHOD.match(line):
        name, arguments = match[2], _count(match[3])
        entry = members.setdefault(name, {"overloads": []})
        entry.setdefault("overloads", []).append([since, arguments])
    elif match := CONSTRUCTOR.match(line):
        members.setdefault("<init>", {"overloads": []})["overloads"].append([since, _count(match[1])])
    elif match := FIELD.match(line):
        members[match[2]] = {"level": since}
        try:
            members[match[2]]["value"] = ast.literal_eval(match[3])
        except (ValueError, SyntaxError):
            members[match[2]]["type"] = match[3]


def _newer(entry: dict[str, Any], member: dict[str, Any]) -> bool:
    """Constants all; of the rest what Android 6's own classes do not have."""
    levels = [level for level, _ in member.get("overloads", ())] or [member.get("level", 0)]
    return "value" in member or max(entry["level"], *levels) > OLD


def _count(arguments: str) -> int:
    """Of a method; commas in types' brackets do not count."""
    depth, count = 0, 1 if arguments.strip() else 0
    for letter in arguments:
        depth += (letter in "<({") - (letter in ">)}")
        count += letter == "," and depth == 0
    return count


def longs(stubs: Path, owner: str) -> dict[str, list[list[str]]]:
    """Method → the arguments of each overload as the stubs tell them: `I`, `J`, or another type's beginning."""
    package, _, nested = owner.rpartition(".")
    file = stubs / Path(*package.split(".")[1:]) / "__init__.pyi"
    if not file.is_file():
        return {}
    body: list[Any] = ast.parse(file.read_text(encoding="utf-8")).body
    for name in nested.split("$"):
        body = next((one.body for one in body if isinstance(one, ast.ClassDef) and one.name == name), [])
    found: dict[str, list[list[str]]] = {}
    for one in body:
        if isinstance(one, ast.FunctionDef):
            arguments = [*one.args.posonlyargs, *one.args.args]
            kinds = [
                _kind(ast.unparse(arg.annotation))
                for arg in arguments
                if arg.arg != "self" and arg.annotation
            ]
            found.setdefault("<init>" if one.name == "__init__" else one.name, []).append(kinds)
    return found


def _kind(annotation: str) -> str:
    for told, kind in (
        ("JavaArrayJInt", "[I"), ("JavaArrayJByte", "[B"), ("jint", "I"), ("jlong", "J"), ("jfloat", "F"),
        ("jdouble", "D"), ("jboolean", "Z"), ("JavaArray", "["),
    ):  # fmt: skip
        if told in annotation:
            return kind
    return "L"


def main(description: str, stubs: str) -> None:
    """Write the table."""
    found = described(Path(description).read_text(encoding="utf-8").splitlines())
    table = {}
    for owner in OWNERS:
        entry = found[owner]
        kinds = longs(Path(stubs), owner)
        for name, member in entry["members"].items():
            if "overloads" in member and name in kinds:
                member["arguments"] = kinds[name]
        entry["members"] = {name: one for name, one in entry["members"].items() if _newer(entry, one)}
        table[owner] = entry
    lines = [f" {json.dumps(owner)}: {json.dumps(entry, sort_keys=True)}" for owner, entry in table.items()]
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{FILE}: {len(table)} classes, {sum(len(one['members']) for one in table.values())} names")


if __name__ == "__main__":
    main(*sys.argv[1:])
