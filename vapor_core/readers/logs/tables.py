"""Logs in tables: CSV in any delimiter, Markdown, blanks between columns, and long ones of name, step and value."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from vapor_core.readers.logs import numbers
from vapor_core.readers.logs.collected import BLOCK, Collected, Collector
from vapor_core.readers.logs.json_logs import Progress
from vapor_core.readers.logs.naming import apart, role_of
from vapor_core.readers.logs.points import LongColumns, Points, laid_out, long_columns, placed
from vapor_core.readers.logs.run_log import Notes

Line = tuple[int, list[str]]  # where it ends, counted from 1, and its cells

DELIMITERS = (",", "\t", ";", "|")
BLANKS = " "  # any number of them
LOOKED_AT = 60  # lines in which a header is sought
SAMPLE = 500  # lines that tell how numbers are written
_RULE = re.compile(r"[\s|:\-+=]+")
_PAIR = re.compile(
    r"[A-Za-z_][\w/.]*(?:\s*[:=]\s*[-+]?\d|\s+[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?\s*(?:[,|:]|$))", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a table begins: the line of its header (from 1), its names, and what parts its cells."""

    line: int
    header: tuple[str, ...]
    delimiter: str

    @property
    def has_loss(self) -> bool:
        """Whether a column is known as a loss, or the table has a point a line."""
        roles = [role_of(apart(name)[1]) for name in self.header]
        return long_columns(self.header) is not None or any(
            role is not None and role.kind in ("loss", "eval", "part") for role in roles
        )


def layout_of(text: str) -> Layout | None:
    """The table that a text begins with, blank lines and a preamble passed over; None where it is none."""
    lines = [
        (number, line.rstrip("\r"))
        for number, line in enumerate(text.split("\n", LOOKED_AT)[:LOOKED_AT], start=1)
        if line.strip() and not _RULE.fullmatch(line)
    ]
    for at, (number, line) in enumerate(lines):
        follower = lines[at + 1][1] if at + 1 < len(lines) else None
        for delimiter in sorted(DELIMITERS, key=line.count, reverse=True):
            if delimiter in line and (found := _header(number, line, follower, delimiter)):
                return found
    for at, (number, line) in enumerate(lines[:-1]):
        if found := _header(number, line, lines[at + 1][1], BLANKS):
            return found
    return None


def _header(number: int, line: str, follower: str | None, delimiter: str) -> Layout | None:
    """The layout where a line names columns and the next one has as many cells, some of them numbers."""
    names = [
        name.strip() for name in cells_of(line.lstrip("#").strip() if delimiter != "\t" else line, delimiter)
    ]
    if any(numbers.is_number(name) for name in names) or not any(names) or _PAIR.search(line):
        return None
    if follower is None:  # a header alone
        known = [role_of(name) for name in names]
        return (
            Layout(number, _distinct(names), delimiter)
            if sum(role is not None for role in known) > 1
            else None
        )
    cells = cells_of(follower, delimiter)
    if (
        delimiter == BLANKS and len(cells) == len(names) + 1 and cells[0].isdecimal()
    ):  # pandas prints an index
        names = ["", *names]
    if len(names) < 2 and delimiter == BLANKS and role_of(names[0]) is None:
        return None
    enough = len(cells) == len(names) or (delimiter != BLANKS and any(role_of(name) for name in names))
    if enough and (_some_number(cells, delimiter) or sum(role_of(name) is not None for name in names) > 1):
        return Layout(number, _distinct(names), delimiter)
    return None


def headless(text: str, stem: str) -> Layout | None:
    """The columns of a table without a header, by their places; those of MLflow's store by its file's name."""
    lines = [line.strip() for line in text.split("\n", 5)[:5] if line.strip()]
    delimiter = max((*DELIMITERS, BLANKS), key=lines[0].count)
    rows = [cells_of(line, delimiter) for line in lines]
    wide = len(rows[0])
    if not all(len(row) == wide and all(numbers.is_number(cell) for cell in row) for row in rows):
        return None
    if wide == 3 and delimiter == BLANKS and all(float(row[0]) > 1e11 for row in rows):
        return Layout(0, ("timestamp", stem or "value", "step"), delimiter)
    return Layout(0, tuple(f"column {number}" for number in range(1, wide + 1)), delimiter)


