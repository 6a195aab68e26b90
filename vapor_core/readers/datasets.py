"""A person's own data: a file's bytes in, a dataset with its counts and a preview out.

`rows` reads the file, `layouts` finds the text, `tokens` estimates its tokens; here are the bounds, the
counts and the warnings. Nothing of the file is kept but the counts and the preview.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.entries import Dataset
from vapor_core.errors import InvalidUpload
from vapor_core.readers.decoding import other_kind, text_of
from vapor_core.readers.layouts import Layout, layout_of
from vapor_core.readers.rows import (
    Row,
    delimiter_of,
    json_array,
    json_lines,
    json_object,
    passages,
    shown,
    table,
)
from vapor_core.readers.tokens import count_tokens

LARGEST_BYTES = 200_000_000
MOST_EXAMPLES = 5_000_000
LONGEST_EXAMPLE = 20_000_000  # characters
PREVIEW_ROWS = 5
PREVIEW_COLUMNS = 20
PREVIEW_CELL = 200  # characters
FEW_EXAMPLES = 100
MOST_NAMED = 8  # columns that are named as left out
LONG_TOKENS = 4096
ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".text", ".md", ".markdown")
TAKES = "Vapor reads JSONL, JSON, CSV, TSV, plain text and Markdown"


@dataclass(frozen=True, slots=True)
class Upload:
    """What a file holds. Tokens are estimated; a preview row has one short text a column."""

    dataset: Dataset
    schema: str  # the layout, in words
    columns: tuple[str, ...]
    preview: tuple[dict[str, str], ...]
    examples: int
    tokens: int
    mean_tokens: float
    longest_tokens: int
    characters: int
    warnings: tuple[str, ...] = ()


def read_dataset(name: str, content: bytes, *, text_column: str | Sequence[str] | None = None) -> Upload:
    """Read a file of examples: JSONL, a JSON array, CSV or TSV with a header, plain text or Markdown.

    Args:
        name: the file's name; its ending says the format, and where it says none the content does.
        content: the file, UTF-8, at most 200 MB.
        text_column: the column that holds the text, or several in order, where the layout is not one that Vapor
            knows.

    Raises:
        UnknownColumns: the layout is not known; has the file's columns, so that a person can choose.
        InvalidUpload: the file cannot be used; names the line and what would work.
    """
    text = _decoded(content)
    notes: list[str] = []
    rows = iter(_rows(name, text, notes))
    first = next(rows, None)
    if first is None:
        raise InvalidUpload("the file has no examples; it needs at least one line of text besides a header")
    layout = layout_of(first, text_column)
    columns: dict[str, None] = {}
    sample: list[Row] = []
    texts: list[str] = []
    empty = 0
    for row in chain([first], rows):
        if len(sample) < PREVIEW_ROWS:
            sample.append(row)
        columns |= dict.fromkeys(row.values) if row.values.keys() - columns.keys() else {}
        example = layout.text(row)
        if len(example) > LONGEST_EXAMPLE:
            raise InvalidUpload(
                f"line {row.line} has {len(example):,} characters; {LONGEST_EXAMPLE:,} are the most", row.line
            )
        if not example:
            empty += 1
            continue
        texts.append(example)
        if len(texts) > MOST_EXAMPLES:
            raise InvalidUpload(
                f"the file has more than {MOST_EXAMPLES:,} examples; use a part of it", row.line
            )
    if not texts:
        raise InvalidUpload(f"none of the {empty:,} examples has any text", first.line)
    if empty:
        are = (
            "example has no text or no answer and is"
            if empty == 1
            else "examples have no text or no answer and are"
        )
        notes.insert(0, f"{empty:,} {are} left out.")
    notes += _left_out(layout, columns, first)
    return _measured(_plain_name(name), layout.name, sample, texts, notes)


def _decoded(content: bytes) -> str:
    if len(content) > LARGEST_BYTES:
        raise InvalidUpload(
            f"the file has {len(content) / 1e6:,.0f} MB; {LARGEST_BYTES / 1e6:,.0f} MB are the most, "
            "a part of it gives the same estimate"
        )
    if kind := other_kind(content):
        raise InvalidUpload(f"this is {kind}; {TAKES}")
    text = text_of(content)
    if (position := text.find("\0")) >= 0:
        line = text.count("\n", 0, position) + 1
        raise InvalidUpload(f"line {line} holds a zero byte, so this is not text; {TAKES}", line)
    return text


def _left_out(layout: Layout, columns: Iterable[str], first: Row) -> Iterator[str]:
    """What of the file is no part of the text, a sentence each."""
    idle = [shown(name, 30) for name in columns if name not in layout.columns]
    if idle:
        more = f" and {len(idle) - MOST_NAMED:,} more" if len(idle) > MOST_NAMED else ""
        yield f"Columns that are left out: {', '.join(idle[:MOST_NAMED])}{more}."
    for sort, count in layout.left_out.items():
        are = "piece is no text and is" if count == 1 else "pieces are no text and are"
        yield f"{count:,} {shown(sort)!r} {are} left out."
    if "preference" in layout.name:
        yield "A pair counts its prompt, its chosen and its rejected answer once each; training reads the prompt twice."
    if first.header == first.line:
        yield "The table names no columns, so its first line is an example."


def _rows(name: str, text: str, notes: list[str]) -> Iterator[Row]:
    """The reader for the ending, or for the content where the ending says nothing."""
    ending = next((ending for ending in ENDINGS if name.casefold().endswith(ending)), "")
    opening = text.lstrip()[:1]
    if ending == ".csv":
        return table(text, delimiter_of(text))
    if ending == ".tsv":
        return table(text, "\t")
    if ending in {".jsonl", ".ndjson"} or (not ending and opening == "{"):
        return json_lines(text)
    if ending == ".json" or (not ending and opening == "["):
        return json_array(text) if opening == "[" else json_object(text, notes)
    return passages(text)


def _plain_name(name: str) -> str:
    """The file's own name without folders, control characters and ending."""
    last = shown(name.replace("\\", "/").rsplit("/", 1)[-1], 120).strip()
    stem = last.rsplit(".", 1)[0].strip() or last
    return stem or "own data"


