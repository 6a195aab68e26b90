"""How a journal is looked after: checked, copied without what is damaged, written out as lines of text and read back.

The journal that is looked at is never changed. All of it is held in memory meanwhile.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from math import isfinite
from pathlib import Path

from sqlalchemy import Connection, LargeBinary, Table, insert, literal, select, text
from sqlalchemy.exc import DBAPIError

from vapor_core.errors import JournalError
from vapor_core.journal.codec import encode, entries, entry_of
from vapor_core.journal.events import SetAside
from vapor_core.journal.journal import Entry
from vapor_core.journal.other_events import IdsReserved
from vapor_core.journal.records import NOTHING, Row, as_digest, block_digest, digest
from vapor_core.journal.schema import EVENTS, POINTS
from vapor_core.journal.sql import CHAINED, POINTED, SqlJournal, look_at, open_journal

FORMAT = 1
SIDE_FILE = ".set-aside.jsonl"  # what a repaired copy left out, beside it


@dataclass(frozen=True, slots=True)
class Block:
    """Points of a real run as they stand in a database."""

    job_id: str
    number: int
    kept: tuple[int, str, bytes]  # rows, names, values
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Everything that a journal has of one workspace."""

    workspace: str
    rows: tuple[Row, ...]
    blocks: tuple[Block, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The events, checked."""
        return entries(self.workspace, self.rows, 0, NOTHING)

    @property
    def damaged_blocks(self) -> tuple[Block, ...]:
        """Points that are not what was written."""
        return tuple(
            block
            for block in self.blocks
            if block.digest is not None
            and block.digest != block_digest(self.workspace, block.job_id, block.number, block.kept)
        )


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did."""

    events: int
    blocks: int
    left_out: int
    side_file: Path | None  # with what was left out; None where nothing was


def kept(url_or_path: str | Path) -> tuple[tuple[Kept, ...], tuple[str, ...]]:
    """All workspaces of a journal, and what is wrong with its database itself, one sentence each.

    A file whose pages are damaged is read row by row, past what cannot be read.

    Raises:
        JournalError: where there is no journal that can be read.
    """
    journal = look_at(url_or_path)
    place = journal.place
    try:
        with place.described("read"), place.engine.connect() as connection:
            wrong = _trouble_of_file(connection) if place.path is not None else ()
            by_row = bool(wrong)
            events = [*_table(connection, EVENTS, place.version >= CHAINED, by_row)]
            points = (
                [*_table(connection, POINTS, place.version >= CHAINED, by_row)]
                if place.version >= POINTED
                else []
            )
    finally:
        journal.close()
    names = sorted({str(row["workspace"]) for row in (*events, *points)})
    return tuple(_kept(name, events, points) for name in names), wrong


def check(url_or_path: str | Path) -> tuple[str, ...]:
    """What is wrong with a journal and its parts, one sentence each; () where it is whole.

    Whether each event follows from those before it is the question of whoever opens a workspace.

    Raises:
        JournalError: where there is no journal that can be read.
    """
    workspaces, wrong = kept(url_or_path)
    found = list(wrong)
    for each in workspaces:
        found += [f"workspace {each.workspace}: {entry.notice}" for entry in each.entries if entry.notice]
        found += [
            f"workspace {each.workspace}: block {block.number} of the points of {block.job_id} is damaged"
            for block in each.damaged_blocks
        ]
    journal = look_at(url_or_path)
    try:
        for each in workspaces:
            last = journal.read(each.workspace)[-1:]
            found += [f"workspace {each.workspace}: {entry.notice}" for entry in last if entry.notice]
    except JournalError as error:
        found.append(str(error))
    finally:
        journal.close()
    return tuple(dict.fromkeys(found))


def repair(url_or_path: str | Path, target: str | Path) -> Repaired:
    """Write a copy of what is sound, with a file beside it that has what was left out.

    What only a newer version of Vapor understands is not damaged and stays. Events get new numbers without gaps.

    Raises:
        JournalError: where there is no journal that can be read, or the target holds one already.
    """
    workspaces, _ = kept(url_or_path)
    journal = _empty(target)
    aside: list[dict[str, object]] = []
    events = blocks = 0
    for each in workspaces:
        sound, lost = _parted(each)
        damaged = each.damaged_blocks
        aside += lost
        aside += [
            {"workspace": each.workspace, "job_id": block.job_id, "block": block.number} for block in damaged
        ]
        events += _write_events(journal, each.workspace, sound)
        blocks += _write_blocks(
            journal, each.workspace, [block for block in each.blocks if block not in damaged]
        )
    journal.close()
    side = Path(f"{target}{SIDE_FILE}") if "://" not in str(target) else Path(f"vapor{SIDE_FILE}")
    if aside:
        side.write_text("".join(json.dumps(line) + "\n" for line in aside), encoding="utf-8")
    return Repaired(events, blocks, len(aside), side if aside else None)


def exported(url_or_path: str | Path, workspace: str | None = None) -> Iterator[str]:
    """All workspaces, or one, as lines of JSON: each event exactly as it is written, with a check a line.

    Raises:
        JournalError: where there is no journal that can be read, or no such workspace.
    """
    workspaces, _ = kept(url_or_path)
    chosen = [each for each in workspaces if workspace in (None, each.workspace)]
    if not chosen:
        raise JournalError(
            "there is no such workspace in this journal; export all of it to see which there are"
        )
    yield _line({"vapor_journal": FORMAT})
    count = 0
    for each in chosen:
        for row in each.rows:
            if isinstance(row.at, int | float) and isfinite(row.at) and isinstance(row.body, str):
                count += 1
                body = row.body.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
                yield _line({"workspace": each.workspace, "number": row.number, "at": row.at, "body": body})
        for block in each.blocks:
            rows, names, values = block.kept
            place = {"workspace": each.workspace, "job_id": block.job_id, "number": block.number}
            count += 1
            yield _line(
                {**place, "rows": rows, "columns": names, "points": base64.b64encode(values).decode()}
            )
    yield _line({"end": count})


def restore(
    lines: Iterable[str], target: str | Path, skip_damaged: bool = False
) -> tuple[int, tuple[int, ...]]:
    """Write what was exported into an empty database.

    Args:
        lines: of an export.
        target: a path or a URL; it must hold no events.
        skip_damaged: leave damaged lines out in place of refusing all.

    Returns:
        how many lines were written, and the numbers of those that were damaged or are missing.

    Raises:
        JournalError: where it is no export, is damaged, or the target is not empty; nothing was written then.
    """
    good, damaged = _read_lines(lines)
    if damaged and not skip_damaged:
        places = ", ".join(str(place) for place in damaged[:10])
        raise JournalError(
            f"the export is damaged at line {places}; nothing was restored; --skip-damaged takes the rest"
        )
    journal = _empty(target)
    names = dict.fromkeys(str(line["workspace"]) for line in good)
    for name in names:
        mine = [line for line in good if line["workspace"] == name]
        rows = [
            (int(str(line["number"])), float(str(line["at"])), str(line["body"]))
            for line in mine
            if "body" in line
        ]
        _write_events(journal, name, rows)
        _write_blocks(journal, name, [_block_of(line) for line in mine if "points" in line])
    journal.close()
    return len(good), damaged


def _empty(target: str | Path) -> SqlJournal:
    journal = open_journal(target)
    if not isinstance(journal, SqlJournal) or journal.workspaces():
        journal.close()
        raise JournalError(
            "there is a journal at the target already; give a path or a database that is empty"
        )
    return journal


def _parted(each: Kept) -> tuple[list[tuple[int, float, str]], list[dict[str, object]]]:
    """(number, at, body) of what stays, numbered anew; and what is left out."""
    stays: list[tuple[int, float, str]] = []
    lost: list[dict[str, object]] = []
    reserved: set[str] = set()
    last_at = 0.0
    bodies = {row.number: row.body for row in each.rows}
    for entry in each.entries:
        event, last_at = entry.event, entry.at
        newer = isinstance(event, SetAside) and not event.first and _is_newer(entry)
        if isinstance(event, SetAside) and not newer:
            reserved |= event.ids
            lost.append(
                {"workspace": each.workspace, "number": entry.number, "at": entry.at}
                | {"problem": event.problem, "body": event.body}
            )
            continue
        stays.append((len(stays) + 1, entry.at, bodies[entry.number]))
    if reserved:
        stays.append((len(stays) + 1, last_at, encode(IdsReserved(ids=tuple(sorted(reserved))))))
    return stays, lost


def _is_newer(entry: Entry) -> bool:
    """Whether what was set aside is what was written, and only not understood here."""
    again = entry_of(entry.number, entry.at, encode(entry.event))
    return again.notice == entry.notice and "update Vapor" in entry.notice


def _write_events(journal: SqlJournal, workspace: str, rows: Iterable[tuple[int, float, str]]) -> int:
    before, written = NOTHING, []
    for number, at, body in rows:
        before = digest(before, workspace, number, at, body)
        place = {"workspace": workspace, "number": number, "at": at, "body": body}
        written.append({**place, "nonce": None, "digest": before})
    return _insert_all(journal, EVENTS, written, workspace)


def _write_blocks(journal: SqlJournal, workspace: str, blocks: Iterable[Block]) -> int:
    numbers: dict[str, int] = {}
    written = []
    for block in blocks:
        number = numbers[block.job_id] = numbers.get(block.job_id, 0) + 1
        rows, names, body = block.kept
        own = block_digest(workspace, block.job_id, number, block.kept)
        place = {"workspace": workspace, "job_id": block.job_id, "number": number}
        written.append({**place, "rows": rows, "columns": names, "body": body, "digest": own})
    return _insert_all(journal, POINTS, written)


def _insert_all(
    journal: SqlJournal, table: Table, rows: list[dict[str, object]], workspace: str | None = None
) -> int:
    place = journal.place
    with place.described("written"), place.engine.begin() as connection:
        if rows:
            connection.execute(insert(table), rows)
    if rows and workspace is not None and place.witness is not None:
        place.witness.tell(int(str(rows[-1]["number"])), workspace)
    return len(rows)


def _kept(name: str, events: list[dict[str, object]], points: list[dict[str, object]]) -> Kept:
    rows = {
        number: Row(number, row["at"], row["body"], as_digest(row["digest"]))  # type: ignore[arg-type] # any damage
        for row in events
        if row["workspace"] == name and isinstance(number := row["number"], int)
    }
    blocks = [
        Block(str(row["job_id"]), number, (count, str(row["columns"]), values), as_digest(row["digest"]))
        for row in points
        if row["workspace"] == name
        and isinstance(number := row["number"], int)
        and isinstance(count := row["rows"], int)
        and isinstance(values := row["body"], bytes)
    ]
    blocks.sort(key=lambda block: (block.job_id, block.number))
    return Kept(name, tuple(rows[number] for number in sorted(rows)), tuple(blocks))


def _trouble_of_file(connection: Connection) -> tuple[str, ...]:
    """What SQLite finds wrong with its file."""
    try:
        found = connection.exec_driver_sql("PRAGMA integrity_check(20)").scalars().all()
    except (DBAPIError, UnicodeDecodeError) as error:
        found = [str(error)]
    return tuple(f"its file: {each}" for each in found if each != "ok")


def _table(connection: Connection, table: Table, digests: bool, by_row: bool) -> Iterator[dict[str, object]]:
    columns = [column for column in table.columns if column.name not in ("nonce", "digest")]
    wanted = select(*columns, (table.c.digest if digests else literal(None, LargeBinary)).label("digest"))
    if not by_row:
        yield from (dict(row) for row in connection.execute(wanted).mappings())
        return
    try:
        last = connection.scalar(select(text("max(rowid)")).select_from(table)) or 0
    except DBAPIError:
        last = 1_000_000
    for rowid in range(1, last + 1):
        try:
            row = (
                connection.execute(wanted.where(text("rowid = :rowid")), {"rowid": rowid}).mappings().first()
            )
        except DBAPIError:
            continue
        if row is not None:
            yield dict(row)


def _line(content: dict[str, object]) -> str:
    return json.dumps({**content, "check": _check(content)}) + "\n"


def _check(content: dict[str, object]) -> str:
    return blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()


def _read_lines(lines: Iterable[str]) -> tuple[list[dict[str, object]], tuple[int, ...]]:
    """Lines that are what was written, and the numbers of the others."""
    good: list[dict[str, object]] = []
    damaged: list[int] = []
    place, end = 0, None
    for place, line in enumerate(lines, start=1):
        content = _content(line)
        if content is None:
            damaged.append(place)
        elif "end" in content:
            end = content["end"]
        elif "workspace" in content:
            good.append(content)
        elif content.get("vapor_journal") != FORMAT:
            raise JournalError("this export was written by a newer Vapor; update Vapor to restore it")
    if not good and not isinstance(end, int):
        raise JournalError("this is no export of a journal; `vapor journal export` writes one")
    if not isinstance(end, int) or end != len(good) + len(damaged):
        damaged.append(place + 1)
    return good, tuple(damaged)


def _content(line: str) -> dict[str, object] | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    said = content.pop("check", None)
    return content if said == _check(content) else None


def _block_of(line: dict[str, object]) -> Block:
    try:
        values = base64.b64decode(str(line["points"]), validate=True)
    except binascii.Error:
        raise JournalError("the points of a run in this export are damaged") from None
    return Block(
        str(line["job_id"]),
        int(str(line["number"])),
        (int(str(line["rows"])), str(line["columns"]), values),
        None,
    )
