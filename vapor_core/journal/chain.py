"""Whether what a journal holds is what was written: the digest of each event covers the one before it."""

from collections.abc import Iterable, Sequence
from math import isfinite

from vapor_core.journal.events import REPAIR, SetAside, understood
from vapor_core.journal.records import NOTHING, Entry, Row, digest

_DAMAGED = f"it is not what was written, its file is damaged; {REPAIR}"
_GONE = f"not there any more, the file is damaged or was replaced; {REPAIR}"


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
