"""What can exist: models, datasets and accelerators, each with its source, from JSON shipped in the package.

`hub` finds what the Hub knows beyond this; `store` keeps what a workspace has trained and deployed.
"""

import json
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import cache, lru_cache
from importlib.resources import files
from typing import TypeVar

from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
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


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _nearest(key: str, ids: Iterable[str]) -> str:
    """The id most like `key`: by its last part or as a whole, whatever the case and punctuation."""
    asked = _letters(key[:200])

    def likeness(entry: str) -> float:
        names = (_letters(entry), _letters(entry.rsplit("/", 1)[-1]))
        return max(SequenceMatcher(None, asked, name, autojunk=False).ratio() for name in names)

    return max(ids, key=likeness)


def _find(entries: dict[str, T], key: str | T, field: str) -> T:
    if not isinstance(key, str):
        return key
    if key in entries:
        return entries[key]
    short = [name for name in entries if name.rsplit("/", 1)[-1] == key]
    if len(short) == 1:
        return entries[short[0]]
    shown = key if len(key) <= 80 else key[:77] + "..."
    nearest = _nearest(key, entries)
    raise NotInCatalog({field: f"no {field} {shown!r}; nearest in the catalog: {nearest!r}"})


def models() -> tuple[CatalogModel, ...]:
    """All models, smallest first."""
    return tuple(sorted(_models().values(), key=lambda entry: entry.parameters))


def datasets() -> tuple[Dataset, ...]:
    """All datasets, in the file's order: fine-tuning sets, then pretraining corpora."""
    return tuple(_datasets().values())


def accelerators() -> tuple[Accelerator, ...]:
    """All accelerators, in the file's order: data-centre cards, consumer cards, others."""
    return tuple(_accelerators().values())


def model(key: str | CatalogModel) -> CatalogModel:
    """The model of an id or of its unambiguous last part ("gpt2"); a CatalogModel is itself.

    Raises:
        NotInCatalog: names the nearest id.
    """
    return _find(_models(), key, "model")


def dataset(key: str | Dataset) -> Dataset:
    """The dataset of an id or of its unambiguous last part; a Dataset is itself.

    Raises:
        NotInCatalog: names the nearest id.
    """
    return _find(_datasets(), key, "dataset")


@lru_cache(maxsize=512)
def namesake(entry: Dataset) -> Dataset | None:
    """The catalog's dataset of the same name, whatever the owner, case and punctuation; None where none is."""
    asked = _letters(entry.id.rsplit("/", 1)[-1])
    return next((one for one in datasets() if asked == _letters(one.id.rsplit("/", 1)[-1])), None)


def described(entry: Dataset) -> Dataset:
    """A dataset of one's own with kind and loss law of its namesake, where it says nothing of them itself."""
    if entry.kind != "own" or entry.loss_law is not None or entry.loss_offset is not None:
        return entry
    like = namesake(entry)
    if like is None:
        return entry
    return entry.changed(
        kind=like.kind,
        loss_law=like.loss_law,
        loss_offset=like.loss_offset,
        loss_parameters=like.loss_parameters,
    )


@lru_cache(maxsize=512)
def twin(entry: CatalogModel) -> CatalogModel | None:
    """The catalog's model of the same architecture (parameters within 1 %); None where none is."""
    return next(
        (
            one
            for one in models()
            if (one.layers, one.hidden_size, one.attention_heads)
            == (entry.layers, entry.hidden_size, entry.attention_heads)
            and abs(one.parameters / entry.parameters - 1) < 0.01
        ),
        None,
    )


def accelerator(key: str | Accelerator) -> Accelerator:
    """The accelerator of an id; an Accelerator is itself.

    Raises:
        NotInCatalog: names the nearest id.
    """
    return _find(_accelerators(), key, "accelerator")


def families() -> tuple[str, ...]:
    """The families of all models, in alphabetical order."""
    return tuple(sorted({entry.family for entry in _models().values()}, key=str.casefold))


def search_models(
    text: str = "",
    *,
    family: str | None = None,
    smallest: float = 0.0,
    largest: float = float("inf"),
    entries: Iterable[CatalogModel] | None = None,
) -> tuple[CatalogModel, ...]:
    """The models that a person is looking for, smallest first.

    Args:
        text: words that must all occur in id, name, family or licence, whatever the case.
        family: one of `families()`; None for all.
        smallest: fewest parameters.
        largest: most parameters.
        entries: where to look; the catalog where None.
    """
    words = text.casefold().split()
    found = (
        entry
        for entry in (_models().values() if entries is None else entries)
        if smallest <= entry.parameters <= largest
        and (family is None or entry.family == family)
        and all(word in _searchable(entry) for word in words)
    )
    return tuple(sorted(found, key=lambda entry: entry.parameters))


def _searchable(entry: CatalogModel) -> str:
    return f"{entry.id} {entry.display_name} {entry.family} {entry.licence or ''}".casefold()
