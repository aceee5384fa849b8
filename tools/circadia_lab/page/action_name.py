"""What an action's stable name says, of actions that this version does not know, too."""

from __future__ import annotations


def works_of(action: str) -> tuple[str, ...]:
    """`sleep`, `serve`, `train`, or `serve` and `train`, in the order in which they are done."""
    return tuple(action.split("/", 1)[0].split("+"))


def mode_of(action: str) -> str:
    """The same in a word: `train` if anything trains, else `serve` if anything serves, else `sleep`."""
    return works_of(action)[-1]


def exchange_of(action: str) -> str:
    """`sync-pull`, `sync-int8`, `push-int8`; empty where nothing goes over the link."""
    last = action.rsplit("/", 1)[-1]
    return last if last.startswith(("sync-", "push-")) else ""


def pushes(action: str) -> bool:
    """Whether an update is sent."""
    return exchange_of(action) not in ("", "sync-pull")
