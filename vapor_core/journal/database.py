"""How a journal's database is reached, SQLite or PostgreSQL, and what its drivers complain of in one sentence."""

import logging
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from vapor_core.errors import JournalError, JournalFull

READS = "vapor_reads"  # the execution option of a connection that only reads
ANSWER_S = 10  # how long to wait for a PostgreSQL server to answer at all

# Whoever runs the server reads here what no visitor may: paths, hosts, users, ids and the drivers' own words.
LOG = logging.getLogger("vapor.journal")

Trouble = Literal[
    "corrupt",
    "full",
    "busy",
    "read-only",
    "no file",
    "no database",
    "unknown user",
    "crowded",
    "away",
    "other",
]
_SENTENCES: dict[Trouble, str] = {
    "corrupt": "the journal is damaged and cannot be {verb}; open it anew to have it set aside",
    "busy": "the journal is locked by another process and cannot be {verb}; close that one or try again",
    "read-only": "the journal cannot be {verb}: it, its folder or its user may only read",
    "no file": "the journal cannot be {verb}: there is no such folder, or it may not be entered",
    "no database": "the journal cannot be {verb}: on its server that database does not exist",
    "unknown user": "the journal cannot be {verb}: its server does not know the user or the password",
    "crowded": "the journal cannot be {verb}: its server has too many connections; try again in a moment",
    "away": "the journal cannot be {verb}: its server does not answer; nothing was recorded; try again",
    "other": "the journal cannot be {verb}: its database has trouble, which the server's log tells",
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
    ("57P02", "away"),
    ("08", "away"),
    ("3D000", "no database"),
    ("28", "unknown user"),
    ("55P03", "busy"),
    ("40", "busy"),
    ("25006", "read-only"),
    ("42501", "read-only"),
)
_REFUSALS: tuple[tuple[str, Trouble], ...] = (  # of a connection, which has no state yet: the server's words
    ("too many clients", "crowded"),
    ("remaining connection slots", "crowded"),
    ("does not exist", "no database"),
    ("authentication failed", "unknown user"),
    ("starting up", "away"),
    ("in recovery", "away"),
    ("shutting down", "away"),
    ("connection", "away"),
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


def read_only_url(path: Path) -> URL:
    """The URL of a SQLite file that may only be read; where it has no log beside it, nothing is made beside it."""
    log = path.with_name(path.name + "-wal")
    changes = log.exists() and log.stat().st_size > 0
    query = {"uri": "true", "mode": "ro"} if changes else {"uri": "true", "mode": "ro", "immutable": "1"}
    return URL.create("sqlite+pysqlite", database=path.resolve().as_uri(), query=query)


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
            f"no database is known as {url.drivername[:40]!r}; Vapor keeps journals in sqlite or postgresql"
        ) from None
    except ImportError as error:
        raise JournalError(
            f"a journal in {kind} needs the package {error.name!r}: pip install -e '.[postgres]' in Vapor's folder"
        ) from None


def described(error: DBAPIError, name: str, verb: str) -> JournalError:
    """What a driver complains of, as one sentence for anybody; its own words go to the log.

    Args:
        error: its own.
        name: of the journal, without a password, for the log.
        verb: what could not be done to it: "read", "written", "opened".
    """
    kind = trouble(error)
    LOG.warning("%s cannot be %s (%s): %s", name, verb, kind, str(error.orig).strip())
    if kind == "full":
        return JournalFull(
            "there is no room for the journal; nothing was recorded; make room and do it again"
        )
    return JournalError(_SENTENCES[kind].format(verb=verb))


def trouble(error: DBAPIError) -> Trouble:
    """Which trouble an error of a driver is."""
    sqlite = str(getattr(error.orig, "sqlite_errorname", "") or "")
    state = str(getattr(error.orig, "sqlstate", "") or "")
    found = [kind for start, kind in _SQLITE if sqlite.startswith(start)]
    found += [kind for start, kind in _POSTGRESQL if state.startswith(start)]
    if not found and not sqlite and not state:
        found = [kind for words, kind in _REFUSALS if words in str(error.orig)]
    if not found and not sqlite and error.connection_invalidated:
        return "away"
    return found[0] if found else "other"


def _text(content: bytes) -> str:
    """Damaged text is no reason to read nothing: its digest tells."""
    return content.decode("utf-8", "surrogateescape")


def _prepare_sqlite(engine: Engine, busy_s: float) -> None:
    @event.listens_for(engine, "connect")
    def _(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.isolation_level = None  # transactions begin below
            connection.text_factory = _text
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