def _measured(name: str, schema: str, sample: list[Row], texts: list[str], notes: list[str]) -> Upload:
    counts = count_tokens(texts)
    tokens = int(counts.sum())
    columns = tuple(dict.fromkeys(shown(column) for row in sample for column in row.values))[:PREVIEW_COLUMNS]
    return Upload(
        dataset=Dataset(
            id=f"own/{name}",
            name=name,
            tokens=tokens,
            examples=len(texts),
            kind="own",
            source="uploaded file",
            note="tokens estimated from the text's bytes",
        ),
        schema=schema,
        columns=columns,
        preview=tuple(_preview(row, columns) for row in sample),
        examples=len(texts),
        tokens=tokens,
        mean_tokens=tokens / len(texts),
        longest_tokens=int(counts.max()),
        characters=sum(len(text) for text in texts),
        warnings=(*_warnings(texts, counts), *notes),
    )


def _preview(row: Row, columns: tuple[str, ...]) -> dict[str, str]:
    cells = {shown(name): value for name, value in row.values.items()}
    return {name: "" if cells.get(name) is None else shown(cells[name], PREVIEW_CELL) for name in columns}


def _warnings(texts: list[str], counts: NDArray[np.int64]) -> Iterator[str]:
    copies = len(texts) - len(set(texts))
    if copies * 20 > len(texts):
        yield f"{copies:,} of {len(texts):,} examples are copies of others, so the run overfits sooner."
    if len(texts) < FEW_EXAMPLES:
        yield f"Only {len(texts):,} examples: expect the run to memorise them."
    longest = int(counts.max())
    if longest > LONG_TOKENS:
        yield f"The longest example has about {longest:,} tokens; what exceeds the sequence length is cut."