def _some_number(cells: Sequence[str], delimiter: str) -> bool:
    return any(numbers.is_number(cell, decimal_comma=delimiter != ",") for cell in cells)


def cells_of(line: str, delimiter: str) -> list[str]:
    """The cells of one line."""
    if delimiter == BLANKS:
        return line.split()
    if delimiter == "|":
        return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names as they are; one without a name or that comes twice gets the number of its column."""
    seen: set[str] = set()
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        shown = name if name and name not in seen else f"{name} (column {number})".strip()
        seen.add(shown)
        found.append(shown)
    return tuple(found)


def read_table(
    text: str, layout: Layout, wanted: Sequence[str], notes: Notes, progress: Progress
) -> list[Collected]:
    """The table's rows; one that has another number of cells is named and left out."""
    rows = _lines(text, layout, notes)
    first = list(islice(rows, SAMPLE))
    comma = numbers.uses_decimal_comma([cells for _, cells in first], layout.delimiter)
    long = long_columns(layout.header)
    if long is not None and not set(wanted) & set(layout.header):
        return _long(layout, (*first, *rows), long, comma, notes)
    collector = Collector(wanted, decimal_comma=comma)
    _block(collector, layout.header, first)
    size = max(text.count("\n"), 1)
    while block := list(islice(rows, BLOCK)):
        _block(collector, layout.header, block)
        progress(min(block[-1][0] / size, 1.0))
    return [collector.collected()]


def _block(collector: Collector, header: tuple[str, ...], block: list[Line]) -> None:
    if block:
        columns = dict(zip(header, zip(*(cells for _, cells in block), strict=True), strict=True))
        collector.add(header, lambda name: columns[name], [line for line, _ in block])


def _lines(text: str, layout: Layout, notes: Notes) -> Iterator[Line]:
    """The lines below the header that have its number of cells, as far as the table can be read."""
    wide = len(layout.header)
    blank = [""] * wide
    for number, cells in _raw_lines(text, layout, notes):
        if len(cells) == wide:
            if cells != blank and tuple(cells) != layout.header:
                yield number, cells
        elif not any(cell.strip() for cell in cells):
            continue
        elif len(cells) > wide and not any(cell.strip() for cell in cells[wide:]):
            yield number, cells[:wide]
        elif [cell.strip() for cell in cells] != list(layout.header):
            fields = "1 field" if len(cells) == 1 else f"{len(cells)} fields"
            notes.add(f"line {number:,} has {fields}, the header has {wide}")


def _raw_lines(text: str, layout: Layout, notes: Notes) -> Iterator[Line]:
    if layout.delimiter in (BLANKS, "|"):
        for number, line in enumerate(text.split("\n"), start=1):
            is_row = (
                layout.delimiter == BLANKS or "|" in line
            )  # what stands around a table of Markdown is none of it
            if number > layout.line and is_row and line.strip() and not _RULE.fullmatch(line):
                yield number, cells_of(line, layout.delimiter)
        return
    source = io.StringIO(text, newline="")
    for _ in range(layout.line):
        source.readline()
    reader = csv.reader(source, delimiter=layout.delimiter)
    try:
        for cells in reader:
            yield layout.line + reader.line_num, cells
    except csv.Error as error:
        notes.add(f"reading stopped in line {layout.line + reader.line_num:,}: {error}")


def _long(
    layout: Layout, lines: Sequence[Line], columns: LongColumns, comma: bool, notes: Notes
) -> list[Collected]:
    """One run's points a name; several runs where a column tells them apart."""
    places = {name: at for at, name in enumerate(layout.header)}
    runs: dict[str, Points] = {}
    for number, cells in lines:
        told = {name: cells[at].strip() for name, at in places.items()}
        at, measured = (
            numbers.number(told[name], decimal_comma=comma) for name in (columns.step, columns.value)
        )
        if math.isnan(at) or math.isnan(measured) or not told[columns.key]:
            notes.add(f"line {number:,} is no metric")
            continue
        run, key = placed(told.get(columns.run, ""), told[columns.key], told.get(columns.context, ""))
        when = float(numbers.seconds([told[columns.clock]])[0]) if columns.clock else float("nan")
        runs.setdefault(run, Points()).add(key, at, measured, when)
    return laid_out(runs, notes)
