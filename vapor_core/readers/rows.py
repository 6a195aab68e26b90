"""The rows of a file that came from outside: JSON lines, a JSON array, a table or plain text.

Nothing in a file is believed or run; what cannot be read raises InvalidUpload with the line and what would work.
Which columns of a row are the text is `layouts`' work.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from vapor_core.errors import InvalidUpload

MOST_COLUMNS = 1_000
LONGEST_NAME = 120  # characters of a column's name
DEEPEST = 64  # nesting of one example
PARTING = re.compile(r"\n[ \t\r]*\n")
BLANKS = re.compile(r"[ \t\r\n]*")
DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Row:
    """One example as the file gives it.

    Attributes:
        line: where it begins, counted from 1.
        values: its fields by name.
        header: the line that names the fields, where it is another.
        place: what `line` counts: lines, or the rows of a file that has none.
    """

    line: int
    values: Mapping[str, object]
    header: int | None = None
    place: str = "line"

    @property
    def where(self) -> str:
        """Where it begins, for a sentence."""
        return f"{self.place} {self.line}"

    @property
    def named(self) -> int:
        """The line in which its fields are named."""
        return self.line if self.header is None else self.header


def shown(value: object, length: int = 60) -> str:
    """A value from outside for a message or a table: one line, without control characters, short."""
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    text = "".join(letter if letter.isprintable() else " " for letter in text[: length + 1])
    return text if len(text) <= length else text[: length - 1] + "…"


def json_lines(text: str) -> Iterator[Row]:
    """One JSON object a line; empty lines are passed over."""
    for line, content in enumerate(_lines(text), start=1):
        stripped = content.strip()
        if not stripped:
            continue
        try:
            value, end = _decoded(stripped, 0, line)
            if end != len(stripped):
                raise InvalidUpload(
                    f"line {line} has more after its JSON object; put one object a line", line
                )
        except json.JSONDecodeError as error:
            raise InvalidUpload(
                f"line {line} is not complete JSON ({error.msg} at character {error.pos + 1}); "
                "each line must hold one whole object",
                line,
            ) from None
        yield _row(value, line, f"line {line}")


def json_array(text: str) -> Iterator[Row]:
    """The objects of one JSON array."""
    position = _after_blanks(text, text.index("[") + 1)
    line, counted, number = 1, 0, 0
    while text[position : position + 1] != "]":
        line += text.count("\n", counted, position)
        counted = position
        number += 1
        try:
            value, end = _decoded(text, position, line)
        except json.JSONDecodeError as error:
            raise _torn_array(number, error) from None
        yield _row(value, line, f"line {line}, example {number},")
        position = _after_blanks(text, end)
        if text[position : position + 1] == ",":
            position = _after_blanks(text, position + 1)
        elif text[position : position + 1] != "]":
            raise _torn_array(number, json.JSONDecodeError("expected ',' or ']'", text, position))
    end = _after_blanks(text, position + 1)
    if end != len(text):
        torn = text.count("\n", 0, end) + 1
        raise InvalidUpload(
            f"line {torn} has more after the end of the array; a .json file is one array", torn
        )


def json_object(text: str, notes: list[str] | None = None) -> Iterator[Row]:
    """The rows of a whole-file JSON object: a list of objects in it, its columns, or the object as one example.

    Args:
        text: the file.
        notes: gets a sentence for each list that is left out.
    """
    try:
        value, end = _decoded(text, _after_blanks(text, 0), 1)
    except json.JSONDecodeError as error:
        raise InvalidUpload(
            f"line {error.lineno} is not valid JSON ({error.msg}); "
            "a .json file holds one array of objects, a .jsonl file one object a line",
            error.lineno,
        ) from None
    if _after_blanks(text, end) != len(text):
        yield from json_lines(text)
        return
    fields = value if isinstance(value, dict) else {}
    lists = {name: entry for name, entry in fields.items() if _is_examples(entry)}
    columns = {name: entry for name, entry in fields.items() if isinstance(entry, list) and entry}
    if lists:
        name = next((name for name in lists if name.casefold() in TRAINED), next(iter(lists)))
        for other in lists.keys() - {name}:
            if notes is not None:
                notes.append(f"{shown(other, 30)!r} ({len(lists[other]):,} examples) is left out.")
        for number, entry in enumerate(lists[name], start=1):
            yield _row(entry, _line_of(text, name), f"example {number}")
    elif columns and len(columns) == len(fields) and len({len(entry) for entry in columns.values()}) == 1:
        for entries in zip(*columns.values(), strict=True):
            yield _row(dict(zip(columns, entries, strict=True)), 1, "line 1")
    else:
        yield _row(value, 1, "line 1")


TRAINED = ("train", "training", "data", "examples", "rows")


def _is_examples(entry: object) -> bool:
    return isinstance(entry, list) and bool(entry) and isinstance(entry[0], dict) and not _is_chat(entry[0])


def _line_of(text: str, name: str) -> int:
    """The line in which a list of the whole file begins."""
    return text.count("\n", 0, max(text.find(json.dumps(name, ensure_ascii=False)), 0)) + 1


def table(text: str, delimiter: str) -> Iterator[Row]:
    """The rows of a table whose first line names its columns; columns are numbered where it plainly does not."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    named: int | None = None
    line = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise InvalidUpload(
                f"line {line} cannot be read as a table row: {_table_fault(error)}", line
            ) from None
        if fields is None:
            break
        if header is None and any(field.strip() for field in fields):
            header, named = _header(fields, line), line
            if is_data(fields):
                header = [f"column {number}" for number in range(1, len(fields) + 1)]
                yield Row(line, dict(zip(header, fields, strict=True)), named)
        elif header is not None and fields:
            if len(fields) != len(header):
                raise InvalidUpload(
                    f"line {line} has {_fields(len(fields))}, the header has {len(header)}; quote a field that "
                    f"holds a {DELIMITERS.get(delimiter, delimiter)} or a line break",
                    line,
                )
            yield Row(line, dict(zip(header, fields, strict=True)), named)
        line = reader.line_num + 1


