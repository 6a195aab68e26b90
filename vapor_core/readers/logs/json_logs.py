"""Logs in JSON: a Trainer's state, one object a line, an array, columns of lists, tables of W&B, points of MLflow."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeGuard

from vapor_core.errors import InvalidUpload
from vapor_core.readers.logs import numbers
from vapor_core.readers.logs.collected import BLOCK, Collected, Collector
from vapor_core.readers.logs.naming import HELD_OUT, TRAIN, role_of
from vapor_core.readers.logs.points import LongColumns, Points, laid_out, long_columns, placed
from vapor_core.readers.logs.run_log import Notes

Progress = Callable[[float], None]
Row = dict[str, object]

FIRST, LOOKED_AT = 5, 200_000  # lines, and characters in which they are sought
DEEPEST = 3  # levels of objects in a row that are looked into
TORN = "is torn or no JSON; give trainer_state.json or one JSON object a line"
MESSAGES = ("message", "msg", "log", "text", "textPayload", "line")  # of a service's log, what was printed
_LISTS = frozenset(
    {"log_history", "history", "logs", "metrics", "data", "rows", "records", "values", "results"}
)


def is_json_lines(text: str) -> bool:
    """Whether there are several lines, and one of the first that are not blank is a whole JSON object."""
    lines = [line for line in text[:LOOKED_AT].split("\n") if line.strip()][:FIRST]
    rows = [parsed(line) for line in lines] if len(lines) > 1 else []
    return any(isinstance(row, dict) and row and "log_history" not in row for row in rows)


def looks_like_json(text: str) -> bool:
    """Whether a text begins as JSON does and as no printed line does."""
    return re.match(r"\s*(?:\{\s*[\"}]|\[\s*[{\[\]\"])", text) is not None


def read_lines(text: str, wanted: Sequence[str], notes: Notes, progress: Progress) -> list[Collected]:
    """One object a line. U+2028 inside a string ends no line."""
    first = next((row for line in text[:LOOKED_AT].split("\n") if isinstance(row := parsed(line), dict)), {})
    if (columns := long_columns(list(first))) and not set(wanted) & set(first):
        every = [row for line in text.split("\n") if isinstance(row := parsed(line), dict)]
        return _points(every, columns, "", notes)
    collector = Collector(wanted)
    lines = enumerate(text.split("\n"), start=1)
    done = 0
    while block := list(islice(lines, BLOCK)):
        rows: list[Row] = []
        places: list[int] = []
        for number, line in block:
            done += len(line) + 1
            if stripped := line.strip():
                row = parsed(stripped)
                if isinstance(row, dict):
                    rows.append(row)
                    places.append(number)
                else:
                    notes.add(f"line {number:,} is not a JSON object")
        _take(collector, rows, places)
        progress(min(done / len(text), 1.0))
    return [collector.collected()]


def read_rows(rows: Iterable[Row], wanted: Sequence[str], notes: Notes) -> list[Collected]:
    """Rows by their columns' names, one after the other."""
    rows = iter(rows)
    first = list(islice(rows, BLOCK))
    if first and (columns := long_columns(list(first[0]))) and not set(wanted) & set(first[0]):
        return _points([*first, *rows], columns, "", notes)
    collector = Collector(wanted, place="row")
    while first:
        _take(collector, first, range(collector.rows + 1, collector.rows + 1 + len(first)))
        first = list(islice(rows, BLOCK))
    return [collector.collected()]


def messages(text: str) -> str | None:
    """What a program printed, out of a log of one object a line that carries it; None where the objects carry none."""
    rows = [row for line in text.split("\n") if isinstance(row := parsed(line), dict)]
    if any(
        (role := role_of(str(name))) and role.kind in ("loss", "eval", "part")
        for row in rows[:50]
        for name in row
    ):
        return None
    key = next((key for key in MESSAGES if rows and isinstance(rows[0].get(key), str)), None)
    return None if key is None else "\n".join(str(row.get(key, "")).rstrip("\n") for row in rows)


def read_whole(text: str, shown: str, wanted: Sequence[str], notes: Notes) -> list[Collected]:
    """Any other JSON.

    Raises:
        InvalidUpload: where it is torn.
    """
    value = parsed(text)
    if value is None:
        raise InvalidUpload(f"{shown} {TORN}")
    found = list(_runs(value, "", wanted, notes))
    if not any(len(each) for each in found):
        raise InvalidUpload(
            f"{shown} has no rows of names and numbers; give trainer_state.json or one JSON object a line"
        )
    return found


