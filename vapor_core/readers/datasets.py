"""A person's own data: a file's bytes in, a dataset with its counts and a preview out.

`rows` reads the file, `layouts` finds the text, `tokens` estimates its tokens; here are the bounds, the
counts and the warnings. Examples are counted as they come: nothing is kept of them but counts and a preview.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.entries import Dataset
from vapor_core.errors import InvalidUpload
from vapor_core.readers import parquet
from vapor_core.readers.character import EXAMPLES, character
from vapor_core.readers.containers import ENDINGS as PACKED
from vapor_core.readers.containers import Member, opened
from vapor_core.readers.decoding import other_kind, text_of
from vapor_core.readers.edge import one_sentence
from vapor_core.readers.layouts import Layout, layout_of, samples
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
ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".text", ".md", ".markdown", ".parquet")
TAKES = "Vapor reads JSONL, JSON, CSV, TSV, Parquet, plain text and Markdown, also zipped"
LOOKED_AT = 4_000  # letters of an example, for what kind of text it is
BATCH_CHARACTERS = 2_000_000  # of examples that are counted in one go
BATCH_EXAMPLES = 20_000  # likewise: short ones take more memory beside their text than for it
DIGEST_BYTES = 8  # two of MOST_EXAMPLES texts have the same one with a chance of 1e-6
ABOUT_DATA = frozenset(
    {"readme", "license", "licence", "dataset_infos", "dataset_info", "metadata", "config"}
)


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
    fields: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # of the first example: name -> what it begins with


@one_sentence(InvalidUpload, "the data set")
def read_dataset(
    name: str,
    content: bytes,
    *,
    text_column: str | Sequence[str] | None = None,
    tokenizer: str = DEFAULT,
) -> Upload:
    """Read a file of examples: JSONL, a JSON array, CSV or TSV with a header, Parquet, plain text or Markdown.

    Args:
        name: the file's name; its ending says the format, and where it says none the content does.
        content: the file, compressed or not, at most LARGEST_BYTES as it is and unpacked; text is UTF-8, or UTF-16 with
            its mark. Of a zip archive what is training data is read, file after file.
        text_column: the column that holds the text, or several in order, where the layout is not one that Vapor
            knows.
        tokenizer: whose tokens are estimated, one of `tokens.tokenizers()`.

    Raises:
        UnknownColumns: the layout is not known; has the file's columns, so that a person can choose.
        InvalidUpload: the file cannot be used; names the line and what would work.
    """
    if len(content) > LARGEST_BYTES:
        raise InvalidUpload(
            f"the file has {len(content) / 1e6:,.0f} MB; {LARGEST_BYTES / 1e6:,.0f} MB are the most, "
            "a part of it gives the same estimate"
        )
    notes: list[str] = []
    first, rows = _opened_rows(name, content, notes)
    found = _gathered(first, rows, text_column, tokenizer)
    counts = np.concatenate(found.counts)
    warnings = (*_warnings(found, counts), *_left_out(found), *notes)
    return _upload(_plain_name(name), found, counts, warnings, tokenizer)


@one_sentence(InvalidUpload, "the data set")
def training_examples(
    name: str, content: bytes, text_column: str | Sequence[str] | None = None
) -> list[dict[str, object]]:
    """The examples of a file as a trainer takes them; arguments as of `read_dataset`, which counts what is here.

    A chat is {"messages": its turns}; an answer to a request {"prompt", "completion"}; preferences keep their columns;
    all else is {"text"}. What has no text is left out.

    Raises:
        UnknownColumns, InvalidUpload: as `read_dataset`.
    """
    notes: list[str] = []
    first, rows = _opened_rows(name, content, notes)
    layout = layout_of(first, text_column)
    return [layout.example(row) for row in chain([first], rows) if layout.text(row)]


def _opened_rows(name: str, content: bytes, notes: list[str]) -> tuple[Row, Iterator[Row]]:
    """The first row of a file, and the others."""
    members = _training(opened(name, content, LARGEST_BYTES, notes), notes)
    rows = chain.from_iterable(_rows_of(member, notes) for member in members)
    first = next(rows, None)
    if first is None:
        raise InvalidUpload("the file has no examples; it needs at least one line of text besides a header")
    return first, rows


def _training(members: Sequence[Member], notes: list[str]) -> list[Member]:
    """The files of an archive that are training data; the others are named."""
    if len(members) == 1:
        return list(members)
    of_data = [member for member in members if _ending(member.name) and _stem(member.name) not in ABOUT_DATA]
    held_out = [
        member for member in of_data if HELD_OUT & set(re.split(r"[\W_]+|\d+", member.name.casefold()))
    ]
    chosen = [member for member in of_data if member not in held_out] or of_data
    if not chosen:
        raise InvalidUpload(
            f"none of the {len(members):,} files in the archive is a file of examples; {TAKES}"
        )
    idle = [shown(member.name, 40) for member in members if member not in chosen]
    if idle:
        more = f" and {len(idle) - MOST_NAMED:,} more" if len(idle) > MOST_NAMED else ""
        notes.append(f"Files of the archive that are left out: {', '.join(idle[:MOST_NAMED])}{more}.")
    return chosen


HELD_OUT = frozenset({"test", "val", "valid", "validation", "eval", "dev"})


def _rows_of(member: Member, notes: list[str]) -> Iterator[Row]:
    if member.content.startswith(parquet.MARK):
        for number, cells in enumerate(parquet.rows(member.content, shown(member.name, 60)), start=1):
            yield Row(number, cells, place="row")
    else:
        yield from _rows(member.name, _decoded(member.content), notes)


@dataclass
class _Gathered:
    """The examples of a file, and what of it is none."""

    layout: Layout
    first: Row
    sample: list[Row] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)
    empty: int = 0
    counts: list[NDArray[np.int64]] = field(
        default_factory=list
    )  # tokens of each example, a batch after the other
    characters: int = 0
    size: int = 0  # bytes
    digests: list[NDArray[np.uint64]] = field(default_factory=list)  # of the examples, to know copies
    spread: list[str] = field(default_factory=list)  # beginnings of examples from all over the file
    _apart: int = 1  # examples between two of those

    def count(self, texts: list[str], tokenizer: str) -> None:
        """Take a batch of examples in."""
        self.counts.append(count_tokens(texts, tokenizer))
        self.characters += sum(map(len, texts))
        plain = [text.encode("utf-8", "replace") for text in texts]
        self.size += sum(map(len, plain))
        digests = b"".join(blake2b(each, digest_size=DIGEST_BYTES).digest() for each in set(plain))
        self.digests.append(np.frombuffer(digests, np.uint64))

    @cached_property
    def different(self) -> int:
        """Examples that are no copies, once all are taken in."""
        return int(np.unique(np.concatenate(self.digests)).size)

    def look_at(self, number: int, example: str) -> None:
        """Keep an example where its number is one of those apart; twice as far apart once there are too many."""
        if number % self._apart == 0:
            self.spread.append(example[:LOOKED_AT])
            if len(self.spread) >= 2 * EXAMPLES:
                del self.spread[1::2]
                self._apart *= 2


def _gathered(
    first: Row, rows: Iterator[Row], text_column: str | Sequence[str] | None, tokenizer: str
) -> _Gathered:
    found = _Gathered(layout_of(first, text_column), first)
    batch: list[str] = []
    size = examples = 0
    for row in chain([first], rows):
        if len(found.sample) < PREVIEW_ROWS:
            found.sample.append(row)
        if row.values.keys() - found.columns.keys():
            found.columns |= dict.fromkeys(row.values)
        example = found.layout.text(row)
        if len(example) > LONGEST_EXAMPLE:
            raise InvalidUpload(
                f"{row.where} has {len(example):,} characters; {LONGEST_EXAMPLE:,} are the most", row.line
            )
        if not example:
            found.empty += 1
            continue
        found.look_at(examples, example)
        batch.append(example)
        size += len(example)
        examples += 1
        if size >= BATCH_CHARACTERS or len(batch) >= BATCH_EXAMPLES:
            found.count(batch, tokenizer)
            batch, size = [], 0
        if examples > MOST_EXAMPLES:
            raise InvalidUpload(
                f"the file has more than {MOST_EXAMPLES:,} examples; use a part of it", row.line
            )
    if batch:
        found.count(batch, tokenizer)
    if not examples:
        raise InvalidUpload(f"none of the {found.empty:,} examples has any text", first.line)
    return found


def _decoded(content: bytes) -> str:
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
    ending = _ending(name)
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


def _ending(name: str) -> str:
    return next((ending for ending in ENDINGS if name.casefold().endswith(ending)), "")


def _stem(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1].split(".", 1)[0].casefold()


def _plain_name(name: str) -> str:
    """The file's own name without folders, control characters and ending."""
    name = next((name[: -len(ending)] for ending in PACKED if name.casefold().endswith(ending)), name)
    last = shown(name.replace("\\", "/").rsplit("/", 1)[-1], 120).strip()
    stem = last.rsplit(".", 1)[0].strip() or last
    return stem or "own data"


