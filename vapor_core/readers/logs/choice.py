"""Which column is the step, the loss, each evaluation set and each rate: by preference, or as a person says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vapor_core.contracts.columns import eval_set_column
from vapor_core.readers.logs.collected import Collected
from vapor_core.readers.logs.naming import QUANTITIES, TRAIN, Role, role_of, words_of
from vapor_core.readers.logs.numbers import Floats
from vapor_core.readers.logs.run_log import Notes, listed

MAPPED = ("step", "loss", "eval_loss", *(name for name in QUANTITIES if name != "step"))
MOST_SETS = 16
COVERED = 0.5  # of the rows of the fullest candidate that a preferred one must have
BESIDE_A_STEPS_TIME = frozenset(
    {"data_time", "eta_seconds"}
)  # where "time" is of one step: Detectron2, MMEngine
ALL_ROWS = 0.95  # the same for steps: rows with a loss and without a step would be lost


@dataclass(slots=True)
class Choice:
    """Vapor's columns of a run: values by row, NaN where missing, and the file's names that they came from."""

    columns: dict[str, Floats] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)  # the file's columns that need not be named as left out
    per_device: str = ""  # the file's name of a rate that is one accelerator's

    def take(self, column: str, source: str, values: Floats) -> None:
        """A column of the file as one of Vapor's."""
        self.columns[column] = values
        self.sources[column] = source
        self.used.add(source)


def choose(found: Collected, mapping: Mapping[str, str], notes: Notes) -> Choice:
    """The columns of one run."""
    roles = {
        name: role
        for name in found.numbers
        if name not in mapping.values() and (role := role_of(name)) and _count(found, name)
    }
    choice = Choice()
    for column, name in mapping.items():
        if column != "step" and name in found.numbers:
            role = role_of(name)
            scale = role.scale if role is not None and role.name == column else 1.0
            choice.take(column, name, found.numbers[name] * scale)
    _losses(found, roles, choice, notes)
    for column in QUANTITIES:
        if column not in ("step", *choice.columns):
            _quantity(found, roles, column, choice)
    for column in (column for column, name in mapping.items() if not name and column in choice.columns):
        del choice.columns[column]
        choice.used.discard(choice.sources.pop(column))
    return choice


def _count(found: Collected, name: str) -> int:
    return int((~np.isnan(found.numbers[name])).sum())


def _losses(found: Collected, roles: Mapping[str, Role], choice: Choice, notes: Notes) -> None:
    if "loss" not in choice.columns:
        best = _best(found, [(role.rank, name) for name, role in roles.items() if role.kind == "loss"])
        if best:
            choice.take("loss", best, found.numbers[best])
    parts = {role.name: name for name, role in roles.items() if role.kind == "part" and role.rank == 0}
    if "loss" not in choice.columns and len(parts) > 1:
        _sum(found, parts, "loss", choice, notes)
        held_out = {
            role.name: name for name, role in roles.items() if role.kind == "eval" and role.name in parts
        }
        if len(held_out) == len(parts) and "eval_loss" not in choice.columns:
            _sum(found, held_out, "eval_loss", choice, notes)
            roles = {name: role for name, role in roles.items() if name not in held_out.values()}
    of_parts = {
        role.name for role in roles.values() if role.kind == "part"
    }  # fairseq's nll_loss is no set of data
    roles = {name: role for name, role in roles.items() if role.kind != "eval" or role.name not in of_parts}
    _eval_sets(found, roles, choice, notes)


def _sum(found: Collected, parts: Mapping[str, str], column: str, choice: Choice, notes: Notes) -> None:
    """A loss that a trainer logs only in parts."""
    values = np.sum([found.numbers[name] for name in parts.values()], axis=0)
    choice.take(column, " + ".join(parts.values()), values)
    choice.used |= set(parts.values())
    word = "loss" if column == "loss" else "eval loss"
    notes.add(f"the {word} is the sum of {listed(list(parts.values()))}, which the file has apart")


def _eval_sets(found: Collected, roles: Mapping[str, Role], choice: Choice, notes: Notes) -> None:
    """Each set once; the plain one, else the first, is `eval_loss`."""
    sets: dict[str, str] = {}
    for name in dict.fromkeys(role.name for role in roles.values() if role.kind == "eval"):
        candidates = [
            (role.rank, raw) for raw, role in roles.items() if role.kind == "eval" and role.name == name
        ]
        if best := _best(found, candidates):
            sets[name] = best
    if "eval_loss" not in choice.columns and sets:
        main = "" if "" in sets else next(iter(sets))
        raw = sets.pop(main)
        choice.take("eval_loss", raw, found.numbers[raw])
        if main and sets:
            notes.add(
                f"the eval loss is that of {raw}, the first of {len(sets) + 1} sets; the others are beside it"
            )
    for name, raw in list(sets.items())[:MOST_SETS]:
        choice.take(eval_set_column(name or raw), raw, found.numbers[raw])
    if len(sets) > MOST_SETS:
        notes.add(f"only the first {MOST_SETS} of {len(sets):,} further evaluation sets are kept")


def _quantity(found: Collected, roles: Mapping[str, Role], column: str, choice: Choice) -> None:
    named = {name: role for name, role in roles.items() if role.kind == "quantity" and role.name == column}
    best = _best(found, [(role.rank, name) for name, role in named.items()])
    if not best:
        return
    values = found.numbers[best] * named[best].scale
    if column == "elapsed_s" and words_of(best) == ("time",) and BESIDE_A_STEPS_TIME & set(found.samples):
        column = "step_time_s"
    choice.take(column, best, values)
    if named[best].per_device:
        choice.per_device = best


def _best(found: Collected, candidates: Sequence[tuple[int, str]]) -> str:
    """The preferred of those that have about as many values as the fullest; "" where there is none."""
    if not candidates:
        return ""
    most = max(_count(found, name) for _, name in candidates)
    return next(name for _, name in sorted(candidates) if _count(found, name) >= COVERED * most)


def steps_of(found: Collected, mapping: Mapping[str, str], scored: Floats) -> str:
    """The file's column that counts the steps, "" where none does.

    Args:
        found: the run's columns by the file's names.
        mapping: what a person has said, Vapor's column -> the file's.
        scored: a loss of each row, train or held out; NaN where it has none.
    """
    if "step" in mapping:
        return mapping["step"]
    rows = ~np.isnan(scored)
    candidates: list[tuple[int, str, int]] = []
    for name, values in found.numbers.items():
        role = role_of(name)
        if role is not None and role.kind == "quantity" and role.name == "step":
            usable = np.isfinite(values) & (values >= 0) & (values == np.floor(values))
            candidates.append((role.rank, name, int((usable & rows).sum())))
    most = max((count for _, _, count in candidates), default=0)
    return next((name for _, name, count in sorted(candidates) if most and count >= ALL_ROWS * most), "")


def is_trained(name: str) -> bool:
    """Whether a split's word means the training data."""
    return bool(set(words_of(name)) & TRAIN)
