"""What a real run wrote, read into the columns that Vapor's charts know.

A Trainer's state, JSON lines, tables of W&B, MLflow, Lightning, Keras and others, what trainers print, and TensorBoard
event files. Files come from outside: sizes are bounded, nothing is evaluated, and what is left out is named. `logs` has
a module a shape; counting a person's training text is `datasets`' work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from vapor_core.errors import InvalidUpload, UnknownColumns
from vapor_core.readers import notebooks, parquet
from vapor_core.readers.containers import opened
from vapor_core.readers.decoding import other_kind, shown_name, text_of
from vapor_core.readers.edge import one_sentence
from vapor_core.readers.logs import folders, json_logs, lines, tables
from vapor_core.readers.logs.assembly import assembled
from vapor_core.readers.logs.choice import MAPPED
from vapor_core.readers.logs.collected import Collected
from vapor_core.readers.logs.naming import role_of
from vapor_core.readers.logs.points import Points, laid_out, placed
from vapor_core.readers.logs.run_log import Notes, RunLog, listed
from vapor_core.readers.logs.runs import runs_of
from vapor_core.readers.tensorboard import is_event_file, scalars

__all__ = ["LARGEST_BYTES", "MAPPED", "RunLog", "read_log", "read_logs"]

LARGEST_BYTES = 200_000_000
VALUE = "Value"
# Of a file that TensorBoard's page saved.
_TAG = re.compile(r"(?:run-(?P<run>.+)-)?tag-(?P<tag>.+?)(?:\.csv|\.json)?$", re.IGNORECASE)


@one_sentence(InvalidUpload, "the log")
def read_log(
    name: str,
    content: bytes,
    *,
    mapping: Mapping[str, str] | None = None,
    run: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> RunLog:
    """The one run of a log, read by what it holds, whatever it is called.

    Args:
        name: the file's name, for sentences.
        content: the file.
        mapping: Vapor's column (of MAPPED) -> the file's, where a person has said which is which; "" is none of them.
        run: the name of the run, where the file has several.
        progress: told the fraction that is read, 0 to 1.

    Raises:
        UnknownColumns: no loss is known; has the file's columns, so that a person can choose.
        InvalidUpload: says what is wrong and what would work; also where there are several runs and `run` is none.
    """
    logs = read_logs(name, content, mapping=mapping, progress=progress)
    if run is not None:
        chosen = next((log for log in logs if log.name == run), None)
        if chosen is None:
            raise InvalidUpload(
                f"{shown_name(name)} has no run {run[:60]!r}; its runs are {listed(_names(logs))}"
            )
        return chosen
    if len(logs) > 1:
        raise InvalidUpload(
            f"{shown_name(name)} holds {len(logs)} runs ({listed(_names(logs))}); choose one of them or import all"
        )
    return logs[0]


@one_sentence(InvalidUpload, "the log")
def read_logs(
    name: str,
    content: bytes,
    *,
    mapping: Mapping[str, str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[RunLog, ...]:
    """Every run of a log, one after the other and never mixed; arguments and errors as of `read_log`."""
    shown = shown_name(name)
    if len(content) > LARGEST_BYTES:
        raise InvalidUpload(
            f"{shown} has {len(content) / 1e6:,.0f} MB; a log may have {LARGEST_BYTES / 1e6:.0f} MB"
        )
    mapping = dict(mapping or {})
    wrong = [column for column in mapping if column not in MAPPED]
    if wrong:
        raise InvalidUpload(f"a log has no {wrong[0][:40]!r}; what can be named is {', '.join(MAPPED)}")
    notes = Notes()
    report = progress or (lambda _: None)
    tag = _tag(name)
    wanted = (*filter(None, mapping.values()), *([VALUE] if tag else []))
    found = _with_tag(_collected(name, content, wanted, notes, report), tag)
    logs = _logs(shown, [run for each in found for run in runs_of(each, notes)], mapping, notes)
    report(1.0)
    return logs


def _logs(shown: str, runs: list[Collected], mapping: Mapping[str, str], notes: Notes) -> tuple[RunLog, ...]:
    columns = {name: samples for run in runs for name, samples in run.samples.items()}
    for column, source in mapping.items():
        if source and source not in columns:
            raise UnknownColumns(
                f"{shown} has no column {source[:60]!r} for the {column}; it has {listed(tuple(columns))}",
                columns,
            )
    logs: list[RunLog] = []
    bare: list[str] = []
    for run in runs:
        log = assembled(run, run.name or shown, mapping, notes)
        if log is None:
            bare.append(run.name)
        else:
            logs.append(log)
    if not logs:
        raise _no_loss(shown, runs, columns)
    if bare:
        sentence = f"runs without a loss are left out: {listed(bare)}"
        logs = [_with_warning(log, sentence) for log in logs]
    return tuple(logs)


def _no_loss(shown: str, runs: list[Collected], columns: dict[str, tuple[str, ...]]) -> UnknownColumns:
    numeric = [name for name in columns if any(name in run.numeric for run in runs)]
    if not numeric:
        return UnknownColumns(f"{shown} has no numbers under a name, so no loss and no steps", {})
    if any((role := role_of(name)) and role.kind == "summary" for name in numeric):
        return UnknownColumns(
            f"{shown} only sums a run up; give trainer_state.json, which has its course", {}
        )
    return UnknownColumns(
        f"{shown} has no column that is known as a loss; say which of {listed(numeric)} it is",
        {name: columns[name] for name in numeric},
    )


def _with_warning(log: RunLog, sentence: str) -> RunLog:
    return replace(log, warnings=(*log.warnings, sentence))


def _names(logs: tuple[RunLog, ...]) -> tuple[str, ...]:
    return tuple(log.name for log in logs)


def _collected(
    name: str, content: bytes, wanted: tuple[str, ...], notes: Notes, progress: Callable[[float], None]
) -> list[Collected]:
    """The columns of a file, or of each file that it holds."""
    left_out: list[str] = []
    members = opened(name, content, LARGEST_BYTES, left_out)
    for sentence in left_out:
        notes.add(sentence)
    if len(members) == 1:
        return _of_file(members[0].name, members[0].content, wanted, notes, progress)
    shown = shown_name(name)
    metrics, others = folders.metrics_of([(member.name, member.content) for member in members])
    found = folders.laid_out(metrics, notes)
    for at, (path, inner) in enumerate(others):
        progress(at / len(others))
        found += _of_member(path, inner, wanted, notes)
    if not found:
        raise InvalidUpload(f"none of the {len(members):,} files in {shown} is a log that Vapor reads")
    return found


def _of_member(path: str, content: bytes, wanted: tuple[str, ...], notes: Notes) -> list[Collected]:
    """The runs of a file within an archive, each under the file's name; a note where it holds none."""
    try:
        found = _of_file(path, content, wanted, notes, lambda _: None)
    except InvalidUpload as refused:
        notes.add(f"{shown_name(path)} is left out: {refused}")
        return []
    for each in found:
        each.name = ": ".join(part for part in (shown_name(path), each.name) if part)
    return found


