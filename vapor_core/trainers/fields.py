"""What was made of each field of a trainer's file: understood, of no consequence, or beyond what Vapor models."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from math import inf, isfinite
from typing import TypeVar

from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.errors import InvalidConfig

LONGEST = 80  # letters of a value that are shown
OFF: tuple[object, ...] = (None, False, 0, "", "no", "none", "None", "false", "False", "off", [], {})


@dataclass(frozen=True, slots=True)
class FieldRead:
    """One field of a file, or one that it leaves to its trainer.

    Attributes:
        field: as the file calls it, a dot between levels.
        value: as the file gives it, shortened.
        says: what it became ("learning_rate = 0.0002"), or in a sentence why it became nothing.
    """

    field: str
    value: str
    says: str


Entry = TypeVar("Entry", CatalogModel, Dataset)


def own_entry(known: Iterable[CatalogModel | Dataset], name: str, kind: type[Entry]) -> Entry | None:
    """A model or data by its id, by its name, or by the file that it was counted from; None for none."""
    stem = name.replace("\\", "/").rsplit("/", 1)[-1].split(".", 1)[0].casefold()
    entries: list[Entry] = [entry for entry in known if isinstance(entry, kind)]
    exact: Entry | None = next((entry for entry in entries if name in (entry.id, entry.name)), None)
    return exact or next((entry for entry in entries if entry.id.casefold() == f"own/{stem}"), None)


@dataclass(slots=True)
class Reading:
    """The fields of one file on their way into a configuration; each lands in exactly one of the three tables.

    Attributes:
        fields: what the file says, by path; fields of no value are left out.
        known: models and data besides the catalog's.
        values: JobConfig's fields so far.
        counts: figures that become fields once the number of steps is known: see `settings`.
        model: what the file calls its model, or "".
    """

    fields: dict[str, object]
    known: Iterable[CatalogModel | Dataset] = ()
    values: dict[str, object] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    model: str = ""
    understood: list[FieldRead] = field(default_factory=list)
    ignored: list[FieldRead] = field(default_factory=list)
    not_modelled: list[FieldRead] = field(default_factory=list)
    assumed: list[FieldRead] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    _done: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for name in [name for name, value in self.fields.items() if value is None]:
            self.ignore(name, "left to the trainer")
            del self.fields[name]

    def has(self, name: str) -> bool:
        """Whether the file says it and nothing was made of it yet."""
        return name in self.fields and name not in self._done

    def get(self, name: str) -> object:
        """What the file says, or None."""
        return self.fields.get(name)

    def sets(self, name: str, target: str, value: object, remark: str = "") -> None:
        """A field that becomes one of JobConfig's; `remark`: what is not quite the same."""
        self.values[target] = value
        self.understands(name, f"{target} = {shown(value)}" + (f" ({remark})" if remark else ""))

    def own(self, name: str, kind: type[Entry]) -> Entry | None:
        """Which of those known besides the catalog's a name means."""
        return own_entry(self.known, name, kind)

    def takes(self, name: str, target: str, entry: CatalogModel | Dataset) -> None:
        """A model or data that are known besides the catalog's."""
        self.values[target] = entry
        self.understands(name, f"{target} = {shown(entry.id)} (the workspace's own)")

    def understands(self, name: str, says: str) -> None:
        """A field whose meaning is taken up, whatever it becomes."""
        self._row(self.understood, name, says)

    def ignore(self, name: str, why: str = "changes no figure") -> None:
        """A field that changes no figure of Vapor's."""
        self._row(self.ignored, name, why)

    def cannot(self, name: str, why: str) -> None:
        """A field that matters and cannot be expressed; one that is off changes nothing."""
        if self.get(name) in OFF:
            self.ignore(name, "is off")
        else:
            self._row(self.not_modelled, name, why)

    def assume(self, name: str, target: str, value: object) -> None:
        """What the trainer does where the file says nothing, unless something has set it already."""
        if target not in self.values:
            self.values[target] = value
            self.assumed.append(FieldRead(name, shown(value), f"{target} = {shown(value)}"))

    def tells(self, name: str, value: str, says: str) -> None:
        """What is to be known of what the file leaves to its trainer, where it becomes none of JobConfig's fields."""
        self.assumed.append(FieldRead(name, value, says))

    def _row(self, table: list[FieldRead], name: str, says: str) -> None:
        if name not in self._done:
            table.append(FieldRead(name, shown(self.fields.get(name)), says))
            self._done.add(name)

    def left(self) -> list[str]:
        """Fields of which nothing was made yet."""
        return [name for name in self.fields if name not in self._done]

    def numbers(self, table: Mapping[str, str]) -> None:
        """Fields that are numbers in both: their name -> JobConfig's."""
        for name, target in table.items():
            if self.has(name):
                self.sets(name, target, number(name, self.get(name)))

    def wholes(self, table: Mapping[str, str]) -> None:
        """Fields that are whole numbers in both."""
        for name, target in table.items():
            if self.has(name):
                self.sets(name, target, whole(name, self.get(name)))

    def finish(self, ignored: Iterable[str], prefixes: tuple[str, ...], beyond: Mapping[str, str]) -> None:
        """Files what is left: fields of no consequence, those beyond Vapor, and last those that nobody knows."""
        known = set(ignored)
        for name in self.left():
            first = name.split(".", 1)[0]
            why = beyond.get(name) or beyond.get(first)
            if why is not None:
                self.cannot(name, why)
            elif name in known or first in known or name.startswith(prefixes):
                self.ignore(name)
            else:
                self.cannot(name, "Vapor does not know this field")


@cache
def no_figure(*owners: str) -> frozenset[str]:
    """Names of fields that change no figure, of some owners of data/trainer_fields.json."""
    place = files("vapor_core.data").joinpath("trainer_fields.json")
    known: dict[str, list[str]] = json.loads(place.read_text(encoding="utf-8"))
    return frozenset(name for owner in owners for name in known[owner])


def shown(value: object) -> str:
    """A value for a table: one line, short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        text = ", ".join(shown(each) for each in value[:12])
    else:
        text = str(value)[: 4 * LONGEST]
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def number(name: str, value: object) -> float:
    """A number, which YAML and command lines give as text too (2e-5 has no dot).

    Raises:
        InvalidConfig: where it is none.
    """
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            found = inf
        if isfinite(found):
            return found
    raise InvalidConfig({name: f"{name[:60]} should be a number, not {shown(value)!r}"})


def whole(name: str, value: object) -> int:
    """A whole number, where 3.0 is one too.

    Raises:
        InvalidConfig: where it is none.
    """
    found = number(name, value)
    if found != found // 1 or abs(found) >= 2**63:
        raise InvalidConfig({name: f"{name[:60]} should be a whole number, not {shown(value)!r}"})
    return value if isinstance(value, int) else int(found)


def truth(value: object) -> bool:
    """Whether a flag is set, as YAML, command lines and people write it."""
    return (
        value.strip().lower() in ("true", "yes", "1", "on", "auto") if isinstance(value, str) else bool(value)
    )
