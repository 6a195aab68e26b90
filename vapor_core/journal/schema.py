"""The tables of a journal in a SQL database, and how a database of an earlier version becomes one of this.

Version 1 had events alone. Version 2 has the points of real runs beside them: what a simulated run measures is never
kept, since it follows from its events.
"""

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
    update,
)

_tables = MetaData()
SCHEMA = Table("vapor_schema", _tables, Column("version", Integer, nullable=False))
EVENTS = Table(
    "vapor_events",
    _tables,
    Column("workspace", String(200), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float(53), nullable=False),
    Column("body", Text, nullable=False),
)
POINTS = Table(
    "vapor_points",
    _tables,
    Column("workspace", String(200), primary_key=True),
    Column("job_id", String(200), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("rows", BigInteger, nullable=False),
    Column("columns", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
_ONE_AT_A_TIME = 0x7661706F72  # the lock that processes take which migrate one PostgreSQL database at once


def _events(connection: Connection) -> None:
    _tables.create_all(connection, tables=[SCHEMA, EVENTS])


def _points(connection: Connection) -> None:
    _tables.create_all(connection, tables=[POINTS])


# Step k brings a journal from version k to k + 1. What is in a step stays as it is: files of that version exist.
MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_events, _points)


class NewerSchema(Exception):
    """The database was written by a later version of Vapor."""

    def __init__(self, version: int) -> None:
        self.version = version
        super().__init__(version)


def migrate(connection: Connection) -> None:
    """Bring a database to this version, within the caller's transaction.

    Raises:
        NewerSchema: where it is later than this one; nothing was changed.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    known = inspect(connection).has_table(SCHEMA.name)
    version = connection.scalar(select(SCHEMA.c.version)) or 0 if known else 0
    if version > len(MIGRATIONS):
        raise NewerSchema(version)
    for step in MIGRATIONS[version:]:
        step(connection)
    if not version:
        connection.execute(insert(SCHEMA), {"version": len(MIGRATIONS)})
    elif version < len(MIGRATIONS):
        connection.execute(update(SCHEMA), {"version": len(MIGRATIONS)})
