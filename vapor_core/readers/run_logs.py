"""What a real run wrote, read into the columns that Vapor's charts know.

Hugging Face `trainer_state.json`, JSON lines (LLaMA-Factory's `trainer_log.jsonl` among them), CSV exports of W&B
and MLflow, plain CSV, and TensorBoard event files. Files come from outside: sizes are bounded, nothing is
evaluated, and a bad row is named. Counting a person's training text is `datasets`' work.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vapor_core.errors import InvalidUpload
from vapor_core.readers.decoding import shown_name, text_of
from vapor_core.readers.tensorboard import is_event_file, scalars

if TYPE_CHECKING:
    import pandas as pd

LARGEST_BYTES = 100_000_000
MOST_ROWS = 2_000_000
MOST_WARNINGS = 20

# The column's own name first, then other tools' words for it, after lowering and dropping a run's name and prefix.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "step": (
        "step",
        "global_step",
        "current_steps",
        "_step",
        "steps",
        "iteration",
        "iter",
        "trainer/global_step",
    ),
    "loss": ("loss", "train_loss", "train/loss", "training_loss", "train loss", "loss/train"),
    "eval_loss": (
        *("eval_loss", "eval/loss", "val_loss", "valid_loss", "validation_loss", "val/loss"),
        *("val loss", "loss/val", "test_loss", "valid/loss", "validation/loss", "loss/eval"),
    ),
    "learning_rate": ("learning_rate", "lr", "train/learning_rate", "train/lr", "optim/lr"),
    "grad_norm": ("grad_norm", "train/grad_norm", "gradient_norm", "total_norm", "train/grad norm"),
    "epoch": ("epoch", "train/epoch", "epochs"),
    "tokens": (
        "tokens",
        "num_tokens",
        "num_input_tokens_seen",
        "train/num_input_tokens_seen",
        "total_tokens",
    ),
    "tokens_per_second": (
        *("tokens_per_second", "train_tokens_per_second", "throughput", "tokens/s", "tok/s", "tps"),
        *("train/tokens_per_second", "tokens_per_sec", "throughput/device/tokens_per_sec"),
    ),
    "elapsed_s": ("elapsed_s", "_runtime", "elapsed", "relative time (process)", "time"),
    "step_time_s": ("step_time_s", "step_time", "train/step_time", "iter_time"),
    "memory_gb": ("memory_gb", "gpu_memory_gb", "peak_memory_gb"),
}
_COLUMN = {word: column for column, words in SYNONYMS.items() for word in words}


@dataclass(frozen=True, eq=False, slots=True)
class RunLog:
    """A real run's series.

    `frame` has `step` (ascending, whole numbers, each once) and whichever other columns of SYNONYMS the file held;
    missing values are NaN. `warnings` name rows that were left out.
    """

    name: str
    frame: pd.DataFrame
    warnings: tuple[str, ...]


def read_log(name: str, content: bytes) -> RunLog:
    """Read a log by what it holds, whatever it is called.

    Raises:
        InvalidUpload: one sentence that says what is wrong, in which line where there is one, and what would work.
    """
    if len(content) > LARGEST_BYTES:
        raise InvalidUpload(
            f"{shown_name(name)} has {len(content) / 1e6:,.0f} MB; a log may have {LARGEST_BYTES / 1e6:.0f} MB"
        )
    notes = _Notes()
    if is_event_file(content):
        rows: Iterable[Mapping[str, object]] = _by_step(scalars(content))
    else:
        rows = _text_rows(name, content, notes)
    frame = _frame(rows, notes)
    if "step" not in frame or not len(frame):
        raise InvalidUpload(
            f"{shown_name(name)} has no steps; a log needs a column named step, global_step or _step"
        )
    if len(frame.columns) < 2:
        raise InvalidUpload(
            f"{shown_name(name)} has steps but no loss; name the column loss, train/loss or eval_loss"
        )
    return RunLog(name=shown_name(name), frame=frame, warnings=notes.sentences())


class _Notes:
    """Warnings, the first few in words and the rest as a count."""

    def __init__(self) -> None:
        self.first: list[str] = []
        self.count = 0

    def add(self, sentence: str) -> None:
        self.count += 1
        if len(self.first) < MOST_WARNINGS:
            self.first.append(sentence)

    def sentences(self) -> tuple[str, ...]:
        more = self.count - len(self.first)
        return (*self.first, *((f"and {more:,} more rows left out",) if more else ()))


def _text_rows(name: str, content: bytes, notes: _Notes) -> Iterator[Mapping[str, object]]:
    text = text_of(content, shown_name(name))
    if text.lstrip().startswith(("{", "[")):
        return _json_rows(name, text, notes)
    return _csv_rows(name, text, notes)


def _json_rows(name: str, text: str, notes: _Notes) -> Iterator[Mapping[str, object]]:
    lines = text.splitlines()
    first = _parsed(next(line for line in lines if line.strip()))
    if isinstance(first, dict) and "log_history" not in first:
        return _json_lines(lines, notes)
    whole = _parsed(text)
    if isinstance(whole, dict):
        whole = whole.get("log_history", [whole])
    if not isinstance(whole, list):
        raise InvalidUpload(
            f"{shown_name(name)} is torn or no JSON; give trainer_state.json or one JSON object a line"
        )
    return (row for row in whole if isinstance(row, dict))


def _json_lines(lines: list[str], notes: _Notes) -> Iterator[Mapping[str, object]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            row = _parsed(line)
            if isinstance(row, dict):
                yield row
            else:
                notes.add(f"line {number:,} is not a JSON object")


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _csv_rows(name: str, text: str, notes: _Notes) -> Iterator[Mapping[str, object]]:
    head = next((line for line in text[:4096].splitlines() if line.strip()), "")
    rows = _table(text, max(",\t;", key=head.count), notes)
    _, header = next(rows, (1, []))
    header = [cell.strip() for cell in header]
    if {"key", "value", "step"} <= {cell.lower() for cell in header}:
        return _by_step(_mlflow(header, rows, notes))
    if not any(_column(cell) == "step" for cell in header):
        columns = ", ".join(shown_name(cell) for cell in header[:8])
        raise InvalidUpload(f"{shown_name(name)} has no step column; its columns are {columns}", 1)
    return _rows(header, rows, notes)


Line = tuple[int, list[str]]  # where it ends, counted from 1, and its cells


def _table(text: str, delimiter: str, notes: _Notes) -> Iterator[Line]:
    """The lines of a table that are not blank, as far as it can be read."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        notes.add(f"reading stopped: {error}")


