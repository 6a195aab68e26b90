"""What a notebook's cells printed, and the tables of a page in HTML, as the text that a reader of logs knows."""

from __future__ import annotations

import json
from html.parser import HTMLParser

MOST_TABLES = 200
LARGEST_TABLE = 5_000_000  # characters


class _Tables(HTMLParser):
    """The cells of each table."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self._open = False
        self._size = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table" and len(self.tables) < MOST_TABLES:
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            self.tables[-1][-1].append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._open = False

    def handle_data(self, data: str) -> None:
        self._size += len(data)
        if self._open and self._size < LARGEST_TABLE:
            self.tables[-1][-1][-1] += data


def has_table(text: str) -> bool:
    """Whether a text holds a table in HTML."""
    lowered = text.lower()
    return "<table" in lowered and "<td" in lowered


def tables(text: str) -> list[str]:
    """Each table of a page, its cells parted by tabs."""
    parser = _Tables()
    parser.feed(text)
    return [
        "\n".join("\t".join(" ".join(cell.split()) for cell in row) for row in table if row) + "\n"
        for table in parser.tables
        if len(table) > 1
    ]


def cells(text: str) -> list[tuple[str, list[str]]] | None:
    """(name, texts) of each cell of a notebook that put something out; None where the text is no notebook.

    A cell's texts are its tables, the last state of each that was drawn again, then what it printed.
    """
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if (
        not isinstance(notebook, dict)
        or not isinstance(notebook.get("cells"), list)
        or "nbformat" not in notebook
    ):
        return None
    found: list[tuple[str, list[str]]] = []
    for number, cell in enumerate(notebook["cells"], start=1):
        outputs = cell.get("outputs") if isinstance(cell, dict) else None
        if isinstance(outputs, list) and (texts := _put_out(outputs)):
            found.append((f"cell {number}", texts))
    return found


def _put_out(outputs: list[object]) -> list[str]:
    drawn: dict[str, str] = {}  # header -> the table as it was last
    printed: list[str] = []
    for output in outputs:
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        page = _text(data.get("text/html")) if isinstance(data, dict) else ""
        drawn |= {table.split("\n", 1)[0]: table for table in tables(page)}
        printed.append(_text(output.get("text")))
        if isinstance(data, dict) and not page:
            printed.append(_text(data.get("text/plain")))
    told = "\n".join(text for text in printed if text)
    return [*drawn.values(), *([told] if told.strip() else [])]


def _text(value: object) -> str:
    """A text as notebooks keep it, whole or line by line."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
