"""Rows to train on: of a file, of the Hub, or of the Python standard library's sources, which are always there."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset

KINDS = {".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}
ASKED = ("instruction", "question", "query", "problem", "prompt", "input", "inputs", "context")
ANSWERS = ("output", "answer", "response", "completion", "solution", "target", "chosen")
# Columns of an example, by the method; a prompt may stand within the answers
PREFERENCES = {"dpo": ("chosen", "rejected"), "kto": ("prompt", "completion", "label")}
ROLES = {"human": "user", "gpt": "assistant"}
HELD_OUT = 0.02  # of the rows, for evaluation
FEWEST_HELD_OUT = 2
PIECE = 4_000  # letters of a row of the standard library
Row = Mapping[str, Any]


def rows(data: Mapping[str, Any], most: int | None) -> Dataset:
    """All rows of what a spec's `data` names; `most` bounds how many are read.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: where there is nothing to read; says what.
    """
    source, name = data["source"], str(data["name"])
    if source == "standard_library":
        return standard_library(most)
    if source == "file" and name.endswith(".jsonl"):
        # In memory: what a person gave leaves no copy in a cache
        with Path(name).open(encoding="utf-8") as lines:
            found = Dataset.from_list([json.loads(line) for line in lines if line.strip()])
    elif source == "file":
        kind = KINDS.get(Path(name).suffix, "text")
        more: dict[str, Any] = {"sep": "\t"} if name.endswith(".tsv") else {}
        found = load_dataset(kind, data_files=name, split="train", **more)
    else:
        found = load_dataset(
            name, data.get("subset"), split=data.get("split") or "train", trust_remote_code=False
        )
    return found if most is None else found.select(range(min(most, len(found))))


def standard_library(most: int | None) -> Dataset:
    """The Python standard library's sources, in pieces, by path."""
    pieces: list[str] = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        pieces += [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
        if most is not None and len(pieces) >= most:
            break
    return Dataset.from_dict({"text": pieces[:most]})


def parts(found: Dataset, example: Callable[[Row], dict[str, Any]], seed: int) -> tuple[Dataset, Dataset]:
    """Examples to train on, and those that are held out."""
    made = found.map(example, remove_columns=found.column_names)
    held_out = max(round(HELD_OUT * len(made)), min(FEWEST_HELD_OUT, len(made) - 1))
    split = made.train_test_split(test_size=held_out, seed=seed)
    return split["train"], split["test"]


def as_text(row: Row) -> dict[str, Any]:
    """An example of running text, whichever of the usual columns it has."""
    turns = row.get("messages") or row.get("conversations")
    if turns:
        return {"text": "\n".join(str(turn.get("content") or turn.get("value") or "") for turn in turns)}
    if isinstance(row.get("text"), str):
        return {"text": row["text"]}
    return {"text": "\n".join(value for value in row.values() if isinstance(value, str) and value)}


def as_answer(has_template: bool) -> Callable[[Row], dict[str, Any]]:
    """What makes of a row a chat, a prompt with its answer (whose tokens alone are trained on), or a text."""

    def example(row: Row) -> dict[str, Any]:
        turns = row.get("messages") or row.get("conversations") or ()
        said = [
            (turn.get("role") or turn.get("from"), turn.get("content") or turn.get("value") or "")
            for turn in turns
        ]
        if said and has_template:
            return {"messages": [{"role": ROLES.get(who, who), "content": words} for who, words in said]}
        if said:
            return {"text": "\n".join(f"{who}\n{words}" for who, words in said)}
        asked = [name for name in ASKED if row.get(name)]
        answer = next((name for name in ANSWERS if name in row), None)
        if asked and answer:
            prompt = "\n".join(str(row[name]) for name in asked)
            return {"prompt": prompt + "\n", "completion": str(row[answer] or "")}
        return as_text(row)

    return example


def lacking(method: str, columns: Iterable[str]) -> list[str]:
    """Columns that a preference method needs and data do not have."""
    known = set(columns)
    return [name for name in PREFERENCES[method] if name not in known]


def as_preference(row: Row) -> dict[str, Any]:
    """An example of DPO or KTO, as it is."""
    return {
        name: row[name] for name in ("prompt", "chosen", "rejected", "completion", "label") if name in row
    }
