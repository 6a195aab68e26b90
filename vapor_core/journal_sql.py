"""The journal on disk: SQLite by default (one file, write-ahead log, synced at every event), other SQL by URL.

An event is one row of one insert, so it is there whole or not at all, whatever is killed when. A file that is not a
sound database is set aside under another name and said so; it is never written to.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from vapor_core.errors import JournalError, JournalFull
from vapor_core.events import Action, decode, encode
from vapor_core.journal import Entry, Journal, JournalConflict, MemoryJournal

BUSY_S = 5.0  # how long to wait for another process that writes

_tables = MetaData()
_schema = Table("vapor_schema", _tables, Column("version", Integer, nullable=False))
_events = Table(
    "vapor_events",
    _tables,
    Column("workspace", String(200), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float(53), nullable=False),
    Column("body", Text, nullable=False),
)


def _first_tables(connection: Connection) -> None:
    _tables.create_all(connection)


# Step k brings a journal from version k to k + 1. What is in a step stays as it is: files of that version exist.
MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_first_tables,)


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
        return SqlJournal(_url(given), busy_s=busy_s)
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
        self._engine = _engine(url, busy_s)
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
    def notices(self) -> tuple[str, ...]:
        """That a corrupt file was set aside, and where it is now."""
        return self._notices

    def read(self, workspace: str, after: int = 0) -> tuple[Entry, ...]:
        """Entries with numbers above `after`, in order.

        Raises:
            JournalError: where it cannot be read, or holds what this version does not know.
        """
        wanted = (
            select(_events.c.number, _events.c.at, _events.c.body)
            .where(_events.c.workspace == workspace, _events.c.number > after)
            .order_by(_events.c.number)
        )
        with self._told("read"), self._engine.connect() as connection:
            rows = connection.execution_options(vapor_reads=True).execute(wanted).all()
        where = f"event {{}} of workspace {workspace!r} in {self._name}"
        return tuple(Entry(number, at, decode(body, where.format(number))) for number, at, body in rows)

    def append(self, workspace: str, after: int, at: float, event: Action) -> Entry:
        """Add an entry numbered `after` + 1; when this returns, it is on disk.

        Raises:
            JournalConflict: where another process has written since.
            JournalFull: where the disk has no room.
            JournalError: where it cannot be written.
        """
        last = select(func.max(_events.c.number)).where(_events.c.workspace == workspace)
        body = encode(event)
        row = {"workspace": workspace, "number": after + 1, "at": at, "body": body}
        with self._told("written"), self._engine.begin() as connection:
            known = connection.scalar(last) or 0
            if known < after:
                raise JournalError(
                    f"{self._name} has lost events that this session has seen; load the workspace anew"
                )
            if known > after:
                raise _conflict(workspace, after)
            try:
                connection.execute(insert(_events), row)
            except IntegrityError:
                raise _conflict(workspace, after) from None
        return Entry(after + 1, at, decode(body, f"event {after + 1} of workspace {workspace!r}"))

    def workspaces(self) -> tuple[str, ...]:
        """Ids of the workspaces that have events."""
        with self._told("read"), self._engine.connect() as connection:
            reader = connection.execution_options(vapor_reads=True)
            return tuple(reader.scalars(select(_events.c.workspace).distinct().order_by(_events.c.workspace)))

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _sound(self) -> bool:
        """Whether the file is a database without damage."""
        try:
            with self._engine.connect() as connection:
                reader = connection.execution_options(vapor_reads=True)
                return reader.exec_driver_sql("PRAGMA quick_check(1)").scalar() == "ok"
        except DBAPIError as error:
            if _kind(error) == "corrupt":
                return False
            raise _error(error, self._name, "opened") from None

    def _migrate(self) -> None:
        with self._told("opened"), self._engine.begin() as connection:
            known = inspect(connection).has_table(_schema.name)
            version = connection.scalar(select(_schema.c.version)) or 0 if known else 0
            if version > len(MIGRATIONS):
                raise JournalError(
                    f"{self._name} was written by a newer Vapor (schema {version}, this one knows "
                    f"{len(MIGRATIONS)}); update Vapor to open it"
                )
            for migrate in MIGRATIONS[version:]:
                migrate(connection)
            if not version:
                connection.execute(insert(_schema), {"version": len(MIGRATIONS)})
            elif version < len(MIGRATIONS):
                connection.execute(update(_schema), {"version": len(MIGRATIONS)})

    @contextmanager
    def _told(self, verb: str) -> Iterator[None]:
        """Database trouble as one sentence."""
        try:
            yield
        except DBAPIError as error:
            raise _error(error, self._name, verb) from None


def _url(text: str) -> URL:
    try:
        url = make_url(
            text.replace("postgres://", "postgresql://", 1) if text.startswith("postgres://") else text
        )
    except (ArgumentError, ValueError):
        raise JournalError(
            "the journal's URL cannot be read; give one like postgresql://user@host/name"
        ) from None
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _engine(url: URL, busy_s: float) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    except NoSuchModuleError:
        raise JournalError(
            f"no database is known as {url.drivername!r}; Vapor keeps journals in sqlite or postgresql"
        ) from None
    except ImportError as error:
        raise JournalError(
            f"a journal in {url.get_backend_name()} needs the package {error.name!r}"
        ) from None
    if url.get_backend_name() == "sqlite":
        _prepare_sqlite(engine, busy_s)
    return engine


def _prepare_sqlite(engine: Engine, busy_s: float) -> None:
    @event.listens_for(engine, "connect")
    def _(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.isolation_level = None  # transactions begin below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {round(busy_s * 1000)}")
        with suppress(sqlite3.OperationalError):  # another process is just switching the new file over
            cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        reads = connection.get_execution_options().get("vapor_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


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


def _kind(error: DBAPIError) -> str:
    """Which trouble an error of the driver is."""
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    state = str(getattr(error.orig, "sqlstate", "") or "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "corrupt"
    if name == "SQLITE_FULL" or state.startswith("53"):
        return "full"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "busy"
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return "read-only"
    return "absent" if name.startswith("SQLITE_CANTOPEN") else "other"


def _error(error: DBAPIError, name: str, verb: str) -> JournalError:
    kind = _kind(error)
    if kind == "full":
        return JournalFull(f"there is no room for {name}; nothing was recorded; make room and do it again")
    sentences = {
        "corrupt": f"{name} is damaged and cannot be {verb}; open it anew to have it set aside",
        "busy": f"{name} is locked by another process and cannot be {verb}; close that one or try again",
        "read-only": f"{name} cannot be {verb}: the file or its folder is read-only",
        "absent": f"{name} cannot be {verb}: there is no such folder, or it may not be entered",
    }
    first = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    return JournalError(sentences.get(kind, f"{name} cannot be {verb}: {first}"))
