"""What can exist: models, datasets and accelerators, each with its source, from JSON shipped in the package.

`hub` finds what the Hub knows beyond this; `store` keeps what a workspace has trained and deployed.
"""

import json
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import TypeVar

from vapor_core.contracts import Accelerator, CatalogModel, Dataset
from vapor_core.errors import NotInCatalog

T = TypeVar("T", CatalogModel, Dataset, Accelerator)


def _read(file: str, kind: type[T]) -> dict[str, T]:
    entries = json.loads(files("vapor_core.data").joinpath(file).read_text(encoding="utf-8"))
    return {entry["id"]: kind(**entry) for entry in entries}


@cache
def _models() -> dict[str, CatalogModel]:
    return _read("models.json", CatalogModel)


@cache
def _datasets() -> dict[str, Dataset]:
    return _read("datasets.json", Dataset)


@cache
def _accelerators() -> dict[str, Accelerator]:
    return _read("accelerators.json", Accelerator)


def _find(entries: dict[str, T], key: str | T, field: str) -> T:
    if not isinstance(key, str):
        return key
    if key in entries:
        return entries[key]
    lowered = {name.lower(): name for name in entries}
    short = {name.rsplit("/", 1)[-1]: name for name in lowered}
    near = get_close_matches(key.lower(), [*lowered, *short], n=1, cutoff=0.0)
    nearest = lowered[short.get(near[0], near[0])] if near else next(iter(entries))
    shown = key if len(key) <= 80 else key[:77] + "..."
    raise NotInCatalog({field: f"no {field} {shown!r}; nearest in the catalog: {nearest!r}"})


def models() -> tuple[CatalogModel, ...]:
    """All models, smallest first."""
    return tuple(sorted(_models().values(), key=lambda entry: entry.parameters))


def datasets() -> tuple[Dataset, ...]:
    """All datasets, in the file's order."""
    return tuple(_datasets().values())


def accelerators() -> tuple[Accelerator, ...]:
    """All accelerators, in the file's order."""
    return tuple(_accelerators().values())


def model(key: str | CatalogModel) -> CatalogModel:
    """The model of an id; a CatalogModel is itself.

    Raises:
        NotInCatalog: names the nearest id.
    """
    return _find(_models(), key, "model")


def dataset(key: str | Dataset) -> Dataset:
    """The dataset of an id; a Dataset is itself.

    Raises:
        NotInCatalog: names the nearest id.
    """
    return _find(_datasets(), key, "dataset")


def accelerator(key: str | Accelerator) -> Accelerator:
    """The accelerator of an id; an Accelerator is itself.

    Raises:
        NotInCatalog: names the nearest id.
    """
    return _find(_accelerators(), key, "accelerator")
