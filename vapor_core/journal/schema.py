"""The tables of a journal in a SQL database, and how a database of an earlier version becomes one of this.

Version 1 had events alone. Version 2 has the points of real runs beside them: what a simulated run measures is never
kept, since it follows from its events. Version 3 has a digest of each event and each block of points, see `chain`.
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
    bindparam,
    insert,
    inspect,
    select,
    text,
    tuple_,
    update,
)

from vapor_core.journal.records import NOTHING, digest

_tables = MetaData()
SCHEMA = Table("vapor_schema", _tables, Column("version", Integer, nullable=False))
EVENTS = Table(
    "vapor_events",
    _tables,
    Column("workspace", String(200), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float(53), nullable=False),
    Column("body", Text, nullable=False),
    Column("nonce", LargeBinary),  # of who wrote it, to know one's own again after a lost connection
    Column("digest", LargeBinary),  # NULL where a version before 3 wrote it
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
    Column("digest", LargeBinary),
)
AT_ONCE = 1000  # events that are chained between two looks at the database
_ONE_AT_A_TIME = 0x7661706F72  # the lock that processes take which migrate one PostgreSQL database at once


def _events(connection: Connection) -> None:
    _tables.create_all(connection, tables=[SCHEMA, EVENTS])


def _points(connection: Connection) -> None:
    _tables.create_all(connection, tables=[POINTS])


def _digests(connection: Connection) -> None:
    """Add the columns, and chain the events that are there; blocks of points stay as they are, unchecked."""
    for table in (EVENTS, POINTS):
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                kind = column.type.compile(connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))
    place: tuple[str, int] = ("", 0)
    before = NOTHING
    while rows := _next_events(connection, place):
        digests = []
        for workspace, number, at, body in rows:
            before = digest(before if workspace == place[0] else NOTHING, workspace, number, at, body)
            place = (workspace, number)
            digests.append({"of": workspace, "place": number, "digest": before})
        chained = (EVENTS.c.workspace == bindparam("of")) & (EVENTS.c.number == bindparam("place"))
        connection.execute(update(EVENTS).where(chained), digests)


def _next_events(connection: Connection, after: tuple[str, int]) -> list[tuple[str, int, float, str]]:
    found = connection.execute(
        select(EVENTS.c.workspace, EVENTS.c.number, EVENTS.c.at, EVENTS.c.body)
        .where(tuple_(EVENTS.c.workspace, EVENTS.c.number) > after)
        .order_by(EVENTS.c.workspace, EVENTS.c.number)
        .limit(AT_ONCE)
    )
    return [(row.workspace, row.number, row.at, row.body) for row in found]


# Step k brings a journal from version k to k + 1. What is in a step stays as it is: files of that version exist.
MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_events, _points, _digests)


class NewerSchema(Exception):
    """The database was written by a later version of Vapor."""

    def __init__(self, version: int) -> None:
        self.version = version
        super().__init__(version)


def schema_version(connection: Connection) -> int:
    """Of a database as it is; 0 where it has no journal yet."""
    known = inspect(connection).has_table(SCHEMA.name)
    return connection.scalar(select(SCHEMA.c.version)) or 0 if known else 0


def migrate(connection: Connection) -> None:
    """Bring a database to this version, within the caller's transaction.

    Raises:
        NewerSchema: where it is later than this one; nothing was changed.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    version = schema_version(connection)
    if version > len(MIGRATIONS):
        raise NewerSchema(version)
    for step in MIGRATIONS[version:]:
        step(connection)
    if not version:
        connection.execute(insert(SCHEMA), {"version": len(MIGRATIONS)})
    elif version < len(MIGRATIONS):
        connection.execute(update(SCHEMA), {"version": len(MIGRATIONS)})
