"""Whether what a journal holds is what was written: the digest of each event covers the one before it.

A digest is no secret: it finds what a disk, a copy or a crash has changed, and not who changes a journal on purpose.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import isfinite
from struct import pack

from vapor_core.journal.events import REPAIR, SetAside, WorkspaceEvent, understood

DIGEST_BYTES = 16
NOTHING = b""  # before the first event, and before one whose predecessor was written without a digest
_DAMAGED = f"it is not what was written, its file is damaged; {REPAIR}"

_GONE = f"not there any more, the file is damaged or was replaced; {REPAIR}"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Entry:
    """An event with its place: `number` counts from 1 within the workspace, `at` is the caller's clock.

    Attributes:
        notice: what a person should be told about how it was read; "" where it is whole.
        digest: as it is kept; empty where it has none.
    """

    number: int
    at: float
    event: WorkspaceEvent
    notice: str = ""
    digest: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Row:
    """An event as it stands in a database. A damaged database may hold anything in any of these."""

    number: int
    at: float
    body: str
    digest: bytes | None
    known: Entry | None = None  # where it was read and checked before; its body is not looked at again then


def digest(before: bytes, workspace: str, number: int, at: float, body: str) -> bytes:
    """Of an event, from the digest of the one before it."""
    name = workspace.encode("utf-8", "surrogateescape")
    head = pack(">Bqdi", len(before), number, at, len(name))
    text = body.encode("utf-8", "surrogateescape")
    return blake2b(b"".join((before, head, name, text)), digest_size=DIGEST_BYTES).digest()


def as_digest(value: object) -> bytes | None:
    """A digest as a database gives it; one that is damaged is some digest that nothing stands on."""
    if value is None:
        return None
    return value[:DIGEST_BYTES] if isinstance(value, bytes) else b"damaged"


def block_digest(workspace: str, job_id: str, number: int, kept: tuple[int, str, bytes]) -> bytes:
    """Of a block of points, from what `metric_blocks.packed` makes of it."""
    rows, names, body = kept
    head = "\n".join((workspace, job_id, str(number), str(rows), names, ""))
    return blake2b(head.encode("utf-8", "surrogateescape") + body, digest_size=DIGEST_BYTES).digest()


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
            found.append(Entry(row.number, at, aside, told(row.number, aside)))
        after, last_at = row.number, at
    return tuple(found)


def missing(first: int, last: int, at: float) -> Entry:
    """What stands for events that are not there."""
    aside = SetAside(body="", problem=_GONE, first=first)
    return Entry(last, at, aside, told(last, aside))


def lost_end(first: int, last: int, at: float) -> Entry:
    """What stands for the last events, which were recorded and are gone; the next one will get the first's number."""
    aside = SetAside(body="", problem=_GONE, first=first)
    return Entry(first - 1, at, aside, told(last, aside))


def told(number: int, aside: SetAside) -> str:
    """What a person is told about what was set aside."""
    if aside.first:
        which = f"event {number} is" if aside.first == number else f"events {aside.first} to {number} are"
        return f"{which} {aside.problem}"
    return f"event {number} was set aside: {aside.problem}"


def entry_of(number: int, at: float, body: str, own: bytes = b"") -> Entry:
    """The entry of a text that is what was written, whether it is understood or not; `own` is its digest."""
    event, strangers = understood(body)
    if isinstance(event, SetAside):
        return Entry(number, at, event, told(number, event), own)
    if strangers:
        names = ", ".join(strangers[:5])
        notice = (
            f"event {number} says more than this version of Vapor knows ({names}); update Vapor to see it"
        )
        return Entry(number, at, event, notice, own)
    return Entry(number, at, event, "", own)


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