def is_data(fields: Sequence[str]) -> bool:
    """Whether a first line is an example and names no columns: it holds a number, or a text too long for a name."""
    return len(fields) > 1 and any(
        len(field) > LONGEST_NAME or re.fullmatch(r"\s*[-+]?\d+(\.\d+)?\s*", field) for field in fields
    )


def passages(text: str) -> Iterator[Row]:
    """The passages of a plain text, which blank lines separate; its lines where no line is blank."""
    parted = PARTING.search(text.strip()) is not None
    block: list[str] = []
    first = 1
    for number, line in enumerate(chain(_lines(text), [""]), start=1):
        if line.strip():
            first = first if block else number
            block.append(line)
        if block and (not parted or not line.strip()):
            yield Row(first, {"text": "\n".join(block).strip()})
            block = []


def delimiter_of(text: str) -> str:
    """The mark between the fields of a table: the one that its first line has most of; a comma where it has none."""
    first = next((line for line in text.split("\n", 100) if line.strip()), "")
    return max(DELIMITERS, key=first.count)


def _decoded(text: str, position: int, line: int) -> tuple[object, int]:
    try:
        return DECODER.raw_decode(text, position)
    except RecursionError:
        raise InvalidUpload(
            f"line {line} is nested too deeply; {DEEPEST} levels are the most", line
        ) from None
    except json.JSONDecodeError:
        raise
    except ValueError:  # a number of thousands of digits
        raise InvalidUpload(f"line {line} holds a number that is too long to read", line) from None


def _row(value: object, line: int, place: str) -> Row:
    if not isinstance(value, dict):
        kind = {list: "a list", str: "a string", bool: "a truth value", type(None): "null"}.get(
            type(value), "a number"
        )
        raise InvalidUpload(
            f'{place} is {kind}, not an object; write each example as {{"text": "..."}}', line
        )
    if len(value) > MOST_COLUMNS:
        raise InvalidUpload(f"{place} has {len(value):,} fields; {MOST_COLUMNS:,} are the most", line)
    if _deeper(value, DEEPEST):
        raise InvalidUpload(f"{place} is nested too deeply; {DEEPEST} levels are the most", line)
    return Row(line, value)


def _deeper(value: object, most: int) -> bool:
    """Whether lists and objects lie more than `most` inside each other; walks level by level, never recursing."""
    if isinstance(value, dict) and not any(isinstance(child, dict | list) for child in value.values()):
        return False  # as most rows are
    level: list[object] = [value]
    for _ in range(most):
        inner: list[object] = []
        for entry in level:
            if isinstance(entry, dict):
                inner.extend(child for child in entry.values() if isinstance(child, dict | list))
            elif isinstance(entry, list):
                inner.extend(child for child in entry if isinstance(child, dict | list))
        if not inner:
            return False
        level = inner
    return True


def _is_chat(entry: Mapping[str, object]) -> bool:
    return "role" in entry or "from" in entry


def _torn_array(number: int, error: json.JSONDecodeError) -> InvalidUpload:
    return InvalidUpload(
        f"line {error.lineno} is not valid JSON in example {number} ({error.msg}); "
        "a .json file holds one array of objects, closed with ]",
        error.lineno,
    )


def _lines(text: str) -> Iterator[str]:
    """The lines of a text, one at a time."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _after_blanks(text: str, position: int) -> int:
    match = BLANKS.match(text, position)
    return match.end() if match else position


def _header(fields: list[str], line: int) -> list[str]:
    names = [field.strip() or f"column {number}" for number, field in enumerate(fields, start=1)]
    if len(names) > MOST_COLUMNS:
        raise InvalidUpload(f"line {line} has {len(names):,} columns; {MOST_COLUMNS:,} are the most", line)
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise InvalidUpload(
            f"line {line} names the column {shown(double)!r} twice; give each its own name", line
        )
    return names


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def _table_fault(error: csv.Error) -> str:
    text = str(error)
    if "field limit" in text:
        return f"a cell is longer than {csv.field_size_limit():,} characters; long texts fit a .jsonl file"
    if "end of data" in text:
        return "a quote is opened and never closed"
    if "expected after" in text:
        return 'a closing quote is followed by more text; write "" for a quote inside a quoted field'
    return text
