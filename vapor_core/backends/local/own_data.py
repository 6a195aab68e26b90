"""A person's own data on this machine: kept when it is read, so that a run can train on it, and bounded.

A file is one line of JSON an example. A run takes a copy into its own folder, so what is kept here may give way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from vapor_core.backends.local.run_directory import runs_folder
from vapor_core.backends.local.whole_file import written_whole
from vapor_core.errors import BackendRefused

if TYPE_CHECKING:
    from vapor_core.contracts.entries import Dataset

MOST_BYTES = 1_000_000_000  # of a workspace; the oldest files give way


def keep(workspace: str, dataset: Dataset, examples: Iterable[Mapping[str, object]]) -> None:
    """Keep the examples of a data set, whole or not at all.

    Raises:
        BackendRefused: where the disk does not take them.
    """
    place = _place(workspace, dataset)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(place) as file:
            file.writelines(json.dumps(example, ensure_ascii=False) + "\n" for example in examples)
        _make_room(place)
    except OSError as error:
        raise BackendRefused(
            f"the data cannot be kept for real runs: {error.strerror}; free some space"
        ) from None


def kept(workspace: str, dataset: Dataset) -> Path | None:
    """Where the examples of a data set are; None where they are not, or no more."""
    place = _place(workspace, dataset)
    return place if place.is_file() else None


def _place(workspace: str, dataset: Dataset) -> Path:
    name = blake2b(dataset.model_dump_json().encode(), digest_size=12).hexdigest()
    return runs_folder() / workspace / "data" / f"{name}.jsonl"


def _make_room(newest: Path) -> None:
    """Let the oldest files give way, never the newest one."""
    files = sorted(newest.parent.glob("[!.]*.jsonl"), key=lambda file: file.stat().st_mtime)
    held = sum(file.stat().st_size for file in files)
    for file in files:
        if held <= MOST_BYTES or file == newest:
            continue
        held -= file.stat().st_size
        file.unlink(missing_ok=True)
