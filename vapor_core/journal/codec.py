"""An event as a line of JSON, and back: what cannot be read, or is not what was written, is set aside in its place.

Whether it is what was written, its digest tells, which covers the line before it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from math import isfinite
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from vapor_core.errors import JournalError, VaporError
from vapor_core.journal.events import KINDS, REPAIR, UPDATE, Recorded, SetAside, WorkspaceEvent
from vapor_core.journal.records import NOTHING, Entry, Row, digest

_DAMAGED = f"it is not what was written, its file is damaged; {REPAIR}"
_GONE = f"not there any more, the file is damaged or was replaced; {REPAIR}"
_READER: TypeAdapter[Recorded] = TypeAdapter(Annotated[Recorded, Field(discriminator="kind")])


def encode(event: WorkspaceEvent) -> str:
    """One line of JSON.

    Raises:
        JournalError: where a text in it is no Unicode.
    """
    if isinstance(event, SetAside):
        return event.body
    try:
        return event.model_dump_json(exclude_none=True, warnings=False)  # a wrong value shows when it is read
    except PydanticSerializationError:
        raise JournalError(
            "this cannot be recorded: a text in it holds half a character (a lone surrogate); type it anew"
        ) from None


def decode(text: str, where: str) -> WorkspaceEvent:
    """The event of a line; fields that only a later version knows are left out.

    Raises:
        JournalError: names `where` the line stands and what is wrong with it.
    """
    event, _ = understood(text)
    if isinstance(event, SetAside):
        raise JournalError(f"{where} cannot be read: {event.problem}; nothing was changed")
    return event


def reread(event: WorkspaceEvent) -> WorkspaceEvent:
    """The event as it will be read back: what cannot be read back must not be recorded.

    Raises:
        JournalError: where it could not be; nothing was recorded.
    """
    found, _ = understood(encode(event))
    if isinstance(found, SetAside):
        raise JournalError(f"this cannot be recorded: {found.problem}")
    return found


def understood(text: str) -> tuple[WorkspaceEvent, str]:
    """The event of a line, set aside where it is none, and what to tell about it behind its number; "" where whole."""
    try:
        return _READER.validate_json(text), ""
    except (ValidationError, VaporError, ValueError) as error:
        return _with_trouble(text, error)


def _with_trouble(text: str, error: Exception) -> tuple[WorkspaceEvent, str]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return _aside(text, f"it is not JSON; {REPAIR}")
    kind = fields.get("kind") if isinstance(fields, Mapping) else None
    if not isinstance(kind, str) or kind not in KINDS:
        return _aside(text, f"this version of Vapor knows no event {str(kind)[:40]!r}; {UPDATE}")
    if fields.get("version", 1) != 1:
        return _aside(
            text, f"version {ascii(fields.get('version'))[:20]} of {kind} is not known here; {UPDATE}"
        )
    stranger: list[str] = []
    known = _known(fields, stranger)
    if stranger:
        with suppress(ValidationError, VaporError, ValueError):
            more = f"says more than this version of Vapor knows ({', '.join(stranger[:5])}); update Vapor to see it"
            return _READER.validate_python(known, strict=False), more
    return _aside(text, _wrong(kind, error))


def _aside(text: str, problem: str) -> tuple[SetAside, str]:
    aside = SetAside(body=text.encode("utf-8", "backslashreplace").decode(), problem=problem)
    return aside, aside.notice


def _known(fields: Mapping[str, object], stranger: list[str]) -> dict[str, object]:
    """What this version knows of an event's fields; the names of the others go to `stranger`."""
    event = KINDS.get(str(fields.get("kind")))
    names = event.model_fields if event else fields
    stranger += [name[:40] for name in fields if name not in names]
    known = {name: value for name, value in fields.items() if name in names}
    past = known.get("past")
    if isinstance(past, list):
        known["past"] = [
            (line[0], _known(line[1], stranger))
            if isinstance(line, list) and len(line) == 2 and isinstance(line[1], Mapping)
            else line
            for line in past
        ]
    return known


