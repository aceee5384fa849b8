"""The field test of a folder: the plan that can be joined, and the bundle that was begun by it.

Who agrees joins. While that holds the agent runs under the plan, each period from a store of its own in the bundle, and in no
federation: what it learns there ends with the period. Who stops keeps what was gathered, and can go on with it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError
from circadia_field.bundle import PINS, Bundle
from circadia_field.conduct import STORE
from circadia_field.pins import pin
from circadia_field.plan import Plan, thawed

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_app.consent import Consent
    from circadia_app.folder import AppFolder

log = logging.getLogger(__name__)


def is_begun(folder: AppFolder) -> bool:
    """Whether there is a bundle."""
    return (folder.field_test / PINS).is_file()


def planned(folder: AppFolder) -> Plan | None:
    """The plan that can be joined; None where there is none, or one that nobody can play: the log says why."""
    if not folder.plan.is_file():
        return None
    try:
        return thawed(folder.plan)
    except CircadiaError as error:
        log.warning("no field test can be joined: %s", error)
        return None


def agreed(folder: AppFolder, consent: Consent) -> bool:
    """Whether the person takes part, and there is something to take part in."""
    return consent.field_test is not None and (is_begun(folder) or folder.plan.is_file())


def due(folder: AppFolder, consent: Consent) -> Bundle | None:
    """What the agent has to run under now, begun if it was not; None: nobody has agreed, or all periods are over.

    `ConfigError` for a plan, a device or examples that no test can be made of, or a bundle that was changed.
    """
    if not agreed(folder, consent):
        return None
    if is_begun(folder):
        bundle = Bundle(folder.field_test)
    else:
        examples = folder.examples if folder.examples.is_file() else None
        bundle = pin(folder.field_test, folder.plan, folder.config, examples, virtual="")
    return None if is_over(bundle) else bundle


def is_over(bundle: Bundle) -> bool:
    """Whether all periods are."""
    return bundle.next_up()[0] == len(bundle.plan.schedule())


def store_of(folder: AppFolder, consent: Consent) -> Path:
    """Of the agent that runs now: the folder's, or that of the period that is on. `ConfigError` for a bundle that was changed."""
    if not (agreed(folder, consent) and is_begun(folder)):
        return folder.store
    bundle = Bundle(folder.field_test)
    place, attempt = bundle.next_up()
    over = place == len(bundle.plan.schedule())
    return folder.store if over else bundle.period(place, attempt) / STORE
