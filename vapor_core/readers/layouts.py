"""Which fields of a row are the text that a model would be trained on.

The common layouts of fine-tuning files are known by their field names; anything else needs a named column. What of a
row is no part of its text is counted, so that it can be named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vapor_core.errors import InvalidUpload, UnknownColumns
from vapor_core.readers.rows import Row, shown
from vapor_core.readers.turns import compact, conversation, is_turns, messages, words

ANSWERS = (
    *("completion", "response", "output", "answer", "answers", "target", "chosen", "solution", "label_text"),
    "canonical_solution",
)
REQUESTS = ("prompt", "question", "instruction", "query", "input")
PASSAGES = ("text", "document", "article", "dialogue", "dialog", "passage", "content", "source")
BEFORE = ("system", "system_prompt", "tools", "history")  # of any layout; put before the rest
SAMPLE = 40  # characters of a value that is shown to choose by


CHOSEN = "chosen columns"  # the layout of several columns that a person named
PREFERENCES = (("chosen", "rejected"), ("completion", "label"))  # columns of an example for DPO, for KTO


@dataclass(frozen=True, slots=True)
class Schema:
    """A layout. Each part is a tuple of names of which a row has one; `optional` may be missing or empty."""

    name: str
    required: tuple[tuple[str, ...], ...]
    optional: tuple[str, ...] = ()
    chat: bool = False


SCHEMAS = (
    Schema(
        "chat and preference",
        (("messages", "conversations", "conversation"), ("chosen",), ("rejected",)),
        chat=True,
    ),
    Schema("preference", (REQUESTS, ("chosen",), ("rejected", "reject")), optional=("context",)),
    Schema("preference", (("chosen",), ("rejected", "reject"))),
    Schema("chat", (("messages", "conversations", "conversation", "contents"),), chat=True),
    Schema("instruction", (("instruction",), ANSWERS), optional=("input", "context")),
    Schema(
        "question and answer",
        (("question", "query", "problem"), ("answer", "answers", "response", "solution")),
        optional=("context",),
    ),
    Schema("prompt and completion", (("prompt",), ANSWERS), optional=("context", "input")),
    Schema(
        "input and output",
        (
            ("input", "inputs", "input_text", "source_text", "src"),
            ("output", "target", "targets", "response", "output_text", "target_text", "tgt"),
        ),
        optional=("context",),
    ),
    Schema("text and summary", (PASSAGES, ("summary", "highlights", "abstract", "headline"))),
    Schema("text", (("text", "content", "document", "body", "story", "sentence", "review"),)),
    Schema("prompts", (("prompt",),)),
)
KNOWN = (
    "text; text and summary; prompt and completion; instruction and output; question and answer; messages; "
    "prompt, chosen and rejected"
)


@dataclass(frozen=True, slots=True)
class Layout:
    """A schema found in a file: its fields, in the order request, context, answer. `text` gives a row's text.

    Attributes:
        left_out: what was met and is no part of the text: sort of a piece -> how often.
    """

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    chat: bool = False
    left_out: Counter[str] = field(default_factory=Counter)

    def text(self, row: Row) -> str:
        """The text of one row; "" where its fields are empty or it lacks one that it needs.

        Raises:
            InvalidUpload: it has none of the fields, or one that is not text.
        """
        parts = [self._text(row, name) for name in self.required]
        if not any(parts) and not any(name in row.values for name in self.required):
            raise InvalidUpload(
                f"{row.where} has no {shown(self.required[0])!r}, which the first example has; "
                f"it has {_names(row.values)}",
                row.line,
            )
        if not all(parts[1:] or parts):  # a request may be empty, an answer may not
            return ""
        optional = [self._text(row, name) for name in self.optional]
        before = [self._before(row, name) for name in self.before]
        return "\n".join(part for part in (*before, parts[0], *optional, *parts[1:]) if part)

    def example(self, row: Row) -> dict[str, object]:
        """A row as a trainer takes it: turns of a chat, preferences, a request with its answer, or a text."""
        turns = row.values.get(self.required[0])
        if len(self.required) == 1 and (self.chat or is_turns(turns)):
            return {"messages": messages(row, self.required[0], turns, self.left_out)}
        for columns in PREFERENCES:
            if all(name in row.values for name in columns):
                return {name: row.values[name] for name in ("prompt", *columns) if name in row.values}
        if len(self.required) == 1 or self.name == CHOSEN:
            return {"text": self.text(row)}
        *asked, answer = self.required
        parts = [
            *(self._before(row, name) for name in self.before),
            *(self._text(row, name) for name in (*asked, *self.optional)),
        ]
        return {
            "prompt": "\n".join(part for part in parts if part) + "\n",
            "completion": self._text(row, answer),
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that are read."""
        return (*self.before, *self.required, *self.optional)

    def _text(self, row: Row, name: str) -> str:
        value = row.values.get(name)
        if (self.chat and name == self.required[0] and value is not None) or is_turns(value):
            return conversation(row, name, value, self.left_out)
        if value is None or isinstance(value, str):
            return (value or "").strip()
        if isinstance(value, int | float):
            return str(value)
        if self.name == "text":
            kind = "a list" if isinstance(value, list) else "an object"
            raise InvalidUpload(f"{row.where} has {kind} as {shown(name)!r}, not text", row.line)
        return words(value, self.left_out)

    def _before(self, row: Row, name: str) -> str:
        value = row.values.get(name)
        if not value or isinstance(value, str):
            return (value or "").strip() if isinstance(value, str) else ""
        return compact(value) if name.casefold() == "tools" else words(value, self.left_out)


def layout_of(first: Row, text_column: str | Sequence[str] | None) -> Layout:
    """The layout of a file by its first row.

    Raises:
        UnknownColumns: no layout fits, or a column that a person chose is no field of the first row; has the fields.
    """
    fields = list(first.values)
    if text_column is not None:
        chosen = (text_column,) if isinstance(text_column, str) else tuple(text_column)
        missing = next((name for name in chosen if name not in first.values), None)
        if missing is not None:
            sentence = f"no column {shown(missing)!r}; the file has {_names(fields)}"
            raise UnknownColumns(sentence, samples(first), first.named)
        return Layout("text" if len(chosen) == 1 else CHOSEN, chosen)
    names = {name.strip().casefold(): name for name in reversed(fields)}
    for schema in SCHEMAS:
        parts = [next((names[name] for name in part if name in names), None) for part in schema.required]
        found = tuple(part for part in parts if part is not None)
        if len(found) == len(parts) and len(set(found)) == len(found):
            optional = tuple(
                names[name] for name in schema.optional if name in names and names[name] not in found
            )
            before = tuple(names[name] for name in BEFORE if name in names)
            return Layout(schema.name, found, optional, before, schema.chat)
    if len(fields) == 1:
        return Layout("chat" if is_turns(first.values[fields[0]]) else "text", (fields[0],))
    raise UnknownColumns(
        f"{first.place} {first.named} has {_names(fields)}: none of the layouts that Vapor knows ({KNOWN}); "
        "say which column is the text, or rename it to text",
        samples(first),
        first.named,
    )


def samples(row: Row) -> dict[str, tuple[str, ...]]:
    """A row's fields with what each begins with, to choose by."""
    return {name: (shown(value, SAMPLE),) for name, value in row.values.items()}


def _names(fields: Iterable[str]) -> str:
    names = [repr(shown(name, 30)) for name in fields]
    if not names:
        return "no fields"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more