def parsed(text: str) -> object:
    """JSON's value, None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _runs(
    value: object, name: str, wanted: Sequence[str], notes: Notes, depth: int = 0
) -> Iterator[Collected]:
    if isinstance(value, list):
        yield from _of_list(value, name, wanted, notes)
    elif isinstance(value, dict) and depth < DEEPEST:
        yield from _of_object(value, name, wanted, notes, depth)


def _of_list(value: list[object], name: str, wanted: Sequence[str], notes: Notes) -> Iterator[Collected]:
    rows = [row for row in value if isinstance(row, dict)]
    triples = [row for row in value if isinstance(row, list) and len(row) == 3]
    if rows and (columns := long_columns([str(key) for key in rows[0]])):
        yield from _points(rows, columns, name, notes)
    elif rows:
        if len(rows) < len(value):
            notes.add(f"{len(value) - len(rows):,} entries are no objects", len(value) - len(rows))
        yield _rows(rows, name, wanted)
    elif triples and len(triples) == len(value):  # TensorBoard's download: time, step, value
        yield _rows([{"wall_time": row[0], "step": row[1], "Value": row[2]} for row in triples], name, wanted)


def _of_object(value: Row, name: str, wanted: Sequence[str], notes: Notes, depth: int) -> Iterator[Collected]:
    names, data = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(data, list):  # a table of W&B, pandas' "split"
        header = [str(each) for each in names]
        rows = [dict(zip(header, row, strict=False)) for row in data if isinstance(row, list)]
        yield _rows(rows, name, wanted)
        return
    history = value.get("log_history")
    if "log_history" in value and not isinstance(history, list):
        return
    if isinstance(history, list):
        for found in _of_list(history, name, wanted, notes):
            yield _with_state(found, value)
        return
    if pairs := _pairs(value):
        yield from laid_out({name: pairs}, notes, name)
        return
    columns = {
        key: each for key, each in value.items() if isinstance(each, list) and each and not _objects(each)
    }
    if len(columns) > 1 or (columns and not any(isinstance(each, dict | list) for each in value.values())):
        longest = max(len(each) for each in columns.values())
        yield _rows(
            [{key: each[at] for key, each in columns.items() if at < len(each)} for at in range(longest)],
            name,
            wanted,
        )
        return
    yield from _nested(value, name, wanted, notes, depth)


def _nested(value: Row, name: str, wanted: Sequence[str], notes: Notes, depth: int) -> Iterator[Collected]:
    lists = {key: objects for key, each in value.items() if (objects := _objects(each))}
    if lists and all(set(_words(key)) & (HELD_OUT | TRAIN) for key in lists) and len(lists) > 1:
        rows = [
            {(field if field in _POSITIONS else f"{key}/{field}"): cell for field, cell in row.items()}
            for key, each in lists.items()
            for row in each
        ]
        yield _rows(rows, name, wanted)
    elif len(lists) == 1 or (lists and _LISTS & lists.keys()):
        key = next((key for key in lists if key in _LISTS), next(iter(lists)))
        yield from _of_list(list(lists[key]), name, wanted, notes)
    elif lists:
        for key, each in lists.items():
            yield from _of_list(list(each), key, wanted, notes)
    elif _is_column_of_numbers(value):  # pandas' "columns": name -> row -> value
        tables = {key: each for key, each in value.items() if isinstance(each, dict)}
        keys = list(dict.fromkeys(chain.from_iterable(tables.values())))
        yield _rows([{key: each.get(at) for key, each in tables.items()} for at in keys], name, wanted)
    else:
        inner = {key: each for key, each in value.items() if isinstance(each, dict)}
        found = {
            key: [run for run in _runs(each, name, wanted, notes, depth + 1) if len(run) > 1]
            for key, each in inner.items()
        }
        several = sum(map(len, found.values())) > 1
        for key, runs in found.items():
            for run in runs:
                run.name = run.name or (key if several else "")
                yield run
        if not any(found.values()):
            yield _rows([value], name, wanted)


_POSITIONS = frozenset({"step", "global_step", "epoch", "_step", "iteration", "iter"})


def _words(key: str) -> list[str]:
    return key.lower().replace("-", "_").replace("/", "_").split("_")


def _objects(value: object) -> list[Row]:
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value[:100]):
        return [each for each in value if isinstance(each, dict)]
    return []


def _is_column_of_numbers(value: Row) -> bool:
    tables = [each for each in value.values() if isinstance(each, dict)]
    return len(tables) > 1 and all(
        each and all(key.isdigit() and not isinstance(cell, dict | list) for key, cell in each.items())
        for each in tables
    )


def _with_state(found: Collected, state: Row) -> Collected:
    """What a Trainer's state says besides its history."""
    for field in ("max_steps", "global_step"):
        steps = state.get(field)
        if isinstance(steps, int) and not isinstance(steps, bool) and 0 < steps < 2**53:
            if field == "max_steps":
                found.planned_steps = steps
            else:
                found.steps_done = steps
    return found


