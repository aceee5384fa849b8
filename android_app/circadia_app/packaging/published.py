"""The names that Android publishes for manifests: permissions, types of services, properties, features.

They lie beside this file in `published.json`, a small part of the types that the npm package
`@nativescript/types-android` derives from Google's stubs (Apache-2.0). To renew it:

    npm pack @nativescript/types-android && tar xzf nativescript-types-android-*.tgz
    python -m circadia_app.packaging.published package/lib/android/android-platform-*-merged.d.ts >published.json
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "FOREGROUND_SERVICE_TYPE_"
NO_TYPES = {"MANIFEST", "NONE"}
"""What Android's own code says of a type; none that a manifest can name."""
SOURCE = "@nativescript/types-android, Apache-2.0, derived from the Android SDK's stubs"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceType:
    """A value of `android:foregroundServiceType`."""

    value: int
    """Its bit."""
    since: int
    """The first API level that has it."""
    permission: str | None
    """What the app has to ask for from API 34 on; None: nothing of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Names by their first API level; 21 stands for 21 or older."""

    permissions: Mapping[str, int]
    """`android.permission.INTERNET`, …"""
    types: Mapping[str, ServiceType]
    """`specialUse`, …"""
    properties: Mapping[str, int]
    """`android.app.PROPERTY_SPECIAL_USE_FGS_SUBTYPE`, …"""
    features: Mapping[str, int]
    """`android.hardware.usb.host`, …"""


@cache
def published() -> Published:
    """The vendored names."""
    text = files("circadia_app.packaging").joinpath("published.json").read_text(encoding="utf-8")
    data = json.loads(text)
    return Published(
        permissions=data["permissions"],
        types={name: ServiceType(**fields) for name, fields in data["types"].items()},
        properties=data["properties"],
        features=data["features"],
    )


def derive(declarations: str) -> dict[str, object]:
    """What `published.json` holds, out of the text of the package's merged declarations."""
    permissions = _strings(declarations, "permission")
    manager = _constants(declarations, "PackageManager")
    return {
        "source": SOURCE,
        "permissions": permissions,
        "types": _types(_constants(declarations, "ServiceInfo"), permissions),
        "properties": {_word(v): since for n, (v, since) in manager.items() if n.startswith("PROPERTY_")},
        "features": {_word(v): since for n, (v, since) in manager.items() if n.startswith("FEATURE_")},
    }


def _types(
    constants: dict[str, tuple[str, int]], permissions: dict[str, int]
) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for constant, (value, since) in constants.items():
        name = constant.removeprefix(PREFIX)
        if name == constant or name in NO_TYPES:
            continue
        permission = f"android.permission.FOREGROUND_SERVICE_{name}"
        found[_camel(name)] = {
            "value": int(value),
            "since": since,
            "permission": permission if permission in permissions else None,
        }
    return found


def _strings(declarations: str, name: str) -> dict[str, int]:
    return {
        _word(value): since for value, since in _constants(declarations, name).values() if value[0] == '"'
    }


def _constants(declarations: str, name: str) -> dict[str, tuple[str, int]]:
    """Static members of a class → (value, first level)."""
    head = re.search(rf"^(\s*)export (?:abstract )?class {name} ", declarations, re.MULTILINE)
    if head is None:
        raise SystemExit(f"no class {name} in the declarations")
    body = declarations[head.end() : declarations.index(f"\n{head[1].strip(chr(10))}}}", head.end())]
    member = re.compile(r'(?:/\*\* @since (\d+)[^\n]*\*/\s*)?public static (\w+): ("[^"]*"|-?\d+);')
    return {found[2]: (found[3], int(found[1] or 21)) for found in member.finditer(body)}


def _word(value: str) -> str:
    return value.strip('"')


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name.lower())


if __name__ == "__main__":
    print(json.dumps(derive(Path(sys.argv[1]).read_text(encoding="utf-8")), indent=1, sort_keys=True))
