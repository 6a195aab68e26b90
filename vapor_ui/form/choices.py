"""What a person has chosen on a form so far, kept in `store.choices`, so that it outlives a page change.

Only choices are kept; whatever was not chosen follows JobConfig's defaults, which depend on the method. Nothing is
drawn here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel, Dataset

if TYPE_CHECKING:
    from vapor_core.contracts.training import JobConfig
    from vapor_core.workspace.store import Store

Values = dict[str, object]

TRAIN, CALIBRATE, WHAT_IF = "train", "calibrate", "what_if"  # the forms that there are


def chosen(store: Store, form: str = TRAIN) -> Values:
    """The workspace's own dictionary of a form's choices, to read and to change."""
    held = store.choices.get(form)
    if not isinstance(held, dict):
        held = {}
        store.choices[form] = held
    return held


def choose(store: Store, name: str, value: object, form: str = TRAIN) -> None:
    """Keep one choice; None takes it back."""
    values = chosen(store, form)
    if value is None:
        values.pop(name, None)
    else:
        values[name] = value


def choose_entry(store: Store, name: str, entry: CatalogModel | Dataset | None, form: str = TRAIN) -> None:
    """Choose a model or data set: by its id where the catalog has it, whole where it is the person's own."""
    choose(store, name, entry.id if entry is not None and is_curated(entry) else entry, form)


def change(store: Store, changes: Mapping[str, object]) -> None:
    """Apply a cure or a proposal to the Train form."""
    chosen(store).update(changes)


def fill(store: Store, values: Mapping[str, object], form: str = TRAIN) -> None:
    """Choose these and nothing else."""
    told = dict(values)  # a copy: they may be the dictionary that is cleared next
    held = chosen(store, form)
    held.clear()
    held.update(told)


def start_over(store: Store, form: str = TRAIN) -> None:
    """Take every choice back."""
    chosen(store, form).clear()


def made_by(config: JobConfig, *, without: str = "") -> Values:
    """The choices that make a configuration, but for one field."""
    return {name: getattr(config, name) for name in config.model_fields_set if name != without}


def is_curated(entry: CatalogModel | Dataset) -> bool:
    """Whether the shipped catalog has it, so that its id says everything."""
    known = catalog.models() if isinstance(entry, CatalogModel) else catalog.datasets()
    return any(entry == one for one in known)