def _wrong(kind: str, error: Exception) -> str:
    if isinstance(error, VaporError):
        sentence = f"{kind}: {str(error).split(';')[0][:200]}"
        newer = " not a field of " in sentence or " not fields of " in sentence
        return f"{sentence}; {UPDATE if newer else REPAIR}"
    if not isinstance(error, ValidationError):
        return f"{kind} holds a value that is none; {REPAIR}"
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part)[:40] for part in (kind, *first["loc"][1:]))
    if first["type"] == "extra_forbidden":
        return f"this version of Vapor knows no {place}; {UPDATE}"
    return f"{place}: {first['msg'][:200]}; {REPAIR}"


def entries(workspace: str, rows: Sequence[Row], after: int, before: bytes) -> tuple[Entry, ...]:
    """The entries that rows hold, what is damaged or not understood set aside in its place.

    Args:
        workspace: whose rows.
        rows: in order of their numbers, all that are there above `after`.
        after: the number of the last event that is known.
        before: its digest; NOTHING where it has none.
    """
    found: list[Entry] = []
    last_at = 0.0
    for row, sound in _checked(workspace, rows, after, before):
        if row.number > after + 1:
            found.append(missing(after + 1, row.number - 1, last_at))
        if row.known is not None:
            found.append(row.known)
            after, last_at = row.number, row.at
            continue
        at = row.at if _is_time(row.at) else last_at
        if sound and _is_time(row.at):
            found.append(entry_of(row.number, at, row.body, row.digest or b""))
        else:
            body = row.body if isinstance(row.body, str) else repr(row.body)
            aside = SetAside(body=body.encode("utf-8", "backslashreplace").decode(), problem=_DAMAGED)
            found.append(Entry(row.number, at, aside, f"event {row.number} {aside.notice}"))
        after, last_at = row.number, at
    return tuple(found)


def missing(first: int, last: int, at: float) -> Entry:
    """What stands for events that are not there."""
    aside = SetAside(body="", problem=_GONE, first=first)
    return Entry(last, at, aside, _gone(first, last))


def lost_end(first: int, last: int, at: float) -> Entry:
    """What stands for the last events, which were recorded and are gone; the next one will get the first's number."""
    aside = SetAside(body="", problem=_GONE, first=first)
    return Entry(first - 1, at, aside, _gone(first, last))


def _gone(first: int, last: int) -> str:
    which = f"event {last} is" if first == last else f"events {first} to {last} are"
    return f"{which} {_GONE}"


def entry_of(number: int, at: float, body: str, own: bytes = b"") -> Entry:
    """The entry of a text that is what was written, whether it is understood or not; `own` is its digest."""
    event, notice = understood(body)
    return Entry(number, at, event, f"event {number} {notice}" if notice else "", own)


def _checked(workspace: str, rows: Sequence[Row], after: int, before: bytes) -> Iterable[tuple[Row, bool]]:
    """Rows with whether each is what was written.

    An event whose digest is wrong but on which the next one's digest stands is whole: its digest is what was damaged.
    One that has no digest, or follows a gap, cannot be checked; a gap is told for itself.
    """
    ahead: bytes | None = None
    for place, row in enumerate(rows):
        if row.known is not None:
            yield row, True
            before, after, ahead = row.digest or NOTHING, row.number, None
            continue
        expected = ahead if ahead is not None else _expected(before, workspace, row)
        ahead = None
        if row.digest is None or row.number > after + 1:
            yield row, isinstance(row.body, str)
            before, after = row.digest or NOTHING, row.number
            continue
        after = row.number
        sound = expected is not None and expected == row.digest
        if not sound and expected is not None and place + 1 < len(rows):
            ahead = _expected(expected, workspace, rows[place + 1])
            sound = ahead is not None and ahead == rows[place + 1].digest
        ahead = ahead if sound else None
        before = row.digest
        yield row, sound


def _expected(before: bytes, workspace: str, row: Row) -> bytes | None:
    """None where a row holds what no row can."""
    if not (_is_time(row.at) and isinstance(row.body, str)):
        return None
    return digest(before, workspace, row.number, row.at, row.body)


def _is_time(at: object) -> bool:
    return isinstance(at, int | float) and isfinite(at)
