"""What stands in a row of a journal, and the digests by which it is seen whether that is what was written.

A digest is no secret: it finds what a disk, a copy or a crash has changed, and not who changes a journal on purpose.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from struct import pack
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vapor_core.journal.events import WorkspaceEvent

DIGEST_BYTES = 16
NOTHING = b""  # before the first event, and before one whose predecessor was written without a digest


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


@contextmanager
def without_collecting() -> Iterator[None]:
    """Make many objects that all stay without looking for garbage among them again and again: half of the time."""
    with _counting:
        _collecting.append(gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _counting:
            first = _collecting[0]
            _collecting.pop()
            if first and not _collecting:
                gc.enable()


_counting = Lock()
_collecting: list[bool] = []  # whether garbage was collected before each of those who make objects now