def _points(rows: list[Row], columns: LongColumns, name: str, notes: Notes) -> list[Collected]:
    runs: dict[str, Points] = {}
    for index, row in enumerate(rows):
        step, value = numbers.number(row.get(columns.step)), numbers.number(row.get(columns.value))
        key = row.get(columns.key)
        if not isinstance(key, str) or not key or math.isnan(step) or math.isnan(value):
            notes.add(f"row {index + 1:,} is no metric")
            continue
        run, context = (str(row.get(each) or "") if each else "" for each in (columns.run, columns.context))
        run, key = placed(run, key, context)
        runs.setdefault(run, Points()).add(key, step, value, numbers.number(row.get(columns.clock)))
    return laid_out(runs, notes, name)


def _pairs(value: Row) -> Points | None:
    """Lists of [step, value] by the metric's name, or x and y of each line of a chart by its title; None else."""
    points = Points()
    for title, lines in value.items():
        named = lines if isinstance(lines, dict) else {"": lines}
        if not named:
            return None
        for name, line in named.items():
            pairs = list(zip(line["x"], line["y"], strict=False)) if _has_axes(line) else line
            if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
                return None
            for step, measured in pairs:
                points.add(f"{title}/{name}".rstrip("/"), numbers.number(step), numbers.number(measured))
    return points if points.steps else None


def _has_axes(line: object) -> TypeGuard[dict[str, list[object]]]:
    return isinstance(line, dict) and isinstance(line.get("x"), list) and isinstance(line.get("y"), list)


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and all(map(numbers.is_number, pair))


def _rows(rows: list[Row], name: str, wanted: Sequence[str]) -> Collected:
    collector = Collector(wanted, place="row")
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        _take(collector, block, range(start + 1, start + 1 + len(block)))
    found = collector.collected()
    found.name = name
    return found


def _take(collector: Collector, rows: list[Row], places: Sequence[int]) -> None:
    if not rows:
        return
    names = dict.fromkeys(chain.from_iterable(rows))
    if any(isinstance(cell, dict) for row in rows[:50] for cell in row.values()):
        rows = [_flat(row) for row in rows]
        names = dict.fromkeys(chain.from_iterable(rows))
    if any("/" in name and isinstance(rows[0].get(name), str) for name in names):
        rows = [told_apart(row) for row in rows]
        names = dict.fromkeys(chain.from_iterable(rows))
    collector.add(names, lambda name: [row.get(name) for row in rows], places)


def told_apart(row: Row) -> Row:
    """A row in which a cell that is two numbers under two names, {"global_step/max_steps": "1/100"}, is two cells."""
    found: Row = {}
    for name, cell in row.items():
        names, cells = name.split("/"), cell.split("/") if isinstance(cell, str) and "/" in name else []
        if len(cells) == len(names) == 2 and all(numbers.is_number(each) for each in cells):
            found |= zip(names, cells, strict=True)
        else:
            found.setdefault(name, cell)
    return found


def _flat(row: Row, prefix: str = "", depth: int = 0) -> Row:
    """A row whose objects are laid open: {"train": {"loss": 2}} has the column train/loss."""
    found: Row = {}
    for key, cell in row.items():
        if isinstance(cell, dict) and depth < DEEPEST:
            found |= _flat(cell, f"{prefix}{key}/", depth + 1)
        else:
            found.setdefault(prefix + key, cell)
    return found
