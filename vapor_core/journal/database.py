"""How a journal's database is reached, SQLite or PostgreSQL, and what its drivers complain of in one sentence."""

import sqlite3
from contextlib import suppress
from typing import Literal

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from vapor_core.errors import JournalError, JournalFull

READS = "vapor_reads"  # the execution option of a connection that only reads
ANSWER_S = 10  # how long to wait for a PostgreSQL server to answer at all

Trouble = Literal["corrupt", "full", "busy", "read-only", "no file", "crowded", "away", "other"]
_SENTENCES: dict[Trouble, str] = {
    "corrupt": "{name} is damaged and cannot be {verb}; open it anew to have it set aside",
    "busy": "{name} is locked by another process and cannot be {verb}; close that one or try again",
    "read-only": "{name} cannot be {verb}: it, its folder or its user may only read",
    "no file": "{name} cannot be {verb}: there is no such folder, or it may not be entered",
    "crowded": "{name} cannot be {verb}: its server has too many connections; try again in a moment",
    "away": "{name} cannot be {verb}: its server does not answer; nothing was recorded; try again",
}
_SQLITE: tuple[tuple[str, Trouble], ...] = (
    ("SQLITE_CORRUPT", "corrupt"),
    ("SQLITE_NOTADB", "corrupt"),
    ("SQLITE_FULL", "full"),
    ("SQLITE_IOERR_SHMSIZE", "full"),
    ("SQLITE_BUSY", "busy"),
    ("SQLITE_LOCKED", "busy"),
    ("SQLITE_READONLY", "read-only"),
    ("SQLITE_PERM", "read-only"),
    ("SQLITE_AUTH", "read-only"),
    ("SQLITE_CANTOPEN", "no file"),
)
_POSTGRESQL: tuple[tuple[str, Trouble], ...] = (
    ("53100", "full"),
    ("53300", "crowded"),
    ("57P03", "away"),
    ("57P01", "away"),
    ("08", "away"),
    ("55P03", "busy"),
    ("40", "busy"),
    ("25006", "read-only"),
    ("42501", "read-only"),
)


def database_url(text: str) -> URL:
    """The URL of a database; "postgres" and "postgresql" mean the driver that Vapor comes with.

    Raises:
        JournalError: where it is none; the text is not repeated, since it may hold a password.
    """
    try:
        url = make_url(
            text.replace("postgres://", "postgresql://", 1) if text.startswith("postgres://") else text
        )
    except (ArgumentError, ValueError):
        raise JournalError(
            "the journal's URL cannot be read; give one like postgresql://user@host/name"
        ) from None
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def database_engine(url: URL, busy_s: float) -> Engine:
    """Connections to a database.

    Args:
        url: SQLite or PostgreSQL.
        busy_s: how long to wait for another process that writes a SQLite file.

    Raises:
        JournalError: where no driver for it is installed.
    """
    kind = url.get_backend_name()
    try:
        if kind == "sqlite":
            engine = create_engine(url)
            _prepare_sqlite(engine, busy_s)
            return engine
        waits = {} if "connect_timeout" in url.query else {"connect_timeout": ANSWER_S}
        return create_engine(url, pool_pre_ping=True, connect_args=waits)
    except NoSuchModuleError:
        raise JournalError(
            f"no database is known as {url.drivername!r}; Vapor keeps journals in sqlite or postgresql"
        ) from None
    except ImportError as error:
        raise JournalError(
            f"a journal in {kind} needs the package {error.name!r}: pip install 'vapor[postgres]'"
        ) from None


def described(error: DBAPIError, name: str, verb: str) -> JournalError:
    """What a driver complains of, as one sentence.

    Args:
        error: its own.
        name: of the journal, without a password.
        verb: what could not be done to it: "read", "written", "opened".
    """
    kind = trouble(error)
    if kind == "full":
        return JournalFull(f"there is no room for {name}; nothing was recorded; make room and do it again")
    sentence = _SENTENCES.get(kind)
    if sentence is not None:
        return JournalError(sentence.format(name=name, verb=verb))
    words = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return JournalError(f"{name} cannot be {verb}: {words[0]}")


def trouble(error: DBAPIError) -> Trouble:
    """Which trouble an error of a driver is."""
    sqlite = str(getattr(error.orig, "sqlite_errorname", "") or "")
    state = str(getattr(error.orig, "sqlstate", "") or "")
    found = [kind for start, kind in _SQLITE if sqlite.startswith(start)]
    found += [kind for start, kind in _POSTGRESQL if state.startswith(start)]
    if not found and not sqlite and error.connection_invalidated:
        return "away"
    return found[0] if found else "other"


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
        reads = connection.get_execution_options().get(READS, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
