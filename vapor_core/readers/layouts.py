"""Which fields of a row are the text that a model would be trained on.

The common layouts of fine-tuning files are known by their field names; anything else needs a named column.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from vapor_core.errors import InvalidUpload
from vapor_core.readers.rows import Row, shown

ANSWERS = ("completion", "response", "output", "answer", "target", "chosen")


@dataclass(frozen=True, slots=True)
class Schema:
    """A layout. Each part is a tuple of names of which a row has one; `optional` may be missing or empty."""

    name: str
    required: tuple[tuple[str, ...], ...]
    optional: tuple[str, ...] = ()
    chat: bool = False


SCHEMAS = (
    Schema("chat", (("messages", "conversations", "conversation"),), chat=True),
    Schema("instruction", (("instruction",), ANSWERS), optional=("input", "context")),
    Schema("question and answer", (("question", "query", "problem"), ("answer", "response", "solution"))),
    Schema("prompt and completion", (("prompt",), ANSWERS)),
    Schema("input and output", (("input", "inputs"), ("output", "target", "targets", "response"))),
    Schema("text", (("text", "content", "document", "body", "story", "sentence", "review"),)),
)
KNOWN = "text; prompt and completion; instruction and output; question and answer; messages"


@dataclass(frozen=True, slots=True)
class Layout:
    """A schema found in a file: its fields, in the order request, context, answer. `text` gives a row's text."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    chat: bool = False

    def text(self, row: Row) -> str:
        """The text of one row; "" where its fields are empty.

        Raises:
            InvalidUpload: a field is missing or is not text.
        """
        if self.chat:
            return _chat(row, self.required[0])
        parts = [_text(row, self.required[0], needed=True)]
        parts += [_text(row, name, needed=False) for name in self.optional]
        parts += [_text(row, name, needed=True) for name in self.required[1:]]
        return "\n".join(part for part in parts if part)


def layout_of(first: Row, text_column: str | None) -> Layout:
    """The layout of a file by its first row.

    Raises:
        InvalidUpload: no layout fits, or `text_column` is not a field of the first row.
    """
    fields = list(first.values)
    if text_column is not None:
        if text_column not in first.values:
            raise InvalidUpload(
                f"no column {shown(text_column)!r}; the file has {_names(fields)}", first.line
            )
        return Layout("text", (text_column,))
    names = {name.strip().casefold(): name for name in reversed(fields)}
    for schema in SCHEMAS:
        parts = [next((names[name] for name in part if name in names), None) for part in schema.required]
        found = tuple(part for part in parts if part is not None)
        if len(found) == len(parts):
            optional = tuple(names[name] for name in schema.optional if name in names)
            return Layout(schema.name, found, optional, schema.chat)
    if len(fields) == 1:
        return Layout("text", (fields[0],))
    raise InvalidUpload(
        f"line {first.line} has {_names(fields)}: none of the layouts that Vapor knows ({KNOWN}); "
        "say which column is the text, or rename it to text",
        first.line,
    )


def _names(fields: Iterable[str]) -> str:
    names = [repr(shown(name, 30)) for name in fields]
    if not names:
        return "no fields"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def _text(row: Row, name: str, *, needed: bool) -> str:
    value = row.values.get(name)
    if isinstance(value, str):
        return value.strip()
    if value is None:
        if needed:
            raise InvalidUpload(
                f"line {row.line} has no {shown(name)!r}, which the first example has; "
                f"it has {_names(row.values)}",
                row.line,
            )
        return ""
    if isinstance(value, int | float):
        return str(value)
    kind = "a list" if isinstance(value, list) else "an object"
    raise InvalidUpload(f"line {row.line} has {kind} as {shown(name)!r}, not text", row.line)


def _chat(row: Row, name: str) -> str:
    turns = row.values.get(name)
    if not isinstance(turns, list):
        raise InvalidUpload(
            f'line {row.line} has no list as {shown(name)!r}; a chat is [{{"role": "user", "content": "..."}}]',
            row.line,
        )
    return "\n".join(_turn(row, turn) for turn in turns)


def _turn(row: Row, turn: object) -> str:
    if isinstance(turn, dict):
        role = turn.get("role", turn.get("from"))
        content = turn.get("content", turn.get("value"))
        if isinstance(role, str) and isinstance(content, str):
            return f"{role[:40]}\n{content.strip()}"
        if isinstance(role, str) and content is None:  # a turn that only calls a tool
            return role[:40]
        if isinstance(role, str) and isinstance(content, list):
            pieces = [piece.get("text") for piece in content if isinstance(piece, dict)]
            return "\n".join([role[:40], *(piece for piece in pieces if isinstance(piece, str))])
    raise InvalidUpload(
        f'line {row.line} has a turn without role and content; write {{"role": "user", "content": "..."}}',
        row.line,
    )
