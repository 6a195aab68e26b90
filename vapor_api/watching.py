"""Watches the live runs of all workspaces by their rules while no page is open, as long as `vapor serve` runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vapor_core.backends.local.run_directory import runs_folder
from vapor_core.errors import VaporError
from vapor_core.hub.webhook import Messenger
from vapor_core.watch.telling import tell
from vapor_core.watch.watcher import Watcher
from vapor_core.workspace.store import Store

if TYPE_CHECKING:
    from vapor_core.journal.journal import Journal

LOG = logging.getLogger(__name__)
LOOK_S = 10.0  # between two looks
APART = ("models", "line", "slots", "ray", "data")  # folders beside those of workspaces


@dataclass(slots=True)
class Sentry:
    """Looks after every workspace that has real runs."""

    journal: Callable[[], Journal | None]
    messenger: Messenger = field(default_factory=Messenger)
    _stores: dict[str, tuple[Store, Watcher]] = field(default_factory=dict)
    _ends: threading.Event = field(default_factory=threading.Event)
    _journal: Journal | None = None

    def start(self) -> None:
        """Look every few seconds from now on, in a thread of its own."""
        threading.Thread(target=self._work, name="watch", daemon=True).start()

    def end(self) -> None:
        """Look no more."""
        self._ends.set()

    def look(self, now: float) -> int:
        """Look once; how many things came to pass."""
        if self._journal is None:
            self._journal = self.journal()
        if self._journal is None:
            return 0
        found = 0
        for workspace in _workspaces():
            if workspace not in self._stores:
                self._stores[workspace] = (Store(self._journal, workspace), Watcher())
            store, watcher = self._stores[workspace]
            store.advance(now=now)
            for fired in watcher.look(store, now=now):
                tell(store, fired, self.messenger)
                found += 1
        return found

    def _work(self) -> None:
        while not self._ends.wait(LOOK_S):
            try:
                self.look(time.time())
            except VaporError as error:
                LOG.warning("live runs could not be watched: %s", error)
            except Exception:  # whatever it is, the next look comes
                LOG.exception("live runs could not be watched")


def _workspaces() -> list[str]:
    """Those that have a folder of runs."""
    try:
        return sorted(
            each.name for each in runs_folder().iterdir() if each.is_dir() and each.name not in APART
        )
    except OSError:
        return []
