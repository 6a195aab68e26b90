"""The journal on disk: SQLite by default (one file, write-ahead log, synced at every event), other SQL by URL.

An event is one row of one insert, so it is there whole or not at all, whatever is killed when. A file that is not a
sound database is set aside under another name and said so; it is never written to.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock

from sqlalchemy import Table, func, insert, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.elements import ColumnElement

from vapor_core.errors import JournalError
from vapor_core.journal.database import READS, database_engine, database_url, described, trouble
from vapor_core.journal.events import WorkspaceEvent, decode, encode
from vapor_core.journal.journal import Entry, Journal, JournalConflict, MemoryJournal
from vapor_core.journal.metric_blocks import Floats, MetricBlock, packed, unpacked
from vapor_core.journal.schema import EVENTS, MIGRATIONS, POINTS, NewerSchema, migrate

BUSY_S = 5.0  # how long to wait for another process that writes


def open_journal(url_or_path: str | Path, busy_s: float = BUSY_S) -> Journal:
    """The journal of a file's path, or of a database URL; ":memory:" keeps it in memory.

    Args:
        url_or_path: a path is created with its folder where it does not exist.
        busy_s: how long to wait for another process that writes.

    Raises:
        JournalError: where it cannot be opened, in one sentence.
    """
    given = str(url_or_path)
    if given == ":memory:":
        return MemoryJournal()
    if "://" in given:
        return SqlJournal(database_url(given), busy_s=busy_s)
    path = Path(given).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"the journal's folder {path.parent} cannot be made: {error.strerror}") from None
    if path.is_dir():
        raise JournalError(
            f"the journal {path} is a folder; give the path of a file, for example {path / 'work.db'}"
        )
    return SqlJournal(URL.create("sqlite+pysqlite", database=str(path)), busy_s=busy_s)


class SqlJournal:
    """A journal in a SQL database; safe for many threads and processes at once.

    Raises:
        JournalError: where it cannot be opened.
    """

    def __init__(self, url: URL, busy_s: float = BUSY_S) -> None:
        self._notices: tuple[str, ...] = ()
        path = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
        self._name = str(path) if path else url.render_as_string(hide_password=True)
        self._engine = database_engine(url, busy_s)
        # Threads queue for SQLite's one writer here: its own waiting is a poll that the unlucky lose.
        self._in_turn: AbstractContextManager[object] = Lock() if path else nullcontext()
        try:
            if path is not None and path.exists() and not self._sound():
                self._engine.dispose()
                aside = _set_aside(path)
                self._notices = (
                    f"the journal {path} was corrupt; it is kept as {aside}, and a new one was begun",
                )
            self._migrate()
        except BaseException:
            self.close()
            raise

    @property
    def read_only(self) -> bool:
        """It takes entries."""
        return False

    @property
    def notices(self) -> tuple[str, ...]:
        """That a corrupt file was set aside, and where it is now."""
        return self._notices

    def read(self, workspace: str, after: int = 0) -> tuple[Entry, ...]:
        """Entries with numbers above `after`, in order.

        Raises:
            JournalError: where it cannot be read, or holds what this version does not know.
        """
        wanted = (
            select(EVENTS.c.number, EVENTS.c.at, EVENTS.c.body)
            .where(EVENTS.c.workspace == workspace, EVENTS.c.number > after)
            .order_by(EVENTS.c.number)
        )
        with self._described("read"), self._engine.connect() as connection:
            rows = connection.execution_options(**{READS: True}).execute(wanted).all()
        where = f"event {{}} of workspace {workspace!r} in {self._name}"
        return tuple(Entry(number, at, decode(body, where.format(number))) for number, at, body in rows)

    def append(self, workspace: str, after: int, at: float, event: WorkspaceEvent) -> Entry:
        """Add an entry numbered `after` + 1; when this returns, it is on disk.

        Raises:
            JournalConflict: where another process has written since.
            JournalFull: where the disk has no room.
            JournalError: where it cannot be written.
        """
        body = encode(event)
        row = {"workspace": workspace, "number": after + 1, "at": at, "body": body}
        self._insert(EVENTS, EVENTS.c.workspace == workspace, after, row)
        return Entry(after + 1, at, decode(body, f"event {after + 1} of workspace {workspace!r}"))

    def append_metrics(self, workspace: str, job_id: str, after: int, columns: Mapping[str, Floats]) -> int:
        """Add points of a real run as block `after` + 1; when this returns that number, they are on disk.

        Raises:
            JournalConflict: where another process has kept some since.
            JournalFull: where the disk has no room.
            JournalError: where they cannot be written.
        """
        rows, names, body = packed(columns)
        row = {"workspace": workspace, "job_id": job_id, "number": after + 1}
        theirs = (POINTS.c.workspace == workspace) & (POINTS.c.job_id == job_id)
        self._insert(POINTS, theirs, after, {**row, "rows": rows, "columns": names, "body": body})
        return after + 1

    def metric_blocks(self, workspace: str, job_id: str, after: int = 0) -> tuple[MetricBlock, ...]:
        """Blocks of points with numbers above `after`, in order.

        Raises:
            JournalError: where they cannot be read.
        """
        wanted = (
            select(POINTS.c.number, POINTS.c["rows"], POINTS.c["columns"], POINTS.c.body)
            .where(POINTS.c.workspace == workspace, POINTS.c.job_id == job_id, POINTS.c.number > after)
            .order_by(POINTS.c.number)
        )
        with self._described("read"), self._engine.connect() as connection:
            found = connection.execution_options(**{READS: True}).execute(wanted).all()
        where = f"points of {job_id} in workspace {workspace!r}, block"
        return tuple(
            MetricBlock(number, unpacked(rows, names, body, f"{where} {number}"))
            for number, rows, names, body in found
        )

    def workspaces(self) -> tuple[str, ...]:
        """Ids of the workspaces that have events."""
        with self._described("read"), self._engine.connect() as connection:
            reader = connection.execution_options(**{READS: True})
            return tuple(reader.scalars(select(EVENTS.c.workspace).distinct().order_by(EVENTS.c.workspace)))

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _insert(
        self, table: Table, theirs: ColumnElement[bool], after: int, row: Mapping[str, object]
    ) -> None:
        """Add a row where `after` is the last number, and only there."""
        workspace = str(row["workspace"])
        with self._in_turn, self._described("written"), self._engine.begin() as connection:
            known = connection.scalar(select(func.max(table.c.number)).where(theirs)) or 0
            if known < after:
                raise JournalError(
                    f"{self._name} has lost what this session has seen; load the workspace anew"
                )
            if known > after:
                raise _conflict(workspace, after)
            try:
                connection.execute(insert(table), row)
            except IntegrityError:
                raise _conflict(workspace, after) from None

    def _sound(self) -> bool:
        """Whether the file is a database without damage."""
        try:
            with self._engine.connect() as connection:
                reader = connection.execution_options(**{READS: True})
                return reader.exec_driver_sql("PRAGMA quick_check(1)").scalar() == "ok"
        except DBAPIError as error:
            if trouble(error) == "corrupt":
                return False
            raise described(error, self._name, "opened") from None

    def _migrate(self) -> None:
        try:
            with self._described("opened"), self._engine.begin() as connection:
                migrate(connection)
        except NewerSchema as error:
            raise JournalError(
                f"{self._name} was written by a newer Vapor (schema {error.version}, this one knows "
                f"{len(MIGRATIONS)}); update Vapor to open it"
            ) from None

    @contextmanager
    def _described(self, verb: str) -> Iterator[None]:
        """Database trouble as one sentence."""
        try:
            yield
        except DBAPIError as error:
            raise described(error, self._name, verb) from None
        except PoolTimeout:
            raise JournalError(
                f"{self._name} cannot be {verb}: too many wait for it; try again in a moment"
            ) from None


def _set_aside(path: Path) -> Path:
    """Rename a file and its companions to the first free name."""
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    try:
        path.rename(aside)
        for companion in ("-wal", "-shm"):
            beside = path.with_name(path.name + companion)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + companion))
    except OSError as error:
        raise JournalError(
            f"the journal {path} is corrupt and cannot be set aside: {error.strerror}"
        ) from None
    return aside


def _conflict(workspace: str, after: int) -> JournalConflict:
    return JournalConflict(f"event {after + 1} of workspace {workspace!r} was written by another process")