def _rows(header: list[str], rows: Iterable[Line], notes: _Notes) -> Iterator[Mapping[str, object]]:
    for number, cells in rows:
        if len(cells) == len(header):
            yield dict(zip(header, cells, strict=True))
        else:
            notes.add(f"line {number:,} has {len(cells)} fields, the header has {len(header)}")


def _mlflow(header: list[str], rows: Iterable[Line], notes: _Notes) -> Iterator[tuple[str, int, float]]:
    names = [cell.lower() for cell in header]
    key, value, step = (names.index(column) for column in ("key", "value", "step"))
    for number, cells in rows:
        at = _number(cells[step]) if len(cells) == len(header) else None
        if at is None:
            notes.add(f"line {number:,} is no metric")
        else:
            read = _number(cells[value])
            yield cells[key], int(at), math.nan if read is None else read


def _by_step(points: Iterable[tuple[str, int, float]]) -> Iterator[Mapping[str, object]]:
    """(tag, step, value) points gathered into one row a step; the last value of a tag wins.

    A tag called "step" comes from outside too: the point's own step counts.
    """
    rows: dict[int, dict[str, object]] = {}
    for tag, step, value in points:
        if len(rows) >= MOST_ROWS:
            break
        row = rows.setdefault(step, {"step": step})
        if tag != "step":
            row[tag] = value
    return iter(rows.values())


def _frame(rows: Iterable[Mapping[str, object]], notes: _Notes) -> pd.DataFrame:
    columns: dict[str, list[float]] = {}
    known: dict[str, str | None] = {}
    taken = 0
    for index, row in enumerate(rows):
        values: dict[str, float] = {}
        for raw, cell in row.items():
            if raw not in known:
                known[raw] = _column(raw)
            column = known[raw]
            if column is not None and column not in values and (value := _number(cell)) is not None:
                values[column] = value
        step = values.get("step")
        if step is None or not 0 <= step < 2**53 or step != int(step):
            if values:
                notes.add(f"row {index + 1:,} has no usable step")
            continue
        if taken >= MOST_ROWS:
            notes.add(f"only the first {MOST_ROWS:,} rows were read")
            break
        for column in values.keys() - columns.keys():
            columns[column] = [math.nan] * taken
        for column, series in columns.items():
            series.append(values.get(column, math.nan))
        taken += 1
    import pandas as pd  # noqa: PLC0415 - it takes longer to load than the whole core

    frame = pd.DataFrame({column: columns[column] for column in SYNONYMS if column in columns})
    return _merged(frame) if "step" in frame else frame


def _merged(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a step, ascending; where a step repeats (after a resume), its last value of each column wins."""
    merged = frame.groupby("step", sort=True).last().reset_index()
    merged["step"] = merged["step"].astype(np.int64)
    useful = [column for column in merged if column == "step" or merged[column].notna().any()]
    return merged[useful]


def _column(raw: str) -> str | None:
    """The canonical name of a column, or None where it is none that Vapor draws."""
    name = raw.strip().lower()
    if name.endswith(("__min", "__max")):  # W&B exports three columns a metric
        return None
    for candidate in (name, name.rsplit(" - ", 1)[-1], re.sub(r"^(train|eval|metrics)[/_.]", "", name)):
        if candidate in _COLUMN:
            found = _COLUMN[candidate]
            held_out = name.rsplit(" - ", 1)[-1].startswith(("eval", "val", "test"))
            return "eval_loss" if found == "loss" and held_out else found
    return None


def _number(cell: object) -> float | None:
    if isinstance(cell, bool) or cell is None:
        return None
    try:
        value = float(cell) if isinstance(cell, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None
