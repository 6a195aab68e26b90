"""The experiments of a workspace: names that its runs are sorted under. A line a change, as runs are kept."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

from vapor_api.protocol import Experiment, ProtocolError

DEFAULT = "Default"


class Experiments:
    """Those of one workspace; its first is always there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = {"0": Experiment("0", DEFAULT)}
        self._cursor = 0

    def all(self) -> list[Experiment]:
        """The newest first."""
        self._read()
        return sorted(self._known.values(), key=lambda each: -int(each.id))

    def get(self, experiment_id: str) -> Experiment:
        """The one of an id.

        Raises:
            ProtocolError: there is none.
        """
        self._read()
        found = self._known.get(experiment_id)
        if found is None:
            raise ProtocolError(
                "RESOURCE_DOES_NOT_EXIST", f"No Experiment with id={experiment_id[:60]} exists"
            )
        return found

    def named(self, name: str) -> Experiment | None:
        """The one of a name, deleted ones too; None where there is none."""
        return next((each for each in self.all() if each.name == name), None)

    def create(self, name: str, tags: Mapping[str, str], now_ms: int) -> Experiment:
        """A new one.

        Raises:
            ProtocolError: the name is taken.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # ids are given out one after the other
            if self.named(name) is not None:
                raise ProtocolError("RESOURCE_ALREADY_EXISTS", f"Experiment '{name[:200]}' already exists.")
            found = str(max(map(int, self._known)) + 1)
            self._append(file.fileno(), {"id": found, "name": name, "created_ms": now_ms, "tags": dict(tags)})
        return self.get(found)

    def change(self, experiment_id: str, **changes: object) -> None:
        """Rename, tag, delete or bring back."""
        self.get(experiment_id)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._append(file.fileno(), {"id": experiment_id, **changes})
        self._read()

    def _append(self, descriptor: int, line: Mapping[str, object]) -> None:
        os.write(descriptor, json.dumps(line).encode() + b"\n")

    def _read(self) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._cursor)
                fresh = file.read()
        except OSError:
            return
        whole = fresh.rfind(b"\n") + 1
        self._cursor += whole
        for line in fresh[:whole].splitlines():
            told = json.loads(line)
            known = self._known.setdefault(told["id"], Experiment(told["id"], ""))
            known.name = told.get("name", known.name)
            known.created_ms = told.get("created_ms", known.created_ms)
            known.deleted = told.get("deleted", known.deleted)
            known.tags |= told.get("tags", {})