def _upload(
    name: str, found: _Gathered, counts: NDArray[np.int64], warnings: tuple[str, ...], tokenizer: str
) -> Upload:
    tokens, examples = int(counts.sum()), len(counts)
    like = character(found.spread, found.layout.name)
    shown_columns = (shown(column) for row in found.sample for column in row.values)
    columns = tuple(dict.fromkeys(shown_columns))[:PREVIEW_COLUMNS]
    return Upload(
        dataset=Dataset(
            id=f"own/{name}",
            name=name,
            tokens=tokens,
            examples=examples,
            longest_tokens=int(counts.max()) or None,
            kind=like.kind,
            language=like.language,
            bytes_per_token=found.size / max(tokens, 1),
            entropy=like.entropy,
            template_share=like.template_share,
            repeated_share=1 - found.different / examples,
            source="uploaded file",
            note=f"tokens estimated from the text's bytes, as {tokenizer} would count them",
        ),
        schema=found.layout.name,
        columns=columns,
        preview=tuple(_preview(row, columns) for row in found.sample),
        examples=examples,
        tokens=tokens,
        mean_tokens=tokens / examples,
        longest_tokens=int(counts.max()),
        characters=found.characters,
        warnings=warnings,
        fields=samples(found.first),
    )


def _preview(row: Row, columns: tuple[str, ...]) -> dict[str, str]:
    cells = {shown(name): value for name, value in row.values.items()}
    return {name: "" if cells.get(name) is None else shown(cells[name], PREVIEW_CELL) for name in columns}


def _warnings(found: _Gathered, counts: NDArray[np.int64]) -> Iterator[str]:
    examples = len(counts)
    copies = examples - found.different
    if copies * 20 > examples:
        yield f"{copies:,} of {examples:,} examples are copies of others, so the run overfits sooner."
    if examples < FEW_EXAMPLES:
        yield f"Only {examples:,} examples: expect the run to memorise them."
    longest = int(counts.max())
    if longest > LONG_TOKENS:
        yield f"The longest example has about {longest:,} tokens; what exceeds the sequence length is cut."
