"""The one folder that screens and agent share, and the names of its places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFolder:
    """On a phone a folder among the app's own files, which no other app can read."""

    path: Path

    @property
    def config(self) -> Path:
        """The device's configuration. The app's developer wrote it; nothing of the person's is in it."""
        return self.path / "device.toml"

    @property
    def plan(self) -> Path:
        """A frozen plan of a field test that can be joined; the developer's. `circadia field plan --out` makes one."""
        return self.path / "plan.json"

    @property
    def examples(self) -> Path:
        """What that test asks and teaches with, as `circadia field run --examples` has it; the developer's."""
        return self.path / "plan.npz"

    @property
    def store(self) -> Path:
        """The agent's database, whatever [store] path the configuration names."""
        return self.path / "device.db"

    @property
    def consent(self) -> Path:
        """What was agreed: `circadia_app.consent`."""
        return self.path / "consent.json"

    @property
    def settings(self) -> Path:
        """What the person chose: `circadia_app.settings`."""
        return self.path / "settings.json"

    @property
    def log(self) -> Path:
        """What happened to the service: `circadia_app.journal`."""
        return self.path / "log.jsonl"

    @property
    def link(self) -> Path:
        """The socket between screens and agent: `circadia_app.link`."""
        return self.path / "link"

    @property
    def lock(self) -> Path:
        """Held by the one service of this folder."""
        return self.path / "service.lock"

    @property
    def field_test(self) -> Path:
        """The bundle of a field test: `circadia_field.bundle`."""
        return self.path / "field"

    @property
    def exports(self) -> Path:
        """What the person had made to be given away: `circadia_app.exporting`."""
        return self.path / "exports"

    @property
    def traffic(self) -> Path:
        """What was sent and received: `circadia_app.traffic`."""
        return self.path / "traffic.json"

    @property
    def foretold(self) -> Path:
        """What was foretold of the person's choices: `circadia_app.foretold`."""
        return self.path / "foretold.json"

    @property
    def deletion(self) -> Path:
        """A request for deletion and its key, until the server has confirmed: `circadia_app.deletion`."""
        return self.path / "deletion"

    def personal(self) -> list[Path]:
        """What is there of the person's, with journals, locks, copies of earlier schemas and files half written.

        All that a run of the app makes but the lock and the socket of a service that runs, and the request for deletion.
        """
        names = [
            place.name
            for place in (
                self.store,
                self.consent,
                self.settings,
                self.log,
                self.field_test,
                self.exports,
                self.traffic,
                self.foretold,
            )
        ]
        starts = tuple(start for name in names for start in (name, f".{name}"))
        return sorted(
            place
            for place in (self.path.iterdir() if self.path.is_dir() else ())
            if any(
                place.name == start or place.name.startswith((f"{start}.", f"{start}-")) for start in starts
            )
        )
