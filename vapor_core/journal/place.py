"""Where a journal is kept, once a process: all who open one place share its connections, its turns and its notices."""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from uuid import uuid4
from weakref import WeakValueDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from vapor_core.errors import JournalError
from vapor_core.journal.database import LOG, READS, database_engine, described, read_only_url, trouble
from vapor_core.journal.records import Entry
from vapor_core.journal.schema import MIGRATIONS, NewerSchema, migrate, schema_version
from vapor_core.journal.witness import ENDING, Witness

_EMPTY = (
    "the journal's file was there and empty, and a new journal was begun in it; if it held something before, "
    "bring it back from a backup"
)
_GONE = "the journal that was kept here is gone, and a new one was begun; if that was not meant, bring back a backup"
_READ_ONLY = "the journal may only be read: nothing that is done now can be recorded"


class Place:
    """A journal's database as this process has it open.

    Args:
        url: of the database.
        busy_s: how long to wait for another process that writes.
        only_looks: read what is there and change nothing, be it old or damaged; for whoever takes care of a journal.

    Attributes:
        name: for the log; without a password, but with a path or a host.
        read_only: that it may be read and not written.
        version: of its schema, which is earlier than this version's only where it may not be written.

    Raises:
        JournalError: where it cannot be opened.
    """

    def __init__(self, url: URL, busy_s: float, only_looks: bool = False) -> None:
        self._only_looks = only_looks
        self._url, self._busy_s = url, busy_s
        sqlite = url.get_backend_name() == "sqlite"
        self.path = Path(url.database) if sqlite and url.database else None
        self.name = str(self.path) if self.path else url.render_as_string(hide_password=True)
        self.turn: AbstractContextManager[object] = _Turn() if self.path else nullcontext()
        self.notices: tuple[str, ...] = ()
        self.damaged = False
        self.handles = 0
        # Entries by workspace and number, as long as somebody holds them: all who look at one workspace share them.
        self.known: dict[str, WeakValueDictionary[int, Entry]] = {}
        self.read_only = False
        self.version = len(MIGRATIONS)
        self._open()

    def _open(self) -> None:
        self.engine: Engine = database_engine(self._url, self._busy_s)
        self.witness: Witness | None = Witness(self.path, keeps=True) if self.path else None
        try:
            self._prepare()
        except BaseException:
            self.engine.dispose()
            raise
        self.file = self._file()

    def _prepare(self) -> None:
        if self._only_looks or (self.path and self.path.is_file() and not _may_be_written(self.path)):
            self._open_to_read()
            return
        if self.path is not None and self.path.exists():
            if not self.path.stat().st_size:
                self._notice(_EMPTY)
            elif not self._sound():
                self._set_aside(self.path)
        elif self.path is not None and self.witness:
            self._notice(_GONE)
            self.witness.forget()
        if self.path is not None and not self.path.exists():
            self._make(self.path)
        try:
            with self.described("opened"), self.engine.begin() as connection:
                migrate(connection)
        except NewerSchema as error:
            raise _newer(error.version) from None
        except _ReadOnly:
            self._open_to_read()

    def reopened(self) -> None:
        """Look again at a file that was found damaged since it was opened, and set it aside where it is."""
        if self.damaged and self.path is not None and not self.read_only:
            self.damaged = False
            self.engine.dispose()
            self._open()

    def is_same_file(self) -> bool:
        """Whether the path still leads to the file that was opened."""
        return self.file == self._file()

    @contextmanager
    def described(self, verb: str) -> Iterator[None]:
        """Database trouble as one sentence."""
        try:
            yield
        except DBAPIError as error:
            kind = trouble(error)
            self.damaged = self.damaged or kind == "corrupt"
            sentence = described(error, self.name, verb)
            there = kind == "no file" and self.path is not None and self.path.is_file()
            raise (_ReadOnly(str(sentence)) if kind == "read-only" or there else sentence) from None
        except UnicodeDecodeError as error:  # SQLite quotes the damage when it complains of it
            self.damaged = True
            LOG.warning("%s cannot be %s: %s", self.name, verb, error)
            raise JournalError(
                f"the journal is damaged and cannot be {verb}; open it anew to have it set aside"
            ) from None
        except PoolTimeout:
            LOG.warning("%s cannot be %s: all connections of this process are taken", self.name, verb)
            raise JournalError(
                f"the journal cannot be {verb}: too many wait for it; try again in a moment"
            ) from None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads."""
        with self.described("read"), self.engine.connect() as connection:
            yield connection.execution_options(**{READS: True})

    def _notice(self, sentence: str) -> None:
        LOG.warning("%s: %s", self.name, sentence)
        self.notices = (*self.notices, sentence)

    def _sound(self) -> bool:
        """Whether the file is a database without damage."""
        try:
            with self.engine.connect() as connection:
                reader = connection.execution_options(**{READS: True})
                return reader.exec_driver_sql("PRAGMA quick_check(1)").scalar() == "ok"
        except UnicodeDecodeError:
            return False
        except DBAPIError as error:
            if trouble(error) == "corrupt":
                return False
            if trouble(error) in ("read-only", "no file") and self.path is not None and self.path.is_file():
                return True  # on a disk that may only be read; how it can be opened is seen later
            raise described(error, self.name, "opened") from None

    def _make(self, path: Path) -> None:
        """Make a file that is a journal from its first instant: an empty one is never left behind."""
        new = path.with_name(f"{path.name}.{uuid4().hex}.new")
        engine = database_engine(self._url.set(database=str(new)), self._busy_s)
        try:
            with self.described("opened"), engine.begin() as connection:
                migrate(connection)
            engine.dispose()
            with suppress(FileExistsError):  # another process was faster
                os.link(new, path)
        except OSError:  # no second names here: it is made in its place
            LOG.info("%s: files cannot have two names on this disk", self.name)
        finally:
            engine.dispose()
            for left in (new, *(new.with_name(new.name + each) for each in ("-wal", "-shm", "-journal"))):
                left.unlink(missing_ok=True)

    def _open_to_read(self) -> None:
        """Open what may not be written: a file, a folder or a disk that may only be read."""
        if self.path is not None:
            self.engine.dispose()
            self.engine = database_engine(read_only_url(self.path), self._busy_s)
            self.witness = Witness(self.path, keeps=False)
        self.read_only = True
        with self.described("opened"), self.engine.connect() as connection:
            self.version = schema_version(connection.execution_options(**{READS: True}))
        if not self.version:
            raise JournalError("the journal cannot be opened: there is none, and none may be begun there")
        if self.version > len(MIGRATIONS):
            raise _newer(self.version)
        if not self._only_looks:
            self._notice(_READ_ONLY)

    def _set_aside(self, path: Path) -> None:
        """Rename a damaged file and its companions to the first free name."""
        self.engine.dispose()
        number = 1
        while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
            number += 1
        try:
            path.rename(aside)
            for companion in ("-wal", "-shm", ENDING):
                beside = path.with_name(path.name + companion)
                if beside.exists():
                    beside.rename(aside.with_name(aside.name + companion))
        except OSError as error:
            LOG.warning("%s cannot be set aside: %s", self.name, error)
            raise JournalError(
                "the journal is corrupt and cannot be set aside: its folder may only be read"
            ) from None
        LOG.warning("%s is kept as %s", self.name, aside)
        self._notice(
            f"the journal was corrupt; it is kept beside it with the ending .corrupt-{number}, and a new one was "
            "begun; `vapor journal repair` may save what is sound in it"
        )
        self.witness = Witness(path, keeps=True)

    def _file(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat() if self.path else None
        except OSError:
            return None
        return (found.st_dev, found.st_ino) if found else None


def _newer(version: int) -> JournalError:
    return JournalError(
        f"the journal was written by a newer Vapor (schema {version}, this one knows {len(MIGRATIONS)}); "
        "update Vapor to open it"
    )


def _may_be_written(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


class _ReadOnly(JournalError):
    """Nothing can be written there."""


class _Turn:
    """One writer at a time: SQLite's own waiting is a poll that the unlucky lose.

    Who waits behind one that has waited in vain for another process does not wait as long again, but is told at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_vain = 0

    def __enter__(self) -> None:
        before = self._in_vain
        self._lock.acquire()
        if self._in_vain != before:
            self._lock.release()
            raise JournalError(
                "the journal is locked by another process and cannot be written; close that one or try again"
            )

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, DBAPIError) and trouble(error) == "busy":
            self._in_vain += 1
        self._lock.release()


_opening = threading.RLock()
_places: dict[tuple[str, float], Place] = {}


def opened(url: URL, busy_s: float) -> Place:
    """The place of a URL, the same for all of this process; `let_go` of it once.

    Raises:
        JournalError: where it cannot be opened.
    """
    key = _key(url, busy_s)
    with _opening:
        place = _places.get(key)
        if place is not None and not place.is_same_file():
            place = None  # who holds the old file goes on with it
        if place is None:
            place = Place(url, busy_s)
        else:
            place.reopened()
        _places[key] = place
        place.handles += 1
        return place


def let_go(place: Place) -> None:
    """Close the connections when the last one lets go."""
    with _opening:
        place.handles -= 1
        if place.handles <= 0:
            place.engine.dispose()
            for key in [key for key, held in _places.items() if held is place]:
                del _places[key]


def _key(url: URL, busy_s: float) -> tuple[str, float]:
    if url.get_backend_name() == "sqlite" and url.database:
        return str(Path(url.database).resolve()), busy_s
    return url.render_as_string(hide_password=False), busy_s


def _forget() -> None:
    """A forked process has no use for its parent's connections."""
    global _opening  # noqa: PLW0603 - the parent may have held it while it forked
    _opening = threading.RLock()
    _places.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
