"""The constants of the catalog's data sets, from the published runs on each, and how far they carry to other runs.

python -m benchmarks.fidelity.finetuning.sets [--write]
"""

import csv
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.fidelity import PUBLISHED, ROOT, folder
from benchmarks.fidelity.finetuning.bases import base
from benchmarks.fidelity.finetuning.fit import Fit, Floats, Point, learnt_points, points
from benchmarks.fidelity.finetuning.runs import CALLED, blind, kinds, stripped
from vapor_core import catalog
from vapor_core.contracts.entries import Dataset
from vapor_core.errors import NotInCatalog
from vapor_core.physics.loss import texts

SETS = ROOT / "vapor_core" / "data" / "datasets.json"
OWN_PULL = 0.2  # weight, in runs, of a data set's own constants being those of its kind
TEXTS = {  # named texts of base_losses.csv that the catalog has without a law of its own
    "wikitext-2": ("Salesforce/wikitext-2-raw-v1", "Salesforce/wikitext"),
    "PTB": ("ptb-text-only/ptb_text_only",),
    "PG-19 first test book, first 1024 tokens": ("deepmind/pg19",),
    "PG-19 first test book, first 2000 tokens": ("deepmind/pg19",),
    "The Pile": ("EleutherAI/pile",),
}
SAME_TEXT = {
    "Salesforce/wikitext": "Salesforce/wikitext-2-raw-v1"
}  # entries that share what was measured on one
TOKENS = "perplexity per token"  # unit of the rows that can be compared
MOST_SOURCES = 3  # that an entry names


def base_losses() -> list[dict[str, str]]:
    """Rows of base_losses.csv, from the folder of all tables or the repository's own."""
    outside = folder()
    for place in (outside and outside / "finetune", PUBLISHED):
        if place and (place / "base_losses.csv").is_file():
            with (place / "base_losses.csv").open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file))
    return []


def base_levels() -> Iterator[tuple[str, float, str]]:
    """Catalog id, loss of the reference model by one published perplexity, and its source."""
    for row in base_losses():
        model, sets = base(row["base_model"]), TEXTS.get(row["text"])
        if model is None or sets is None or not row["unit"].startswith(TOKENS) or "tuned" in row["notes"]:
            continue
        for name in sets:
            bare = catalog.dataset(name).changed(first_loss=1.0, learnt_loss=1.0)
            yield name, float(row["nats_per_unit"]) / texts.level(model, bare).first, row["source"]


def entry_of(point: Point) -> str | None:
    """The catalog's id of a run's data set, if it has it."""
    name = CALLED.get(point.run.data_set, point.run.data_set)
    try:
        return catalog.dataset(name).id
    except NotInCatalog:
        return None


def by_entry(of: list[Point]) -> dict[str, list[Point]]:
    """The points of each catalog data set."""
    found: dict[str, list[Point]] = {}
    for point in of:
        if name := entry_of(point):
            found.setdefault(name, []).append(point)
    return found


def drawn(off: list[float]) -> float:
    """The median of what a data set's runs lie off its kind, drawn to none where they are few."""
    return float(drawn_one(float(np.median(off)), len(off)))


def drawn_one(off: float, runs: int) -> float:
    """What one of so many runs on a data set lies off its kind, drawn to none."""
    return off * runs / (runs + OWN_PULL)


def blind_level(point: Point, i: int) -> float:
    """The logarithm of the reference model's first (0) or learnt (1) loss on a point's data, by its kind."""
    data = told_blind(point)
    level = float(np.log(texts.reference(data)[i]))
    return level + (
        texts.slow(data) * float(np.log(texts.one_pass(data) / texts.LEARNT_TOKENS)) if i else 0.0
    )


def others_left(of: list[Point], fit: Fit) -> Floats:
    """Ln measured - ln predicted of runs on catalog data sets, each by the other runs on its data set."""
    errors = []
    for group in by_entry(of).values():
        off = [fit.off(point) for point in group]
        for i, each in enumerate(off):
            rest = off[:i] + off[i + 1 :]
            if rest:
                errors.append(each - drawn(rest))
    return np.array(errors)


def constants() -> dict[str, dict[str, Any]]:
    """First and learnt loss of each catalog data set that runs were published on, and their sources."""
    found: dict[str, dict[str, Any]] = {}
    for i, (field, group) in enumerate((("first_loss", points(0)), ("learnt_loss", learnt_points()))):
        for name, of in by_entry(group).items():
            told = np.exp(np.median([blind_level(point, i) + drawn_one(point.off, len(of)) for point in of]))
            entry = found.setdefault(name, {"sources": {}})
            entry[field] = round(float(told), 3)
            entry["sources"] |= dict.fromkeys(point.run.source for point in of)
    based: dict[str, list[float]] = {}
    for name, level, source in base_levels():
        based.setdefault(name, []).append(level)
        found.setdefault(name, {"sources": {}})["sources"][source] = None
    for name, levels in based.items():
        found[name]["first_loss"] = round(float(np.median(levels)), 3)
    for name, like in SAME_TEXT.items():
        if name in found and "learnt_loss" in found.get(like, {}):
            found[name]["learnt_loss"] = found[like]["learnt_loss"]
    return found


def told_blind(point: Point) -> Dataset:
    """What is known of a point's data set without its constants."""
    data = point.run.config.dataset
    assert isinstance(data, Dataset)
    known = kinds().get(point.run.data_set)
    return blind(point.run.data_set, known, data.examples) if known else stripped(data)


def write(found: dict[str, dict[str, Any]]) -> None:
    """Put the constants into the catalog."""
    entries = json.loads(SETS.read_text(encoding="utf-8"))
    for entry in entries:
        if entry["id"] not in found or "loss_law" in entry or "loss_offset" in entry:
            continue
        own = found[entry["id"]]
        entry |= {name: own[name] for name in ("first_loss", "learnt_loss") if name in own}
        sources = list(own["sources"])
        more = f" and {len(sources) - MOST_SOURCES} more" if len(sources) > MOST_SOURCES else ""
        entry["loss_source"] = "; ".join(sources[:MOST_SOURCES]) + more
    SETS.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Print the constants; with --write put them into the catalog."""
    found = constants()
    for name, own in found.items():
        print(
            f"{name:50} {own.get('first_loss', '-'):>7} {own.get('learnt_loss', '-'):>7}  {len(own['sources'])}"
        )
    if "--write" in sys.argv:
        write(found)


if __name__ == "__main__":
    main()
