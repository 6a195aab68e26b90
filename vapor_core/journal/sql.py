"""The journal on disk: SQLite by default (one file, write-ahead log, synced at every event), other SQL by URL.

An event is one row of one insert, so it is there whole or not at all, whatever is killed when. A file that is not a
sound database is set aside under another name and said so; it is never written to.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Signal
from weakref import WeakValueDictionary

from sqlalchemy import LargeBinary, Table, func, insert, literal, select
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.elements import ColumnElement

from vapor_core.errors import JournalError
from vapor_core.journal import place as places
from vapor_core.journal.codec import encode, entries, lost_end, reread
from vapor_core.journal.database import LOG, database_url, trouble
from vapor_core.journal.events import REPAIR, WorkspaceEvent
from vapor_core.journal.journal import TAKEN, Entry, Journal, JournalConflict, finite
from vapor_core.journal.metric_blocks import Floats, MetricBlock, packed, unpacked
from vapor_core.journal.records import NOTHING, Row, as_digest, block_digest, digest
from vapor_core.journal.schema import EVENTS, MIGRATIONS, POINTS

BUSY_S = 5.0  # how long to wait for another process that writes
LOOKS, PAUSE_S = (
    40,
    0.25,
)  # at a server that went away while it was written to, before saying that nothing is known
UNKNOWN = (
    "the connection broke while this was recorded, and the journal does not answer: whether it is there will be "
    "seen when it answers again; look before you do it once more"
)
MOST_LOGGED = 20  # of the events that one look finds damaged
POINTED = 2  # the schema's version from which on there are points of real runs
FEW, MANY = (
    50,
    1000,
)  # entries that are read anew all the same; workspaces between two looks for what nobody holds
CHAINED = 3  # from which on events have digests
__all__ = ["BUSY_S", "MIGRATIONS", "SqlJournal", "open_journal"]


def open_journal(url_or_path: str | Path, busy_s: float = BUSY_S) -> Journal:
    """The journal of a file's path, or of a database URL; one in memory is `memory.MemoryJournal`.

    All who open the same place in one process share its connections.

    Args:
        url_or_path: a path is created with its folder where it does not exist.
        busy_s: how long to wait for another process that writes.

    Raises:
        JournalError: where it cannot be opened, in one sentence.
    """
    if str(url_or_path) == ":memory:":
        raise JournalError("a journal in memory is no file; Store() and Store.open(':memory:') have one")
    url = _url(url_or_path)
    if url.get_backend_name() == "sqlite" and url.database and "://" not in str(url_or_path):
        folder = Path(url.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            LOG.warning("the folder %s cannot be made: %s", folder, error)
            raise JournalError(f"the journal's folder cannot be made: {error.strerror}") from None
    return SqlJournal(places.opened(url, busy_s))


def look_at(url_or_path: str | Path) -> "SqlJournal":
    """A journal as it is: it is not brought forward, mended or written, whatever state it is in.

    Raises:
        JournalError: where there is none that can be read.
    """
    return SqlJournal(places.Place(_url(url_or_path), BUSY_S, only_looks=True))


def _url(url_or_path: str | Path) -> URL:
    given = str(url_or_path)
    if "://" in given:
        return database_url(given)
    path = Path(given).expanduser()
    if path.is_dir():
        raise JournalError(
            "the journal's path is a folder; give the path of a file, for example work.db in it"
        )
    return URL.create("sqlite+pysqlite", database=str(path))


class SqlJournal:
    """A journal in a SQL database; safe for many threads and processes at once."""

    def __init__(self, place: places.Place) -> None:
        self._place = place
        self._closed = False

    @property
    def place(self) -> places.Place:
        """Where it is kept, for whoever takes care of it."""
        return self._place

    @property
    def _engine(self) -> Engine:
        return self._place.engine

    @property
    def read_only(self) -> bool:
        """Whether its file, folder or disk may only be read."""
        return self._place.read_only

    @property
    def notices(self) -> tuple[str, ...]:
        """That a corrupt file was set aside, that one was empty, or that it may only be read."""
        return self._place.notices

    def read(self, workspace: str, after: int = 0) -> tuple[Entry, ...]:
        """Entries with numbers above `after`, in order; what is damaged or not known is set aside in its place.

        Raises:
            JournalError: where nothing of it can be read.
        """
        known = self._known(workspace)
        with self._place.reading() as connection:
            rows = self._rows(connection, workspace, after, known)
            before = NOTHING
            if rows and after and self._place.version >= CHAINED:
                earlier = (EVENTS.c.workspace == workspace) & (EVENTS.c.number <= after)
                _, before = _last(connection, EVENTS, earlier)
        found = entries(workspace, rows, after, before)
        for entry in [entry for entry in found if entry.notice][:MOST_LOGGED]:
            LOG.warning("%s, workspace %s: %s", self._place.name, workspace, entry.notice)
        fresh = (entry for entry in found if entry.digest and not entry.notice)
        known.update((entry.number, entry) for entry in fresh if known.get(entry.number) is not entry)
        return found if after else (*found, *self._lost_after(workspace, found[-1] if found else None))

    def _rows(
        self, connection: Connection, workspace: str, after: int, known: Mapping[int, Entry]
    ) -> tuple[Row, ...]:
        """Rows above a number; what somebody in this process has read and still holds comes without its body."""
        digests = EVENTS.c.digest if self._place.version >= CHAINED else literal(None, LargeBinary)
        theirs, rows = EVENTS.c.workspace == workspace, []
        if len(known) >= FEW and not after:
            light = select(EVENTS.c.number, EVENTS.c.at, digests).where(theirs).order_by(EVENTS.c.number)
            for number, at, own in connection.execute(light).all():
                held = known.get(number)
                if held is None or not own or held.digest != own or held.at != at or number != after + 1:
                    break
                rows.append(Row(number, at, "", own, held))
                after = number
        wanted = (
            select(EVENTS.c.number, EVENTS.c.at, EVENTS.c.body, digests)
            .where(theirs, EVENTS.c.number > after)
            .order_by(EVENTS.c.number)
        )
        found = connection.execute(wanted).all()
        rows += [
            Row(number, at, body, as_digest(own)) for number, at, body, own in found if _is_number(number)
        ]
        return tuple(rows)

    def _known(self, workspace: str) -> "WeakValueDictionary[int, Entry]":
        """Entries of a workspace that somebody in this process holds."""
        places_known = self._place.known
        if len(places_known) > MANY:
            for name in [name for name, held in list(places_known.items()) if not held]:
                places_known.pop(name, None)
        return places_known.setdefault(workspace, WeakValueDictionary())

    def append(self, workspace: str, after: int, at: float, event: WorkspaceEvent) -> Entry:
        """Add an entry numbered `after` + 1; when this returns, it is on disk.

        Raises:
            JournalConflict: where another process has written since.
            JournalFull: where the disk has no room.
            JournalError: where it cannot be written, or could not be read back.
        """
        entry = Entry(after + 1, float(finite(at)), reread(event))
        body, nonce = encode(entry.event), os.urandom(8)

        def row(before: bytes) -> Mapping[str, object]:
            fixed = {
                "workspace": workspace,
                "number": entry.number,
                "at": entry.at,
                "body": body,
                "nonce": nonce,
            }
            return {**fixed, "digest": digest(before, workspace, entry.number, entry.at, body)}

        self._record(_Addition(EVENTS, EVENTS.c.workspace == workspace, after, EVENTS.c.nonce == nonce, row))
        if self._place.witness is not None:
            self._place.witness.tell(entry.number, workspace)
        return entry

    def append_metrics(self, workspace: str, job_id: str, after: int, columns: Mapping[str, Floats]) -> int:
        """Add points of a real run as block `after` + 1; when this returns that number, they are on disk.

        Raises:
            JournalConflict: where another process has kept some since.
            JournalFull: where the disk has no room.
            JournalError: where they cannot be written.
        """
        rows, names, body = packed(columns)
        number, theirs = after + 1, (POINTS.c.workspace == workspace) & (POINTS.c.job_id == job_id)
        own = block_digest(workspace, job_id, number, (rows, names, body))

        def row(_: bytes) -> Mapping[str, object]:
            place = {"workspace": workspace, "job_id": job_id, "number": number}
            return {**place, "rows": rows, "columns": names, "body": body, "digest": own}

        self._record(_Addition(POINTS, theirs, after, POINTS.c.digest == own, row))
        if self._place.witness is not None:
            self._place.witness.tell(number, workspace, job_id)
        return number

    def metric_blocks(self, workspace: str, job_id: str, after: int = 0) -> tuple[MetricBlock, ...]:
        """Blocks of points with numbers above `after`, in order; a damaged one is empty and its notice says so.

        Raises:
            JournalError: where nothing of them can be read.
        """
        if self._place.version < POINTED:
            return ()
        digests = POINTS.c.digest if self._place.version >= CHAINED else literal(None, LargeBinary)
        wanted = (
            select(POINTS.c.number, POINTS.c["rows"], POINTS.c["columns"], POINTS.c.body, digests)
            .where(POINTS.c.workspace == workspace, POINTS.c.job_id == job_id, POINTS.c.number > after)
            .order_by(POINTS.c.number)
        )
        with self._place.reading() as connection:
            found = connection.execute(wanted).all()
        blocks = [
            _block(workspace, job_id, number, (rows, names, body), as_digest(own))
            for number, rows, names, body, own in found
            if _is_number(number)
        ]
        last = blocks[-1].number if blocks else after
        if self._place.witness is not None and self._place.witness.number(workspace, job_id) > last:
            blocks.append(MetricBlock(last, {}, f"points of {job_id} are not there any more; {REPAIR}"))
        return tuple(blocks)

    def workspaces(self) -> tuple[str, ...]:
        """Ids of the workspaces that have events."""
        with self._place.reading() as connection:
            return tuple(
                connection.scalars(select(EVENTS.c.workspace).distinct().order_by(EVENTS.c.workspace))
            )

    def close(self) -> None:
        """Let go of the place; its connections are closed with the last one who has it open."""
        if not self._closed:
            self._closed = True
            places.let_go(self._place)

    def _lost_after(self, workspace: str, last: Entry | None) -> tuple[Entry, ...]:
        """What stands for events at the end that were recorded and are gone."""
        number, at = (last.number, last.at) if last is not None else (0, 0.0)
        recorded = self._place.witness.number(workspace) if self._place.witness is not None else 0
        return (lost_end(number + 1, recorded, at),) if recorded > number else ()

    def _record(self, addition: "_Addition") -> None:
        """Add a row once, whatever happens to the connection meanwhile.

        Where it breaks after the row was sent, nobody knows whether it is there: it is looked for, and sent again
        where it is not.
        """
        if self._place.read_only:
            raise JournalError("the journal cannot be written: it, its folder or its disk may only be read")
        unsure = False
        for _ in range(LOOKS):
            try:
                self._insert(addition, unsure)
            except _Unsure:
                unsure = True
                Signal().wait(PAUSE_S)
                continue
            return
        raise JournalError(UNKNOWN)

    def _insert(self, addition: "_Addition", unsure: bool) -> None:
        """Add a row where its number is the next one, and only there; or find it there, where it may be."""
        sent = False
        try:
            with self._place.turn, self._engine.begin() as connection:
                known, before = _last(connection, addition.table, addition.theirs)
                if known > addition.after and unsure and _is_there(connection, addition):
                    return
                if known < addition.after:
                    raise JournalError("the journal has lost what was seen here; load the workspace anew")
                if known > addition.after:
                    raise JournalConflict(TAKEN)
                sent = True
                connection.execute(insert(addition.table), addition.row(before))
        except IntegrityError:
            if unsure:
                raise _Unsure from None
            raise JournalConflict(TAKEN) from None
        except DBAPIError as error:
            kind = trouble(error)
            if (sent or unsure) and (kind in ("away", "crowded") or error.connection_invalidated):
                LOG.warning(
                    "%s broke off while it was written: %s", self._place.name, str(error.orig).strip()
                )
                raise _Unsure from None
            if sent and kind == "other":
                LOG.warning(
                    "%s could not say whether it wrote: %s", self._place.name, str(error.orig).strip()
                )
                raise JournalError(UNKNOWN) from None
            with self._place.described("written"):
                raise
        except UnicodeDecodeError:
            with self._place.described("written"):
                raise
        except PoolTimeout as error:
            if unsure:
                raise _Unsure from None
            with self._place.described("written"):
                raise error


class _Unsure(Exception):
    """It is not known whether something was recorded."""


@dataclass(frozen=True, slots=True)
class _Addition:
    """A row that is to follow number `after` of the rows that are `theirs`."""

    table: Table
    theirs: ColumnElement[bool]
    after: int
    own: ColumnElement[bool]  # tells it from what another one may write under its number
    row: Callable[[bytes], Mapping[str, object]]  # from the digest of the row before


def _last(connection: Connection, table: Table, theirs: ColumnElement[bool]) -> tuple[int, bytes]:
    """Number and digest of the last row; (0, nothing) where there is none."""
    last = select(table.c.number, table.c.digest).where(theirs).order_by(table.c.number.desc()).limit(1)
    found = connection.execute(last).first()
    return (0, NOTHING) if found is None else (found.number, as_digest(found.digest) or NOTHING)


def _is_there(connection: Connection, addition: _Addition) -> bool:
    own = addition.theirs & (addition.table.c.number == addition.after + 1) & addition.own
    return bool(connection.scalar(select(func.count()).select_from(addition.table).where(own)))


def _block(
    workspace: str, job_id: str, number: int, kept: tuple[int, str, bytes], own: bytes | None
) -> MetricBlock:
    damaged = f"block {number} of the points of {job_id} is damaged and was left out; {REPAIR}"
    try:
        if own is not None and own != block_digest(workspace, job_id, number, kept):
            return MetricBlock(number, {}, damaged)
        return MetricBlock(number, unpacked(*kept, f"block {number} of {job_id}"))
    except (JournalError, ValueError, TypeError):
        return MetricBlock(number, {}, damaged)


def _is_number(number: object) -> bool:
    return isinstance(number, int)
