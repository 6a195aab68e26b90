"""What a person has chosen on the Train page so far, and what it amounts to. Nothing is drawn here.

Only choices are kept (in `store.choices`, so that they outlive a page change); whatever was not chosen follows
JobConfig's defaults, which depend on the method.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vapor_core import catalog
from vapor_core.advice.estimate import estimate
from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.contracts.training import Calibration, Estimate, JobConfig
from vapor_core.contracts.workspace import Job
from vapor_core.errors import InvalidConfig
from vapor_core.workspace.store import Store

Values = dict[str, object]

DEFAULT_MODEL = "HuggingFaceTB/SmolLM2-360M"
CHOICES = "train"


@dataclass(frozen=True, slots=True)
class Form:
    """The choices as they stand.

    `shown` gives each field a value to show, defaults in place of wrong ones; `config` and `estimate` are None
    while `problems` (field -> sentence, "" for what concerns several) has any. `choices` is where the values are
    kept, and what the widgets' keys begin with.
    """

    values: Values
    shown: JobConfig
    config: JobConfig | None
    estimate: Estimate | None
    problems: Mapping[str, str]
    choices: str = CHOICES


def chosen(store: Store, choices: str = CHOICES) -> Values:
    """The workspace's own dictionary of choices, to read and to change."""
    held = store.choices.get(choices)
    if not isinstance(held, dict):
        held = {}
        store.choices[choices] = held
    return held


def form(
    values: Values,
    calibration: Calibration | None = None,
    start: JobConfig | None = None,
    choices: str = CHOICES,
) -> Form:
    """Validate the choices and estimate what they take; `start` is what holds where nothing was chosen."""
    start = start or JobConfig(model=DEFAULT_MODEL)
    try:
        config = start.changed(**values)
        return Form(values, config, config, estimate(config, calibration), {}, choices)
    except InvalidConfig as refused:
        shown = _without(start, values, refused.problems)
        return Form(values, shown, None, None, refused.problems, choices)


def _without(start: JobConfig, values: Values, problems: Mapping[str, str]) -> JobConfig:
    try:
        return start.changed(**{name: value for name, value in values.items() if name not in problems})
    except InvalidConfig:
        return start


def choose(store: Store, name: str, value: object, choices: str = CHOICES) -> None:
    """Keep one choice; None takes it back."""
    values = chosen(store, choices)
    if value is None:
        values.pop(name, None)
    else:
        values[name] = value


def change(store: Store, changes: Mapping[str, object]) -> None:
    """Apply a cure or a proposal to the form."""
    chosen(store).update(changes)


def start_over(store: Store) -> None:
    """Take every choice back."""
    chosen(store).clear()


def clone(store: Store, job: Job) -> None:
    """The choices that made a job, under a name of its own."""
    config = job.config
    values = chosen(store)
    values.clear()
    values.update({name: getattr(config, name) for name in config.model_fields_set if name != "name"})


def is_curated(entry: CatalogModel | Dataset) -> bool:
    """Whether the shipped catalog has it, so that its id says everything."""
    known = catalog.models() if isinstance(entry, CatalogModel) else catalog.datasets()
    return any(entry == one for one in known)


def choose_entry(store: Store, name: str, entry: CatalogModel | Dataset | None) -> None:
    """Choose a model or data set: by its id where the catalog has it, whole where it is the person's own."""
    choose(store, name, entry.id if entry is not None and is_curated(entry) else entry)
