"""What can exist: models, datasets and accelerators, each with its source, from JSON shipped in the package.

`hub` finds what the Hub knows beyond this; `store` keeps what a workspace has trained and deployed.
"""

import json
from collections.abc import Iterable
from datetime import date
from difflib import SequenceMatcher
from functools import cache, lru_cache
from importlib.resources import files
from statistics import median
from typing import TypeVar

from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset, Quote
from vapor_core.errors import NotInCatalog

# What a data set of one's own takes from its namesake
NAMED = (
    "kind",
    "language",
    "first_loss",
    "learnt_loss",
    "pairs_loss",
    "loss_law",
    "loss_offset",
    "loss_parameters",
)

T = TypeVar("T", CatalogModel, Dataset, Accelerator)
FRESH_DAYS = 90  # a price that was read longer ago is marked as old
RENTED = ("NVIDIA", "AMD")  # makers of cards that clouds rent by the hour and that every trainer runs on


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


@cache
def _quotes() -> dict[str, tuple[Quote, ...]]:
    text = files("vapor_core.data").joinpath("prices.json").read_text(encoding="utf-8")
    return {card: tuple(Quote(**quote) for quote in quotes) for card, quotes in json.loads(text).items()}


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _nearest(key: str, ids: Iterable[str]) -> str:
    """The id most like `key`: by its last part or as a whole, whatever the case and punctuation.

    One that holds what was asked ("l4" in nvidia-l4) is more like it than one with the same letters here and there.
    """
    asked = _letters(key[:200])

    def likeness(entry: str) -> tuple[bool, float]:
        names = (_letters(entry), _letters(entry.rsplit("/", 1)[-1]))
        ratio = max(SequenceMatcher(None, asked, name, autojunk=False).ratio() for name in names)
        return bool(asked) and asked in names[0], ratio

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


@cache
def models() -> tuple[CatalogModel, ...]:
    """All models, smallest first."""
    return tuple(sorted(_models().values(), key=lambda entry: entry.parameters))


def datasets() -> tuple[Dataset, ...]:
    """All datasets, in the file's order: fine-tuning sets, then pretraining corpora."""
    return tuple(_datasets().values())


def accelerators() -> tuple[Accelerator, ...]:
    """All accelerators, in the file's order: NVIDIA's for data centres, workstations and homes, then other makers'."""
    return tuple(_accelerators().values())


@cache
def rented_cards() -> tuple[Accelerator, ...]:
    """Cards that can be proposed to somebody who has none: rented by the hour at a known price."""
    return tuple(card for card in accelerators() if card.vendor in RENTED and card.price_per_hour > 0)


def quotes(card: Accelerator) -> tuple[Quote, ...]:
    """What providers ask for a card of the catalog, newest first, undated last; none for a card of one's own."""
    known = _accelerators().get(card.id)
    found = _quotes().get(card.id, ()) if known == card else ()
    return tuple(sorted(found, key=lambda quote: quote.date, reverse=True))


def median_price(offers: Iterable[Quote]) -> float | None:
    """Median over providers, each by the median of its own offers, in dollars an hour; None without any."""
    by_provider: dict[str, list[float]] = {}
    for offer in offers:
        by_provider.setdefault(offer.provider, []).append(offer.usd_per_hour)
    return median([median(prices) for prices in by_provider.values()]) if by_provider else None


def is_old(read_on: str, today: date) -> bool:
    """Whether a price that was read on an ISO day (or in a month, or nobody knows when) is old by now."""
    if not read_on:
        return True
    day = date.fromisoformat(read_on if len(read_on) > len("2026-01") else f"{read_on}-01")
    return (today - day).days > FRESH_DAYS


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
    """A dataset of one's own with kind and losses of its namesake, where it says nothing of them itself."""
    read = entry.kind == "own" or entry.entropy is not None  # a file's kind is a guess
    speaks = (entry.loss_law, entry.loss_offset, entry.first_loss, entry.learnt_loss)
    if not read or any(each is not None for each in speaks):
        return entry
    like = namesake(entry)
    return entry if like is None else entry.changed(**{name: getattr(like, name) for name in NAMED})


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
        text: words that must all occur in id, name, family, licence or kind ("base", "instruct", "mixture"), whatever
            the case.
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
    tuned = {True: "instruct", False: "base", None: ""}[entry.instruction_tuned]
    mixture = "mixture" if entry.active_parameters else ""
    return (
        f"{entry.id} {entry.display_name} {entry.family} {entry.licence or ''} {tuned} {mixture}".casefold()
    )
