"""Which runs a log holds: W&B's columns of "run - metric", or a column that names the run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vapor_core.readers.logs.collected import Collected
from vapor_core.readers.logs.naming import apart, role_of
from vapor_core.readers.logs.run_log import Notes

MOST_RUNS = 50


def runs_of(found: Collected, notes: Notes) -> list[Collected]:
    """Each run by itself, in the file's order."""
    named = list(dict.fromkeys(run for name in found.samples if (run := apart(name)[0])))
    named = [run for run in named if any(role_of(metric) for metric in _metrics(found, run))]
    parts = [_of_columns(found, run) for run in named] if named else _of_rows(found)
    if len(parts) > MOST_RUNS:
        notes.add(f"only the first {MOST_RUNS} of {len(parts):,} runs are read")
    return parts[:MOST_RUNS]


def _metrics(found: Collected, run: str) -> list[str]:
    return [metric for name in found.samples for of, metric in [apart(name)] if of == run]


def _of_columns(found: Collected, run: str) -> Collected:
    """The columns of one run, with those that belong to none, in the rows where it has a value."""
    columns: dict[str, str] = {}
    rows = np.zeros(len(found), dtype=np.bool_)
    for name in found.samples:
        of, metric = apart(name)
        if of == run or not of:
            columns[metric] = name
        if of == run and name in found.numbers and not metric.upper().endswith(("__MIN", "__MAX")):
            rows |= ~np.isnan(found.numbers[name])
    return found.part(rows, columns, run)


def _of_rows(found: Collected) -> list[Collected]:
    naming = [(role.rank, name) for name in found.words if (role := role_of(name)) and role.kind == "run"]
    identities = [name for _, name in sorted(naming) if len(np.unique(found.words[name])) > 1]
    if not identities:
        return [found]
    key = min(identities, key=lambda name: ("id" not in name.lower(), identities.index(name)))
    labels, keys = found.words[identities[0]], found.words[key]
    if len(np.unique(keys)) > len(found) // 2 and len(found) > 3:  # a name a row names no run
        return [found]
    parts: list[Collected] = []
    for identity in dict.fromkeys(keys.tolist()):
        rows: NDArray[np.bool_] = keys == identity
        label = str(labels[rows][0]) or identity
        twice = len(np.unique(keys[labels == label])) > 1
        parts.append(found.part(rows, name=f"{label} ({identity})" if twice and label != identity else label))
    return parts