def _of_file(
    name: str, content: bytes, wanted: tuple[str, ...], notes: Notes, progress: Callable[[float], None]
) -> list[Collected]:
    shown = shown_name(name)
    if is_event_file(content):
        return _events(content, notes)
    if content.startswith(parquet.MARK):
        return json_logs.read_rows(parquet.rows(content, shown), wanted, notes)
    if kind := other_kind(content):
        raise InvalidUpload(f"{shown} is {kind}; give the log in it, as text")
    text = text_of(content, shown)
    return _of_json(text, shown, wanted, notes, progress) or _of_text(name, text, wanted, notes, progress)


def _of_json(
    text: str, shown: str, wanted: tuple[str, ...], notes: Notes, progress: Callable[[float], None]
) -> list[Collected]:
    """The runs of JSON in any layout; none where a text is no JSON."""
    opening = text.lstrip()[:1]
    if opening == "{" and (cells := notebooks.cells(text)) is not None:
        return _of_cells(cells, wanted, progress)
    if opening == "{" and json_logs.is_json_lines(text):
        if (printed := json_logs.messages(text)) and lines.is_log(printed):
            return lines.read_lines(printed, wanted, progress)
        return json_logs.read_lines(text, wanted, notes, progress)
    if opening in ("{", "[") and (json_logs.looks_like_json(text) or json_logs.parsed(text) is not None):
        return json_logs.read_whole(text, shown, wanted, notes)
    return []


def _of_text(
    name: str, text: str, wanted: tuple[str, ...], notes: Notes, progress: Callable[[float], None]
) -> list[Collected]:
    if notebooks.has_table(text) and (found := _of_cells([("", notebooks.tables(text))], wanted, progress)):
        return found
    layout = tables.layout_of(text)
    if (layout is None or not layout.has_loss) and lines.is_log(text):
        return lines.read_lines(text, wanted, progress)
    if layout is None:
        layout = tables.headless(text, _stem(name))
    if layout is not None:
        return tables.read_table(text, layout, wanted, notes, progress)
    return lines.read_lines(text, wanted, progress)


def _of_cells(
    cells: list[tuple[str, list[str]]], wanted: tuple[str, ...], progress: Callable[[float], None]
) -> list[Collected]:
    """The runs of a notebook's cells or a page's tables: of a cell what has a loss, tables before what it printed."""
    found: list[Collected] = []
    for cell, texts in cells:
        for number, text in enumerate(texts, start=1):
            layout = tables.layout_of(text)
            if (layout is not None and layout.has_loss) or lines.is_log(text):
                part = _of_text("", text, wanted, Notes(), progress)
                for each in part:
                    each.name = cell or f"table {number}"
                found += part
                if cell:
                    break
    if len(found) == 1:
        found[0].name = ""
    return found


def _events(content: bytes, notes: Notes) -> list[Collected]:
    points = Points()
    for tag, step, value, time in scalars(content):
        points.add(tag, step, value, time)
    return laid_out({"": points}, notes)


def _stem(name: str) -> str:
    return shown_name(name.replace("\\", "/").rsplit("/", 1)[-1])


def _tag(name: str) -> str:
    """The metric of a file that TensorBoard's page saved, whose column is only called "Value"; "" of any other."""
    found = _TAG.search(_stem(name))
    if found is None:
        return ""
    run, tag = found["run"] or "", found["tag"].replace("_", "/")
    return placed(run.replace("_", "/"), tag, "")[1]


def _with_tag(found: list[Collected], tag: str) -> list[Collected]:
    """The column of values under the name of its metric."""
    if not tag:
        return found
    everything = [np.ones(len(each), dtype=np.bool_) for each in found]
    return [
        each.part(rows, {(tag if old == VALUE else old): old for old in each.samples})
        for each, rows in zip(found, everything, strict=True)
    ]
