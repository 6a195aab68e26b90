"""A person's own data: a file's bytes in, a dataset with its counts and a preview out.

`rows` reads the file, `layouts` finds the text, `tokens` estimates its tokens; here are the bounds, the
counts and the warnings. Nothing of the file is kept but the counts and the preview.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.entries import Dataset
from vapor_core.errors import InvalidUpload
from vapor_core.readers.decoding import other_kind, text_of
from vapor_core.readers.edge import one_sentence
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
from vapor_core.readers.tokens import DEFAULT, count_tokens

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


@one_sentence(InvalidUpload, "the data set")
def read_dataset(
    name: str,
    content: bytes,
    *,
    text_column: str | Sequence[str] | None = None,
    tokenizer: str = DEFAULT,
) -> Upload:
    """Read a file of examples: JSONL, a JSON array, CSV or TSV with a header, plain text or Markdown.

    Args:
        name: the file's name; its ending says the format, and where it says none the content does.
        content: the file, UTF-8, at most 200 MB.
        text_column: the column that holds the text, or several in order, where the layout is not one that Vapor
            knows.
        tokenizer: whose tokens are estimated, one of `tokens.tokenizers()`.

    Raises:
        UnknownColumns: the layout is not known; has the file's columns, so that a person can choose.
        InvalidUpload: the file cannot be used; names the line and what would work.
    """
    notes: list[str] = []
    found = _gathered(_rows(name, _decoded(content), notes), text_column)
    counts = count_tokens(found.texts, tokenizer)
    warnings = (*_warnings(found.texts, counts), *_left_out(found), *notes)
    return _upload(_plain_name(name), found, counts, warnings, tokenizer)


@dataclass(slots=True)
class _Gathered:
    """The examples of a file, and what of it is none."""

    layout: Layout
    first: Row
    sample: list[Row] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)
    empty: int = 0


def _gathered(rows: Iterator[Row], text_column: str | Sequence[str] | None) -> _Gathered:
    first = next(rows, None)
    if first is None:
        raise InvalidUpload("the file has no examples; it needs at least one line of text besides a header")
    found = _Gathered(layout_of(first, text_column), first)
    for row in chain([first], rows):
        if len(found.sample) < PREVIEW_ROWS:
            found.sample.append(row)
        if row.values.keys() - found.columns.keys():
            found.columns |= dict.fromkeys(row.values)
        example = found.layout.text(row)
        if len(example) > LONGEST_EXAMPLE:
            raise InvalidUpload(
                f"line {row.line} has {len(example):,} characters; {LONGEST_EXAMPLE:,} are the most", row.line
            )
        if not example:
            found.empty += 1
            continue
        found.texts.append(example)
        if len(found.texts) > MOST_EXAMPLES:
            raise InvalidUpload(
                f"the file has more than {MOST_EXAMPLES:,} examples; use a part of it", row.line
            )
    if not found.texts:
        raise InvalidUpload(f"none of the {found.empty:,} examples has any text", first.line)
    return found


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


def _left_out(found: _Gathered) -> Iterator[str]:
    """What of the file is no part of the text, a sentence each."""
    if found.empty:
        are = "example has no text or no answer and is"
        are = are if found.empty == 1 else "examples have no text or no answer and are"
        yield f"{found.empty:,} {are} left out."
    idle = [shown(name, 30) for name in found.columns if name not in found.layout.columns]
    if idle:
        more = f" and {len(idle) - MOST_NAMED:,} more" if len(idle) > MOST_NAMED else ""
        yield f"Columns that are left out: {', '.join(idle[:MOST_NAMED])}{more}."
    for sort, count in found.layout.left_out.items():
        are = "piece is no text and is" if count == 1 else "pieces are no text and are"
        yield f"{count:,} {shown(sort)!r} {are} left out."
    if "preference" in found.layout.name:
        yield "A pair counts its prompt, its chosen and its rejected answer once each; training reads the prompt twice."
    if found.first.header == found.first.line:
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


def _upload(
    name: str, found: _Gathered, counts: NDArray[np.int64], warnings: tuple[str, ...], tokenizer: str
) -> Upload:
    tokens, texts = int(counts.sum()), found.texts
    shown_columns = (shown(column) for row in found.sample for column in row.values)
    columns = tuple(dict.fromkeys(shown_columns))[:PREVIEW_COLUMNS]
    return Upload(
        dataset=Dataset(
            id=f"own/{name}",
            name=name,
            tokens=tokens,
            examples=len(texts),
            kind="own",
            source="uploaded file",
            note=f"tokens estimated from the text's bytes, as {tokenizer} would count them",
        ),
        schema=found.layout.name,
        columns=columns,
        preview=tuple(_preview(row, columns) for row in found.sample),
        examples=len(texts),
        tokens=tokens,
        mean_tokens=tokens / len(texts),
        longest_tokens=int(counts.max()),
        characters=sum(len(text) for text in texts),
        warnings=warnings,
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
